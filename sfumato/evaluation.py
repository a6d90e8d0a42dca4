"""A model measured on a labelled table: every figure with its 95 % interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.finding import some
from sfumato.label_columns import TASKS
from sfumato.label_kinds import KINDS
from sfumato.metrics import (
    ClassScore,
    ConfusedPair,
    brier,
    confused_pairs,
    ece,
    log_loss,
    macro_f1,
    per_class,
)
from sfumato.multilabel_evaluation import evaluate_multilabel
from sfumato.multilabel_metrics import LabelScore
from sfumato.registry import check_choice
from sfumato.significance import Interval, bootstrap_interval, wilson_interval

if TYPE_CHECKING:
    from sfumato.model import Model


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model on N rows.

    Attributes
    ----------
    metrics : name to value, low and high (95 %)
    per_class : precision, recall, F1 and support of each class; of a multi-label model threshold and ECE too
    confused_pairs : the commonest confusions, most rows first; of a multi-label model a label that was missed and one
        that was wrongly given to the same row
    rows : N
    unseen : rows with a label that training never saw; each such label counts as an error
    notes : what was said while reading the table
    without_label : rows of multi-label data that have none
    """

    metrics: dict[str, Interval]
    per_class: Sequence[ClassScore | LabelScore]
    confused_pairs: list[ConfusedPair]
    rows: int
    unseen: int
    notes: tuple[str, ...] = ()
    without_label: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as plain values, for JSON."""
        return {
            "metrics": {name: interval._asdict() for name, interval in self.metrics.items()},
            "per_class": [score._asdict() for score in self.per_class],
            "confused_pairs": [pair._asdict() for pair in self.confused_pairs],
            "rows": self.rows,
            "unseen": self.unseen,
            "notes": list(self.notes),
            **({"without_label": self.without_label} if "micro_f1" in self.metrics else {}),
        }


def intervals(labels: NDArray[np.int64], probabilities: NDArray[Any]) -> dict[str, Interval]:
    """Return every metric with its 95 % interval over rows: Wilson's for accuracy, by bootstrap for the others."""
    predicted = probabilities.argmax(axis=1)
    statistics: dict[str, Callable[[NDArray[np.int64]], float]] = {
        "macro_f1": lambda rows: macro_f1(labels[rows], predicted[rows], probabilities.shape[1]),
        "log_loss": lambda rows: log_loss(labels[rows], probabilities[rows]),
        "brier": lambda rows: brier(labels[rows], probabilities[rows]),
        "ece": lambda rows: ece(labels[rows], probabilities[rows]),
    }
    # Where every row is right, all resamplings are too: the bootstrap would be sure of what few rows cannot show.
    share = wilson_interval(int((predicted == labels).sum()), len(labels))
    others = {name: bootstrap_interval(statistic, len(labels), draws=500) for name, statistic in statistics.items()}
    return {"accuracy": share, **others}


def evaluate(
    model: Model,
    data: Any,
    *,
    text: Sequence[str] | str | None,
    label: Sequence[str] | str | None,
    bad_rows: str = "refuse",
    label_separator: str | None = None,
    task: str = "auto",
) -> Evaluation:
    """Measure ``model`` on a table or on `Examples`; see `Model.evaluate`."""
    from sfumato.source import read_examples

    several = getattr(model, "multilabel", False)
    check_task(several, task)
    examples, notes = read_examples(
        data,
        text=text,
        label=label,
        bad_rows=bad_rows,
        classes=model.classes,
        label_separator=label_separator,
        task="multilabel" if several else task,
    )
    if several:
        return evaluate_multilabel(model, examples, notes=notes)
    if examples.multilabel:
        raise InputError(f"the model answers with {KINDS[False]}, these rows have {KINDS[True]}; give one label a row")
    if len(examples) and (examples.labels < 0).all():
        raise InputError(no_label_known(data, notes, model.classes))
    return evaluate_examples(model, examples, notes=notes)


def check_task(several: bool, task: str) -> None:
    """Raise if the rows are to be read as of another kind than what the model answers."""
    check_choice("labels", "task", task, TASKS)
    if task != "auto" and several != (task == "multilabel"):
        raise InputError(
            f"the model answers with {KINDS[several]}, and task={task!r} reads {KINDS[not several]}; leave --task out"
        )


def no_label_known(data: Any, notes: Sequence[str], classes: Sequence[str]) -> str:
    """Return what to say where every label is foreign to the model: the labels, which ``notes`` name, its classes."""
    theirs = f"they are {some(data.classes)}" if isinstance(data, Examples) else notes[-1].partition(": counted")[0]
    return (
        f"no row has a label that is a class of the model, so nothing can be measured: {theirs}; the model's classes "
        f"are {some(classes, 20)}; name the right column of labels (--label), or write the labels as in training"
    )


def evaluate_examples(model: Model, examples: Examples, *, notes: Sequence[str] = ()) -> Evaluation:
    """Measure ``model`` on examples whose labels index its classes; -1 is a label that training never saw."""
    labels = examples.labels
    probabilities = model.predict_proba(examples.inputs)
    predicted = probabilities.argmax(axis=1)
    return Evaluation(
        metrics=intervals(labels, probabilities),
        per_class=per_class(labels, predicted, model.classes),
        confused_pairs=confused_pairs(labels, predicted, model.classes, n=10),
        rows=len(labels),
        unseen=int((labels < 0).sum()),
        notes=tuple(notes),
    )
