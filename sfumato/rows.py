"""A table as it is worked with: every cell is text, and every row knows its number in the user's file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sfumato.errors import InputError, unknown

_TEXT = (
    "text body sentence content message comment review question utterance description document tweet post title "
    "headline subject query summary 文本 内容 正文 句子 标题 评论"
)
_LABEL = (
    "label category class target labels topic intent sentiment emotion tag department label_name class_name gold y "
    "标签 类别 分类 类目"
)
TEXT_NAMES = tuple(_TEXT.split())  # the usual names of such columns, the likeliest first
LABEL_NAMES = tuple(_LABEL.split())

DETAILED = 10  # rows shown with their problem
LISTED = 100  # further rows shown by number

HINT = "mend them, or leave them out with --bad-rows drop (in Python: bad_rows='drop')"


class BadRow(NamedTuple):
    """A row that cannot be used: its number as the user sees it, what is wrong, and the value."""

    row: int
    problem: str
    value: str


@dataclass(frozen=True, eq=False)
class Table:
    """Named columns of text, N rows.

    Attributes
    ----------
    columns : name -> N cells; an absent value is ""
    source : the path, or "data frame", "list", ...
    rows : N numbers: the line where the record starts for a text file, else the row counted from 1
    notes : sentences that say how the table was read
    dropped : rows that were left out
    unit : "line" or "row", what ``rows`` counts
    binary : columns that hold bytes which are no text, such as pictures -> the first such row; their cells only say
        how many bytes there are, and `column` refuses them
    clashes : columns where two values are alike as text and not the same, as 1 and "1" -> a sentence that names them;
        such a column is refused as a label
    numbers : columns that held numbers or truth values, and nothing else, before they became text
    """

    columns: dict[str, list[str]]
    source: str
    rows: list[int]
    notes: tuple[str, ...] = ()
    dropped: tuple[BadRow, ...] = ()
    unit: str = "row"
    binary: dict[str, int] = field(default_factory=dict)
    clashes: dict[str, str] = field(default_factory=dict)
    numbers: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> list[str]:
        """Return one column; an unknown name, or a column of bytes that are no text, is an InputError."""
        if name not in self.columns:
            raise InputError(f"{self.source}: {unknown('column', name, self.columns)}")
        if name in self.binary:
            raise InputError(
                f"{self.source}: column {name!r} holds bytes that are not UTF-8 text, the first in {self.unit} "
                f"{self.binary[name]}; name another column, or decode it first"
            )
        return self.columns[name]

    def joined(self, names: Sequence[str]) -> list[str]:
        """Return the texts: one column as it is, or several joined by a blank, their blank cells left out.

        Training, prediction and `check` all read texts here, so that a model is asked what it was taught.
        """
        columns = [self.column(name) for name in names]
        if len(columns) == 1:
            return columns[0]
        return [" ".join(filter(str.strip, cells)) for cells in zip(*columns, strict=True)]

    def take(self, index: Iterable[int]) -> Table:
        """Return the rows ``index`` (from 0), in that order."""
        chosen = [int(i) for i in index]
        columns = {name: [cells[i] for i in chosen] for name, cells in self.columns.items()}
        return replace(self, columns=columns, rows=[self.rows[i] for i in chosen])


def stripped_rows(rows: Sequence[int], cells: Sequence[str]) -> list[int]:
    """Return the numbers of the rows whose label, if there is one, has a blank at an end: it is read without."""
    return [row for row, cell in zip(rows, cells, strict=True) if cell.strip() not in ("", cell)]


def name_rows(rows: Sequence[int], unit: str = "row", *, limit: int = DETAILED) -> str:
    """Return "lines 3, 7 and 9", or "lines 3, 7, 9 and 40 more" beyond ``limit``."""
    shown = [str(row) for row in rows[:limit]]
    if len(rows) > limit:
        return f"{unit}s {', '.join(shown)} and {len(rows) - limit} more"
    if len(shown) == 1:
        return f"{unit} {shown[0]}"
    return f"{unit}s {', '.join(shown[:-1])} and {shown[-1]}"


def describe_bad_rows(bad: Sequence[BadRow], unit: str) -> str:
    """Return one line a bad row for the first ten, then the numbers of the others."""
    lines = [f"  {unit} {row.row}: {row.problem}" + (f": {short(row.value)}" if row.value else "") for row in bad]
    shown = lines[:DETAILED]
    if len(bad) > DETAILED:
        rest = [row.row for row in bad[DETAILED:]]
        shown.append(f"  and {len(rest)} more: {name_rows(rest, unit, limit=LISTED)}")
    return "\n".join(shown)


def refuse_bad_rows(source: str, bad: Sequence[BadRow], unit: str) -> InputError:
    """Build the error that names and counts all rows that cannot be used."""
    count = f"1 {unit}" if len(bad) == 1 else f"{len(bad)} {unit}s"
    hint = HINT.replace("them", "it") if len(bad) == 1 else HINT
    return InputError(f"{source}: {count} cannot be used; {hint}\n{describe_bad_rows(bad, unit)}")


def short(value: str, limit: int = 60) -> str:
    """Return a value as shown in a message: quoted, and cut after ``limit`` characters."""
    return repr(value if len(value) <= limit else value[:limit] + "...")


def check_bad_rows(bad_rows: str) -> None:
    """Raise unless the choice of what to do with bad rows is "refuse" or "drop"."""
    if bad_rows not in ("refuse", "drop"):
        raise InputError(f"bad_rows must be 'refuse' or 'drop', got {bad_rows!r}")


def join_tables(chunks: Iterable[Table]) -> Table:
    """Join chunks of one file; a column that appears late is "" in the rows before it."""
    columns: dict[str, list[str]] = {}
    rows: list[int] = []
    dropped: list[BadRow] = []
    notes: dict[str, None] = {}
    binary: dict[str, int] = {}
    clashes: dict[str, str] = {}
    numbers: frozenset[str] | None = None
    chunk = None
    for chunk in chunks:
        for name in chunk.columns:
            if name not in columns:
                columns[name] = [""] * len(rows)
        for name, cells in columns.items():
            cells.extend(chunk.columns.get(name) or [""] * len(chunk))
        rows.extend(chunk.rows)
        dropped.extend(chunk.dropped)
        notes |= dict.fromkeys(chunk.notes)
        binary = chunk.binary | binary
        clashes = chunk.clashes | clashes
        numbers = chunk.numbers if numbers is None else numbers & chunk.numbers
    if chunk is None:
        raise InputError("there is nothing to join")
    kept = numbers or frozenset()
    return Table(columns, chunk.source, rows, tuple(notes), tuple(dropped), chunk.unit, binary, clashes, kept)
