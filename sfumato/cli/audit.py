"""`sfumato audit`: which labels are confused and which rows are probably labelled wrong."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfumato.cli.options import Data, Json, Label, LabelSeparator, Overwrite, Rows, Seed, Task, Text
from sfumato.cli.output import counted, note, print_json, print_table, quoted, say, shortened

if TYPE_CHECKING:
    import polars as pl

    from sfumato.auditing.audit import Audit
    from sfumato.table import Table

WIDEST = 44  # columns of the screen that a text or a reason gets


def audit(
    data: Data,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for rows.csv, pairs.csv, audit.json and a page, audit.html."),
    ] = None,
    text: Text = None,
    label: Label = None,
    label_separator: LabelSeparator = None,
    task: Task = "auto",
    folds: Annotated[int, typer.Option("--folds", min=2, help="Parts that are held out in turn.")] = 5,
    show: Annotated[int, typer.Option("--show", min=0, help="Pairs and rows that are printed.")] = 10,
    seed: Seed = 0,
    bad_rows: Rows = "refuse",
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Say which labels are confused and which rows are probably wrong.

    Every row is judged by evidence that leaves it out. Rows are numbered as in the file: the line of a CSV, otherwise
    the row from 1. Nothing is changed in the table.
    """
    from sfumato.auditing.audit import audit as find
    from sfumato.auditing.folder import check_folder
    from sfumato.label_sets import named_labels
    from sfumato.source import read_examples
    from sfumato.table import guess_columns, read_table

    if output is not None:
        check_folder(output, overwrite=overwrite)
    table = read_table(data, bad_rows=bad_rows)
    texts, columns, guesses = guess_columns(table, text, label)
    examples, notes = read_examples(
        table, text=texts, label=columns, bad_rows=bad_rows, label_separator=label_separator, task=task
    )
    for sentence in (*guesses, *notes):
        note(f"note: {sentence}")
    numbers = [table.rows[k] for k in examples.ids]
    found = find(examples.inputs, named_labels(examples), seed=seed, folds=folds, rows=numbers, unit=table.unit)
    if output is not None:
        judged = [columns] if isinstance(columns, str) else columns
        whole = replace(found, rows=beside(found.rows, table, [*judged] if texts[1:] else [*texts, *judged]))
        whole.save(output, overwrite=overwrite, title=f"Labels of {Path(table.source).name}")
    if as_json:
        print_json(as_document(found, output))
        return
    print_audit(found, show, f"row: {table.unit} of {Path(table.source).name}")
    note(next_step(output))


def as_document(found: "Audit", output: Path | None) -> dict[str, Any]:
    """Return what is printed as JSON: the numbers, the pairs, and the rows that are flagged."""
    numbers = {"rows": len(found.rows), "not_judged": found.unjudged, "flagged": len(found.flagged)}
    lists = {"pairs": found.pairs.to_dicts(), "flagged_rows": found.flagged.drop("flagged").to_dicts()}
    return {"path": output and str(output), **found.settings, **numbers, "classes": found.classes, **lists}


def beside(rows: "pl.DataFrame", table: "Table", judged: Sequence[str]) -> "pl.DataFrame":
    """Return the rows with the table's other columns; one that has a name of ours gets "table." before it."""
    import polars as pl

    place = {row: k for k, row in enumerate(table.rows)}
    taken = table.take([place[row] for row in rows["row"]]).columns
    others = {f"table.{name}" if name in rows.columns else name: name for name in taken if name not in judged}
    return rows.with_columns(pl.Series(name, list(taken[own])) for name, own in others.items())


def print_audit(found: "Audit", show: int, legend: str) -> None:
    """Print what was found, the first pairs and the first rows; ``legend`` says what numbers the rows."""
    say(found.report().partition("\n")[0])
    say(f"probably labelled wrong: {counted(len(found.flagged), 'row')}")
    for sentence in found.of_wrong_labels:
        say(sentence)
    if len(found.pairs) and show:
        print_pairs(found, show)
    if len(found.flagged) and show:
        print_rows(found, show, legend)


def print_pairs(found: "Audit", show: int) -> None:
    """Print the first pairs of confused labels."""
    first = found.pairs.head(show)
    rows = [
        (*row, fitting(words))
        for *row, words in first["label", "other", "rows", "back_rows", "error", "advice", "words"].rows()
    ]
    say()
    header = ("label", "other", "rows", "back", "error", "advice", "words for the other")
    print_table(header, rows, title=f"confused labels, {len(first):,} of {counted(len(found.pairs), 'pair')}")


def names(labels: str | list[str]) -> str:
    """Return a label, or those of a row of several, as far as there is room."""
    return labels if isinstance(labels, str) else fitting(", ".join(labels) or "(none)")


def print_rows(found: "Audit", show: int, legend: str) -> None:
    """Print the first rows that are probably labelled wrong."""
    first = found.flagged.head(show)
    rows = [
        (row, score, names(given), names(suggested), fitting(text), reason)
        for row, score, given, suggested, text, reason in first[
            "row", "score", "given", "suggested", "text", "reason"
        ].rows()
    ]
    say()
    header = ("row", "score", "given", "suggested", "text", "reason")
    title = f"probably labelled wrong, {len(first):,} of {counted(len(found.flagged), 'row')} ({legend})"
    print_table(header, rows, title=title)


def fitting(text: str) -> str:
    """Return a text cut to its room on the screen, where wide characters take two columns."""
    from rich.cells import cell_len

    line = shortened(text, WIDEST)
    while cell_len(line) > WIDEST:
        line = shortened(line.removesuffix("…"), len(line) - 1 - (cell_len(line) - WIDEST) // 2)
    return line


def next_step(output: Path | None) -> str:
    """Return where everything is."""
    if output is None:
        return "nothing written; give -o audit/ for all rows, all pairs and a page to look at"
    return f"written: {quoted(output)}: rows.csv, pairs.csv, audit.json, audit.html"
