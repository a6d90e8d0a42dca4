"""`sfumato index`: makes sentences ready to be searched."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sfumato.cli.options import Json, Overwrite, Rows
from sfumato.cli.output import counted, note, print_json, quoted
from sfumato.errors import InputError

Retriever = Annotated[
    Path | None,
    typer.Option("--model", metavar="RETRIEVER", help="Folder of a retriever; without it, search is by words (BM25)."),
]


def index(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="Table of sentences or passages, - for standard input, or SQuAD JSON.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="INDEX", help="Folder to write.")],
    sentence: Annotated[
        str | None, typer.Option("--sentence", metavar="COLUMN", help="Column of the sentences; found if not given.")
    ] = None,
    passage: Annotated[
        str | None, typer.Option("--passage", metavar="COLUMN", help="Column of the passage that a sentence is from.")
    ] = None,
    id_column: Annotated[str | None, typer.Option("--id", metavar="COLUMN", help="Column of ids.")] = None,
    model: Retriever = None,
    language: Annotated[
        str, typer.Option("--language", help="Of passages that are cut into sentences, such as en, de, zh.")
    ] = "auto",
    bad_rows: Rows = "refuse",
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Index sentences for `sfumato search`: by words (BM25), or by the vectors of a retriever.

    A table with a column `context`, and a file in SQuAD's format, are cut into sentences first.
    """
    from sfumato.retrieval.candidates import read_corpus
    from sfumato.retrieval.index import Index
    from sfumato.retrieval.index_folder import check_place

    check_place(output, overwrite=overwrite)
    loaded = retriever_in(model) if model is not None else None
    corpus, notes = read_corpus(
        data, sentence=sentence, passage=passage, id=id_column, language=language, bad_rows=bad_rows
    )
    for sentence_of_note in notes:
        note(f"note: {sentence_of_note}")
    made = Index.build(corpus, model=loaded, model_folder=model or "")
    made.save(output, overwrite=overwrite)
    if as_json:
        sizes = {"sentences": len(corpus), "passages": len(corpus.passages)}
        print_json({"path": str(output), **sizes, "model": made.identity, "notes": notes})
        return
    how = "by words (BM25)" if made.identity is None else f"by the vectors of {made.identity.get('name')}"
    note(f"{counted(len(corpus), 'sentence')} indexed {how}; written to {output}")
    note(f"next: sfumato search {quoted(output)} 'your question'")


def retriever_in(folder: Path) -> Any:
    """Return the retriever of a folder; one that is not there is refused before PyTorch is loaded."""
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}; give the folder of a retriever")
    from sfumato.retrieval.retriever import Retriever as Loaded

    return Loaded.load(folder)
