"""A finding about a table, and the view of its rows that findings are looked for in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from sfumato.label_columns import LabelColumns, read_row_labels
from sfumato.label_sets import column_words
from sfumato.rows import Table, stripped_rows

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """Something the user should know: ``rows`` are numbered as in the user's file, ``severity`` orders them."""

    kind: str
    severity: Severity
    message: str
    rows: list[int] = field(default_factory=list)
    advice: str = ""


@dataclass(frozen=True, eq=False)
class View:
    """The rows of a table that are looked at: texts, labels without outer blanks, numbers, comparable texts.

    ``labels`` are those of each row: one, or none if the cell is empty; several where the table is ``multilabel``.
    ``stripped`` are the numbers of the rows whose label had such blanks, ``unreadable`` those whose labels cannot be
    read, with what is wrong; ``notes`` say how the labels were read.
    """

    texts: list[str]
    labels: list[tuple[str, ...]]
    rows: list[int]
    keys: list[str]
    max_length: int
    label: str
    counts: Counter[str]
    stripped: list[int]
    test: View | None = None
    multilabel: bool = False
    unreadable: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def where(self, test: Callable[[str], object]) -> list[int]:
        """Return the numbers of the rows whose text passes."""
        return [row for row, text in zip(self.rows, self.texts, strict=True) if test(text)]

    def of_class(self, names: Sequence[str]) -> list[int]:
        """Return the numbers of the rows of some classes."""
        wanted = set(names)
        return [row for row, labels in zip(self.rows, self.labels, strict=True) if not wanted.isdisjoint(labels)]

    def first_of(self, names: Collection[str]) -> list[int]:
        """Return the number of the first row of each of some classes."""
        first: dict[str, int] = {}
        for row, labels in zip(self.rows, self.labels, strict=True):
            for name in labels:
                first.setdefault(name, row)
        return sorted(first[name] for name in names)


def view_of(
    table: Table,
    text: Sequence[str],
    label: LabelColumns,
    max_length: int,
    test: View | None = None,
    *,
    separator: str | None = None,
    task: str = "auto",
) -> View:
    """Read the columns that are looked at; comparable texts ignore case and the width of blanks."""
    texts = table.joined(text)
    keys = [" ".join(cell.split()).casefold() for cell in texts]
    given = read_row_labels(table, label, separator=separator, task=task)
    if given is None:
        cells = table.column(str(label))
        labels: list[tuple[str, ...]] = [(name,) if (name := cell.strip()) else () for cell in cells]
        counts = Counter(name for names in labels for name in names)
        return View(
            texts, labels, table.rows, keys, max_length, str(label), counts, stripped_rows(table.rows, cells), test
        )
    sets = [tuple(names) for names in given.labels]
    counts = Counter(name for names in sets for name in names)
    view = View(texts, sets, table.rows, keys, max_length, column_words(label).strip("'"), counts, [], test)
    wrong = {row.row: row.problem for row in given.bad.values()}
    return replace(view, multilabel=True, unreadable=wrong, notes=given.notes)


def count(rows: Sequence[int]) -> str:
    """Return "1 row" or "12 rows"."""
    return f"{len(rows):,} row{'s' * (len(rows) != 1)}"


def several(number: int, thing: str, things: str) -> str:
    """Return "1 class" or "12 classes"."""
    return f"{number:,} {thing if number == 1 else things}"


def some(names: Sequence[str], limit: int = 5) -> str:
    """Return the first few names, quoted."""
    return ", ".join(map(repr, names[:limit])) + (", ..." if len(names) > limit else "")
