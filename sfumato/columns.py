"""From the columns of a table to examples: which column is the text, which the label, and what they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from sfumato.data import Examples, mean_one
from sfumato.errors import InputError, nearest
from sfumato.label_columns import FLAGS, LabelColumns, read_list, read_row_labels
from sfumato.label_faults import case_variants as case_variants
from sfumato.label_faults import describe_labels as describe_labels
from sfumato.label_faults import label_faults as label_faults
from sfumato.label_faults import refuse_labels as refuse_labels
from sfumato.label_sets import multilabel_examples
from sfumato.rows import LABEL_NAMES, TEXT_NAMES, BadRow, Table, check_bad_rows, name_rows, stripped_rows
from sfumato.targets import TableTargets
from sfumato.usable_rows import UsableRows, left_out, usable_rows

NOT_LABELS = frozenset((*TEXT_NAMES, "split", "id", "date", "weight"))  # never guessed as a label; may be named


def one_or_several(label: Sequence[str] | str) -> LabelColumns:
    """Return the name of one label column, or the names of several.

    Raises
    ------
    InputError
        if none is named, or one of them twice
    """
    if isinstance(label, str):
        return label
    names = list(label)
    twice = next((name for k, name in enumerate(names) if name in names[:k]), None)
    if twice is not None or not names:
        raise InputError(f"label names the column {twice!r} twice" if names else "label names no column; leave it out")
    return names[0] if len(names) == 1 else names


def guess_columns(
    table: Table,
    text: Sequence[str] | str | None,
    label: Sequence[str] | str | None,
    *,
    need_label: bool = True,
) -> tuple[list[str], LabelColumns, list[str]]:
    """Return the text columns, the label column or columns, and sentences that say what was guessed.

    Common names come first; without one, the text is the column of the longest cells and the label the only
    column that repeats a few values, or holds lists, or else all that hold 0 and 1. ``need_label=False`` is for tables
    that are to be predicted: the label is "".

    Raises
    ------
    InputError
        if a named column is absent (with the nearest name), or nothing clear can be guessed
    """
    said: list[str] = []
    texts = [text] if isinstance(text, str) else list(text or ())
    given = one_or_several(label) if label else None
    labels = [given] if isinstance(given, str) else list(given or ())
    for name in [*texts, *labels]:
        table.column(name)
    both = next((name for name in labels if name in texts), None)
    if both is not None:
        raise InputError(f"{table.source}: column {both!r} cannot be both text and label")
    named_label = None if given else _common_name(table, LABEL_NAMES, texts)
    if not texts:
        texts = [_guess_text(table, [*labels, *([named_label] if named_label else [])])]
        said.append(f"text column: {texts[0]!r} (guessed; name it with --text)")
    if given or not need_label:
        return texts, given or "", said
    guessed = named_label or _guess_label(table, texts)
    if isinstance(guessed, str):
        said.append(f"label column: {guessed!r} (guessed; name it with --label)")
    else:
        said.append(f"label columns: {', '.join(map(repr, guessed))} (guessed; name each with --label)")
    return texts, guessed, said


def _common_name(table: Table, names: Sequence[str], taken: Sequence[str]) -> str | None:
    folded = {name.strip().casefold(): name for name in table.columns if name not in taken}
    return next((folded[name] for name in names if name in folded), None)


def _guess_text(table: Table, labels: Sequence[str]) -> str:
    """Return the column with a common name, else the one whose cells are clearly longest."""
    taken = [*labels, *table.binary]
    common = _common_name(table, TEXT_NAMES, taken)
    if common is not None:
        return common
    sizes = {name: _mean_length(cells) for name, cells in table.columns.items() if name not in taken}
    order = sorted(sizes, key=lambda name: -sizes[name])
    if not order or sizes[order[0]] < 5 or (len(order) > 1 and sizes[order[0]] < 1.5 * sizes[order[1]]):
        raise InputError(f"{table.source}: which column is the text? Name it with --text; there are: {_listed(table)}")
    return order[0]


def _guess_label(table: Table, texts: Sequence[str]) -> LabelColumns:
    """Return the only column that repeats a few values, else the only one of lists, else all of 0 and 1."""
    most = max(2, min(1000, len(table) // 2))
    never = {*texts, *table.binary, *(name for name in table.columns if name.strip().casefold() in NOT_LABELS)}
    open_columns = {name: set(cells) for name, cells in table.columns.items() if name not in never}
    fits = [name for name, values in open_columns.items() if 2 <= len(values) <= most]
    lists = [name for name, values in open_columns.items() if all(read_list(value) is not None for value in values)]
    if len(lists) == 1 and (not fits or fits == lists):
        return lists[0]
    flags = [
        name for name, values in open_columns.items() if {value.strip().lower() for value in values} <= FLAGS.keys()
    ]
    if len(flags) > 1 and set(fits) <= set(flags):
        return flags
    if len(fits) != 1:
        found = f"these could be: {', '.join(map(repr, fits))}" if fits else f"there are: {_listed(table)}"
        raise InputError(f"{table.source}: which column is the label? Name it with --label; {found}")
    return fits[0]


def _mean_length(cells: Sequence[str]) -> float:
    return sum(map(len, cells[:10_000])) / max(1, len(cells[:10_000]))


def _listed(table: Table) -> str:
    return ", ".join(map(repr, table.columns)) or "none"


def to_examples(
    table: Table,
    *,
    text: Sequence[str] | str,
    label: Sequence[str] | str,
    weight: str | None = None,
    bad_rows: str = "refuse",
    classes: Sequence[str] | None = None,
    on_new_label: str = "refuse",
    label_separator: str | None = None,
    task: str = "auto",
) -> tuple[Examples, list[str]]:
    """Return the examples of a table, with hard targets, and sentences that say what is unusual.

    Several text columns are joined by a blank. Labels lose blanks at both ends and nothing else. ``ids`` holds the
    position of each row in the table, from 0. Which columns are multi-label: `sfumato.label_columns`.

    Parameters
    ----------
    classes : the classes of a model, for a test table; None takes those of the table, sorted
    on_new_label : with ``classes``: "refuse" a label that is none of them, or "keep" its row with label index -1
        and a target row of zeros, so that every prediction for it counts as an error; the labels of a multi-label
        row that are none of them are counted in `Examples.unseen`
    label_separator : stands between the labels of a row, in a column of text; never guessed
    task : "auto" takes lists and columns of 0 and 1 as multi-label; "single" refuses them; "multilabel" also takes
        a column of plain labels, one a row or none

    Raises
    ------
    InputError
        empty texts or labels (all named, unless ``bad_rows="drop"``), a single class, labels that are ids
    """
    check_bad_rows(bad_rows)
    texts, columns = [text] if isinstance(text, str) else list(text), one_or_several(label)
    given = read_row_labels(table, columns, separator=label_separator, task=task)
    if given is None:
        return _single_examples(table, texts, str(columns), weight, bad_rows, classes, on_new_label)
    return multilabel_examples(
        table,
        given,
        text=texts,
        label=columns,
        separator=label_separator,
        weight=weight,
        bad_rows=bad_rows,
        classes=classes,
        on_new_label=on_new_label,
    )


def _single_examples(
    table: Table,
    text: list[str],
    label: str,
    weight: str | None,
    bad_rows: str,
    classes: Sequence[str] | None,
    on_new_label: str,
) -> tuple[Examples, list[str]]:
    if label in table.clashes:
        raise InputError(f"{table.source}: column {label!r}: {table.clashes[label]}")
    cells = table.column(label)
    unlabelled = {
        k: BadRow(table.rows[k], f"the label ({label}) is empty", shown)
        for k, (cell, shown) in enumerate(zip(cells, table.joined(text), strict=True))
        if not cell.strip()
    }
    rows = usable_rows(table, text, weight, unlabelled)
    notes = left_out(table, rows, bad_rows)
    stripped = stripped_rows([table.rows[k] for k in rows.index], [cells[k] for k in rows.index])
    if stripped:
        notes.append(f"blanks before or after the label are left out in {name_rows(stripped, table.unit)}")
    names = [cells[k].strip() for k in rows.index]
    counts = Counter(names)
    if classes is None:
        refuse_labels(table.source, label, counts)
        notes += describe_labels(counts, label)
        classes = sorted(counts)
    else:
        notes += _new_labels(table, label, rows, names, classes, on_new_label)
    return _examples(rows, names, tuple(classes)), notes


def _new_labels(
    table: Table, label: str, rows: UsableRows, names: Sequence[str], classes: Sequence[str], on_new_label: str
) -> list[str]:
    known = set(classes)
    new = sorted(set(names) - known)
    if not new:
        return []
    where = [table.rows[k] for k, name in zip(rows.index, names, strict=True) if name not in known]
    named = ", ".join(f"{name!r}{nearest(name, classes)}" for name in new[:5]) + (", ..." if len(new) > 5 else "")
    said = f"the model has not learned {len(new)} of the labels in {label!r}: {named}; {name_rows(where, table.unit)}"
    if on_new_label == "refuse":
        raise InputError(f"{table.source}: {said}; there are: {', '.join(map(str, list(classes)[:20]))}")
    return [f"{said}: counted as errors"]


def _examples(rows: UsableRows, names: Sequence[str], classes: tuple[str, ...]) -> Examples:
    position = {name: k for k, name in enumerate(classes)}
    labels = np.array([position.get(name, -1) for name in names], dtype=np.int64)
    known = np.eye(len(classes), dtype=np.float32)
    table = known if (labels >= 0).all() else np.vstack([known, np.zeros_like(known[:1])])  # -1 reads the last row
    weights = None if rows.weights is None else mean_one(rows.weights)
    return Examples(
        rows.texts,
        labels,
        TableTargets(table, labels),
        classes,
        weights=weights,
        ids=np.array(rows.index, dtype=np.int64),
    )
