"""`sfumato search`: the sentences of an index that answer a question, best first."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfumato.cli.index import Retriever, retriever_in
from sfumato.cli.options import Json, Overwrite
from sfumato.cli.output import counted, note, print_json, print_table, shortened
from sfumato.errors import InputError

if TYPE_CHECKING:
    from sfumato.retrieval.index import Hit, Index
    from sfumato.table import Table

CHUNK = 1000  # questions of a file at a time
COLUMNS = ("question_row", "question", "rank", "score", "sentence", "passage", "id")


def search(
    folder: Annotated[Path, typer.Argument(metavar="INDEX", help="Folder written by `sfumato index`.")],
    question: Annotated[str | None, typer.Argument(metavar="QUESTION", help="What to search for.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Sentences to show of each question.")] = 10,
    questions: Annotated[
        str | None, typer.Option("--questions", metavar="FILE", help="Table of questions, in place of QUESTION.")
    ] = None,
    column: Annotated[
        str | None, typer.Option("--column", metavar="COLUMN", help="Column of the questions; found if not given.")
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Table to write for --questions; standard output if not given.")
    ] = None,
    model: Retriever = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Find the sentences of an index that answer a question.

    An index by words finds sentences that share a word with the question; one of a retriever always finds some. Where
    the retriever still stands where it stood, relative to the index, it need not be named again.
    """
    if (question is None) == (questions is None):
        raise InputError("give one QUESTION, or a table of them with --questions FILE")
    if questions is None and (output is not None or column is not None):
        raise InputError("-o and --column are for --questions FILE; one QUESTION is answered on standard output")
    if questions is not None:
        from sfumato.write import check_output

        check_output(output or "-", overwrite, table=True)
    if as_json and questions is not None and output in (None, "-"):
        raise InputError("--json prints what was done, and the table would go to the same place; give -o FILE")
    index = opened(folder, model)
    if questions is not None:
        search_all(index, questions, column, k, output or "-", overwrite, as_json)
        return
    (hits,) = index.search([str(question)], k)
    if as_json:
        found = [{"rank": rank, **hit._asdict()} for rank, hit in enumerate(hits, 1)]
        print_json({"question": question, "hits": found})
    else:
        print_hits(hits)


def opened(folder: Path, model: Path | None) -> "Index":
    """Return the index with the retriever that is named, or that it remembers."""
    from sfumato.retrieval.index import Index, named

    index = Index.load(folder)
    if index.identity is None and model is None:
        return index
    place = model if model is not None else Path(index.model_folder or "none")
    if model is None and not place.is_dir():
        where = f"which is no longer at {place}" if index.model_folder else "which it does not remember the place of"
        raise InputError(
            f"{folder} was made with the retriever {named(index.identity or {})}, {where}; give it with --model"
        )
    if index.identity is None:
        raise InputError(f"{folder} is searched by words (BM25) and needs no model; leave --model out")
    loaded = retriever_in(place)
    index.check_model(loaded, str(folder))
    index.model = loaded
    return index


def print_hits(hits: "Sequence[Hit]") -> None:
    """Print the sentences of one question; the passage only where it is more than the sentence."""
    if not hits:
        note("no sentence shares a word with the question; ask in other words")
        return
    with_passage = any(hit.passage != hit.sentence for hit in hits)
    header = ("rank", "score", "sentence", *(("passage",) if with_passage else ()), "id")
    rows = [
        (rank, hit.score, hit.sentence, *((shortened(hit.passage),) if with_passage else ()), hit.id)
        for rank, hit in enumerate(hits, 1)
    ]
    print_table(header, rows)


def search_all(
    index: "Index", questions: str, column: str | None, k: int, output: str, overwrite: bool, as_json: bool
) -> None:
    """Write a table of the sentences of each question of a file, a chunk at a time."""
    from sfumato.table import stream_table
    from sfumato.write import TableWriter

    asked = written = without = 0
    with TableWriter(output, overwrite=overwrite) as table:
        for chunk in stream_table(questions, chunk_rows=CHUNK):
            column = column or question_column(chunk)
            columns = answered(index, chunk, column, k)
            asked, written = asked + len(chunk), written + len(columns["rank"])
            without += len(chunk) - len(set(columns["question_row"]))
            table.write(columns)
    if as_json:
        print_json({"path": output, "questions": asked, "hits": written, "without": without})
    elif output != "-":
        note(f"{counted(written, 'sentence')} for {counted(asked, 'question')} written to {output}")
    if without and not as_json:
        note(
            f"note: {counted(without, 'question')} without a sentence that shares a word with it, and so without a row"
        )


def question_column(table: "Table") -> str:
    """Return the column of questions: the one called so, else the texts."""
    from sfumato.retrieval.candidates import find_column

    name, said = find_column(table, "question", "--column")
    for sentence in said:
        note(f"note: {sentence}")
    return name


def answered(index: "Index", table: "Table", column: str, k: int) -> Mapping[str, Sequence[Any]]:
    """Return the columns of the hits of a chunk of questions."""
    texts = table.column(column)
    empty = [row for row, text in zip(table.rows, texts, strict=True) if not text.strip()]
    if empty:
        raise InputError(f"{table.source}: {table.unit} {empty[0]} has no question in column {column!r}; give it one")
    rows = list(hit_rows(table.rows, texts, index.search(texts, k)))
    cells = zip(*rows, strict=True) if rows else ([] for _ in COLUMNS)
    return dict(zip(COLUMNS, map(list, cells), strict=True))


def hit_rows(rows: Sequence[int], texts: Sequence[str], found: "Sequence[Sequence[Hit]]") -> Iterator[tuple[Any, ...]]:
    """Yield a row for each hit."""
    for row, text, hits in zip(rows, texts, found, strict=True):
        for rank, hit in enumerate(hits, 1):
            yield row, text, rank, hit.score, hit.sentence, hit.passage, hit.id
