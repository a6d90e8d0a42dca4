"""`sfumato evaluate`: measures a saved model on a table."""

from typing import TYPE_CHECKING, Annotated

import typer

from sfumato.cli.options import Folder, Json, Label, LabelSeparator, Rows, Task, Text
from sfumato.cli.output import counted, note, print_json, print_table, say

if TYPE_CHECKING:
    from sfumato.evaluation import Evaluation


def evaluate(
    model: Folder,
    data: Annotated[str, typer.Argument(metavar="DATA", help="Table, or images, that the model has not seen.")],
    text: Text = None,
    label: Label = None,
    label_separator: LabelSeparator = None,
    task: Task = "auto",
    bad_rows: Rows = "refuse",
    as_json: Json = False,
) -> None:
    """Measure a saved model on a table.

    Prints metrics with 95 % intervals, a line per class, and the confused pairs.
    """
    from sfumato.columns import one_or_several
    from sfumato.model import load

    evaluation = load(model).evaluate(
        data,
        text=text or None,
        label=one_or_several(label) if label else None,
        bad_rows=bad_rows,
        label_separator=label_separator,
        task=task,
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
    said = counted(evaluation.rows, "row")
    said += f", {evaluation.without_label:,} without a label" if evaluation.without_label else ""
    said += f", {evaluation.unseen:,} with a label that training never saw" if evaluation.unseen else ""
    say(said)
    say()
    rows = [(SCORES.get(name, name), *interval) for name, interval in evaluation.metrics.items()]
    print_table(("metric", "value", "95 % from", "to"), rows)
    say()
    several = "micro_f1" in evaluation.metrics
    print_table(("class", "precision", "recall", "F1", "rows", *(("threshold", "ECE") * several)), evaluation.per_class)
    if evaluation.confused_pairs:
        say()
        heads, title = ("label", "predicted", "rows", "share"), "most confused"
        if several:
            heads, title = ("missed", "given", "rows", "share"), "most confused: a label missed, another wrongly given"
        print_table(heads, evaluation.confused_pairs, title=title)
