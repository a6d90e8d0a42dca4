"""Tables in text files: CSV with any common separator, TSV, and JSON lines.

Every cell stays the text that was written. Only the separator, the encoding and the presence of a header are
inferred, and what was inferred is said.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sfumato.charset import Lines
from sfumato.errors import InputError
from sfumato.rows import LABEL_NAMES, TEXT_NAMES, BadRow, Table, short

SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
HEADER_NAMES = frozenset((*TEXT_NAMES, *LABEL_NAMES, "id", "name", "type", "date", "weight", "score", "split"))


@dataclass(frozen=True)
class Dialect:
    """How a text table is cut into cells."""

    separator: str
    quoted: bool = True  # a cell may stand in quotation marks
    header: bool = True

    def sample(self, text: str) -> list[list[str]]:
        """Cut the beginning of a file, leniently; blank lines are skipped."""
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=self.separator, quoting=self.quoting)
        try:
            return [row for row in rows if row]
        except csv.Error:
            return []

    @property
    def quoting(self) -> Any:
        """The constant of the csv module."""
        return csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE


def find_dialect(beginning: str, name: str) -> Dialect:
    """Choose the separator under which most records are as wide as the first one."""
    usual = "\t" if name.lower().endswith((".tsv", ".tab")) else ","
    order = sorted(SEPARATORS, key=lambda separator: separator != usual)
    separator = max(order, key=lambda separator: evenness(Dialect(separator).sample(beginning)))
    quoted, bare = Dialect(separator), Dialect(separator, quoted=False)
    if separator == "\t":  # many tab files never quote: a mark that begins a cell must then not swallow lines
        joined, lines = quoted.sample(beginning), bare.sample(beginning)
        if (evenness(lines) == 1 and len(lines) > len(joined)) or evenness(lines) > evenness(joined):
            quoted = bare
    return Dialect(separator, quoted.quoted, looks_like_header(quoted.sample(beginning)))


def evenness(rows: list[list[str]]) -> float:
    """Share of the records that are as wide as the first one; 0 if that is a single cell."""
    if not rows or len(rows[0]) < 2:
        return 0.0
    return sum(len(row) == len(rows[0]) for row in rows) / len(rows)


def looks_like_header(rows: list[list[str]]) -> bool:
    """Whether the first record names columns: no number, no long text, and no value that its column repeats."""
    if not rows or any(cell.strip().casefold() in HEADER_NAMES for cell in rows[0]):
        return True
    for k, cell in enumerate(rows[0]):
        column = [row[k] for row in rows[1:] if len(row) > k]
        if is_number(cell) or len(cell) > 80 or (cell.strip() and column.count(cell) > 1):
            return False
    return True


def is_number(cell: str) -> bool:
    """Whether a cell is written as a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def csv_records(lines: Iterable[str], dialect: Dialect, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line where each record starts, and its cells; broken quoting is refused with that line."""
    if csv.field_size_limit() < 1 << 28:  # raised for the process and never lowered: other readers may be open
        csv.field_size_limit(1 << 28)
    reader = csv.reader(lines, delimiter=dialect.separator, quoting=dialect.quoting, strict=True)
    start = 1
    try:
        for cells in reader:
            if cells:
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        problem = "is never closed" if "end of data" in str(error) else f"is broken ({error})"
        raise InputError(
            f"{name}: the quoting of the record that starts at line {start} {problem}; a quotation mark inside a "
            f'quoted cell is written twice ("")'
        ) from None


def column_names(cells: list[str], dialect: Dialect, name: str) -> list[str]:
    """Return the names of the columns; the same name twice is refused, a missing one is "column 3"."""
    if not dialect.header:
        return [f"column {k + 1}" for k in range(len(cells))]
    names = [cell.strip() or f"column {k + 1}" for k, cell in enumerate(cells)]
    for k, column in enumerate(names):
        if column in names[:k]:
            places = f"{names.index(column) + 1} and {k + 1}"
            raise InputError(f"{name}: the header names {column!r} twice (columns {places}); rename one")
    return names


def csv_chunks(text: Lines, dialect: Dialect, chunk_rows: int) -> Iterator[Table]:
    """Yield tables of at most ``chunk_rows`` rows; rows of another width than the header are in ``dropped``."""
    records = csv_records(text.lines, dialect, text.name)
    first = next(records, None)
    if first is None:
        raise InputError(f"{text.name} is empty")
    names = column_names(first[1], dialect, text.name)
    if not dialect.header:
        records = chain([first], records)
    notes = csv_notes(text, dialect)
    good: list[list[str]] = []
    numbers: list[int] = []
    bad: list[BadRow] = []
    for line, cells in records:
        if len(cells) == len(names):
            good.append(cells)
            numbers.append(line)
        else:
            count = f"{len(cells)} cell{'s' * (len(cells) != 1)} where the header has {len(names)}"
            bad.append(BadRow(line, count, dialect.separator.join(cells)))
        if len(good) + len(bad) == chunk_rows:
            yield _table(names, good, numbers, text.name, notes, bad)
            good, numbers, bad = [], [], []
    if good or bad:
        yield _table(names, good, numbers, text.name, notes, bad)


def _table(
    names: list[str], rows: list[list[str]], numbers: list[int], source: str, notes: tuple[str, ...], bad: list[BadRow]
) -> Table:
    cells = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in names]
    return Table(dict(zip(names, cells, strict=True)), source, numbers, notes, tuple(bad), "line")


def csv_notes(text: Lines, dialect: Dialect) -> tuple[str, ...]:
    """Say what was inferred, where it is not what one expects."""
    notes = [text.note] if text.note else []
    expected = "\t" if text.name.lower().endswith((".tsv", ".tab")) else ","
    if dialect.separator != expected:
        notes.append(f"the cells of {text.name} are separated by {SEPARATORS[dialect.separator]}")
    if not dialect.quoted:
        notes.append(f"quotation marks in {text.name} are taken as part of the text, because they enclose no cells")
    if not dialect.header:
        notes.append(f"{text.name} has no header; its columns are called 'column 1', 'column 2', ...")
    return tuple(notes)


class Written(float):
    """A number of a JSON file that remembers how it was written: 1.10 is not 1.1 when it is a label."""

    text: str

    def __new__(cls, text: str) -> Written:
        number = super().__new__(cls, text)
        number.text = text
        return number


def read_json_line(line: str) -> dict[str, str] | str:
    """Return the cells of one JSON object as text, or what is wrong with the line."""
    try:
        value = json.loads(line.strip(), parse_float=Written, parse_constant=lambda name: None)
    except json.JSONDecodeError as error:
        return f"is not JSON ({error.msg} at character {error.pos + 1})"
    except ValueError:
        return "holds a number of too many digits"
    except RecursionError:
        return "is nested too deeply"
    if not isinstance(value, dict):
        return f"is a JSON {type(value).__name__}, not an object"
    cells = {key: json_text(cell) for key, cell in value.items()}
    if "\\ud" in line.lower() and any("\ud800" <= c <= "\udfff" for cell in cells.values() for c in cell):
        return "holds half of a surrogate pair, which is no character"
    return cells


def json_text(cell: Any) -> str:
    """Return a JSON value as a cell: text as it is, null as "", lists and objects as JSON."""
    if isinstance(cell, str):
        return cell
    if cell is None:
        return ""
    return cell.text if isinstance(cell, Written) else json.dumps(cell, ensure_ascii=False)


def jsonl_chunks(text: Lines, chunk_rows: int) -> Iterator[Table]:
    """Yield tables of at most ``chunk_rows`` rows; a key that is absent gives ""; bad lines are in ``dropped``."""
    if text.beginning.lstrip("\ufeff \r\n\t").startswith("["):
        raise InputError(f"{text.name} holds one JSON list; write one object a line (.jsonl)")
    good: list[tuple[int, dict[str, str]]] = []
    bad: list[BadRow] = []
    names: dict[str, None] = {}
    for number, line in enumerate(text.lines, 1):
        if not line.strip():
            continue
        cells = read_json_line(line)
        if isinstance(cells, str):
            if not names:
                raise InputError(
                    f"{text.name}: line {number} {cells}: {short(line)}; JSON lines hold one object a line"
                )
            bad.append(BadRow(number, cells, line.rstrip("\r\n")))
        else:
            names.update(dict.fromkeys(cells))
            good.append((number, cells))
        if len(good) + len(bad) == chunk_rows:
            yield _json_table(names, good, bad, text)
            good, bad = [], []
    if good or bad:
        yield _json_table(names, good, bad, text)


def _json_table(
    names: dict[str, None], rows: list[tuple[int, dict[str, str]]], bad: list[BadRow], text: Lines
) -> Table:
    columns = {name: [cells.get(name, "") for _, cells in rows] for name in names}
    notes = (text.note,) if text.note else ()
    return Table(columns, text.name, [number for number, _ in rows], notes, tuple(bad), "line")


def text_chunks(text: Lines, chunk_rows: int) -> Iterator[Table]:
    """Yield the tables of a text file by its content; refuse what is not what its name says."""
    beginning = text.beginning.lstrip("\ufeff \r\n\t")
    ending = text.name.lower().rpartition(".")[2]
    json_named = ending in ("jsonl", "ndjson", "json")
    is_json = beginning.startswith("{") and isinstance(read_json_line(beginning.split("\n", 1)[0]), dict)
    if beginning[:15].lower().startswith(("<!doctype", "<html", "<?xml")):
        raise InputError(f"{text.name} holds HTML or XML, not a table; save it as CSV")
    if is_json and ending in ("csv", "tsv", "tab"):
        raise InputError(f"{text.name} holds JSON, not what its name says; name it .jsonl")
    if json_named or is_json:
        return jsonl_chunks(text, chunk_rows)
    return csv_chunks(text, find_dialect(text.beginning, text.name), chunk_rows)
