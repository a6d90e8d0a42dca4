"""From the columns of a table to examples: which column is the text, which the label, and what they hold."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sfumato.data import Examples, mean_one
from sfumato.errors import InputError, nearest
from sfumato.rows import (
    LABEL_NAMES,
    TEXT_NAMES,
    BadRow,
    Table,
    check_bad_rows,
    describe_bad_rows,
    name_rows,
    refuse_bad_rows,
    stripped_rows,
)
from sfumato.targets import TableTargets

NOT_LABELS = frozenset((*TEXT_NAMES, "split", "id", "date", "weight"))  # never guessed as a label; may be named
MOST_CLASSES = 10_000


def guess_columns(
    table: Table, text: Sequence[str] | str | None, label: str | None, *, need_label: bool = True
) -> tuple[list[str], str, list[str]]:
    """Return the text columns, the label column, and sentences that say what was guessed.

    Common names come first; without one, the text is the column of the longest cells and the label the only
    column that repeats a few values. ``need_label=False`` is for tables that are to be predicted: the label is "".

    Raises
    ------
    InputError
        if a named column is absent (with the nearest name), or nothing clear can be guessed
    """
    said: list[str] = []
    texts = [text] if isinstance(text, str) else list(text or ())
    for name in [*texts, *([label] if label else [])]:
        table.column(name)
    if label in texts:
        raise InputError(f"{table.source}: column {label!r} cannot be both text and label")
    named_label = label or _common_name(table, LABEL_NAMES, texts)
    if not texts:
        texts = [_guess_text(table, named_label)]
        said.append(f"text column: {texts[0]!r} (guessed; name it with --text)")
    if label or not need_label:
        return texts, label or "", said
    guessed = named_label or _guess_label(table, texts)
    said.append(f"label column: {guessed!r} (guessed; name it with --label)")
    return texts, guessed, said


def _common_name(table: Table, names: Sequence[str], taken: Sequence[str]) -> str | None:
    folded = {name.strip().casefold(): name for name in table.columns if name not in taken}
    return next((folded[name] for name in names if name in folded), None)


def _guess_text(table: Table, label: str | None) -> str:
    """Return the column with a common name, else the one whose cells are clearly longest."""
    taken = [*([label] if label else []), *table.binary]
    common = _common_name(table, TEXT_NAMES, taken)
    if common is not None:
        return common
    sizes = {name: _mean_length(cells) for name, cells in table.columns.items() if name not in taken}
    order = sorted(sizes, key=lambda name: -sizes[name])
    if not order or sizes[order[0]] < 5 or (len(order) > 1 and sizes[order[0]] < 1.5 * sizes[order[1]]):
        raise InputError(f"{table.source}: which column is the text? Name it with --text; there are: {_listed(table)}")
    return order[0]


def _guess_label(table: Table, texts: Sequence[str]) -> str:
    """Return the only column that repeats a few values."""
    most = max(2, min(1000, len(table) // 2))
    never = {*texts, *table.binary, *(name for name in table.columns if name.strip().casefold() in NOT_LABELS)}
    fits = [name for name, cells in table.columns.items() if name not in never and 2 <= len(set(cells)) <= most]
    if len(fits) != 1:
        found = f"these could be: {', '.join(map(repr, fits))}" if fits else f"there are: {_listed(table)}"
        raise InputError(f"{table.source}: which column is the label? Name it with --label; {found}")
    return fits[0]


def _mean_length(cells: Sequence[str]) -> float:
    return sum(map(len, cells[:10_000])) / max(1, len(cells[:10_000]))


def _listed(table: Table) -> str:
    return ", ".join(map(repr, table.columns)) or "none"


@dataclass(frozen=True)
class _Rows:
    """The usable rows of a table: texts, labels, weights, where they stand, and those left out."""

    texts: list[str]
    labels: list[str]
    weights: list[float] | None
    index: list[int]
    bad: list[BadRow]


def to_examples(
    table: Table,
    *,
    text: Sequence[str] | str,
    label: str,
    weight: str | None = None,
    bad_rows: str = "refuse",
    classes: Sequence[str] | None = None,
    on_new_label: str = "refuse",
) -> tuple[Examples, list[str]]:
    """Return the examples of a table, with one-hot targets, and sentences that say what is unusual.

    Several text columns are joined by a blank. Labels lose blanks at both ends and nothing else. ``ids`` holds the
    position of each row in the table, from 0.

    Parameters
    ----------
    classes : the classes of a model, for a test table; None takes those of the table, sorted
    on_new_label : with ``classes``: "refuse" a label that is none of them, or "keep" its row with label index -1
        and a target row of zeros, so that every prediction for it counts as an error

    Raises
    ------
    InputError
        empty texts or labels (all named, unless ``bad_rows="drop"``), a single class, labels that are ids
    """
    check_bad_rows(bad_rows)
    if label in table.clashes:
        raise InputError(f"{table.source}: column {label!r}: {table.clashes[label]}")
    rows = _usable_rows(table, [text] if isinstance(text, str) else list(text), label, weight)
    if rows.bad and bad_rows == "refuse":
        raise refuse_bad_rows(table.source, rows.bad, table.unit)
    if not rows.index:
        raise InputError(f"{table.source}: no {table.unit} can be used\n{describe_bad_rows(rows.bad, table.unit)}")
    notes = []
    if rows.bad:
        notes.append(f"{len(rows.bad)} of {len(table)} rows left out:\n{describe_bad_rows(rows.bad, table.unit)}")
    cells = table.column(label)
    stripped = stripped_rows([table.rows[k] for k in rows.index], [cells[k] for k in rows.index])
    if stripped:
        notes.append(f"blanks before or after the label are left out in {name_rows(stripped, table.unit)}")
    counts = Counter(rows.labels)
    if classes is None:
        refuse_labels(table.source, label, counts)
        notes += describe_labels(counts, label)
        classes = sorted(counts)
    else:
        notes += _new_labels(table, label, rows, counts, classes, on_new_label)
    return _examples(rows, tuple(classes)), notes


def _usable_rows(table: Table, text: list[str], label: str, weight: str | None) -> _Rows:
    texts = table.joined(text)
    labels = [cell.strip() for cell in table.column(label)]
    weights = None if weight is None else table.column(weight)
    bad, index = [], []
    for k, (cell, name) in enumerate(zip(texts, labels, strict=True)):
        problem = "" if cell and not cell.isspace() else f"the text ({', '.join(text)}) is empty"
        problem = problem or ("" if name else f"the label ({label}) is empty")
        if not problem and weights is not None:
            problem = "" if _weight(weights[k]) is not None else f"the weight ({weight}) is not a number of at least 0"
        if problem:
            bad.append(BadRow(table.rows[k], problem, weights[k] if weights and "weight" in problem else cell or name))
        else:
            index.append(k)
    kept = None if weights is None else [_weight(weights[k]) or 0.0 for k in index]
    return _Rows([texts[k] for k in index], [labels[k] for k in index], kept, index, bad)


def _weight(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


class LabelFault(NamedTuple):
    """Why a column cannot be the label, and what to do; `check` shows it as a finding of this kind."""

    kind: str
    problem: str
    advice: str


def label_faults(counts: Counter[str]) -> list[LabelFault]:
    """Return why labels that occur so often cannot be learned: one class only, ids, or lists of labels."""
    faults, total = [], counts.total()
    example = ", ".join(map(repr, list(counts)[:3]))
    if len(counts) == 1:
        faults.append(LabelFault("one-class", f"one class only, {example}", "a classifier needs two"))
    if len(counts) > MOST_CLASSES or (len(counts) > 20 and len(counts) > 0.5 * total):
        problem = f"{len(counts)} different values in {total} rows ({example}, ...), which look like ids, not classes"
        faults.append(LabelFault("ids-as-labels", problem, "name another column with --label"))
    if counts and all(name.startswith("[") and name.endswith("]") for name in counts):
        problem = f"lists ({example}), and one label a row is needed"
        faults.append(LabelFault("lists-as-labels", problem, "choose one of each"))
    return faults


def refuse_labels(source: str, label: str, counts: Counter[str]) -> None:
    """Raise if a column cannot be the label."""
    for fault in label_faults(counts)[:1]:
        raise InputError(f"{source}: the column {label!r} holds {fault.problem}; {fault.advice}")


def describe_labels(counts: Counter[str], label: str) -> list[str]:
    """Say what is accepted but unusual: numbers, variants of case, classes of one row."""
    notes = []
    if all(_is_number(name) for name in counts):
        listed = ", ".join(sorted(counts)[:5]) + (", ..." if len(counts) > 5 else "")
        notes.append(f"the labels in {label!r} are numbers ({listed}); they are read as names of classes")
    for variants in case_variants(counts):
        listed = ", ".join(f"{name!r} ({counts[name]})" for name in variants)
        notes.append(f"labels that differ in case or blanks only are kept apart: {listed}")
    single = sorted(name for name, count in counts.items() if count == 1)
    if single:
        some = ", ".join(map(repr, single[:10])) + (", ..." if len(single) > 10 else "")
        notes.append(f"classes of one row, which stays in the training split: {len(single)} ({some})")
    return notes


def case_variants(names: Sequence[str] | Counter[str]) -> list[list[str]]:
    """Return the groups of labels that are equal but for case and blanks."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(" ".join(name.split()).casefold(), []).append(name)
    return [sorted(group) for group in groups.values() if len(group) > 1]


def _is_number(name: str) -> bool:
    try:
        return math.isfinite(float(name))
    except ValueError:
        return False


def _new_labels(
    table: Table, label: str, rows: _Rows, counts: Counter[str], classes: Sequence[str], on_new_label: str
) -> list[str]:
    known = set(classes)
    new = sorted(counts.keys() - known)
    if not new:
        return []
    where = [table.rows[k] for k, name in zip(rows.index, rows.labels, strict=True) if name not in known]
    named = ", ".join(f"{name!r}{nearest(name, classes)}" for name in new[:5]) + (", ..." if len(new) > 5 else "")
    said = f"the model has not learned {len(new)} of the labels in {label!r}: {named}; {name_rows(where, table.unit)}"
    if on_new_label == "refuse":
        raise InputError(f"{table.source}: {said}; there are: {', '.join(map(str, list(classes)[:20]))}")
    return [f"{said}: counted as errors"]


def _examples(rows: _Rows, classes: tuple[str, ...]) -> Examples:
    position = {name: k for k, name in enumerate(classes)}
    labels = np.array([position.get(name, -1) for name in rows.labels], dtype=np.int64)
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
