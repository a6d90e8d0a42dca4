"""Reads soft labels back from a table, as `sfumato soften` writes it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sfumato.errors import InputError

if TYPE_CHECKING:
    from sfumato.table import Table
    from sfumato.targets import Floats

COLUMN = "soft_labels"
PREFIX = "p_"


class SoftFile(NamedTuple):
    """Soft labels of a file, (N, C), and the class order if the file says it."""

    targets: "Floats"
    classes: tuple[str, ...] | None


def read_soft_file(path: Path, *, multilabel: bool = False) -> SoftFile:
    """Return the soft labels in the column soft_labels, or in one column p_<class> a class.

    With ``multilabel``, each entry is a probability of its own, and a row need not sum to 1.

    Raises
    ------
    InputError
        if the table has neither, or a cell is not a list of numbers of the same length as the others.
    """
    from sfumato.table import read_table

    table = read_table(path)
    if COLUMN in table.columns:
        return SoftFile(as_array(table, [parsed(table, k) for k in range(len(table))], multilabel), classes_of(path))
    names = [name for name in table.columns if name.startswith(PREFIX)]
    if not names:
        raise InputError(
            f"{path} has no column {COLUMN!r} and no columns {PREFIX}<class>; `sfumato soften -o` writes such a table"
        )
    rows = list(zip(*(table.column(name) for name in names), strict=True))
    return SoftFile(as_array(table, rows, multilabel), tuple(name.removeprefix(PREFIX) for name in names))


def parsed(table: "Table", k: int) -> Any:
    """Return one cell of soft_labels as a list."""
    import json  # here and below: `sfumato --help` reads this file too

    cell = table.columns[COLUMN][k]
    try:
        value = json.loads(cell)
    except json.JSONDecodeError:
        value = None
    if not isinstance(value, list):
        raise InputError(
            f"{table.source}: {table.unit} {table.rows[k]}: {COLUMN} must be a list of shares, got {cell!r}"
        )
    return value


def as_array(table: "Table", rows: list[Any], multilabel: bool) -> "Floats":
    """Return the rows as an array (N, C), naming the first that is not C numbers or not a distribution."""
    import numpy as np

    from sfumato.targets import check_label_probabilities, check_soft_targets

    array = np.empty((len(rows), len(rows[0])), dtype=np.float32)
    for k, row in enumerate(rows):
        try:
            array[k] = np.asarray(row, dtype=np.float32)
            fits = len(row) == array.shape[1]
        except (TypeError, ValueError):
            fits = False
        if not fits:
            shown = ", ".join(map(str, row))[:80]
            raise InputError(
                f"{table.source}: {table.unit} {table.rows[k]}: expected {array.shape[1]} numbers, got {shown}"
            )
    check = check_label_probabilities if multilabel else check_soft_targets
    return check(array, *array.shape, place=lambda row: f"{table.source}: {table.unit} {table.rows[row - 1]}")


def classes_of(path: Path) -> tuple[str, ...] | None:
    """Return the class order in the metadata of a Parquet file, if it is there."""
    if path.suffix.lower() not in {".parquet", ".pq"}:
        return None
    import json

    import polars

    written = polars.read_parquet_metadata(path).get("classes")
    return None if written is None else tuple(json.loads(written))
