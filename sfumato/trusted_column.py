"""Trusted rows as a user names them: a column of the table, or a value for each row, that says true or false."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.read_frame import as_text
from sfumato.rows import Table, name_rows, short

VALUES = dict.fromkeys(("true", "yes", "1", "1.0"), True) | dict.fromkeys(("false", "no", "0", "0.0"), False)


def with_trusted(examples: Examples, table: Table, column: str | None, *, merged: int = 0) -> Examples:
    """Return the examples with the rows that ``column`` trusts; None leaves them as they are.

    Raises
    ------
    InputError
        if the column is absent, or a cell of it is none of true, false, 1, 0, yes and no, in any case; or if rows of
        one text were ``merged`` to votes.
    """
    if column is None:
        return examples
    if not isinstance(column, str):
        raise InputError(f"trusted must be the name of a column of {table.source}, got {column!r:.60}")
    if merged:
        raise InputError(f"a text that stands in several rows has no single {column!r}; leave trusted= out with votes")
    cells = table.column(column)
    given = [cells[k] for k in examples.ids]
    rows = [table.rows[k] for k in examples.ids]
    return replace(examples, trusted=read_flags(given, rows, f"{table.source}: column {column!r}", table.unit))


def trusted_values(values: Any, size: int) -> NDArray[np.bool_]:
    """Return which of ``size`` rows are trusted, from a truth value for each.

    Raises
    ------
    InputError
        if there are not so many, or one is no truth value.
    """
    if isinstance(values, str) or not hasattr(values, "__len__") or np.asarray(values, dtype=object).ndim != 1:
        raise InputError(
            f"trusted must be a list of {size} truth values, one a text, got {values!r:.60}; a column of a table is "
            "named with --trusted-column, or with fit(table, trusted=...)"
        )
    if len(values) != size:
        raise InputError(f"trusted must have one value a text ({size}), got {len(values)}")
    return read_flags([as_text(value) for value in values], list(range(1, size + 1)), "trusted", "row")


def read_flags(cells: Sequence[str], rows: Sequence[int], where: str, unit: str) -> NDArray[np.bool_]:
    """Return the cells as truth values, (N,); ``rows`` are their numbers, for the error that names what is none."""
    read = [VALUES.get(cell.strip().lower()) for cell in cells]
    bad = [k for k, value in enumerate(read) if value is None]
    if bad:
        first = short(cells[bad[0]])
        raise InputError(
            f"{where} must hold true or false (or 1 and 0, yes and no), got {first} in "
            f"{name_rows([rows[k] for k in bad], unit)}; write true in the rows whose label was checked, false in the "
            "others"
        )
    return np.array(read, dtype=bool)
