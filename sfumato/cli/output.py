"""What a command prints: results to standard output, notes to standard error, tables plain when piped."""

import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

# Control characters but tab and line break, and those that turn the direction of writing; compiled when first met.
UNSEEN = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"


def note(message: str) -> None:
    """Print progress or a remark to standard error."""
    typer.echo(visible(message), err=True)


def say(message: str = "") -> None:
    """Print a line of the result to standard output."""
    typer.echo(visible(message))


def visible(text: str) -> str:
    """Write control and direction characters, which a user's table may hold and a terminal would obey, as codes."""
    if text.isprintable():
        return text
    return re.sub(UNSEEN, lambda found: f"\\x{ord(found[0]):02x}", text)


def say_json(document: str) -> None:
    """Print finished JSON; what a terminal would obey becomes an escape that JSON reads back as it was."""
    typer.echo(re.sub(UNSEEN, lambda found: f"\\u{ord(found[0]):04x}", document))


def print_json(value: Any) -> None:
    """Print one JSON document; numpy values become plain ones, NaN and infinity become null."""
    import json

    say_json(json.dumps(plain(value), ensure_ascii=False, indent=2))


def plain(value: Any) -> Any:
    """Return ``value`` built from what JSON knows."""
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def print_table(header: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "") -> None:
    """Print a table: drawn by rich on a terminal, aligned plain text elsewhere. Numbers stand on the right."""
    cells = [[written(cell) for cell in row] for row in rows]
    right = [all(isinstance(row[k], int | float) for row in rows) and bool(rows) for k in range(len(header))]
    if sys.stdout.isatty():
        draw(header, cells, right, title)
        return
    if title:
        say(title)
    for line in aligned([list(header), *cells], right):
        say(line)


def written(cell: Any) -> str:
    """Return a cell as text: four decimals for a share, a dash for none, line breaks as blanks."""
    if isinstance(cell, float) and math.isnan(cell):
        return "–"
    if isinstance(cell, float):
        return f"{cell:.4f}"
    return visible(" ".join(str(cell).split()))


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """Pad the cells of every column to one width, counting wide characters as two."""
    from rich.cells import cell_len

    widths = [max(cell_len(row[k]) for row in rows) for k in range(len(right))]

    def pad(cell: str, k: int) -> str:
        blanks = " " * (widths[k] - cell_len(cell))
        return blanks + cell if right[k] else cell + blanks

    return ["  ".join(pad(cell, k) for k, cell in enumerate(row)).rstrip() for row in rows]


def draw(header: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[bool], title: str) -> None:
    """Draw a table on a terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, title=Text(title) if title else None, title_justify="left")
    for name, numeric in zip(header, right, strict=True):
        table.add_column(Text(name), justify="right" if numeric else "left")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))  # Text: square brackets of a label are no markup
    Console().print(table)


def shortened(text: str, width: int = 60) -> str:
    """Return ``text`` on one line, cut to ``width`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def counted(number: int, noun: str) -> str:
    """Return "1 row" or "1,234 rows"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def quoted(path: str | Path) -> str:
    """Return a path as it can be pasted into a shell."""
    from shlex import quote

    return quote(str(path))
