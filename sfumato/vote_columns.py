"""Which columns of a table hold votes: what a user writes, in Python or on the command line, checked against the table.

The forms are those of `sfumato.votes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sfumato.errors import InputError
from sfumato.label_name import label_name
from sfumato.rows import Table

Votes = str | Sequence[str] | Mapping[str, str]
Form = list[str] | dict[str, str] | None


def read_option(written: Sequence[str] | None) -> Votes | None:
    """Return what the values of ``--votes`` stand for: annotator columns, rows, a prefix, or ``class=column``."""
    if not written:
        return None
    pairs = [part.partition("=") for part in written]
    if any(equals for _, equals, _ in pairs):
        plain = next((name for name, equals, _ in pairs if not equals), None)
        if plain is not None:
            raise InputError(f"--votes {plain}: write class=column for each class, or plain columns of annotators only")
        return _by_class((name, column.strip()) for name, _, column in pairs)
    return written[0] if len(written) == 1 else list(written)


def form_of(table: Table, votes: Votes | None, count: str | None) -> Form:
    """Return the annotator columns, or class to column of counts, or None where rows are votes."""
    if count is not None and (votes is None or votes == "rows"):
        table.column(count)
        return None
    if count is not None:
        raise InputError("count= (--count) says how many votes a row stands for; it goes with votes='rows' only")
    if votes == "rows":
        return None
    if isinstance(votes, str) and votes.endswith("*"):
        return _prefixed(table, votes.removesuffix("*"))
    if isinstance(votes, Mapping):
        chosen = _by_class((name, str(column)) for name, column in votes.items())
    else:
        names = [votes] if isinstance(votes, str) else [str(name) for name in votes or ()]
        chosen = {name: name for name in names}
        if len(chosen) < len(names):
            raise InputError(f"votes names a column twice: {names}")
    for column in chosen.values():
        table.column(column)
    if isinstance(votes, Mapping):
        return _two_classes(chosen)
    if len(chosen) < 2:
        raise InputError(
            f"votes must name at least two columns of annotators, got {list(chosen)}; it can also be 'rows', "
            "'PREFIX*' or a column of counts for each class"
        )
    return list(chosen)


def _prefixed(table: Table, prefix: str) -> dict[str, str]:
    found = [name for name in table.columns if name.startswith(prefix) and name != prefix]
    chosen = _by_class((name.removeprefix(prefix), name) for name in found)
    if not chosen:
        raise InputError(f"{table.source}: no column is named {prefix}...; there are: {', '.join(table.columns)}")
    return _two_classes(chosen)


def _by_class(pairs: Iterable[tuple[Any, str]]) -> dict[str, str]:
    """Return class to column of counts; no class has two columns and no column two classes, or votes would be lost."""
    chosen: dict[str, tuple[Any, str]] = {}
    for given, column in pairs:
        name = label_name(given).strip()
        other, its = chosen.setdefault(name, (given, column))
        if its != column or other is not given:
            raise InputError(
                f"votes name columns for {other!r} ({its!r}) and for {given!r} ({column!r}), which are one class, "
                f"{name!r}; add up the counts in one column, or rename one class"
            )
    columns = {column: name for name, (_, column) in chosen.items()}
    if len(columns) < len(chosen):
        name, column = next((name, column) for name, (_, column) in chosen.items() if columns[column] != name)
        raise InputError(f"votes name the column {column!r} for two classes, {name!r} and {columns[column]!r}")
    return {name: column for name, (_, column) in chosen.items()}


def _two_classes(chosen: dict[str, str]) -> dict[str, str]:
    if len(chosen) < 2 or "" in chosen:
        raise InputError(f"votes must name a column of counts for two classes or more, got {chosen}")
    return chosen


def has_votes(table: Table, votes: Votes | None, count: str | None) -> bool:
    """Whether a dev or test table has any of the columns that hold the votes of the training table."""
    if count is not None:
        return count in table.columns
    if isinstance(votes, str):
        prefix = votes.removesuffix("*")
        return votes == "rows" or any(name.startswith(prefix) for name in table.columns)
    columns = votes.values() if isinstance(votes, Mapping) else votes or ()
    return any(column in table.columns for column in columns)
