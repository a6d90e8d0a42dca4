"""What a damage returns, and what every damage asks of the split and the options that it is given.

Shapes: N rows, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Examples
from sfumato.errors import InputError, unknown
from sfumato.label_name import label_name
from sfumato.registry import check_range, check_whole
from sfumato.targets import one_hot

Rows = NDArray[np.int64]
BLOCK = 65536  # rows of targets held at once
INFINITY = float("inf")

RANGES: Mapping[str, Callable[[str, Any], None]] = {
    "rate": lambda owner, value: check_range(owner, "rate", value, 0, 1),
    "share": lambda owner, value: check_range(owner, "share", value, 0, 1, open_low=True),
    "ratio": lambda owner, value: check_range(owner, "ratio", value, 1, INFINITY),
    "per_class": lambda owner, value: check_whole(owner, "per_class", value, 1),
    "rows": lambda owner, value: check_whole(owner, "rows", value, 0),
    "weight": lambda owner, value: check_range(owner, "weight", value, 1, INFINITY),
    "others": lambda owner, value: check_whole(owner, "others", value, 1),
    "seed": lambda owner, value: check_whole(owner, "seed", value, 0),
}
"""What can be said of an option before there is data: its name, to the check of its value."""

BESIDE_LABELS = {
    "similar": "labels to be masked",
    "votes": "votes of annotators",
    "teacher": "probabilities of a teacher",
    "trusted": "labels that are known to be right",
}


@dataclass(frozen=True, eq=False)
class Damaged:
    """A damaged split.

    Attributes
    ----------
    examples : the new split
    touched : positions in the split that was given, ascending: rows whose label was changed, or that were left out
    said : one sentence with the realised numbers
    """

    examples: Examples
    touched: Rows
    said: str


def check_values(owner: str, **options: Any) -> None:
    """Raise `InputError` for an option out of its range; those that are None, or have no range, pass."""
    for name, value in options.items():
        if value is not None and name in RANGES:
            RANGES[name](owner, value)


def check_one_label(owner: str, examples: Examples, why: str) -> None:
    """Raise `InputError` if rows may have several labels; ``why`` says what the damage is not defined for then."""
    if examples.multilabel:
        raise InputError(
            f"{owner} is for one label a row, and these rows may have several: {why}; for such rows there are "
            "symmetric-noise, fraction and class-subset"
        )


def check_labelled(owner: str, examples: Examples) -> None:
    """Raise `InputError` unless every row has a label that is one of the classes."""
    if examples.multilabel:
        return
    unseen = np.flatnonzero(examples.labels < 0)
    if len(unseen):
        raise InputError(
            f"{owner} needs rows whose label is one of the classes; row {int(unseen[0]) + 1} has one that training "
            f"never saw ({len(unseen)} of {len(examples)} rows); leave these rows out"
        )


def check_labels_alone(owner: str, examples: Examples) -> None:
    """Raise `InputError` if the split holds more than labels: it would still speak of the labels of before."""
    held = [what for name, what in BESIDE_LABELS.items() if getattr(examples, name) is not None]
    every = np.arange(examples.num_classes)
    for start in range(0, len(examples), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(examples)))
        hard = examples.labels[rows] if examples.multilabel else examples.labels[rows, None] == every
        if (examples.targets.rows(rows) != hard).any():
            held.append("soft targets")
            break
    if held:
        raise InputError(
            f"{owner} changes labels, but the rows also have {' and '.join(held)}, which would speak of the labels of "
            "before; damage the rows before those are added, or leave those out"
        )


def relabelled(owner: str, examples: Examples, labels: Rows, said: str) -> Damaged:
    """Return the split with other labels, (N,), and one-hot targets of them.

    Raises
    ------
    InputError
        if the rows hold more than labels.
    """
    check_labels_alone(owner, examples)
    changed = replace(examples, labels=labels, targets=one_hot(labels, examples.num_classes))
    return Damaged(changed, np.flatnonzero(labels != examples.labels), said)


def class_positions(owner: str, names: Any, classes: Sequence[str]) -> list[int]:
    """Return the positions of the named classes, in the given order; one name may stand without a list.

    Raises
    ------
    InputError
        names a class that there is not, or that is named twice, and what else is no list of names.
    """
    if isinstance(names, Mapping) or not hasattr(names, "__iter__"):
        raise InputError(f"{owner}: classes are given as a list of names, got {names!r}")
    given = [label_name(name) for name in ([names] if isinstance(names, str) else names)]
    for k, name in enumerate(given):
        if name not in classes:
            raise InputError(f"{owner}: {unknown('class', name, classes)}")
        if name in given[:k]:
            raise InputError(f"{owner}: the class {name!r} is named twice; name it once")
    return [classes.index(name) for name in given]


def share_of(part: int, whole: int) -> str:
    """Return "679 of 11314 (6.00 %)"."""
    return f"{part} of {whole} ({100 * part / max(whole, 1):.2f} %)"


def listed(names: Sequence[str], *, most: int = 5) -> str:
    """Return the first names with commas, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
