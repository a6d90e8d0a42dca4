"""A multi-label model measured on a labelled table: every figure with its 95 % interval.

All metrics are functions of sums over rows, so one table of what each row adds serves every resampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sfumato import multilabel_metrics as metrics
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.finding import some
from sfumato.label_kinds import KINDS
from sfumato.significance import Interval, wilson_interval
from sfumato.thresholds import HALF, check_thresholds

if TYPE_CHECKING:
    from sfumato.evaluation import Evaluation
    from sfumato.model import Model

DRAWS = 500
AT_ONCE = 2**22  # numbers of a block of resamplings
MEANS = ("subset_accuracy", "lrap", "log_loss", "brier")

Array = NDArray[Any]


def row_parts(gold: Array, probabilities: Array, predicted: Array, unseen: Array | None) -> NDArray[np.float64]:
    """Return what each row adds to the sums that `from_sums` reads, (N, 3 C + 1 + 4 + bins)."""
    lost = np.zeros(len(gold)) if unseen is None else unseen
    columns = [
        gold & predicted,
        predicted,
        gold,
        lost[:, None],
        metrics.row_subset_accuracy(gold, predicted, unseen)[:, None],
        metrics.row_lrap(gold, probabilities)[:, None],
        metrics.row_log_loss(gold, probabilities)[:, None],
        metrics.row_brier(gold, probabilities)[:, None],
        metrics.gaps(gold, probabilities),
    ]
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in columns], axis=1)


def from_sums(sums: Array, rows: int, classes: int) -> dict[str, Array]:
    """Return every metric from sums (..., K) over so many rows, (...,) each."""
    right, predicted, support = (sums[..., k * classes : (k + 1) * classes] for k in range(3))
    rest = sums[..., 3 * classes :]
    found = metrics.averages(metrics.Counts(right, predicted, support, rest[..., 0]))
    found |= {name: rest[..., 1 + k] / rows for k, name in enumerate(MEANS)}
    found["ece"] = np.abs(rest[..., 1 + len(MEANS) :]).sum(axis=-1) / (rows * classes)
    return found


def multilabel_intervals(
    gold: Array, probabilities: Array, predicted: Array, unseen: Array | None = None, *, seed: int = 0
) -> dict[str, Interval]:
    """Return every metric with its 95 % interval over rows: Wilson's for rows wholly right, else by bootstrap."""
    parts = row_parts(gold, probabilities, predicted, unseen)
    rows, classes = gold.shape
    rng = np.random.default_rng(seed)
    block = max(1, min(DRAWS, AT_ONCE // rows))
    drawn: list[dict[str, Array]] = []
    for start in range(0, DRAWS, block):
        times = rng.multinomial(rows, np.full(rows, 1 / rows), size=min(block, DRAWS - start))  # (draws, N)
        drawn.append(from_sums(times @ parts, rows, classes))
    whole = from_sums(parts.sum(axis=0), rows, classes)
    bounds = {name: np.quantile(np.concatenate([d[name] for d in drawn]), [0.025, 0.975]) for name in whole}
    found = {name: Interval(float(whole[name]), float(low), float(high)) for name, (low, high) in bounds.items()}
    # as in `sfumato.evaluation`: where every row is right, all resamplings are too
    right = int(metrics.row_subset_accuracy(gold, predicted, unseen).sum())
    return found | {"subset_accuracy": wilson_interval(right, rows)}


def evaluate_multilabel(model: Model, examples: Examples, *, notes: Sequence[str] = ()) -> Evaluation:
    """Measure a multi-label model on rows whose labels index its classes; labels of others are in ``unseen``."""
    from sfumato.evaluation import Evaluation

    if not examples.multilabel:
        raise InputError(f"the model answers with {KINDS[True]}, and these rows have {KINDS[False]}; read them as such")
    gold, unseen = examples.gold, examples.unseen
    if unseen is not None and len(gold) and not gold.any():
        raise InputError(
            f"no label of these rows is a class of the model, so nothing can be measured: {' '.join(notes[-1:])}; the "
            f"model's classes are {some(model.classes, 20)}; name the right column of labels (--label), or write the "
            "labels as in training"
        )
    probabilities = model.predict_proba(examples.inputs)
    predicted = model.answers(probabilities)
    thresholds = check_thresholds(HALF if model.thresholds is None else model.thresholds, len(model.classes))
    without = ~gold.any(axis=1) if unseen is None else ~gold.any(axis=1) & (unseen == 0)
    return Evaluation(
        metrics=multilabel_intervals(gold, probabilities, predicted, unseen),
        per_class=metrics.per_label(gold, probabilities, predicted, model.classes, thresholds),
        confused_pairs=metrics.missed_pairs(gold, predicted, model.classes, n=10),
        rows=len(gold),
        unseen=0 if unseen is None else int((unseen > 0).sum()),
        notes=tuple(notes),
        without_label=int(without.sum()),
    )
