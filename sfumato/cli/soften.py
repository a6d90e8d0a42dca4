"""`sfumato soften`: writes a table with its soft labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from sfumato.cli.options import (
    Count,
    Data,
    Json,
    Label,
    LabelSeparator,
    MethodName,
    ModelName,
    Overwrite,
    Rows,
    Seed,
    Set,
    Task,
    Text,
    Trusted,
    Votes,
)
from sfumato.cli.output import note, print_json, print_table, quoted, say, shortened
from sfumato.cli.settings import named_arguments, option_owners, read_settings
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
    label_separator: LabelSeparator = None,
    task: Task = "auto",
    method: MethodName = "kwls",
    model: ModelName = "linear",
    settings: Set = None,
    votes: Votes = None,
    count: Count = None,
    trusted_column: Trusted = None,
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

    Of rows with several labels, each class gets a probability of its own.

    Parquet gets one column soft_labels (a list a row; the class order is in the file's metadata), a text
    format one column p_<class> a class. Rows are numbered as in the file: the line of a CSV, else the row from 1.
    """
    from sfumato import softening
    from sfumato.label_sets import named_labels
    from sfumato.write import check_output

    options = read_settings(
        settings, reserved=named_arguments(softening.soften), options=lambda: option_owners(method=method, model=model)
    )
    if output is not None:
        check_output(output, overwrite, table=True)
    form: dict[str, Any] = {"label_separator": label_separator, "task": task, "trusted": trusted_column}
    given = read_labelled(data, text, label, bad_rows, votes=votes, count=count, **form)
    method_options = {**options.method, **options.loose}
    chosen: Any = method
    if options.method.keys() & set(named_arguments(softening.soften)):  # such as method.seed
        chosen, method_options = built_with(method, method_options)
    of_model = {f"model.{name}": value for name, value in options.model.items()}
    cast = votes_by_class(given.examples)
    soft = softening.soften(
        given.examples.inputs,
        named_labels(given.examples),
        chosen,
        votes=cast,
        trusted=given.examples.trusted,
        model=model,
        seed=seed,
        **method_options,
        **of_model,
    )
    for sentence in soft.remarks:
        note(f"note: {sentence}")
    words = None if explain is None else explained(given, method, method_options, explain)
    if output is not None:
        write(output, given, soft, overwrite)
    k = None if explain is None else row_index(given, explain)
    target = None if k is None else dict(zip(soft.classes, soft.targets[k].tolist(), strict=True))
    if as_json:
        holds = {"path": output and str(output), "rows": len(soft), "classes": soft.classes}
        print_json({**holds, "words": words, "target": target})
        return
    if words is None or target is None or k is None:
        say(soft.report())
    else:
        print_words(words, target, given.examples.inputs[k], several=given.examples.multilabel)
    note(next_step(given, output) + (f" --label-separator {quoted(label_separator)}" if label_separator else ""))


class Labelled(NamedTuple):
    """A table with the columns that were chosen, and its usable rows as examples."""

    table: "Table"
    text: list[str]
    label: str | list[str]
    examples: "Examples"


def read_labelled(
    data: str,
    text: Sequence[str] | None,
    label: Sequence[str] | None,
    bad_rows: str,
    *,
    votes: list[str] | None = None,
    count: str | None = None,
    label_separator: str | None = None,
    task: str = "auto",
    trusted: str | None = None,
) -> Labelled:
    """Read the table and say what was guessed or dropped on the way."""
    from sfumato.image_source import is_image_data
    from sfumato.source import read_examples
    from sfumato.table import guess_columns, read_table
    from sfumato.vote_columns import read_option
    from sfumato.votes import MAJORITY

    if is_image_data(data):
        raise InputError(
            f"soften writes a table, and {data} holds images; in Python, sfumato.soften(images, labels) takes arrays"
        )
    table = read_table(data, bad_rows=bad_rows)
    columns = read_option(votes)
    texts, named, guesses = guess_columns(table, text, label, need_label=columns in (None, "rows"))
    if COLUMN in table.columns:
        raise InputError(f"{table.source} already has the column {COLUMN!r}; rename it, or leave it out")
    examples, notes = read_examples(
        table,
        text=texts,
        label=named or None,
        bad_rows=bad_rows,
        votes=columns,
        count=count,
        label_separator=label_separator,
        task=task,
        trusted=trusted,
    )
    for sentence in (*guesses, *notes):
        note(f"note: {sentence}")
    by_majority = examples.votes is not None and (not named or columns in (None, "rows"))
    return Labelled(table, texts, MAJORITY if by_majority else named, examples)


def built_with(method: str, options: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the method with its options, and those that are not its own: `soften` has arguments of the same name."""
    from sfumato.methods import METHODS
    from sfumato.resolve import build_method, option_names

    names = option_names(method, METHODS)
    own = {name: value for name, value in options.items() if name in names}
    return build_method(method, own), {name: value for name, value in options.items() if name not in names}


def votes_by_class(examples: "Examples") -> dict[str, Any] | None:
    """Return the votes as `sfumato.soften` takes them, class to N counts, None if there are none."""
    if examples.votes is None:
        return None
    return {name: examples.votes[:, k] for k, name in enumerate(examples.classes)}


def next_step(given: Labelled, output: Path | None) -> str:
    """Return where the soft labels are and the command that trains with them."""
    if output is None:
        return "nothing written; give -o soft.parquet to keep the soft labels"
    labels = [given.label] if isinstance(given.label, str) else given.label
    columns = "".join(f" --text {quoted(name)}" for name in given.text)
    columns += "".join(f" --label {quoted(name)}" for name in labels)
    path = quoted(output)
    return f"written: {output}\nnext: sfumato fit {path}{columns} --soft-targets {path} -o model/"


def write(path: Path, given: Labelled, soft: "SoftTargets", overwrite: bool) -> None:
    """Write the user's columns and row order with the soft labels added."""
    import json

    from sfumato.write import write_table

    columns: dict[str, Any] = dict(given.table.take(given.examples.ids).columns)
    if isinstance(given.label, str) and given.label not in columns:  # the majority of the votes
        columns[given.label] = [given.examples.classes[k] for k in given.examples.labels]
    ending = path.suffix.lower()
    if ending == ".parquet":
        columns[COLUMN] = soft.targets
    elif ending == ".jsonl":
        columns[COLUMN] = soft.targets.tolist()
    else:
        columns.update({f"{PREFIX}{name}": soft.targets[:, k].tolist() for k, name in enumerate(soft.classes)})
    metadata = {"classes": json.dumps(list(soft.classes), ensure_ascii=False)}
    write_table(path, columns, metadata=metadata, overwrite=overwrite)


def explained(given: Labelled, method: str, options: Mapping[str, Any], row: int) -> list[dict[str, Any]]:
    """Return the words of a row with what each adds to the classes, the strongest first.

    Raises
    ------
    InputError
        if the method does not work by words, or if there is no such row.
    """
    from sfumato.label_sets import named_labels
    from sfumato.methods.kwls import explain_row

    examples, labels = given.examples, named_labels(given.examples)
    words = explain_row(examples.inputs, labels, examples.classes, row_index(given, row), method=method, **options)
    return [{"word": word, "adds": dict(zip(examples.classes, adds.tolist(), strict=True))} for word, adds in words]


def row_index(given: Labelled, row: int) -> int:
    """Return the position among the examples of the row that the user numbers ``row``."""
    table, examples = given.table, given.examples
    for position, k in enumerate(examples.ids):
        if table.rows[k] == row:
            return position
    first, last = table.rows[examples.ids[0]], table.rows[examples.ids[-1]]
    raise InputError(f"--explain: {table.source} has no usable row {row}; its rows go from {first} to {last}")


def print_words(words: Sequence[Mapping[str, Any]], target: Mapping[str, float], text: str, *, several: bool) -> None:
    """Print a row's text, its words, and the soft label that they lead to, for the classes with the most mass."""
    shown = sorted(target, key=lambda name: -target[name])[:SHOWN_CLASSES]
    say(shortened(text, 200))
    say()
    rows = [(each["word"], *(each["adds"][name] for name in shown)) for each in words[:SHOWN_WORDS]]
    print_table(("word", *shown), rows, title="what each word adds to the logit of a class (no shares of mass yet)")
    say()
    share, through = ("probability", "sigmoid") if several else ("share of mass", "softmax")
    shares = [(share, *(target[name] for name in shown))]
    print_table(("", *shown), shares, title=f"the soft label of this row, after {through} and weight")
