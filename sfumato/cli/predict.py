"""`sfumato predict`: adds predictions to a table, a chunk at a time."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from sfumato.cli.options import Folder, Json, Overwrite, Rows, Text
from sfumato.cli.output import counted, note, plain, print_json, say_json
from sfumato.errors import InputError

if TYPE_CHECKING:
    from sfumato.model import Model
    from sfumato.table import Table

Columns = Mapping[str, Sequence[Any]]
IMAGES_AT_ONCE = 4096
DECIMALS = 6  # of a probability in the table


def predict(
    model: Folder,
    data: Annotated[str, typer.Argument(metavar="DATA", help="Table of texts, or - for standard input; or images.")],
    output: Annotated[str, typer.Option("--output", "-o", help="Table to write; - is standard output, as CSV.")] = "-",
    text: Text = None,
    proba: Annotated[bool, typer.Option("--proba", help="Add a column p_<class> for every class.")] = False,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Probability above which a label is given, in place of the model's own."),
    ] = None,
    label_separator: Annotated[
        str | None,
        typer.Option("--label-separator", metavar="SIGN", help="Write several labels of a row as one text, as a|b."),
    ] = None,
    bad_rows: Rows = "refuse",
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Add the columns predicted and confidence to a table.

    The table streams through: memory does not grow with its rows. Of a model that gives several labels, predicted
    holds a list (JSON text in CSV), or one text where the training labels were, and confidence is the highest
    probability.
    """
    from sfumato.model import load
    from sfumato.table import stream_table
    from sfumato.write import TableWriter, check_output

    check_output(output, overwrite, table=True)
    loaded = load(model)
    scorer = scorer_of(loaded, threshold, label_separator)
    counts: Counter[str] = Counter()
    rows = 0
    if loaded.reads == "images":
        chunks = scored_images(scorer, data, text, proba, bad_rows)
    else:
        chunks = scored(scorer, stream_table(data, bad_rows=bad_rows), text, proba, bad_rows)
    if as_json and output == "-":
        print_rows(chunks)
        return
    with TableWriter(output, overwrite=overwrite) as table:
        for columns in chunks:
            rows += len(columns["predicted"])
            counts.update(name for cell in columns["predicted"] for name in scorer.labels_of(cell))
            table.write(columns)
    if as_json:
        print_json({"path": output, "rows": rows, "predicted": dict(counts.most_common())})
    else:
        note(f"{counted(rows, 'row')} scored" + ("" if output == "-" else f" and written to {output}"))


class Scorer(NamedTuple):
    """A model, and what stands between the labels that it gives a row: None writes them as a list."""

    model: "Model"
    separator: str | None = None

    def labels_of(self, cell: Any) -> list[str]:
        """Return the labels of a cell of the column predicted."""
        if not self.model.multilabel:
            return [cell]
        if self.separator is None:
            return list(cell)
        return cell.split(self.separator) if cell else []

    def written(self, answers: Any) -> list[Any]:
        """Return the cells of the column predicted from answers (N, C) bool."""
        rows = [[name for name, given in zip(self.model.classes, row, strict=True) if given] for row in answers]
        return rows if self.separator is None else [self.separator.join(names) for names in rows]


def scorer_of(model: "Model", threshold: float | None, separator: str | None) -> Scorer:
    """Return the model with the threshold and the separator that are given, or those of its training.

    Raises
    ------
    InputError
        if the model gives one label a row, or the separator stands in the name of a class.
    """
    from sfumato.label_columns import check_separator
    from sfumato.thresholds import check_thresholds

    if not model.multilabel:
        for option, value in (("--threshold", threshold), ("--label-separator", separator)):
            if value is not None:
                raise InputError(f"{option} is for models that give several labels; this one gives each row one class")
        return Scorer(model)
    if threshold is not None:
        model.thresholds = check_thresholds(threshold, len(model.classes))
    check_separator(separator)
    within = [name for name in model.classes if separator is not None and separator in name]
    if within:
        raise InputError(f"the separator {separator!r} stands in the name of the class {within[0]!r}; choose another")
    return Scorer(model, model.info.get("label_separator") if separator is None else separator)


def scored(
    scorer: Scorer, chunks: "Iterable[Table]", text: Sequence[str] | None, proba: bool, bad_rows: str
) -> Iterator[Columns]:
    """Yield the columns of each chunk with the predictions added; if no row is left, their names alone.

    Raises
    ------
    InputError
        if the table already has a column of that name, or if a text is empty and ``bad_rows`` is "refuse".
    """
    model = scorer.model
    added = ["predicted", "confidence", *(f"p_{name}" for name in model.classes if proba)]
    said: set[str] = set()
    names: list[str] = []
    empty = True
    for table in chunks:
        for sentence in set(table.notes) - said:
            note(f"note: {sentence}")
        said.update(table.notes)
        clash = [name for name in added if name in table.columns]
        if clash:
            raise InputError(
                f"{table.source} already has the column {clash[0]!r}; rename it, or leave it out, before predicting"
            )
        text = text or text_columns(model, table)
        usable, texts = with_text(table, text, bad_rows)
        names = [*table.columns, *added]
        if texts:
            empty = False
            yield {**usable.columns, **predictions(scorer, texts, proba)}
    if empty:
        yield {name: [] for name in names}


def scored_images(
    scorer: Scorer, data: str, text: Sequence[str] | None, proba: bool, bad_rows: str
) -> Iterator[Columns]:
    """Yield the names of some images (files, or numbers from 1) with the predictions added."""
    from sfumato.image_source import is_image_data, read_images
    from sfumato.source import refuse_columns

    if not is_image_data(data):
        raise InputError(
            f"the model {scorer.model.architecture} reads images, and {data} is none; give a folder of images"
        )
    refuse_columns(text=text)
    rows = read_images(data, split="test", bad_rows=bad_rows)
    for sentence in rows.notes:
        note(f"note: {sentence}")
    for start in range(0, len(rows.images), IMAGES_AT_ONCE):
        part = slice(start, start + IMAGES_AT_ONCE)
        yield {"image": rows.names[part], **predictions(scorer, rows.images[part], proba)}


def predictions(scorer: Scorer, texts: Any, proba: bool) -> Columns:
    """Return the columns predicted, confidence and, if wanted, one p_<class> a class."""
    import numpy as np

    model = scorer.model
    probabilities = np.asarray(model.predict_proba(texts), dtype=np.float64)  # (N, C)
    # before rounding, which makes ties
    if model.multilabel:
        predicted = scorer.written(model.answers(probabilities))
    else:
        predicted = [model.classes[k] for k in probabilities.argmax(axis=1)]
    probabilities = probabilities.round(DECIMALS)
    columns: dict[str, Sequence[Any]] = {
        "predicted": predicted,
        "confidence": probabilities.max(axis=1).tolist(),
    }
    if proba:
        columns.update({f"p_{name}": probabilities[:, k].tolist() for k, name in enumerate(model.classes)})
    return columns


def text_columns(model: "Model", table: "Table") -> list[str]:
    """Return the columns that the model was trained on, or guess, for a model that was trained on lists."""
    from sfumato.table import guess_columns

    if model.info.get("text"):
        return list(model.info["text"])
    names, _, guesses = guess_columns(table, None, None, need_label=False)
    for sentence in guesses:
        note(f"note: {sentence}")
    return names


def with_text(table: "Table", names: Sequence[str], bad_rows: str) -> tuple["Table", list[str]]:
    """Return the rows that have a text, and their texts with the columns joined."""
    from sfumato.rows import BadRow, name_rows, refuse_bad_rows

    texts = table.joined(names)
    empty = [table.rows[k] for k, each in enumerate(texts) if not each.strip()]
    if not empty:
        return table, texts
    if bad_rows == "refuse":
        problem = f"no text in {', '.join(names)}"
        raise refuse_bad_rows(table.source, [BadRow(row, problem, "") for row in empty], table.unit)
    note(f"note: {table.source}: no text in {name_rows(empty, table.unit)}, left out")
    keep = [k for k, each in enumerate(texts) if each.strip()]
    return table.take(keep), [texts[k] for k in keep]


def print_rows(chunks: Iterable[Columns]) -> None:
    """Print the rows as one JSON list of objects, without holding them all."""
    import json

    opening = "["
    for columns in chunks:
        for row in zip(*columns.values(), strict=True):
            say_json(opening + json.dumps(plain(dict(zip(columns, row, strict=True))), ensure_ascii=False))
            opening = ","
    say_json("]" if opening == "," else "[]")
