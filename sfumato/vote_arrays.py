"""The votes of several annotators as they come in Python: lists of labels, or counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sfumato.errors import InputError
from sfumato.targets import Floats


def read_votes(votes: Any, labels: Sequence[str] | None, rows: int) -> tuple[Floats, tuple[str, ...]]:
    """Return the votes ``(N, C)`` of N texts, and the C classes, sorted by name; those of ``labels`` are among them.

    Parameters
    ----------
    votes : N lists of labels, or class to N counts, or an array ``(N, C)`` of counts whose columns are the labels'
        classes, sorted

    Raises
    ------
    InputError
        if it is none of these, a text has no vote, or a count is no whole number of at least 0.
    """
    if isinstance(votes, Mapping):
        names = [str(name) for name in votes]
        counts = _numbers(list(votes.values())).T
    elif hasattr(votes, "dtype") or hasattr(votes, "to_numpy"):
        if labels is None:
            raise InputError("an array of votes says no classes: give labels too, or votes={class: counts}")
        names, counts = sorted(set(labels)), _numbers(votes)
    else:
        names, counts = _tallied(votes)
    if counts.shape != (rows, len(names)):
        listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        raise InputError(
            f"votes must have {rows} rows, one a text, and {len(names)} columns ({listed}), got shape {counts.shape}"
        )
    _check(counts)
    classes = tuple(sorted({*names, *(labels or ())}))
    placed = np.zeros((rows, len(classes)), dtype=np.float32)
    placed[:, [classes.index(name) for name in names]] = counts
    return placed, classes


def _numbers(votes: Any) -> np.ndarray[Any, Any]:
    try:
        counts = np.asarray(votes, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"counts of votes must be numbers, one for each text and class: {error}") from error
    if counts.ndim != 2:
        raise InputError(f"counts of votes must have two dimensions, (texts, classes), got shape {counts.shape}")
    return counts


def _tallied(votes: Any) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Return the classes and the counts of lists of labels; absent votes (None, "") do not count."""
    if isinstance(votes, str) or not hasattr(votes, "__iter__"):
        raise InputError(f"votes must be a list of labels for each text, or counts, got {votes!r}")
    ballots = []
    for row, given in enumerate(votes, start=1):
        if isinstance(given, str) or not hasattr(given, "__iter__"):
            raise InputError(f"votes of row {row} must be a list of labels, got {given!r}")
        ballot = [name for name in given if name is not None and name != ""]
        wrong = next((name for name in ballot if not isinstance(name, str)), None)
        if wrong is not None:
            raise InputError(
                f"votes of row {row} hold {wrong!r}: in lists they are labels, as text; give counts as a numpy array"
            )
        ballots.append([name.strip() for name in ballot if name.strip()])
    names = sorted({name for ballot in ballots for name in ballot})
    position = {name: k for k, name in enumerate(names)}
    counts = np.zeros((len(ballots), len(names)))
    for row, ballot in enumerate(ballots):
        for name in ballot:
            counts[row, position[name]] += 1
    return names, counts


def _check(counts: np.ndarray[Any, Any]) -> None:
    bad = ~(np.isfinite(counts) & (counts >= 0) & (counts % 1 == 0)).all(axis=1)
    for test, what in ((bad, "must be whole numbers of at least 0"), (~(counts.sum(axis=1) > 0), "add up to none")):
        if test.any():
            row = int(np.flatnonzero(test)[0])
            raise InputError(f"votes of row {row + 1} {what}, got {counts[row].tolist()}")
