"""The votes of several annotators as they come in Python: lists of labels, or counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from sfumato.errors import InputError
from sfumato.label_name import ABSENT, find_clash, label_name, name_labels
from sfumato.targets import Floats


def read_votes(votes: Any, labels: Sequence[Any] | None, rows: int) -> tuple[Floats, tuple[str, ...]]:
    """Return the votes ``(N, C)`` of N texts, and the C classes, sorted by name; those of ``labels`` are among them.

    Parameters
    ----------
    votes : N lists of labels (None, nan and "" are absent votes), or class to N counts, or an array ``(N, C)`` of
        counts whose columns are the labels' classes, sorted
    labels : N labels of any kind, or None

    Raises
    ------
    InputError
        if it is none of these, a text has no vote, a count is no whole number of at least 0, or two names of classes
        are alike but not the same (`sfumato.label_name`).
    """
    of_labels = [] if labels is None else name_labels(labels)
    if isinstance(votes, Mapping):
        given: list[Any] = list(votes)
        names = [label_name(name) for name in given]
        _refuse_alike(given, labels, lambda k: f"class {k + 1}")
        counts = _numbers(list(votes.values())).T
    elif hasattr(votes, "dtype") or hasattr(votes, "to_numpy"):
        if labels is None:
            raise InputError("an array of votes says no classes: give labels too, or votes={class: counts}")
        names, counts = sorted(set(of_labels)), _numbers(votes)
    else:
        ballots = _ballots(votes)
        _refuse_counts(ballots, of_labels)
        given = [name for ballot in ballots for name in ballot]
        voted = [row for row, ballot in enumerate(ballots, 1) for _ in ballot]
        _refuse_alike(given, labels, lambda k: f"the votes of row {voted[k]}")
        names, counts = _tallied([[label_name(name) for name in ballot] for ballot in ballots])
    if counts.shape != (rows, len(names)):
        listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        raise InputError(
            f"votes must have {rows} rows, one a text, and {len(names)} columns ({listed}), got shape {counts.shape}"
        )
    _check(counts)
    classes = tuple(sorted({*names, *of_labels}))
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


def _ballots(votes: Any) -> list[list[Any]]:
    """Return lists of labels without the absent votes: None, nan and blank texts."""
    if isinstance(votes, str) or not hasattr(votes, "__iter__"):
        raise InputError(f"votes must be a list of labels for each text, or counts, got {votes!r}")
    ballots, gaps = [], False
    for row, given in enumerate(votes, start=1):
        if isinstance(given, str) or not hasattr(given, "__iter__"):
            raise InputError(f"votes of row {row} must be a list of labels, got {given!r}")
        ballot = list(given)
        ballots.append([name for name in ballot if not _absent(name)])
        gaps = gaps or len(ballots[-1]) < len(ballot)
    # Beside nan, numpy and pandas turn whole numbers into floats: 7 would become the label "7.0".
    return [[_whole(name) for name in ballot] for ballot in ballots] if gaps else ballots


def _absent(name: Any) -> bool:
    return name is None or (not name.strip() if isinstance(name, str) else str(name) in ABSENT)


def _whole(name: Any) -> Any:
    return int(name) if isinstance(name, float) and name.is_integer() else name


def _refuse_counts(ballots: list[list[Any]], labels: list[str]) -> None:
    """Raise for a vote that is neither a text nor a whole number, and for numbers that may be counts."""
    given = [(row, name) for row, ballot in enumerate(ballots, 1) for name in ballot]
    texts = any(isinstance(name, str) for _, name in given)
    numbers = [(row, name) for row, name in given if not isinstance(name, str)]
    wrong = [(row, name) for row, name in numbers if not isinstance(name, Integral | np.bool_)]
    if not wrong and (texts or (labels and not {label_name(name) for _, name in numbers} & set(labels))):
        wrong = numbers  # beside texts, or labels of which they are none
    if wrong:
        row, name = wrong[0]
        raise InputError(
            f"votes of row {row} hold {name!r}: in lists they are labels, all texts or all whole numbers, as the "
            "labels are; give counts as a numpy array"
        )


def _refuse_alike(given: list[Any], labels: Sequence[Any] | None, place: Callable[[int], str]) -> None:
    """Raise for two names that would be one class, or one class written in two ways, among votes and labels."""
    every = [*given, *(labels if labels is not None else ())]

    def found(k: int) -> str:
        return place(k) if k < len(given) else f"the label of row {k - len(given) + 1}"

    clash = find_clash(every, [label_name(name) for name in every], place=found)
    if clash:
        raise InputError(f"votes: {clash}")


def _tallied(ballots: list[list[str]]) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Return the classes, sorted, and the counts ``(N, C)`` of lists of names."""
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
            raise InputError(
                f"votes of row {row + 1} {what}, got {counts[row].tolist()}; mend the row, or leave it out of texts "
                "and votes"
            )
