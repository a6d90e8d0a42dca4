"""A few rows of each class to train on, and as few to choose by; another draw for each seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from sfumato.damage import shots as rows_of_each
from sfumato.damage.damaged import listed
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.images import content
from sfumato.registry import check_whole

EVERY = "all"


def check_shots(owner: str, shots: Any, dev_shots: Any) -> None:
    """Raise unless ``shots`` is None or at least 1, and ``dev_shots`` None, at least 1, or "all" beside shots."""
    if shots is not None:
        check_whole(owner, "shots", shots, 1)
    if dev_shots is None:
        return
    if shots is None:
        raise InputError(f"{owner}: dev_shots={dev_shots!r} says how small dev is beside shots; give shots too")
    if isinstance(dev_shots, str):
        if dev_shots != EVERY:
            raise InputError(
                f"{owner}: dev_shots must be a number of rows a class, or 'all' for dev as it is cut without shots, "
                f"got {dev_shots!r}"
            )
    else:
        check_whole(owner, "dev_shots", dev_shots, 1)


def few_rows(examples: Examples, shots: int, *, seed: int) -> tuple[Examples, str]:
    """Return ``shots`` rows of each class, all of a class that has fewer, and a sentence on them."""
    drawn = rows_of_each(examples, per_class=int(shots), seed=seed)
    return drawn.examples, drawn.said


def few_rows_and_dev(examples: Examples, shots: int, dev_shots: int, *, seed: int) -> tuple[Examples, Examples, str]:
    """Return ``shots`` rows of each class to train on, ``dev_shots`` of the rest to choose by, and a sentence.

    A text that is in train is not in dev.

    Raises
    ------
    InputError
        if no rows are left to choose by.
    """
    drawn = rows_of_each(examples, per_class=int(shots), seed=seed)
    known = {content(text) for text in drawn.examples.inputs}
    rest = examples.take([k for k in drawn.touched.tolist() if content(examples.inputs[k]) not in known])
    if not len(rest):
        raise InputError(
            f"{shots} rows a class are all {len(examples)} rows that there are, so none are left to choose by; give "
            "fewer shots, or more rows"
        )
    dev = rows_of_each(rest, per_class=int(dev_shots), seed=seed)
    lacks = said_absent(examples, dev.examples)
    return drawn.examples, dev.examples, f"train: {drawn.said}; dev: {dev.said}" + (f"; {lacks}" if lacks else "")


def said_absent(examples: Examples, dev: Examples) -> str:
    """Say which classes of the rows have none in dev; "" if all have."""
    without = [examples.classes[k] for k in np.setdiff1d(examples.labels, dev.labels).tolist()]
    return f"in dev no row of {listed(without)}" if without else ""
