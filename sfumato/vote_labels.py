"""Whether the columns that several annotators filled hold labels of one kind, written one way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sfumato.errors import InputError
from sfumato.rows import Table

SHARED = 0.1  # of an annotator's votes are for classes of the others, or a note says so
ENOUGH = 20  # votes that none of the others shares are no accident


def check_kinds(table: Table, columns: Sequence[str]) -> None:
    """Refuse columns whose labels would become one class, or two, by kind alone: 1 beside "1", or 1 beside 1.0."""
    seen: dict[str, str] = {}  # a label as text -> the column that has it
    written: dict[float, str] = {}
    for column in columns:
        if column in table.clashes:
            raise InputError(f"{table.source}: column {column!r}: {table.clashes[column]}")
        for cell in sorted({cell.strip() for cell in table.column(column)} - {""}):
            other = seen.setdefault(cell, column)
            if (other in table.numbers) != (column in table.numbers):
                number, text = (other, column) if other in table.numbers else (column, other)
                raise InputError(
                    f"{table.source}: {cell} is a number in column {number!r} and a text in column {text!r}; "
                    "write the labels of all votes the same way"
                )
            value = _value(cell) if column in table.numbers else None
            if value is not None and written.setdefault(value, cell) != cell:
                raise InputError(
                    f"{table.source}: {cell} in column {column!r} is {written[value]} in column "
                    f"{seen[written[value]]!r}; write the labels of all votes the same way"
                )


def _value(cell: str) -> float | None:
    try:
        return {"true": 1.0, "false": 0.0}.get(cell) if cell in ("true", "false") else float(cell)
    except ValueError:
        return None


def check_annotators(table: Table, columns: Sequence[str]) -> list[str]:
    """Say which annotator hardly uses a class that another one uses; a column with none at all is refused.

    One annotator's labels and another one's ages would be added up to votes otherwise.
    """
    given = {name: Counter(filter(None, map(str.strip, table.column(name)))) for name in columns}
    notes = []
    for name, counts in given.items():
        others = set().union(*(other for column, other in given.items() if column != name))
        shared, total = sum(counts[label] for label in counts if label in others), counts.total()
        rest = ", ".join(repr(column) for column in columns if column != name)
        held = f"{', '.join(map(repr, sorted(counts)[:4]))}{', ...' if len(counts) > 4 else ''}"
        if not shared and total >= ENOUGH and len(counts) > 1 and others:
            raise InputError(
                f"{table.source}: column {name!r} holds no class that {rest} holds, but {held}; name columns that "
                "hold votes for the same classes"
            )
        if total and others and shared < SHARED * total:
            notes.append(f"only {shared} of {total} votes in column {name!r} ({held}) are for classes that {rest} hold")
    labels = set().union(*given.values())
    if "0" in labels and len(labels) > 2 and all(map(str.isdecimal, labels)):
        notes.append(
            f"the numbers in {', '.join(map(repr, columns))} are read as the labels that annotators chose, not as "
            f"counts of votes; a column of counts is named with its class, as --votes CLASS={columns[0]}"
        )
    return notes
