"""The sentences to search in, without questions: from a table of sentences, or the passages of SQuAD's format."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sfumato.errors import InputError
from sfumato.retrieval.asked import from_squad, read_json, table_of_json
from sfumato.retrieval.assembly import Assembly, counted, first_titles
from sfumato.retrieval.sentences import check_language, language_of, on_one_line
from sfumato.retrieval.task import Corpus
from sfumato.rows import TEXT_NAMES, BadRow, Table, check_bad_rows, name_rows, refuse_bad_rows
from sfumato.table import read_table


def read_corpus(
    source: Any,
    *,
    sentence: str | None = None,
    passage: str | None = None,
    id: str | None = None,
    language: str = "auto",
    bad_rows: str = "refuse",
) -> tuple[Corpus, list[str]]:
    """Return the distinct sentences of a source, and what there is to say about it.

    Parameters
    ----------
    source : a file (JSON in SQuAD's format, CSV, TSV, JSON lines, Parquet) or a frame
    sentence : column of the sentences; without it a table with a column ``context`` is cut into sentences, and of
        another the column of texts is guessed
    passage, id : columns of the passage that a sentence stands in, and of its id
    language : of the segmenter, see `sfumato.retrieval.build`
    bad_rows : "refuse", or "drop" rows without a sentence, counted

    Raises
    ------
    InputError
        names the rows without a sentence, or with an id that another sentence has
    """
    check_bad_rows(bad_rows)
    check_language(language)
    path = Path(source) if isinstance(source, str | os.PathLike) else None
    if path is not None and path.suffix.lower() == ".json" and path.is_file():
        content = read_json(path)
        if not isinstance(content, list):
            _check_cut(str(path), {"sentence": sentence, "passage": passage, "id": id})
            read = from_squad(content, str(path))
            return _cut(read.more, language, [*read.notes])
        table = table_of_json(content, path)
    else:
        table = read_table(source if path is None else str(path), bad_rows=bad_rows)
    if sentence is None and "context" in table.columns:
        _check_cut(table.source, {"passage": passage, "id": id})
        titles = table.columns.get("title") or [""] * len(table)
        rows = [k for k, cell in enumerate(table.column("context")) if cell.strip()]
        left_out = _without(table, rows, "the passage is empty", bad_rows)
        notes = [*table.notes, *left_out]
        if "id" in table.columns:
            notes.append("the column 'id' is not read: the id of a sentence is the number of its passage and its own")
        return _cut(((table.columns["context"][k], titles[k]) for k in rows), language, notes)
    return _sentences(table, sentence, passage, id, bad_rows)


def find_column(table: Table, usual: str, option: str) -> tuple[str, list[str]]:
    """Return the column called ``usual``, else the only one, else one called as texts are; and what was guessed.

    Raises
    ------
    InputError
        if there is none; says that ``option`` names it
    """
    names = list(table.columns)
    if usual in names:
        return usual, []
    found = names[0] if len(names) == 1 else next((name for name in TEXT_NAMES if name in names), None)
    if found is None:
        raise InputError(
            f"{table.source}: which column holds the {usual}s? Name it with {option}; there are: "
            f"{', '.join(map(repr, names))}"
        )
    return found, [f"{usual}s are read from the column {found!r}"]


def _without(table: Table, good: list[int], problem: str, bad_rows: str) -> list[str]:
    """Return what to say of the rows that are not good, or refuse them."""
    kept = set(good)
    bad = [BadRow(row, problem, "") for k, row in enumerate(table.rows) if k not in kept]
    if bad and bad_rows == "refuse":
        raise refuse_bad_rows(table.source, bad, table.unit)
    if not good:
        raise InputError(f"{table.source}: no row is left; {problem} in every one")
    return [f"{problem}: {name_rows([row.row for row in bad], table.unit)} left out"] if bad else []


def _check_cut(source: str, named: dict[str, str | None]) -> None:
    """Raise for a column that nothing is read from, since passages are cut into sentences and numbered."""
    given = [f"{option}={name!r} (--{option})" for option, name in named.items() if name is not None]
    if given:
        raise InputError(
            f"{source} holds passages, which are cut into sentences; leave {' and '.join(given)} out, or give a table "
            "of sentences"
        )


def _cut(pairs: Iterable[tuple[str, str]], language: str, notes: list[str]) -> tuple[Corpus, list[str]]:
    made, passages = Assembly(), first_titles(pairs)
    language = language_of(passages) if language == "auto" else language
    for passage, title in passages.items():
        made.cut(passage, title, language)
    return _finished(made, notes)


def _sentences(
    table: Table, sentence: str | None, passage: str | None, id: str | None, bad_rows: str
) -> tuple[Corpus, list[str]]:
    notes = list(table.notes)
    if sentence is None:
        sentence, said = find_column(table, "sentence", "--sentence (sentence=)")
        notes += said
    texts = table.column(sentence)
    good = [k for k, text in enumerate(texts) if text.strip()]
    notes += _without(table, good, f"column {sentence!r} holds no sentence", bad_rows)
    ids = _ids(table, id, notes)
    passages = table.column(passage) if passage is not None else texts
    made = Assembly()
    first: dict[str, int] = {}
    for k in good:
        whole = passages[k] if passage is not None and passages[k].strip() else on_one_line(texts[k])
        row = made.sentence(texts[k], made.passage(whole), ids[k])
        if first.setdefault(ids[k], row) != row:
            raise InputError(
                f"{table.source}: {table.unit} {table.rows[k]} has the id {ids[k]!r}, which is that of another "
                "sentence; give each its own"
            )
    return _finished(made, notes)


def _ids(table: Table, id: str | None, notes: list[str]) -> list[str]:
    """Return the ids: of the column that is named, else of one called id if each is there once, else row numbers."""
    if id is not None:
        return table.column(id)
    ids = table.columns.get("id")
    if ids is not None and len(set(ids)) == len(ids):
        return ids
    if ids is not None:
        notes.append(
            "the column 'id' has values twice, so the numbers of the rows are the ids; another column of ids is named "
            "with --id (id=)"
        )
    return [str(row) for row in table.rows]


def _finished(made: Assembly, notes: list[str]) -> tuple[Corpus, list[str]]:
    corpus = made.corpus()
    again = made.counts["sentences_found"] - len(corpus)
    return corpus, [*notes, *([counted("{n} sentence{s} {are} the same as an earlier one", again)] if again else [])]
