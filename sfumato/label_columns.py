"""Label columns of rows with several labels: which form they have, and the labels that stand in each row.

=========  ==========================================================================================================
lists      one column, every cell a list: of Parquet, JSON lines or a data frame, or written as ``["a", "b"]``
one-hot    several columns that hold 0 or 1 (false or true); a class is called as its column
separated  one column of text and a separator, which is never guessed: ``a|b``
plain      one column of plain labels, asked for with ``task="multilabel"``: one label a row, or none
single     one column of plain labels, one a row: no multi-label data
=========  ==========================================================================================================
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sfumato.errors import InputError
from sfumato.label_name import find_clash, label_name
from sfumato.registry import check_choice
from sfumato.rows import BadRow, Table, name_rows, short

TASKS = ("auto", "single", "multilabel")
LabelColumns = str | list[str]
Form = Literal["single", "lists", "one-hot", "separated", "plain"]

FLAGS = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}
ALLOWED = "several label columns hold 0 or 1 (false or true), one column a label"


@dataclass(frozen=True)
class RowLabels:
    """The labels of each of N rows of a table, in the order in which they stand, each once.

    ``bad`` are positions of rows whose labels cannot be read, with what is wrong. ``classes`` are the names of the
    columns of the one-hot form, in their order, also of those that hold no 1.
    """

    form: Form
    labels: list[list[str]]
    bad: dict[int, BadRow] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    classes: tuple[str, ...] = ()


def label_form(table: Table, label: LabelColumns, *, separator: str | None = None, task: str = "auto") -> Form:
    """Return the form of the label columns; the table is at the head of the module.

    Raises
    ------
    InputError
        if the columns do not go with the separator or the task, or if only some cells of a column are lists.
    """
    check_choice("labels", "task", task, TASKS)
    check_separator(separator)
    where = f"{table.source}: the column {label!r}"
    if separator is not None and task == "single":
        raise InputError("a label separator cuts several labels of a row apart: leave it out with task='single'")
    if isinstance(label, list):
        return _one_hot_form(table, label, separator, task)
    lists = [k for k, cell in enumerate(table.column(label)) if read_list(cell) is not None]
    others = [k for k, cell in enumerate(table.column(label)) if cell.strip()] if lists else []
    others = sorted(set(others) - set(lists))
    if task == "single" and lists and not others:
        raise InputError(
            f"{where} holds lists, as {short(table.column(label)[lists[0]])} in {table.unit} {table.rows[lists[0]]}, "
            "and one label a row is wanted (task='single', or because the training rows have one)"
        )
    if task != "single" and lists and others:
        one, other = (f"{short(table.column(label)[k])} in {table.unit} {table.rows[k]}" for k in (lists[0], others[0]))
        raise InputError(
            f"{where} holds lists in {len(lists)} rows ({one}) and plain text in {len(others)} ({other}); write all "
            "of them as lists, or, if brackets are part of the names, give --task single (task='single')"
        )
    if lists and not others:
        _refuse_indicators(table, label, lists)
        if separator is not None:
            raise InputError(f"{where} holds lists, which need no separator; leave --label-separator out")
        return "lists"
    if separator is not None:
        return "separated"
    return "plain" if task == "multilabel" else "single"


def holds_lists(table: Table, label: str) -> bool:
    """Return whether the column holds a list in every cell that is not empty."""
    cells = [cell for cell in table.column(label) if cell.strip()]
    return bool(cells) and all(read_list(cell) is not None for cell in cells)


def _refuse_indicators(table: Table, label: str, lists: list[int]) -> None:
    if are_indicators([read_list(table.column(label)[k]) or [] for k in lists]):
        raise InputError(
            f"{table.source}: the column {label!r} holds lists of zeros and ones, as "
            f"{short(table.column(label)[lists[0]])} in {table.unit} {table.rows[lists[0]]}, which name no labels; "
            "write lists of names, or a column of 0 and 1 for each label"
        )


def is_multilabel(table: Table, label: LabelColumns | None, separator: str | None, task: str) -> bool:
    """Return whether the label columns, if there are any, hold several labels a row."""
    if not label:
        return False
    return label_form(table, label, separator=separator, task=task) != "single"


def check_separator(separator: str | None) -> None:
    """Raise unless a separator is made of signs or blanks: a letter or digit would cut names apart."""
    if separator is not None and (not isinstance(separator, str) or not separator or any(map(str.isalnum, separator))):
        raise InputError(
            f"a label separator is one sign or several, as '|' or ', ', no letter or digit; got {separator!r}"
        )


def _one_hot_form(table: Table, label: list[str], separator: str | None, task: str) -> Form:
    named = ", ".join(map(repr, label))
    if task == "single":
        raise InputError(f"several label columns ({named}) are several labels a row, and task='single' wants one")
    if separator is not None:
        raise InputError(f"several label columns ({named}) need no label separator; leave it out")
    for name in label:
        cells = table.column(name)
        if any(read_list(cell) is not None for cell in cells):
            raise InputError(f"{table.source}: the column {name!r} holds lists, and {ALLOWED}; name it alone")
        if not any(cell.strip().lower() in FLAGS for cell in cells):
            shown = f"{short(cells[0])} in {table.unit} {table.rows[0]}" if cells else "no row"
            raise InputError(f"{table.source}: the column {name!r} holds {shown}, and {ALLOWED}; name one column only")
    return "one-hot"


def are_indicators(rows: Sequence[Sequence[Any]]) -> bool:
    """Return whether all rows are equally long lists, of two or more, of zeros and ones: which labels, and no names."""
    width = len(rows[0]) if rows else 0
    if width < 2 or any(len(row) != width for row in rows):
        return False
    return all(not isinstance(value, str) and value in (0, 1) for row in rows for value in row)


def read_list(cell: str) -> list[Any] | None:
    """Return a cell that is a list, as JSON or as Python prints it; None if it is none."""
    text = cell.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return None
        if repr(found) != text:  # numpy prints ['a' 'b'], which Python would read as ['ab']
            return None
    return found if isinstance(found, list) else None


def read_row_labels(
    table: Table, label: LabelColumns, *, separator: str | None = None, task: str = "auto"
) -> RowLabels | None:
    """Return the labels of each row, None if the column holds one label a row.

    Raises
    ------
    InputError
        as `label_form`, and if two labels are alike but not the same (`sfumato.label_name`).
    """
    form = label_form(table, label, separator=separator, task=task)
    if form == "single":
        return None
    if isinstance(label, list):
        return _from_flags(table, label)
    if label in table.clashes:
        raise InputError(f"{table.source}: column {label!r}: {table.clashes[label]}")
    cells = table.column(label)
    notes = [_said(form, label, separator)]
    if form == "separated" and not any(str(separator) in cell for cell in cells):
        notes.append(f"{separator!r} is in no cell of {label!r}: no row has more than one label")
    cut: Callable[[str], list[Any]] = {
        "lists": lambda cell: read_list(cell) or [],
        "separated": lambda cell: cell.split(separator),
        "plain": lambda cell: [cell],
    }[form]
    parts = [cut(cell) if cell.strip() else [] for cell in cells]
    bad = {
        k: BadRow(table.rows[k], f"the labels ({label}) hold {wrong}", cells[k])
        for k, row in enumerate(parts)
        if form == "lists" and (wrong := next(filter(None, map(_wrong, row)), ""))
    }
    good = [[] if k in bad else row for k, row in enumerate(parts)]
    return RowLabels(form, *_named(table, label, good, bad, notes))


def _said(form: Form, label: str, separator: str | None) -> str:
    holds = {"lists": "lists", "separated": f"labels with {separator!r} between", "plain": "one label a row at most"}
    return f"multi-label: the column {label!r} holds {holds[form]}"


def _wrong(value: Any) -> str:
    """Return what is wrong with an entry of a list, "" if it is a label."""
    if isinstance(value, str):
        return "" if value.strip() else "an empty label"
    if isinstance(value, bool | int | float):
        return "" if value == value else "a number that is none"
    kind = {type(None): "null", list: "a list", dict: "an object"}.get(type(value), type(value).__name__)
    return f"{kind}, where each entry must be text or a number"


def _named(
    table: Table, label: str, parts: list[list[Any]], bad: dict[int, BadRow], notes: list[str]
) -> tuple[list[list[str]], dict[int, BadRow], list[str]]:
    """Return the names of the labels of each row, each once and without blanks at its ends, and what was odd."""
    stripped, twice, empty = [], [], []
    rows: list[list[Any]] = []
    for k, row in enumerate(parts):
        bare = [value.strip() if isinstance(value, str) else value for value in row]
        kept = [value for value in bare if value != ""]
        if [label_name(value) for value in row if value != ""] != [label_name(v) for v in bare if v != ""]:
            stripped.append(table.rows[k])
        if len(kept) < len(bare):
            empty.append(table.rows[k])
        if len(set(map(label_name, kept))) < len(kept):
            twice.append(table.rows[k])
        rows.append(kept)
    flat = [value for row in rows for value in row]
    numbers = [table.rows[k] for k, row in enumerate(rows) for _ in row]
    clash = find_clash(flat, [label_name(value) for value in flat], place=lambda k: f"{table.unit} {numbers[k]}")
    if clash:
        raise InputError(f"{table.source}: column {label!r}: {clash}")
    for where, what in (
        (stripped, "blanks before or after a label are left out"),
        (empty, "empty labels (two separators side by side, or one at an end) are left out"),
        (twice, "a label that is there twice counts once"),
    ):
        if where:
            notes.append(f"{what}: {len(where)} rows, {name_rows(where, table.unit)}")
    return [list(dict.fromkeys(map(label_name, row))) for row in rows], bad, notes


def _from_flags(table: Table, label: Sequence[str]) -> RowLabels:
    """Read one-hot columns; a cell that is neither 0 nor 1 makes its row a bad one."""
    labels: list[list[str]] = [[] for _ in range(len(table))]
    bad: dict[int, BadRow] = {}
    for name in label:
        for k, cell in enumerate(table.column(name)):
            flag = FLAGS.get(cell.strip().lower())
            if flag is None:
                what = f"must be 0 or 1 (false or true), got {short(cell)}" if cell.strip() else "is empty"
                bad.setdefault(k, BadRow(table.rows[k], f"the label column {name!r} {what}", ""))
            elif flag:
                labels[k].append(name)
    shown = ", ".join(map(repr, label[:5])) + (", ..." if len(label) > 5 else "")
    notes = [f"multi-label: {len(label)} columns of 0 and 1, each a label: {shown}"]
    return RowLabels("one-hot", labels, bad, notes, tuple(label))
