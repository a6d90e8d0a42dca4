"""The rows of a table that can be used: with a text, readable labels, and a weight where one is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sfumato.errors import InputError
from sfumato.rows import BadRow, Table, describe_bad_rows, refuse_bad_rows, short


@dataclass(frozen=True)
class UsableRows:
    """Texts and weights of the rows that can be used, where they stand in the table, and those left out."""

    texts: list[str]
    weights: list[float] | None
    index: list[int]
    bad: list[BadRow]


def usable_rows(table: Table, text: list[str], weight: str | None, unlabelled: Mapping[int, BadRow]) -> UsableRows:
    """Return the rows that can be used; ``unlabelled`` are positions of those whose label cannot."""
    texts = table.joined(text)
    weights = None if weight is None else table.column(weight)
    if weights and not any(_weight(cell) is not None for cell in weights):
        raise InputError(
            f"{table.source}: column {weight!r} holds no weights, but {short(weights[0])} in {table.unit} "
            f"{table.rows[0]}; name a column of numbers of at least 0"
        )
    bad, index = [], []
    for k, cell in enumerate(texts):
        if not cell or cell.isspace():
            value = unlabelled[k].value if k in unlabelled else cell
            bad.append(BadRow(table.rows[k], f"the text ({', '.join(text)}) is empty", value))
        elif k in unlabelled:
            bad.append(unlabelled[k])
        elif weights is not None and _weight(weights[k]) is None:
            bad.append(BadRow(table.rows[k], f"the weight ({weight}) is not a number of at least 0", weights[k]))
        else:
            index.append(k)
    kept = None if weights is None else [_weight(weights[k]) or 0.0 for k in index]
    return UsableRows([texts[k] for k in index], kept, index, bad)


def _weight(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def left_out(table: Table, rows: UsableRows, bad_rows: str) -> list[str]:
    """Return a sentence on the rows left out, if any.

    Raises
    ------
    InputError
        if there are any and ``bad_rows`` is "refuse", or if no row is left.
    """
    if rows.bad and bad_rows == "refuse":
        raise refuse_bad_rows(table.source, rows.bad, table.unit)
    if not rows.index:
        raise InputError(f"{table.source}: no {table.unit} can be used\n{describe_bad_rows(rows.bad, table.unit)}")
    if not rows.bad:
        return []
    return [f"{len(rows.bad)} of {len(table)} rows left out:\n{describe_bad_rows(rows.bad, table.unit)}"]
