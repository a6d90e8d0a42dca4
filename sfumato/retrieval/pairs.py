"""Ready tables: pairs of a question and a sentence that answers it, or questions with lists of candidates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sfumato.errors import InputError
from sfumato.retrieval.assembly import Assembly
from sfumato.retrieval.sentences import on_one_line
from sfumato.retrieval.task import Task
from sfumato.rows import BadRow, Table, refuse_bad_rows


class _Bad(Exception):
    """A row that cannot be used: what is wrong, and the value."""


def build_pairs(table: Table, question: str, sentence: str, bad_rows: str) -> Task:
    """Return the task of a table of pairs, or of lists of candidates; the passage of a pair is the sentence itself.

    Raises
    ------
    InputError
        if the table is of no known kind; names each row with an empty question or sentence, without a right
        candidate, with one that is empty or not there, or with the id of another row
    """
    listed = "candidates" in table.columns
    if not listed and sentence not in table.columns:
        raise InputError(
            f"{table.source}: a table for retrieval has the columns context, question, answers_text and answers_start; "
            f"or {question} and {sentence}; or {question}, candidates and answers (sentence= and question= name "
            f"others). It has: {', '.join(table.columns)}"
        )
    made = Assembly()
    bad: list[BadRow] = []
    add = _add_list if listed else _add_pair
    first: dict[str, tuple[int, Any]] = {}
    for row, name, cells in _rows(table, question, sentence, listed):
        known = first.setdefault(name, (row, cells))
        try:
            if known[0] != row and known[1] != cells:
                raise _Bad(f"the id of row {known[0]} again, with another content", name)
            if known[0] != row:
                made.counts["repeated_rows"] += 1
            else:
                add(made, name, cells)
        except _Bad as error:
            bad.append(BadRow(row, *error.args))
    made.counts.update(rows=len(table), left_out=len(bad))
    if bad and bad_rows == "refuse":
        raise refuse_bad_rows(table.source, bad, table.unit)
    return made.task(table.notes)


def _rows(table: Table, question: str, sentence: str, listed: bool) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    ids = table.columns.get("id") or [str(row) for row in table.rows]
    names = (question, "candidates", "answers") if listed else (question, sentence)
    columns = [table.column(name) for name in names]
    titles = next((table.columns[name] for name in ("title", "article") if name in table.columns), [""] * len(table))
    for row, name, *cells in zip(table.rows, ids, titles, *columns, strict=True):
        yield row, name, tuple(cells)


def _add_pair(made: Assembly, name: str, cells: tuple[str, ...]) -> None:
    title, question, sentence = cells
    if not question.strip():
        raise _Bad("the question is empty", name)
    if not sentence.strip():
        raise _Bad("the question has no sentence that answers it", question)
    text = on_one_line(sentence)
    passage = made.passage(text, title)
    made.question(question, name, [made.sentence(text, passage, str(passage))], passage)


def _add_list(made: Assembly, name: str, cells: tuple[str, ...]) -> None:
    title, question, candidates, answers = cells
    if not question.strip():
        raise _Bad("the question is empty", name)
    texts, right = _list_of(candidates, str, "candidates"), _list_of(answers, int, "answers")
    if not right:
        raise _Bad("the question has no right candidate", question)
    outside = [k for k in right if not 0 <= k < len(texts)]
    if outside:
        raise _Bad(f"answers must be places of the {len(texts)} candidates, from 0", str(outside[0]))
    if any(not texts[k].strip() for k in right):
        raise _Bad("a right candidate is empty", question)
    passage = made.passage("\n".join(filter(str.strip, texts)), title)
    rows = {k: made.sentence(text, passage, f"{passage}:{k}") for k, text in enumerate(texts) if text.strip()}
    made.counts["empty_candidates"] += len(texts) - len(rows)
    made.question(question, name, [rows[k] for k in right], passage)


def _list_of(cell: str, kind: type, column: str) -> list[Any]:
    try:
        found = json.loads(cell or "[]")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(type(each) is kind for each in found):
        what = "texts" if kind is str else "whole numbers"
        raise _Bad(f"{column} must be a list of {what}, as JSON", cell)
    return found
