"""Builds a retrieval task: passages become sentences, and an answer's place tells which sentence is right."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sfumato.errors import InputError, unknown
from sfumato.registry import check_choice
from sfumato.retrieval.asked import Asked, Source, from_squad, from_table, read_json, table_of_json
from sfumato.retrieval.assembly import Assembly, first_titles
from sfumato.retrieval.sentences import Span, check_language, language_of
from sfumato.retrieval.task import Task
from sfumato.rows import BadRow, Table, check_bad_rows, refuse_bad_rows

CROSSING = ("all", "first", "drop")
BESIDE = 20  # characters shown where an answer should stand


def build(
    source: Any,
    *,
    language: str = "auto",
    crossing: str = "all",
    data: str | Path | None = None,
    split: str | None = None,
    question: str = "question",
    sentence: str = "sentence",
    bad_rows: str = "refuse",
) -> Task:
    """Return the task of finding, for each question, a sentence that holds its answer.

    Three kinds of tables are read: SQuAD's (nested JSON, or columns context, question, answers_text, answers_start
    and maybe id, title, is_impossible), pairs (question, sentence), and lists (question, candidates, answers: the
    places of the right candidates, from 0).

    Parameters
    ----------
    source : a file (JSON, CSV, TSV, JSON lines, Parquet), a frame, or the name of a set of the catalogue
    language : of the segmenter, such as "en", "zh", "de"; "auto" tells Chinese and Japanese from all others
    crossing : an answer in several sentences makes "all" of them right, the "first", or none ("drop")
    data : where a set of the catalogue is looked for
    split : of the rows with a column ``split``, only these: "train", "dev" or "test" of a set, else as it is written
    question, sentence : names of these columns
    bad_rows : "refuse", or "drop" rows that cannot be used, counted

    Raises
    ------
    InputError
        names the file, the row and the value: an answer that is not where it should be, an empty passage or question,
        a question without an answer, an id twice; or if nothing is left
    """
    check_choice("build", "crossing", crossing, CROSSING)
    check_bad_rows(bad_rows)
    check_language(language)
    given, name, split = _read(source, data, split)
    if isinstance(given, Table):
        given = _of_split(given, split)
        if "context" not in given.columns:
            from sfumato.retrieval.pairs import build_pairs

            return build_pairs(given, question, sentence, bad_rows)
        read = from_table(given, question)
    else:
        if split is not None:
            raise InputError(f"{name} is in SQuAD's format, which has no splits; leave split={split!r} out")
        read = from_squad(given, name)
    return _squad(read, language, crossing, bad_rows)


def _read(source: Any, data: str | Path | None, split: str | None) -> tuple[Any, str, str | None]:
    """Return a table or the content of a JSON file, its name, and what the file calls the split."""
    from sfumato.table import read_table

    if not isinstance(source, str | os.PathLike):
        return read_table(source), "", split
    path = Path(source)
    if not path.exists() and path.suffix == "" and len(path.parts) == 1:
        path, split = _of_catalogue(str(source), data, split)
    if path.suffix.lower() == ".json" and path.is_file():
        content = read_json(path)
        if not isinstance(content, list):
            return content, str(path), split
        return table_of_json(content, path), str(path), split
    return read_table(str(path)), str(path), split


def _of_catalogue(name: str, data: str | Path | None, split: str | None) -> tuple[Path, str | None]:
    from sfumato.datasets import catalog, entry
    from sfumato.datasets.load import located

    known = entry(name)
    if known.task != "retrieval":
        listed = ", ".join(each for each, other in catalog().items() if other.task == "retrieval")
        raise InputError(f"{known.name} has texts with classes and no questions; sets for retrieval: {listed}")
    path, _ = located(known, data, known.label)
    if path is None:
        raise InputError(f"{known.name} is in no folder; name its file, or a folder with data= or SFUMATO_DATA")
    if split is not None and split not in known.splits:
        raise unknown(f"split of {known.name}", split, known.splits)
    return path, known.called(split) if split is not None else None


def _of_split(table: Table, split: str | None) -> Table:
    if split is None:
        return table
    cells = table.column("split")
    rows = [k for k, cell in enumerate(cells) if cell == split]
    if not rows:
        raise InputError(f"{table.source}: no row has the split {split!r}; there are: {', '.join(sorted(set(cells)))}")
    return table.take(rows)


def _squad(read: Source, language: str, crossing: str, bad_rows: str) -> Task:
    rows, bad, repeated = checked(read.rows)
    bad = sorted([*read.bad, *bad])
    if bad and bad_rows == "refuse":
        raise refuse_bad_rows(read.name or "the table", bad, read.unit)
    passages = first_titles([*read.more, *((asked.passage, asked.title) for asked in rows)])
    if language == "auto":
        language = language_of(passages)
    made = Assembly()
    made.counts.update(
        rows=len(read.rows) + len(read.bad), left_out=len(bad), repeated_rows=repeated, crossing_answers=0
    )
    cut = {passage: made.cut(passage, title, language) for passage, title in passages.items()}
    for asked in rows:
        if asked.impossible:
            made.counts["unanswerable"] += 1
            continue
        group, spans, numbers = cut[asked.passage]
        right = right_sentences(asked, spans, crossing, made)
        if right:
            made.question(asked.question, asked.id, (numbers[k] for k in right), group)
        else:
            made.counts["lost_questions"] += 1
    return made.task(read.notes)


def right_sentences(asked: Asked, spans: Sequence[Span], crossing: str, made: Assembly) -> list[int]:
    """Return which sentences of the passage hold an answer of any annotator; counts those that cross."""
    right: set[int] = set()
    for text, start in zip(asked.answers, asked.starts, strict=True):
        parts = [k for k, (a, b) in enumerate(spans) if max(a, start) < min(b, start + len(text))]
        if len(parts) > 1:
            made.counts["crossing_answers"] += 1
            parts = {"all": parts, "first": parts[:1], "drop": []}[crossing]
        right.update(parts)
    return sorted(right)


def checked(rows: Sequence[Asked]) -> tuple[list[Asked], list[BadRow], int]:
    """Return the rows that can be used, those that cannot, and how many were the same as an earlier one."""
    good: list[Asked] = []
    bad: list[BadRow] = []
    first: dict[str, Asked] = {}
    repeated = 0
    for asked in rows:
        known = first.setdefault(asked.id, asked)
        if known is not asked and _content(known) == _content(asked):
            repeated += 1
            continue
        if known is not asked:
            bad.append(BadRow(asked.row, f"the id of row {known.row} again, with another content", asked.id))
            continue
        problem = fault(asked)
        if problem:
            bad.append(BadRow(asked.row, *problem))
        else:
            good.append(asked)
    return good, bad, repeated


def _content(asked: Asked) -> str:
    return json.dumps([asked.question, asked.passage, asked.title, asked.answers, asked.starts, asked.impossible])


def fault(asked: Asked) -> tuple[str, str] | None:
    """Return what is wrong with a row and the value, None if nothing is."""
    if not asked.passage.strip():
        return "the passage is empty", asked.id
    if not asked.question.strip():
        return "the question is empty", asked.id
    if asked.impossible:
        return None
    if not asked.answers:
        return "the question has no answer; a column is_impossible says which have none", asked.question
    for text, start in zip(asked.answers, asked.starts, strict=True):
        if not text.strip():
            return "an answer is empty", asked.question
        if start < 0 or start + len(text) > len(asked.passage):
            size = len(asked.passage)
            return f"an answer at {start} is outside the passage, which has {size} characters", text
        there = asked.passage[start : start + len(text)]
        if there != text:
            return (
                f"at {start} stands {asked.passage[start : start + max(len(text), BESIDE)]!r:.80}, not the answer",
                text,
            )
    return None
