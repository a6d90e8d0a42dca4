"""`sfumato evaluate`: measures a saved model on a table."""

from typing import Annotated

import typer

from sfumato.cli.options import Folder, Json, Label, Rows, Text
from sfumato.cli.output import print_json

SHOWN_PAIRS = 10


def evaluate(
    model: Folder,
    data: Annotated[str, typer.Argument(metavar="DATA", help="Table of texts and labels that the model has not seen.")],
    text: Text = None,
    label: Label = None,
    bad_rows: Rows = "refuse",
    as_json: Json = False,
) -> None:
    """Measure a saved model on a table.

    Prints metrics with 95 % intervals, a line per class, and the confused pairs.
    """
    from sfumato.model import load

    evaluation = load(model).evaluate(data, text=text, label=label, bad_rows=bad_rows)
    if as_json:
        print_json(dict(evaluation))
