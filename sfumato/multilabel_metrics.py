"""How good multi-label predictions are: plain functions of arrays.

N rows, C classes. ``gold`` and ``predicted`` are (N, C) bool, ``probabilities`` (N, C), each of its own. ``unseen``
(N,) counts the given labels of a row that training never saw: each is one that was not found, so it lowers micro-recall
and micro-F1, and its row is not wholly right; it is no class, so nothing else knows of it. Shares of nothing are 0.
Higher is better for F1s, precision, recall, subset accuracy and LRAP, lower for the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError
from sfumato.metrics import SMALLEST, ConfusedPair

MULTILABEL_METRIC_VERSION = 1
"""Raised whenever a number of this file changes; part of every result's key."""

BINS = 15

Array = NDArray[Any]


class LabelScore(NamedTuple):
    """One label of a test split; ``support`` is its rows, ``ece`` the calibration error of its own probabilities."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    threshold: float
    ece: float


def check_rows(gold: Array, other: Array, name: str) -> None:
    """Raise unless both are (N, C) and N is not 0."""
    if gold.ndim != 2 or gold.shape != other.shape:
        raise InputError(f"{name} must have shape {gold.shape}, as the labels have, got {other.shape}")
    if not len(gold):
        raise InputError("no rows to score")


class Counts(NamedTuple):
    """Rows that have a label and are predicted it, rows predicted it, rows that have it, (C,) each."""

    right: Array
    predicted: Array
    support: Array
    unseen: Any = 0.0  # labels that are no class


def counts_of(gold: Array, predicted: Array, unseen: Array | None = None) -> Counts:
    """Count the rows of each label."""
    check_rows(gold, predicted, "predicted")
    lost = 0.0 if unseen is None else float(np.sum(unseen))
    return Counts((gold & predicted).sum(axis=0), predicted.sum(axis=0), gold.sum(axis=0), lost)


def share(part: Any, whole: Any) -> Any:
    """Return the quotient, 0 where the whole is nothing; arrays of any equal shape."""
    whole = np.asarray(whole, dtype=np.float64)
    return np.divide(part, whole, out=np.zeros(whole.shape), where=whole > 0)


def averages(counts: Counts) -> dict[str, Any]:
    """Return micro- and macro-averaged F1, precision and recall of counts (..., C).

    Macro is the mean of the labels that have a row in this split, as in `sfumato.metrics.macro_f1`.
    """
    right, predicted, support, unseen = counts
    total, present = right.sum(axis=-1), support > 0
    asked = support.sum(axis=-1) + unseen
    several = present.sum(axis=-1)
    return {
        "micro_f1": share(2 * total, predicted.sum(axis=-1) + asked),
        "macro_f1": share((share(2 * right, predicted + support) * present).sum(axis=-1), several),
        "micro_precision": share(total, predicted.sum(axis=-1)),
        "micro_recall": share(total, asked),
        "macro_precision": share((share(right, predicted) * present).sum(axis=-1), several),
        "macro_recall": share((share(right, support) * present).sum(axis=-1), several),
    }


def micro_f1(gold: Array, predicted: Array, unseen: Array | None = None) -> float:
    """Return 2 TP / (predicted + gold) over all rows and classes."""
    return float(averages(counts_of(gold, predicted, unseen))["micro_f1"])


def row_micro_f1(gold: Array, predicted: Array, unseen: Array | None = None) -> NDArray[np.float64]:
    """Return a value a row whose mean is micro-F1 exactly and whose spread is its error by the delta method, (N,).

    ``v_i = F1 + (2 tp_i - F1 size_i) / mean(size)`` with ``size_i`` the labels predicted for row i and given to it.
    """
    check_rows(gold, predicted, "predicted")
    size = predicted.sum(axis=1) + gold.sum(axis=1) + (0 if unseen is None else unseen)
    if not size.sum():
        return np.zeros(len(gold))
    value = micro_f1(gold, predicted, unseen)
    rows: NDArray[np.float64] = value + (2 * (gold & predicted).sum(axis=1) - value * size) / size.mean()
    return rows


def row_subset_accuracy(gold: Array, predicted: Array, unseen: Array | None = None) -> NDArray[np.bool_]:
    """Return whether a row is predicted all its labels and no other, (N,)."""
    check_rows(gold, predicted, "predicted")
    whole: NDArray[np.bool_] = (gold == predicted).all(axis=1)
    return whole if unseen is None else whole & (np.asarray(unseen) == 0)


def row_lrap(gold: Array, probabilities: Array) -> NDArray[np.float64]:
    """Return the label-ranking average precision of each row, (N,), in (0, 1].

    Of each gold label: the share of gold ones among the labels that are ranked as high or higher; the mean over the
    row's gold labels. A row with no label, or with all, is 1 as in scikit-learn.
    """
    from scipy.stats import rankdata

    check_rows(gold, probabilities, "probabilities")
    p = np.asarray(probabilities, dtype=np.float64)
    among_all = rankdata(-p, method="max", axis=1)
    among_gold = rankdata(np.where(gold, -p, np.inf), method="max", axis=1)
    several = gold.sum(axis=1)
    total = np.where(gold, among_gold / among_all, 0.0).sum(axis=1)
    rows: NDArray[np.float64] = np.where(several == 0, 1.0, total / np.maximum(several, 1))
    return rows


def row_log_loss(gold: Array, probabilities: Array, *, smallest: float = SMALLEST) -> NDArray[np.float64]:
    """Return the mean over the classes of -log of the probability of what is so, (N,), in nats."""
    check_rows(gold, probabilities, "probabilities")
    p = np.asarray(probabilities, dtype=np.float64)
    rows: NDArray[np.float64] = -np.log(np.maximum(np.where(gold, p, 1 - p), smallest)).mean(axis=1)
    return rows


def row_brier(gold: Array, probabilities: Array) -> NDArray[np.float64]:
    """Return the mean over the classes of the squared distance to 0 or 1, (N,), 0 to 1."""
    check_rows(gold, probabilities, "probabilities")
    rows: NDArray[np.float64] = ((np.asarray(probabilities, dtype=np.float64) - gold) ** 2).mean(axis=1)
    return rows


def gaps(gold: Array, probabilities: Array, *, bins: int = BINS, axis: int = 1) -> NDArray[np.float64]:
    """Return the sum of ``gold - probability`` by bins of the probability, of each row or (``axis`` 0) each class.

    (N, bins) or (C, bins); the bins are equal widths, (low, high], and 0 is in the first.
    """
    check_rows(gold, probabilities, "probabilities")
    p = np.asarray(probabilities, dtype=np.float64)
    place = np.clip(np.ceil(p * bins).astype(np.int64) - 1, 0, bins - 1)
    kept = p.shape[1 - axis]
    line = np.arange(kept)[:, None] if axis == 1 else np.arange(kept)[None, :]
    cell, gap = (line * bins + place).ravel(), (gold - p).ravel()
    sums: NDArray[np.float64] = np.bincount(cell, weights=gap, minlength=kept * bins).astype(np.float64)
    return sums.reshape(kept, bins)


def ece(gold: Array, probabilities: Array, *, bins: int = BINS) -> float:
    """Return the calibration error over all N x C entries: the gap between probability and share, by bins."""
    return float(np.abs(gaps(gold, probabilities, bins=bins).sum(axis=0)).sum() / gold.size)


def label_ece(gold: Array, probabilities: Array, *, bins: int = BINS) -> NDArray[np.float64]:
    """Return the calibration error of each class, (C,), over its N entries."""
    errors: NDArray[np.float64] = np.abs(gaps(gold, probabilities, bins=bins, axis=0)).sum(axis=1) / len(gold)
    return errors


def multilabel_scores(
    gold: Array, probabilities: Array, predicted: Array, unseen: Array | None = None
) -> dict[str, float]:
    """Return every metric of a split, its ``rows``, and how many are ``without_label`` and have an ``unseen`` one.

    ``predicted`` (N, C) are the answers at the model's thresholds.
    """
    gold = np.asarray(gold, dtype=bool)
    given = {name: float(value) for name, value in averages(counts_of(gold, predicted, unseen)).items()}
    none = ~gold.any(axis=1) if unseen is None else ~gold.any(axis=1) & (np.asarray(unseen) == 0)
    return given | {
        "subset_accuracy": float(row_subset_accuracy(gold, predicted, unseen).mean()),
        "lrap": float(row_lrap(gold, probabilities).mean()),
        "log_loss": float(row_log_loss(gold, probabilities).mean()),
        "brier": float(row_brier(gold, probabilities).mean()),
        "ece": ece(gold, probabilities),
        "rows": len(gold),
        "without_label": int(none.sum()),
        "unseen": 0 if unseen is None else int((np.asarray(unseen) > 0).sum()),
    }


def per_label(
    gold: Array, probabilities: Array, predicted: Array, classes: Sequence[str], thresholds: Array
) -> list[LabelScore]:
    """Return the scores of each label."""
    right, guessed, support, _ = counts_of(gold, predicted)
    columns = (
        share(right, guessed),
        share(right, support),
        share(2 * right, guessed + support),
        support,
        thresholds,
        label_ece(gold, probabilities),
    )
    return [LabelScore(name, *values) for name, *values in zip(classes, *(c.tolist() for c in columns), strict=True)]


def missed_pairs(gold: Array, predicted: Array, classes: Sequence[str], n: int = 10) -> list[ConfusedPair]:
    """Return the ``n`` commonest pairs of a label that a row has and was not predicted, and one it was and has not.

    ``share`` is of the rows of the missed label. Most rows first, in the order of the classes at equal counts.
    """
    check_rows(gold, predicted, "predicted")
    missing, wrong = gold & ~predicted, predicted & ~gold
    matrix = (missing.T.astype(np.float32) @ wrong.astype(np.float32)).round().astype(np.int64)  # (C, C)
    support = gold.sum(axis=0)
    order = np.argsort(-matrix, axis=None, kind="stable")[:n]
    cells = [divmod(int(cell), len(classes)) for cell in order]
    return [
        ConfusedPair(classes[j], classes[k], int(matrix[j, k]), float(matrix[j, k] / support[j]))
        for j, k in cells
        if matrix[j, k]
    ]


def frequent_labels_f1(gold: Array, train_gold: Array) -> float:
    """Return the micro-F1 of always answering the commonest labels, as many as are best on the training rows."""
    support = train_gold.sum(axis=0)
    order = np.argsort(-support, kind="stable")
    several = np.arange(1, len(support) + 1)
    found = share(2 * support[order].cumsum(), several * len(train_gold) + support.sum())
    answer = np.zeros(len(support), dtype=bool)
    answer[order[: int(found.argmax()) + 1]] = True
    return micro_f1(gold, np.broadcast_to(answer, gold.shape))
