"""The votes of several annotators, in the forms that tables hold them in: counted to one row a text.

============================  ==========================================================================
``votes=["ann1", "ann2"]``    annotator columns: each cell is a label, or empty where there was no vote
``votes="rows"``              rows of equal text are votes for it; ``count="n"`` names a column that says how many
``votes={"spam": "n_spam"}``  a column of counts for each class
``votes="votes_*"``           the same, for every column so named: the rest of its name is the class
============================  ==========================================================================

C classes, N rows of the table, T texts that have votes (T = N but for ``"rows"``).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sfumato.columns import describe_labels, guess_columns, refuse_labels
from sfumato.errors import InputError
from sfumato.rows import BadRow, Table, check_bad_rows, describe_bad_rows, refuse_bad_rows
from sfumato.targets import Floats, Integers
from sfumato.vote_columns import Form, Votes, form_of
from sfumato.vote_labels import check_annotators, check_kinds

MAJORITY = "majority of the votes"  # the label column that is made where none is named


@dataclass(frozen=True, eq=False)
class Counted:
    """A table with one row a text, and the votes for each.

    Attributes
    ----------
    table : T rows, with the column ``label``; rows that could not be used are in its ``dropped``
    label : the column of the hard label: the one that the user named beside votes, else `MAJORITY`
    named : the label column of the user's own table, "" if there is none
    counts : (T, C) float32, votes of each class
    classes : C names, sorted
    rows : (T,) where each row, or the first row of its text, stands in the table that was given, from 0
    merged : rows that are further votes for the text of another row
    notes : sentences for the user
    """

    table: Table
    text: list[str]
    label: str
    named: str
    counts: Floats
    classes: tuple[str, ...]
    rows: Integers
    merged: int
    notes: list[str]


@dataclass(frozen=True, eq=False)
class _Ballot:
    """Votes before they are added up: for vote k, its row, its class and its weight; and rows that cannot be used."""

    row: list[int]
    name: list[str]
    count: list[float]
    bad: list[BadRow]


def count_votes(
    table: Table,
    votes: Votes | None,
    *,
    count: str | None = None,
    text: Sequence[str] | str | None = None,
    label: Sequence[str] | str | None = None,
    bad_rows: str = "refuse",
) -> Counted:
    """Add up the votes of a table, see the module for their forms.

    A text's hard label is the class with the most votes, of equals the first by name; a ``label`` that is named
    beside columns of votes is used in its place. With ``"rows"``, ``label`` is the column that holds the votes.

    Raises
    ------
    InputError
        an unknown column, one that holds no labels, counts that are no whole numbers of at least 0 or are empty,
        texts without any vote (all named, unless ``bad_rows="drop"``).
    """
    check_bad_rows(bad_rows)
    form = form_of(table, votes, count)
    texts, columns, said = guess_columns(table, text, label, need_label=form is None)
    if not isinstance(columns, str):
        raise InputError(f"votes go with one label column, got {len(columns)}: {', '.join(map(repr, columns[:5]))}")
    named = columns
    check_kinds(table, [*(form if isinstance(form, list) else []), *([named] if named else [])])
    if form is None:
        ballot = _from_rows(table, named, count)
    else:
        ballot = _from_counts(table, form) if isinstance(form, dict) else _from_annotators(table, form, texts)
    if isinstance(form, list):
        said += check_annotators(table, form)
    group, first = _groups(table, texts, merge=form is None)
    pooled = Counter(ballot.name)
    if isinstance(form, dict):
        said.append(f"votes are counted in columns: {', '.join(f'{name} in {of!r}' for name, of in form.items())}")
    if len(pooled) == 1 or not isinstance(form, dict):
        refuse_labels(table.source, named if form is None else "votes", pooled)
    given = [] if form is None or not named else [cell.strip() for cell in table.column(named)]
    classes = tuple(sorted(pooled.keys() | (set(form) if isinstance(form, dict) else set()) | set(filter(None, given))))
    counts = _added(ballot, group, len(first), classes)
    bad = sorted({row.row: row for row in [*_without_votes(table, counts, first, form), *ballot.bad]}.values())
    kept, left_out = _kept(table, counts, first, bad, bad_rows)
    label = "" if form is None else named
    counted = _counted(table, texts, label, counts, classes, first, kept, bad, [*said, *left_out])
    return replace(counted, named=named)


def disagreement(counts: Floats) -> dict[str, float]:
    """Return the mean number of votes of a text, and the share of texts with votes for two classes or more."""
    return {"votes": float(counts.sum(axis=1).mean()), "disagree": float(((counts > 0).sum(axis=1) > 1).mean())}


def _from_annotators(table: Table, columns: list[str], texts: list[str]) -> _Ballot:
    ballot = _Ballot([], [], [], [])
    for column in columns:
        if column in texts:
            raise InputError(f"{table.source}: column {column!r} cannot be both text and votes")
        cells = [cell.strip() for cell in table.column(column)]
        given = Counter(filter(None, cells))
        if len(given) > 1:  # one annotator may use one class only
            refuse_labels(table.source, column, given)
        voted = [k for k, cell in enumerate(cells) if cell]
        ballot.row.extend(voted)
        ballot.name.extend(cells[k] for k in voted)
        ballot.count.extend([1.0] * len(voted))
    return ballot


def _from_counts(table: Table, columns: Mapping[str, str]) -> _Ballot:
    ballot = _Ballot([], [], [], [])
    for name, column in columns.items():
        for k, cell in enumerate(table.column(column)):
            number = _whole(cell)
            if number is None:
                ballot.bad.append(BadRow(table.rows[k], _no_count(column), cell))
            elif number:
                ballot.row.append(k)
                ballot.name.append(name)
                ballot.count.append(number)
    return ballot


def _from_rows(table: Table, label: str, count: str | None) -> _Ballot:
    names = [cell.strip() for cell in table.column(label)]
    cells = ["1"] * len(table) if count is None else table.column(count)
    ballot = _Ballot([], [], [], [])
    for k, (name, cell) in enumerate(zip(names, cells, strict=True)):
        number = _whole(cell)
        if not name or number is None:
            problem = f"the label ({label}) is empty" if not name else _no_count(str(count))
            ballot.bad.append(BadRow(table.rows[k], problem, cell if name else ""))
        elif number:
            ballot.row.append(k)
            ballot.name.append(name)
            ballot.count.append(number)
    return ballot


def _no_count(column: str) -> str:
    return f"the count ({column}) is not a whole number of at least 0"


def _whole(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 and number % 1 == 0 else None


def _groups(table: Table, texts: list[str], *, merge: bool) -> tuple[Integers, Integers]:
    """Return the text that each row belongs to, (N,), and the first row of each text, (T,)."""
    if not merge:
        every = np.arange(len(table), dtype=np.int64)
        return every, every
    place: dict[str, int] = {}
    group = np.array([place.setdefault(cell, len(place)) for cell in table.joined(texts)], dtype=np.int64)
    return group, np.unique(group, return_index=True)[1].astype(np.int64)


def _added(ballot: _Ballot, group: Integers, texts: int, classes: tuple[str, ...]) -> Floats:
    position = {name: k for k, name in enumerate(classes)}
    counts = np.zeros((texts, len(classes)))
    rows = group[np.array(ballot.row, dtype=np.int64)]
    columns = np.array([position[name] for name in ballot.name], dtype=np.int64)
    np.add.at(counts, (rows, columns), ballot.count)
    return counts.astype(np.float32)


def _without_votes(table: Table, counts: Floats, first: Integers, form: Form) -> list[BadRow]:
    columns = "" if form is None else f" in {', '.join(form.values() if isinstance(form, dict) else form)}"
    rows = [table.rows[k] for k in first[counts.sum(axis=1) == 0]]
    return [BadRow(row, f"has no vote{columns}", "") for row in rows]


def _kept(
    table: Table, counts: Floats, first: Integers, bad: list[BadRow], bad_rows: str
) -> tuple[NDArray[np.bool_], list[str]]:
    """Return which texts stay, (T,): those without votes are refused, or left out; and what is said of it."""
    if bad and bad_rows == "refuse":
        raise refuse_bad_rows(table.source, bad, table.unit)
    kept = counts.sum(axis=1) > 0
    if len(first) == len(table):  # a row with one wrong count is no row to learn from
        wrong = {each.row for each in bad}
        kept &= np.array([table.rows[k] not in wrong for k in first])
    if not kept.any():
        raise InputError(f"{table.source}: no {table.unit} can be used\n{describe_bad_rows(bad, table.unit)}")
    said = f"{len(bad)} of {len(table)} rows left out:\n{describe_bad_rows(bad, table.unit)}"
    return kept, [said] if bad else []


def _counted(
    table: Table,
    texts: list[str],
    label: str,
    counts: Floats,
    classes: tuple[str, ...],
    first: Integers,
    kept: NDArray[np.bool_],
    bad: list[BadRow],
    notes: list[str],
) -> Counted:
    counts, rows = counts[kept], first[kept]
    reduced = table.take(rows)
    most = [classes[k] for k in counts.argmax(axis=1)]  # of equals the first
    ties = int(((counts == counts.max(axis=1, keepdims=True)).sum(axis=1) > 1).sum())
    labels = [cell.strip() for cell in reduced.column(label)] if label else most
    other = sum(given not in ("", majority) for given, majority in zip(labels, most, strict=True))
    if other:
        notes = [*notes, f"the label in {label!r} is not the majority of the votes in {other} of {len(rows)} rows"]
    elif ties and not label:
        tied = f"{ties} of {len(rows)} texts have as many votes for two classes or more"
        notes = [*notes, f"{tied}; the first of these classes by name is taken as the hard label"]
    notes = [*notes, *describe_labels(Counter(filter(None, labels)), label or MAJORITY)]
    reduced = replace(reduced, columns={**reduced.columns, MAJORITY: most}, dropped=(*table.dropped, *bad))
    return Counted(reduced, texts, label or MAJORITY, label, counts, classes, rows, len(table) - len(first), notes)
