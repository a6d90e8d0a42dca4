"""`sfumato evaluate`: measures a saved model on a table."""

from typing import TYPE_CHECKING, Annotated

import typer

from sfumato.cli.options import Folder, Json, Label, Rows, Text
from sfumato.cli.output import counted, note, print_json, print_table, say

if TYPE_CHECKING:
    from sfumato.evaluation import Evaluation


def evaluate(
    model: Folder,
    data: Annotated[str, typer.Argument(metavar="DATA", help="Table, or images, that the model has not seen.")],
    text: Text = None,
    label: Label = None,
    bad_rows: Rows = "refuse",
    as_json: Json = False,
) -> None:
    """Measure a saved model on a table.

    Prints metrics with 95 % intervals, a line per class, and the confused pairs.
    """
    from sfumato.model import load

    loaded = load(model)
    evaluation = loaded.evaluate(
        data, text=text or loaded.info.get("text"), label=label or loaded.info.get("label"), bad_rows=bad_rows
    )
    if as_json:
        print_json(evaluation.to_dict())
    else:
        print_evaluation(evaluation)


def print_evaluation(evaluation: "Evaluation") -> None:
    """Print the metrics, the classes and the confused pairs."""
    from sfumato.card import SCORES

    for sentence in evaluation.notes:
        note(f"note: {sentence}")
    unseen = f", {evaluation.unseen:,} with a label that training never saw" if evaluation.unseen else ""
    say(counted(evaluation.rows, "row") + unseen)
    say()
    rows = [(SCORES.get(name, name), *interval) for name, interval in evaluation.metrics.items()]
    print_table(("metric", "value", "95 % from", "to"), rows)
    say()
    print_table(("class", "precision", "recall", "F1", "rows"), evaluation.per_class)
    if evaluation.confused_pairs:
        say()
        print_table(("label", "predicted", "rows", "share"), evaluation.confused_pairs, title="most confused")
