"""A table from wherever the user has it: a file, standard input, a data frame, a data set, a list.

Every cell is read as text. Rows that cannot be read are refused together, each with its number, or left out and
counted when the user says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sfumato.charset import open_lines
from sfumato.columns import guess_columns as guess_columns
from sfumato.columns import to_examples as to_examples
from sfumato.errors import InputError
from sfumato.read_frame import from_object, parquet_chunks
from sfumato.read_text import text_chunks
from sfumato.rows import BadRow as BadRow
from sfumato.rows import Table as Table
from sfumato.rows import check_bad_rows, describe_bad_rows, join_tables, refuse_bad_rows

__all__ = ["BadRow", "Table", "guess_columns", "read_table", "stream_table", "to_examples"]


def read_table(data: Any, *, bad_rows: str = "refuse", encoding: str | None = None) -> Table:
    """Read a whole table.

    Parameters
    ----------
    data : path ("-" is standard input), frame, `datasets.Dataset`, dict of lists, list of pairs or of dicts
    bad_rows : "refuse", or "drop" rows that have the wrong number of cells
    encoding : of a text file, if it is neither UTF-8 nor marked

    Raises
    ------
    InputError
        names the file, the row and the value that cannot be used
    """
    check_bad_rows(bad_rows)
    if isinstance(data, Table):
        return data
    if isinstance(data, str | os.PathLike):
        table = join_tables(_file_chunks(os.fspath(data), 1000, encoding))
    else:
        table = from_object(data)
    return _without_bad_rows(table, bad_rows, len(table))


def stream_table(
    path: str | os.PathLike[str], *, chunk_rows: int = 2000, bad_rows: str = "refuse", encoding: str | None = None
) -> Iterator[Table]:
    """Yield a file, or standard input for "-", in tables of at most ``chunk_rows`` rows with the same columns.

    Raises
    ------
    InputError
        as `read_table`, when the chunk that holds the fault is reached
    """
    check_bad_rows(bad_rows)
    names: list[str] | None = None
    seen = 0
    for chunk in _file_chunks(os.fspath(path), chunk_rows, encoding):
        names = names or list(chunk.columns)
        late = [name for name in chunk.columns if name not in names]
        if late:
            raise InputError(
                f"{chunk.source}: the key {late[0]!r} appears after {chunk.unit} {chunk.rows[0]} only; "
                f"give every row the same keys, which are so far: {', '.join(names)}"
            )
        seen += len(chunk)
        yield _without_bad_rows(chunk, bad_rows, seen)


def _without_bad_rows(table: Table, bad_rows: str, good: int) -> Table:
    bad = table.dropped
    if not bad:
        return table
    if bad_rows == "refuse":
        raise refuse_bad_rows(table.source, bad, table.unit)
    if not good:
        raise InputError(f"{table.source}: no {table.unit} can be used\n{describe_bad_rows(bad, table.unit)}")
    said = f"{len(bad)} of {len(table) + len(bad)} rows left out:\n{describe_bad_rows(bad, table.unit)}"
    return replace(table, notes=(*table.notes, said))


def _file_chunks(path: str, chunk_rows: int, encoding: str | None) -> Iterator[Table]:
    if path != "-":
        _check_file(path)
    if path.lower().endswith((".parquet", ".pq")):
        return parquet_chunks(path, chunk_rows)
    return _with_rows(text_chunks(open_lines(path, encoding), chunk_rows), path)


def _with_rows(chunks: Iterator[Table], path: str) -> Iterator[Table]:
    name = "standard input" if path == "-" else path
    empty = True
    for chunk in chunks:
        empty = False
        yield chunk
    if empty:
        raise InputError(f"{name} has a header and no rows")


def _check_file(path: str) -> None:
    file = Path(path)
    if file.is_dir():
        raise InputError(f"{path} is a folder; give a file: .csv, .tsv, .jsonl or .parquet")
    if not file.exists():
        raise InputError(f"there is no file {path}{_nearest_file(file)}")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} may not be read by this user; change its permissions")


def _nearest_file(file: Path) -> str:
    if not file.parent.is_dir():
        return f"; there is no folder {file.parent} either"
    close = get_close_matches(file.name, [entry.name for entry in file.parent.iterdir()], n=1, cutoff=0.6)
    return f" (did you mean {str(file.parent / close[0])!r}?)" if close else ""
