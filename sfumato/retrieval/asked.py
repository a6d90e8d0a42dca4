"""Rows of SQuAD's format, nested in JSON or flat in a table: a passage, a question, and where its answers stand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sfumato.errors import InputError
from sfumato.rows import BadRow, Table, short
from sfumato.table import read_table

ANSWER_COLUMNS = ("answers_text", "answers_start")
NO_JSON = "\0"  # stands for the places of answers that cannot be read; no cell holds it
TRUE, FALSE = ("true", "1", "yes"), ("false", "0", "no", "")


@dataclass(frozen=True, eq=False)
class Asked:
    """A question about a passage; ``answers`` and ``starts`` are as long as each other, ``row`` is the user's."""

    row: int
    id: str
    question: str
    passage: str
    title: str = ""
    answers: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    impossible: bool = False


@dataclass(frozen=True, eq=False)
class Source:
    """What a file holds: rows that could be read, those that could not, and passages without a question."""

    name: str
    unit: str
    rows: list[Asked]
    bad: list[BadRow]
    more: list[tuple[str, str]] = field(default_factory=list)  # passage, title
    notes: tuple[str, ...] = ()


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises
    ------
    InputError
        names the file, and the line where it stops being JSON; if it cannot be read
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not whole JSON: {error.msg} at line {error.lineno}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start}); SQuAD's files are") from error
    except RecursionError:
        raise InputError(
            f"{path} is nested too deeply for a file of questions; SQuAD's format has eight levels"
        ) from None
    except ValueError as error:
        raise InputError(f"{path} holds a number that cannot be read ({error})") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}; give a file that can be") from error


def table_of_json(content: list[Any], path: Path) -> Table:
    """Return the table of a JSON file that holds a list.

    Raises
    ------
    InputError
        names the file and the first entry that is no row
    """
    wrong = next((k for k, row in enumerate(content) if not isinstance(row, dict)), None)
    if wrong is not None or not content:
        what = "an empty list" if wrong is None else f"entry {wrong + 1} is {short(json.dumps(content[wrong]))}"
        raise InputError(f"{path}: a list in JSON must hold objects, one a row with its columns; {what}")
    return replace(read_table(content), source=str(path))


def from_squad(given: Any, name: str) -> Source:
    """Read SQuAD v1.1 or v2: ``data``, a list of articles with ``paragraphs`` of a ``context`` and its ``qas``."""
    rows: list[Asked] = []
    bad: list[BadRow] = []
    more: list[tuple[str, str]] = []
    number = 0
    for where, title, paragraph in _paragraphs(given, name):
        context, qas = paragraph.get("context"), paragraph.get("qas", [])
        if not isinstance(context, str) or not isinstance(qas, list):
            raise InputError(f"{name}: {where} needs a text 'context' and a list 'qas', got {short(str(paragraph))}")
        if not context.strip():
            raise InputError(f"{name}: {where} is an empty passage; give its text, or leave it out")
        _check_signs(context, f"{name}: {where}")
        more.append((context, title))
        for place, qa in enumerate(qas):
            number += 1
            here = f"{where}.qas[{place}]"
            try:
                rows.append(_nested(qa, number, here, context, title))
            except InputError as error:
                bad.append(BadRow(number, str(error), str(qa.get("question"))))
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
                bad.append(BadRow(number, f"{here} is no question with answers [{{text, answer_start}}]", str(qa)))
    return Source(name, "question", rows, bad, more)


def _paragraphs(given: Any, name: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    articles = given.get("data") if isinstance(given, dict) else None
    if not isinstance(articles, list):
        raise InputError(f"{name} is not in SQuAD's format: there is no list 'data' of articles")
    for a, article in enumerate(articles):
        paragraphs = article.get("paragraphs") if isinstance(article, dict) else None
        if not isinstance(paragraphs, list) or not all(isinstance(each, dict) for each in paragraphs):
            raise InputError(f"{name}: data[{a}] is no article of SQuAD: it needs a list 'paragraphs'")
        for p, paragraph in enumerate(paragraphs):
            yield f"data[{a}].paragraphs[{p}]", str(article.get("title") or ""), paragraph


def _check_signs(text: str, where: str) -> None:
    """Raise for half a sign (a lone surrogate), which JSON can write and no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{where} holds half of a sign, {text[error.start]!r}, at place {error.start}; write the whole sign, or "
            "leave it out"
        ) from error


def _nested(qa: Any, number: int, where: str, context: str, title: str) -> Asked:
    answers = [(_text(answer["text"]), _whole(answer["answer_start"])) for answer in qa.get("answers") or []]
    texts, starts = [text for text, _ in answers], [start for _, start in answers]
    name = str(qa.get("id") if qa.get("id") is not None else where)  # a number could be the id of another
    _check_signs(name + _text(qa["question"]) + "".join(texts), where)
    return Asked(number, name, _text(qa["question"]), context, title, texts, starts, qa.get("is_impossible") is True)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _whole(value: Any) -> int:
    """Return a whole number; 3.0 is one (frames turn integers beside gaps into floats), True and "x" are none."""
    if isinstance(value, bool) or float(value) % 1:
        raise ValueError(value)
    return int(float(value))


def from_table(table: Table, question: str) -> Source:
    """Read a row a question: context, question, answers_text and answers_start, and maybe id, title, is_impossible."""
    rows: list[Asked] = []
    bad: list[BadRow] = []
    size = len(table)
    ids = table.columns.get("id") or [str(row) for row in table.rows]
    titles = table.columns.get("title") or [""] * size
    flags = table.columns.get("is_impossible") or [""] * size
    both = _answer_cells(table)
    cells = zip(table.rows, ids, table.column(question), table.column("context"), titles, both, flags, strict=True)
    for row, name, asked, context, title, answers, flag in cells:
        problem, texts, starts = _answers(*answers)
        if flag.casefold() not in (*TRUE, *FALSE):
            problem = problem or ("is_impossible must be true or false", flag)
        if problem:
            bad.append(BadRow(row, *problem))
            continue
        rows.append(Asked(row, name, asked, context, title, texts, starts, flag.casefold() in TRUE))
    more = [pair for pair in zip(table.column("context"), titles, strict=True) if pair[0].strip()]
    return Source(table.source, table.unit, rows, bad, more, notes=table.notes)


def _answer_cells(table: Table) -> list[tuple[str, str]]:
    """Return the answers of each row and where they start, as they stand in the cells."""
    if "answers_text" in table.columns or "answers" not in table.columns:
        return list(zip(*(table.column(name) for name in ANSWER_COLUMNS), strict=True))
    both = []
    for cell in table.column("answers"):
        try:
            given = json.loads(cell or "{}")
            both.append((json.dumps(given.get("text", [])), json.dumps(given.get("answer_start", []))))
        except (ValueError, AttributeError, RecursionError):
            both.append((cell, NO_JSON))
    return both


def _answers(texts: str, starts: str) -> tuple[tuple[str, str] | None, list[str], list[int]]:
    """Return what is wrong with two cells (or None), the answers and the starts: one of each, or two JSON lists."""
    if starts == NO_JSON:
        return ('answers must be JSON, {"text": ["..."], "answer_start": [0]}', texts), [], []
    listed = starts.strip().startswith("[")
    try:
        places = [_whole(start) for start in (json.loads(starts) if listed else [starts]) if listed or start.strip()]
    except (ValueError, TypeError, OverflowError, RecursionError):
        return ("answers_start must hold whole numbers", starts), [], []
    found: Any = [texts] if starts.strip() else []
    if listed:
        try:
            found = json.loads(texts or "[]")
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
            return ("answers_text must be a list of texts in JSON, as answers_start is a list", texts), [], []
    if len(found) != len(places):
        return (f"there are {len(found)} answers and {len(places)} starts", texts), [], []
    return None, found, places
