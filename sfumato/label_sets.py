"""From label columns of several labels a row to multi-label examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from numbers import Number
from typing import Any

import numpy as np

from sfumato.data import Examples
from sfumato.errors import InputError, nearest
from sfumato.label_columns import LabelColumns, RowLabels, are_indicators
from sfumato.label_faults import describe_labels, refuse_labels
from sfumato.rows import Table, name_rows
from sfumato.usable_rows import UsableRows, left_out, usable_rows


def listed_labels(labels: Sequence[Any]) -> list[Any]:
    """Return the labels as a list; an array of one column, (N, 1), has one label a row."""
    shape: tuple[int, ...] = tuple(getattr(labels, "shape", ()))
    return list(np.asarray(labels).ravel() if len(shape) == 2 and shape[1] == 1 else labels)


def are_label_sets(labels: Sequence[Any], owner: str) -> bool:
    """Return whether these are the labels of rows that may have several: a list, tuple, set or array a row.

    Raises
    ------
    InputError
        if only some rows have a list, a list holds something else than texts and numbers, or all of them are rows of
        zeros and ones
    """
    several = [isinstance(each, list | tuple | set | frozenset) or getattr(each, "ndim", 0) == 1 for each in labels]
    if not any(several):
        return False
    if not all(several):
        row = several.index(not several[0])
        raise InputError(
            f"{owner}: row 1 has {labels[0]!r:.60} and row {row + 1} has {labels[row]!r:.60}; give every row a list of "
            "labels, or every row one label"
        )
    for row, each in enumerate(labels, start=1):
        wrong = [label for label in each if no_label(label)]
        if wrong:
            raise InputError(f"{owner}: the labels of row {row} must be texts or numbers, got {wrong[0]!r:.60}")
    if are_indicators([list(each) for each in labels]):
        raise InputError(
            f"{owner}: the labels of all rows are {len(labels[0])} zeros and ones, which name no labels; give lists of "
            "names, as [[name for name, yes in zip(names, row) if yes] for row in labels]"
        )
    return True


def no_label(label: Any) -> bool:
    """Return whether a value in a list of labels is none: absent, blank, or neither text nor number."""
    if isinstance(label, str):
        return not label.strip()
    return not isinstance(label, Number | np.bool_) or label != label


def named_labels(examples: Examples) -> list[Any]:
    """Return the label of each row as text, or the list of them where a row may have several."""
    if not examples.multilabel:
        return [examples.classes[k] for k in examples.labels]
    return [[examples.classes[k] for k in np.flatnonzero(row)] for row in examples.labels]


def column_words(label: LabelColumns) -> str:
    """Return what to call the label columns in a sentence."""
    if isinstance(label, str):
        return repr(label)
    return ", ".join(map(repr, label[:3])) + (f" and {len(label) - 3} more" if len(label) > 3 else "")


def multilabel_examples(
    table: Table,
    given: RowLabels,
    *,
    text: list[str],
    label: LabelColumns,
    separator: str | None = None,
    weight: str | None = None,
    bad_rows: str = "refuse",
    classes: Sequence[str] | None = None,
    on_new_label: str = "refuse",
) -> tuple[Examples, list[str]]:
    """Return multi-label examples and sentences that say what is unusual, as `sfumato.columns.to_examples` does.

    A row without a label is allowed, and counted. With ``classes``, a label that is none of them is counted in
    `Examples.unseen` if ``on_new_label`` is "keep".

    Raises
    ------
    InputError
        if no row has a label, a column of 0 and 1 holds no 1, or the separator stands in the name of a class.
    """
    rows = usable_rows(table, text, weight, given.bad)
    notes = [*given.notes, *left_out(table, rows, bad_rows)]
    sets = [given.labels[k] for k in rows.index]
    counts = Counter(name for names in sets for name in names)
    if not counts:
        raise InputError(f"{table.source}: no row has a label in {column_words(label)}; name the column of the labels")
    bare = [table.rows[k] for k, names in zip(rows.index, sets, strict=True) if not names]
    if bare:
        notes.append(f"{len(bare)} of {len(sets)} rows have no label: {name_rows(bare, table.unit)}")
    if classes is None:
        refuse_empty(table, given, counts)
        refuse_labels(table.source, column_words(label).strip("'"), counts)
        notes += describe_labels(counts, column_words(label).strip("'"))
        return examples_of(rows, sets, tuple(sorted(counts))), notes
    refuse_separator(separator, classes)
    known = set(classes)
    unseen = np.array([sum(name not in known for name in names) for names in sets], dtype=np.int64)
    if not unseen.any():
        return examples_of(rows, sets, tuple(classes)), notes
    notes.append(new_labels(table, rows, sets, classes, column_words(label), refuse=on_new_label == "refuse"))
    known_only = [[name for name in names if name in known] for names in sets]
    return replace(examples_of(rows, known_only, tuple(classes)), unseen=unseen), notes


def refuse_empty(table: Table, given: RowLabels, counts: Counter[str]) -> None:
    """Raise if a column of 0 and 1 holds no 1 in the usable rows: there is nothing to learn its label from."""
    empty = [name for name in given.classes if not counts[name]]
    if empty:
        raise InputError(
            f"{table.source}: no row has the label of the {'column' if len(empty) == 1 else 'columns'} "
            f"{', '.join(map(repr, empty[:10]))}, which hold no 1; leave them out, or add rows that have them"
        )


def refuse_separator(separator: str | None, classes: Sequence[str]) -> None:
    """Raise if the separator stands in the name of a class: such a label could not be read back."""
    held = [name for name in classes if separator and separator in name]
    if held:
        raise InputError(
            f"the label separator {separator!r} stands in {len(held)} names of classes, as {held[0]!r}; write the "
            "labels with another separator, or as lists"
        )


def new_labels(
    table: Table,
    rows: UsableRows,
    sets: Sequence[Sequence[str]],
    classes: Sequence[str],
    label: str,
    *,
    refuse: bool,
) -> str:
    """Return a sentence that counts and names the labels that are no classes, and their rows, or raise it."""
    known = set(classes)
    counts = Counter(name for names in sets for name in names if name not in known)
    where = [table.rows[k] for k, names in zip(rows.index, sets, strict=True) if not known.issuperset(names)]
    named = ", ".join(f"{name!r}{nearest(name, classes)}" for name in sorted(counts)[:5])
    more = ", ..." if len(counts) > 5 else ""
    said = (
        f"the model has not learned {len(counts)} of the labels in {label}: {named}{more}; {counts.total()} times, "
        f"{name_rows(where, table.unit)}"
    )
    if refuse:
        raise InputError(f"{table.source}: {said}; there are: {', '.join(map(str, list(classes)[:20]))}")
    return f"{said}: counted as labels that are not found"


def examples_of(rows: UsableRows, sets: Sequence[Sequence[str]], classes: tuple[str, ...]) -> Examples:
    """Return the usable rows with their labels, all of them classes."""
    ids = np.array(rows.index, dtype=np.int64)
    return Examples.from_label_sets(rows.texts, sets, classes=classes, weights=rows.weights, ids=ids)
