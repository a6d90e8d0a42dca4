"""Tables that are not text files: Parquet, data frames, data sets of the hub's library, and plain lists."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from numbers import Number
from pathlib import Path
from typing import Any

from sfumato.errors import InputError
from sfumato.label_name import find_clash
from sfumato.rows import BadRow, Table

FORMS = (
    "a path, a pandas, polars or pyarrow frame, a datasets.Dataset, a dict of lists, or a list of (text, label) pairs"
)


def as_text(value: Any) -> str:
    """Return one value as a cell: absent values are "", true is "true", lists and dicts are JSON.

    Bytes are read as UTF-8; where they are none, the cell says how many there are.
    """
    if isinstance(value, str):
        return value
    if value is None or value is False or value is True:
        return {None: "", False: "false", True: "true"}[value]
    if isinstance(value, float):
        return "" if math.isnan(value) else str(value)
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    if isinstance(value, set | frozenset):
        return as_text(sorted(value, key=str))
    if getattr(value, "ndim", 0):  # an array, of which one cannot ask whether it equals itself
        return as_text(value.tolist())
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>" if _no_text(value) else value.decode("utf-8")
    if value != value or str(value) in ("NaT", "<NA>"):  # pandas' own absent values
        return ""
    plain = value.tolist() if hasattr(value, "tolist") else None  # numpy scalars and arrays
    return str(value) if plain is None or type(plain) is type(value) else as_text(plain)


def _plain(value: Any) -> Any:
    """Return what JSON can hold of a value inside a list: NumPy's numbers are numbers, anything else is text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _no_text(value: Any) -> bool:
    if not isinstance(value, bytes):
        return False
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def first_bytes(values: Sequence[Any]) -> int | None:
    """Return where the first bytes are that are no text, None if there are none."""
    return next((k for k, value in enumerate(values) if _no_text(value)), None)


def column_as_text(values: Sequence[Any]) -> list[str]:
    """Return a column as text; whole floats beside absent values are written as integers.

    A frame turns an integer column with a gap into floats: 7 would otherwise become the label "7.0".
    """
    cells = [as_text(value) for value in values]
    floats = [value for value in values if isinstance(value, float) and not math.isnan(value)]
    if floats and len(floats) < len(cells) and all(value.is_integer() for value in floats):
        return [cell.removesuffix(".0") for cell in cells]
    return cells


def from_columns(columns: Mapping[str, Sequence[Any]], source: str, *, first_row: int = 1) -> Table:
    """Build a table from a dict of lists of equal length, its rows numbered from ``first_row``."""
    sizes = {str(name): len(values) for name, values in columns.items()}
    if len(set(sizes.values())) > 1:
        raise InputError(f"{source}: the columns must be equally long, got {sizes}")
    columns = {str(name): list(values) for name, values in columns.items()}
    cells = {name: column_as_text(values) for name, values in columns.items()}
    found = {name: first_bytes(values) for name, values in columns.items()}
    binary = {name: first_row + at for name, at in found.items() if at is not None}
    notes = tuple(f"column {name!r} holds bytes that are no text; only their number is kept" for name in binary)
    size = next(iter(sizes.values()), 0)
    rows = list(range(first_row, first_row + size))
    numbers = frozenset(name for name, values in columns.items() if _all_numbers(values))
    return Table(cells, source, rows, notes, binary=binary, clashes=clashing(columns, cells), numbers=numbers)


def _all_numbers(values: Sequence[Any]) -> bool:
    kinds = {*map(type, values)} - {type(None)}
    return bool(kinds) and all(issubclass(kind, Number) or kind.__name__ in ("bool", "bool_") for kind in kinds)


def clashing(columns: Mapping[str, Sequence[Any]], cells: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the columns where values of different kinds became the same text, with a sentence that names two."""
    mixed = [name for name, values in columns.items() if len({*map(type, values)} - {type(None)}) > 1]
    found = {name: find_clash(columns[name], cells[name], blanks=False) for name in mixed}
    return {name: clash for name, clash in found.items() if clash}


def from_frame(data: Any) -> Table:
    """Build a table from any eager frame that narwhals knows.

    Raises
    ------
    TypeError
        if ``data`` is no frame
    """
    import narwhals as nw

    frame = nw.from_native(data, eager_only=True)
    names = [str(name) for name in frame.columns]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"data frame: the column {name!r} is there {names.count(name)} times; rename one")
    return from_columns({name: frame[name].to_list() for name in frame.columns}, "data frame")


def from_dataset(data: Any) -> Table:
    """Build a table from a `datasets.Dataset`; class ids become the names that its features give them."""
    if hasattr(data, "keys"):
        raise InputError(f"this is a DatasetDict; give one split of it: {', '.join(map(repr, data.keys()))}")
    columns: dict[str, list[Any]] = {}
    notes = []
    for name in data.column_names:
        values = list(data[name])
        feature = data.features[name]
        names = getattr(getattr(feature, "feature", feature), "names", None)  # of a list, those of its entries
        if names:
            values = [_class_names(value, names) for value in values]
            notes.append(f"the numbers of column {name!r} are written as the data set names them: {', '.join(names)}")
        columns[name] = values
    table = from_columns(columns, "data set")
    return replace(table, notes=(*notes, *table.notes))


def _class_names(value: Any, names: Sequence[str]) -> Any:
    """Return the name of a class id, or of each in a list; None for an id that is absent."""
    if isinstance(value, list):
        return [_class_names(each, names) for each in value]
    return None if value is None or value < 0 else names[value]


def from_list(data: Sequence[Any]) -> Table:
    """Build a table from (text, label) pairs, dicts or texts, or from a pair of lists (texts, labels)."""
    if isinstance(data, tuple) and len(data) == 2 and all(_is_column(part) for part in data):
        labels = data[1]
        if getattr(labels, "shape", ())[1:] == (1,):  # one label a row, in a column of its own
            labels = labels.ravel()
        return from_columns({"text": data[0], "label": labels}, "lists")
    if all(isinstance(row, Mapping) for row in data):
        names = dict.fromkeys(str(name) for row in data for name in row)
        return from_columns({name: [row.get(name) for row in data] for name in names}, "list")
    if all(isinstance(row, str) for row in data):
        return from_columns({"text": data}, "list")
    width = len(data[0]) if isinstance(data[0], list | tuple) else 0
    bad = [
        BadRow(k, f"is not a pair (text, label), got {type(row).__name__}", repr(row))
        for k, row in enumerate(data, 1)
        if not isinstance(row, list | tuple) or len(row) != 2
    ]
    good = [(k, row) for k, row in enumerate(data, 1) if isinstance(row, list | tuple) and len(row) == 2]
    if width != 2 or not good:
        raise InputError(f"a list must hold (text, label) pairs or dicts, got {data[0]!r} first; allowed: {FORMS}")
    table = from_columns({name: [row[k] for _, row in good] for k, name in enumerate(("text", "label"))}, "list")
    numbers = [k for k, _ in good]
    binary = {name: numbers[row - 1] for name, row in table.binary.items()}
    return replace(table, rows=numbers, dropped=tuple(bad), binary=binary)


def _is_column(part: Any) -> bool:
    return not isinstance(part, str | Mapping) and hasattr(part, "__len__") and hasattr(part, "__getitem__")


def from_object(data: Any) -> Table:
    """Build a table from anything but a path.

    Raises
    ------
    InputError
        if it is none of the allowed forms, or holds no row
    """
    if type(data).__module__.split(".")[0] == "datasets":
        table = from_dataset(data)
    elif isinstance(data, Mapping):
        table = from_columns(data, "dict")
    elif isinstance(data, list | tuple):
        table = from_list(data) if data else Table({}, "list", [])
    else:
        try:
            table = from_frame(data)
        except TypeError:
            raise InputError(f"data must be {FORMS}; got {type(data).__name__}") from None
    if not len(table) and not table.dropped:
        raise InputError(f"the {table.source} has no rows")
    return table


def parquet_chunks(path: str, chunk_rows: int) -> Iterator[Table]:
    """Yield a Parquet file as tables of at most ``chunk_rows`` rows, holding a part of it in memory at a time."""
    import polars as pl

    with Path(path).open("rb") as file:
        if file.read(4) != b"PAR1":
            raise InputError(f"{path} is named .parquet but holds something else; name it after what it is")
    try:
        scan = pl.scan_parquet(path)
        total = int(scan.select(pl.len()).collect().item())
        part = max(chunk_rows, 50_000)
        for start in range(0, total, part):
            frame = scan.slice(start, part).collect()
            table = from_columns(frame.to_dict(as_series=False), path, first_row=start + 1)
            for at in range(0, len(table), chunk_rows):
                columns = {name: cells[at : at + chunk_rows] for name, cells in table.columns.items()}
                yield replace(table, columns=columns, rows=table.rows[at : at + chunk_rows])
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path} is not a whole Parquet file ({str(error).splitlines()[0]}); write it again") from None
    if not total:
        raise InputError(f"{path} has columns ({', '.join(scan.collect_schema().names())}) and no rows")
