"""Tables written whole or not at all: under a temporary name beside the target, renamed when complete."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from sfumato.errors import InputError
from sfumato.whole_folder import probe

ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")
PART_ROWS = 50_000  # rows of a Parquet file held before they go to disk

Columns = Mapping[str, Any]


def check_output(path: str | os.PathLike[str], overwrite: bool, *, table: bool = False) -> Path:
    """Return the path if it can be written; called before the long work. Of a folder as of a file.

    Raises
    ------
    InputError
        if it exists and ``overwrite`` is not set, if its folder is missing or nothing can be written there, or if a
        ``table`` has no known ending
    """
    target = Path(path)
    if str(target) == "-":
        return target
    if table and target.suffix.lower() not in ENDINGS:
        raise InputError(f"{target}: the ending must say how to write the table: {', '.join(ENDINGS)}")
    if not target.absolute().parent.is_dir():
        raise InputError(f"{target} cannot be written: there is no folder {target.absolute().parent}; make it first")
    if target.is_dir() and table:
        raise InputError(f"{target} is a folder; give the name of a file")
    empty = target.is_dir() and not any(target.iterdir())
    if target.exists() and not empty and not overwrite:
        raise InputError(f"{target} exists; choose another name, or replace it with --overwrite (overwrite=True)")
    probe(target)
    return target


def write_table(
    path: str | os.PathLike[str],
    columns: Columns,
    *,
    metadata: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> None:
    """Write named columns of equal length as CSV, TSV, JSON lines or Parquet, by the ending.

    A 2-D float32 array ``(N, C)`` becomes a column of lists: list<float32> in Parquet, JSON text in CSV and TSV.
    ``metadata`` is kept in Parquet only; the other formats have no place for it.

    Raises
    ------
    InputError
        as `check_output`, or if the columns differ in length
    OSError
        if the disk is full, for one; the target is then as it was
    """
    with TableWriter(path, overwrite=overwrite, metadata=metadata) as writer:
        writer.write(columns)


class TableWriter:
    """Writes a table in chunks; "-" is standard output, as CSV.

    Use it in a ``with`` block: leaving it in order renames the temporary file to the target, leaving it by an
    error removes it. The chunks must have the same columns.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self.path = check_output(path, overwrite, table=True)
        self.overwrite = overwrite
        self.metadata = dict(metadata or {})
        self.names: list[str] | None = None
        self._standard_output = str(self.path) == "-"
        self._format = ".csv" if self._standard_output else self.path.suffix.lower()
        self._temporary = self.path.absolute().parent / f".{self.path.name}.{os.getpid()}.part"
        self._file: IO[bytes] | None = None
        self._parts: _ParquetParts | None = None

    def __enter__(self) -> TableWriter:
        if self._format == ".parquet":
            self._parts = _ParquetParts(self._temporary)
        elif not self._standard_output:
            self._file = self._temporary.open("wb")
        return self

    def write(self, columns: Columns) -> None:
        """Append a chunk: the same names each time, every column with one cell a row."""
        sizes = {name: len(cells) for name, cells in columns.items()}
        if len(set(sizes.values())) > 1:
            raise InputError(f"{self.path}: the columns must be equally long, got {sizes}")
        first = self.names is None
        if self.names is not None and list(columns) != self.names:
            raise InputError(f"{self.path}: every chunk must have the columns {self.names}, got {list(columns)}")
        self.names = list(columns)
        if self._parts is not None:
            self._parts.write(columns)
            return
        self._emit(RENDER[self._format](columns, first))

    def _emit(self, text: str) -> None:
        if self._file is not None:
            self._file.write(text.encode("utf-8"))
        elif hasattr(sys.stdout, "buffer"):
            sys.stdout.buffer.write(text.encode("utf-8"))
            sys.stdout.buffer.flush()
        else:
            sys.stdout.write(text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            if self._file is not None:
                with suppress(OSError):  # a full disk fails again here, after the error that is already on its way
                    self._file.close()
            if self._parts is not None:
                self._parts.remove()
            if not self._standard_output:
                self._temporary.unlink(missing_ok=True)

    def _finish(self) -> None:
        if self._standard_output:
            return
        if self._parts is not None:
            self._parts.join(self._temporary, self.metadata)
        elif self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        check_output(self.path, self.overwrite, table=True)  # somebody may have written it meanwhile
        os.replace(self._temporary, self.path)


@contextmanager
def as_os_error() -> Iterator[None]:
    """Turn polars' own error for a failed write (disk full, file too large) into the OSError it stands for."""
    import polars as pl

    try:
        yield
    except pl.exceptions.PolarsError as error:
        code = re.search(r"os error (\d+)", str(error))
        if code is None:
            raise
        raise OSError(int(code[1]), os.strerror(int(code[1]))) from error


class _ParquetParts:
    """Parquet parts in a hidden folder, joined at the end without reading them all into memory."""

    def __init__(self, target: Path) -> None:
        self._folder = target.with_name(target.name + "s")
        self._folder.mkdir()
        self._held: list[Any] = []
        self._rows = 0
        self._count = 0

    def write(self, columns: Columns) -> None:
        frame = to_polars(columns)
        self._held.append(frame)
        self._rows += frame.height
        if self._rows >= PART_ROWS:
            self._flush()

    def _together(self) -> Any:
        """Return what is held as one frame; a chunk without rows does not know the types of its columns."""
        import polars as pl

        held = [frame for frame in self._held if frame.height] or self._held[:1]
        return pl.concat(held) if held else pl.DataFrame()

    def _flush(self) -> None:
        if self._held:
            with as_os_error():
                self._together().write_parquet(self._folder / f"{self._count:06d}.parquet")
            self._held, self._rows, self._count = [], 0, self._count + 1

    def join(self, target: Path, metadata: dict[str, str]) -> None:
        """Write all chunks as the file ``target``."""
        import polars as pl

        if self._count == 0:
            with as_os_error():
                self._together().write_parquet(target, metadata=metadata)
            return
        self._flush()
        files = [self._folder / f"{k:06d}.parquet" for k in range(self._count)]
        with as_os_error():
            pl.scan_parquet(files).sink_parquet(target, metadata=metadata)

    def remove(self) -> None:
        """Delete the parts."""
        shutil.rmtree(self._folder, ignore_errors=True)


def to_polars(columns: Columns) -> Any:
    """Return a polars frame; a 2-D array becomes a column of lists of its own element type."""
    import polars as pl

    series = []
    for name, cells in columns.items():
        if isinstance(cells, np.ndarray) and cells.ndim == 2:
            lists = pl.Series(name, np.ascontiguousarray(cells))
            series.append(lists.cast(pl.List(lists.dtype.inner)))  # type: ignore[attr-defined]
        elif isinstance(cells, np.ndarray):
            series.append(pl.Series(name, np.ascontiguousarray(cells)))
        else:
            # lists of names; a chunk may hold empty ones alone
            kind = pl.List(pl.String) if len(cells) and all(map(is_name_list, cells)) else None
            series.append(pl.Series(name, list(cells), dtype=kind, strict=True))
    return pl.DataFrame(series)


def is_name_list(cell: Any) -> bool:
    """Whether a cell is a list that holds nothing but text."""
    return isinstance(cell, list) and all(isinstance(name, str) for name in cell)


def plain_cells(cells: Any) -> Sequence[Any]:
    """Return a column as Python values; float32 keeps its shortest form (0.1, not 0.10000000149011612)."""
    if not isinstance(cells, np.ndarray):
        return list(cells)
    if cells.dtype.kind == "f" and cells.dtype.itemsize < 8:
        cells = cells.astype(str).astype(np.float64)
    plain: Sequence[Any] = cells.tolist()
    return plain


def render_separated(columns: Columns, first: bool, *, separator: str) -> str:
    """Return rows as CSV text; the names come before the first chunk."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    if first:
        writer.writerow(columns)
    writer.writerows(zip(*(list(map(_cell, plain_cells(cells))) for cells in columns.values()), strict=True))
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | tuple | dict) else value


def render_json_lines(columns: Columns, first: bool) -> str:
    """Return rows as JSON objects, one a line; NaN is null, because JSON has no NaN."""
    names = list(columns)
    rows: Iterable[tuple[Any, ...]] = zip(*(plain_cells(cells) for cells in columns.values()), strict=True)
    lines = []
    for row in rows:
        cells = {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in zip(names, row)}  # noqa: B905
        lines.append(json.dumps(cells, ensure_ascii=False) + "\n")
    return "".join(lines)


RENDER: dict[str, Callable[[Columns, bool], str]] = {
    ".csv": lambda columns, first: render_separated(columns, first, separator=","),
    ".tsv": lambda columns, first: render_separated(columns, first, separator="\t"),
    ".jsonl": render_json_lines,
}
