"""`sfumato soften`: writes a table with its soft labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfumato.cli.options import Data, Json, Label, MethodName, ModelName, Overwrite, Rows, Seed, Set, Text
from sfumato.cli.output import note, print_json, print_table, quoted, say, shortened
from sfumato.cli.settings import named_arguments, read_settings
from sfumato.cli.soft_file import COLUMN, PREFIX
from sfumato.errors import InputError

if TYPE_CHECKING:
    from sfumato.data import Examples
    from sfumato.softening import SoftTargets
    from sfumato.table import Table

SHOWN_WORDS = 12
SHOWN_CLASSES = 6


def soften(
    data: Data,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Table to write: .parquet, or .csv, .tsv, .jsonl.")
    ] = None,
    text: Text = None,
    label: Label = None,
    method: MethodName = "kwls",
    model: ModelName = "linear",
    settings: Set = None,
    explain: Annotated[
        int | None,
        typer.Option("--explain", metavar="ROW", help="Show which words moved which mass in this row of the file."),
    ] = None,
    seed: Seed = 0,
    bad_rows: Rows = "refuse",
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write a table with a soft label for every row.

    Parquet gets one column soft_labels (a list a row; the class order is in the file's metadata), a text
    format one column p_<class> a class. Rows are numbered as in the file: the line of a CSV, else the row from 1.
    """
    from sfumato import softening
    from sfumato.write import check_output

    options = read_settings(settings, reserved=named_arguments(softening.soften))
    if options.model:
        raise InputError("soften has no options of the model; train it with `sfumato fit --set model....` instead")
    if output is not None:
        check_output(output, overwrite, table=True)
    table, examples, notes = labelled(data, text, label, bad_rows)
    for sentence in notes:
        note(f"note: {sentence}")
    names = [examples.classes[k] for k in examples.labels]
    method_options = {**options.method, **options.loose}
    soft = softening.soften(list(examples.inputs), names, method, model=model, seed=seed, **method_options)
    words = None if explain is None else explained(table, examples, method, method_options, explain)
    if output is not None:
        write(output, table, examples, soft, overwrite)
    if as_json:
        print_json({"path": output and str(output), "rows": len(examples), "classes": soft.classes, "words": words})
        return
    if words is not None and explain is not None:
        index = row_index(table, examples, explain)
        print_words(words, dict(zip(soft.classes, soft.targets[index].tolist(), strict=True)), examples.inputs[index])
    else:
        say(soft.report())
    if output is None:
        note("nothing written; give -o soft.parquet to keep the soft labels")
    else:
        note(f"written: {output}\nnext: sfumato fit {quoted(data)} --soft-targets {quoted(output)} -o model/")


def labelled(
    data: str, text: Sequence[str] | None, label: str | None, bad_rows: str
) -> "tuple[Table, Examples, list[str]]":
    """Return the table, its usable rows as examples, and what was guessed or dropped on the way."""
    from sfumato.table import guess_columns, read_table, to_examples

    table = read_table(data, bad_rows=bad_rows)
    texts, label, guesses = guess_columns(table, text, label)
    if COLUMN in table.columns:
        raise InputError(f"{table.source} already has the column {COLUMN!r}; rename it, or leave it out")
    examples, notes = to_examples(table, text=texts, label=label, bad_rows=bad_rows)
    return table, examples, [*table.notes, *guesses, *notes]


def write(path: Path, table: "Table", examples: "Examples", soft: "SoftTargets", overwrite: bool) -> None:
    """Write the user's columns and row order with the soft labels added."""
    import json

    from sfumato.write import write_table

    columns: dict[str, Any] = {name: [cells[k] for k in examples.ids] for name, cells in table.columns.items()}
    if path.suffix == ".parquet":
        columns[COLUMN] = soft.targets
    elif path.suffix == ".jsonl":
        columns[COLUMN] = soft.targets.tolist()
    else:
        columns.update({f"{PREFIX}{name}": soft.targets[:, k].tolist() for k, name in enumerate(soft.classes)})
    metadata = {"classes": json.dumps(list(soft.classes), ensure_ascii=False)}
    write_table(path, columns, metadata=metadata, overwrite=overwrite)


def explained(
    table: "Table", examples: "Examples", method: str, options: Mapping[str, Any], row: int
) -> list[dict[str, Any]]:
    """Return the words of a row with what each adds to the classes, the strongest first.

    Raises
    ------
    InputError
        if the method does not work by words, or if there is no such row.
    """
    from sfumato.methods.kwls import explain_row

    index = row_index(table, examples, row)
    labels = [examples.classes[k] for k in examples.labels]
    words = explain_row(examples.inputs, labels, examples.classes, index, method=method, **options)
    return [{"word": word, "adds": dict(zip(examples.classes, adds.tolist(), strict=True))} for word, adds in words]


def row_index(table: "Table", examples: "Examples", row: int) -> int:
    """Return the position among the examples of the row that the user numbers ``row``."""
    for position, k in enumerate(examples.ids):
        if table.rows[k] == row:
            return position
    first, last = table.rows[examples.ids[0]], table.rows[examples.ids[-1]]
    raise InputError(f"--explain: {table.source} has no usable row {row}; its rows go from {first} to {last}")


def print_words(words: Sequence[Mapping[str, Any]], target: Mapping[str, float], text: str) -> None:
    """Print a row's text, its soft label, and its words, for the classes with the most mass."""
    shown = sorted(target, key=lambda name: -target[name])[:SHOWN_CLASSES]
    say(shortened(text, 200))
    say()
    print_table(("class", "mass"), [(name, target[name]) for name in shown])
    say()
    rows = [(each["word"], *(each["adds"][name] for name in shown)) for each in words[:SHOWN_WORDS]]
    print_table(("word", *shown), rows, title="what each word adds to a class, before the softmax")
