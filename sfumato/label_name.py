"""Labels of any kind become names of classes; two labels that would be one class by that alone are refused.

A number 1 and a text "1", or "billing" and "billing ", are two classes to the one who wrote them and one class, or an
accident, to everybody else. Which of the two it is only the user knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from numbers import Number
from typing import Any

import numpy as np

from sfumato.errors import InputError

ABSENT = ("nan", "NaT", "<NA>")  # how values that are not there print themselves


def label_name(label: Any) -> str:
    """Return the name of a label: a text as it is, a truth value as in JSON, anything else as Python prints it."""
    if isinstance(label, bool | np.bool_):
        return "true" if label else "false"
    return str(label)


def name_labels(labels: Sequence[Any]) -> list[str]:
    """Return the names of N labels.

    Raises
    ------
    InputError
        names two labels that would become one class, or one label written in two ways (`find_clash`).
    """
    labels = list(labels)
    names = labels if set(map(type, labels)) <= {str} else [label_name(label) for label in labels]
    clash = find_clash(labels, names)
    if clash:
        raise InputError(clash)
    return names


def find_clash(
    labels: Sequence[Any],
    names: Sequence[str],
    *,
    blanks: bool = True,
    place: Callable[[int], str] = lambda k: f"row {k + 1}",
) -> str:
    """Return a sentence on the first two labels that are alike but not the same, an empty string if there are none.

    Alike are labels of different kinds with the same name (1 and "1", True and "True"), equal numbers with different
    names (1, 1.0 and True), and, with ``blanks``, texts that differ by blanks at their ends. ``place`` says where
    the label with an index stands.
    """
    if set(map(type, labels)) <= {str}:
        distinct = set(names) if blanks else set()
        if len({name.strip() for name in distinct}) == len(distinct):
            return ""
    seen: dict[tuple[str, Any], int] = {}
    for row in _first_rows(labels, names):
        for key in _keys(labels[row], names[row]):
            other = seen.setdefault(key, row)
            if other != row and (blanks or not isinstance(labels[row], str) or not isinstance(labels[other], str)):
                one, two = (f"{_shown(labels[k])} of {place(k)}" for k in (other, row))
                return f"labels must differ by more than kind or blanks, got {one} and {two}; write them the same way"
    return ""


def _first_rows(labels: Sequence[Any], names: Sequence[str]) -> list[int]:
    """Return the first row of each distinct label, ascending; an absent one is none."""
    backwards = zip(
        zip(map(type, reversed(labels)), reversed(names), strict=True), range(len(names))[::-1], strict=True
    )
    first: dict[tuple[str, str], int] = {}
    for row in sorted(dict(backwards).values()):  # the last that is seen backwards is the first; no loop over all rows
        if isinstance(labels[row], str) or (labels[row] is not None and str(labels[row]) not in ABSENT):
            first.setdefault((_kind(labels[row]), names[row]), row)
    return list(first.values())


def _kind(label: Any) -> str:
    if isinstance(label, str):
        return "text"
    return "number" if isinstance(label, Number | np.bool_) else type(label).__name__


def _keys(label: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield what makes labels alike: two of them that have a key in common are."""
    kind = _kind(label)
    if kind != "text":
        yield (kind, label) if kind == "number" else (kind, name)
        yield "text", str(label)
    yield "text", name.strip()


def _shown(label: Any) -> str:
    plain = label.item() if isinstance(label, np.generic) else label
    return f"{plain!r} ({type(plain).__name__})"
