"""How good predictions are: plain functions of arrays.

N rows, C classes. ``labels`` and ``predicted`` are ``(N,)`` indices, ``probabilities`` is ``(N, C)`` with rows
that sum to 1; so are ``shares``, those of the votes of several annotators. A label of -1 is one that training never
saw: it counts as an error in accuracy, ECE and the Brier score, and as a false positive of the class predicted for it;
it has no log-loss and is left out there (`scores` says how many). Higher is better for accuracy, F1 and the
correlation, lower for the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError

METRIC_VERSION = 1
"""Raised whenever a number of this file changes; part of every result's key."""

SMALLEST = 1e-12
"""A smaller probability of the given label counts as this much in the log-loss, at most 27.6 nats a row."""

Array = NDArray[Any]


class ClassScore(NamedTuple):
    """One class of a test split; ``support`` is its number of rows."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


class ConfusedPair(NamedTuple):
    """``rows`` rows of class ``label`` were predicted as ``predicted``; ``share`` is of the class's rows."""

    label: str
    predicted: str
    rows: int
    share: float


def _same_rows(labels: Array, other: Array, name: str) -> None:
    if len(labels) != len(other):
        raise InputError(f"{name} must have one row per label ({len(labels)}), got {len(other)}")
    if not len(labels):
        raise InputError("no rows to score")


def accuracy(labels: Array, predicted: Array) -> float:
    """Return the share of rows whose prediction is the label."""
    _same_rows(labels, predicted, "predicted")
    return float(np.mean(labels == predicted))


def majority_accuracy(labels: Array, train_labels: Array, num_classes: int) -> float:
    """Return the accuracy of always answering the commonest class of the training split."""
    commonest = int(np.bincount(train_labels[train_labels >= 0], minlength=num_classes).argmax())
    return float(np.mean(labels == commonest))


def confusion_matrix(labels: Array, predicted: Array, num_classes: int) -> NDArray[np.int64]:
    """Return the rows of each label (down) and prediction (across), ``(C, C)``; rows labelled -1 are left out."""
    _same_rows(labels, predicted, "predicted")
    seen = labels >= 0
    cell = labels[seen] * num_classes + predicted[seen]
    return np.bincount(cell, minlength=num_classes**2).reshape(num_classes, num_classes)


def _counts(labels: Array, predicted: Array, num_classes: int) -> tuple[Array, Array, Array]:
    """Rows right, rows predicted (those labelled -1 included) and rows labelled, of each class, ``(C,)``."""
    right = np.bincount(labels[labels == predicted], minlength=num_classes)
    guessed = np.bincount(predicted, minlength=num_classes)
    support = np.bincount(labels[labels >= 0], minlength=num_classes)
    return right, guessed, support


def macro_f1(labels: Array, predicted: Array, num_classes: int) -> float:
    """Return the mean F1 of the classes that have a row in this split; 0 if none has."""
    _same_rows(labels, predicted, "predicted")
    right, guessed, support = _counts(labels, predicted, num_classes)
    present = support > 0
    f1 = 2 * right[present] / (guessed[present] + support[present])
    return float(f1.mean()) if present.any() else 0.0


def per_class(labels: Array, predicted: Array, classes: Sequence[str]) -> list[ClassScore]:
    """Return precision, recall, F1 and support of each class; a share of nothing is 0."""
    _same_rows(labels, predicted, "predicted")
    right, guessed, support = _counts(labels, predicted, len(classes))
    return [
        ClassScore(name, r / max(g, 1), r / max(s, 1), 2 * r / max(g + s, 1), int(s))
        for name, r, g, s in zip(classes, right.tolist(), guessed.tolist(), support.tolist(), strict=True)
    ]


def confused_pairs(labels: Array, predicted: Array, classes: Sequence[str], n: int = 3) -> list[ConfusedPair]:
    """Return the ``n`` commonest confusions, most rows first, in the order of the classes at equal counts."""
    matrix = confusion_matrix(labels, predicted, len(classes))
    support = matrix.sum(axis=1)
    wrong = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-wrong, axis=None, kind="stable")[:n]
    pairs = [divmod(int(cell), len(classes)) for cell in order]
    return [
        ConfusedPair(classes[i], classes[j], int(wrong[i, j]), float(wrong[i, j] / support[i]))
        for i, j in pairs
        if wrong[i, j]
    ]


def row_log_loss(labels: Array, probabilities: Array, *, smallest: float = SMALLEST) -> NDArray[np.float64]:
    """Return -log of the probability given to the label, ``(N,)``, in nats; NaN where the label is -1.

    A probability below ``smallest`` counts as ``smallest``.
    """
    _same_rows(labels, probabilities, "probabilities")
    chosen = np.asarray(probabilities, dtype=np.float64)[np.arange(len(labels)), labels]
    losses: NDArray[np.float64] = np.where(labels >= 0, -np.log(np.maximum(chosen, smallest)), np.nan)
    return losses


def log_loss(labels: Array, probabilities: Array, *, smallest: float = SMALLEST) -> float:
    """Return the mean of `row_log_loss` over the rows whose label training saw; NaN if there is none."""
    losses = row_log_loss(labels, probabilities, smallest=smallest)
    return float(losses[labels >= 0].mean()) if (labels >= 0).any() else float("nan")


def row_brier(labels: Array, probabilities: Array) -> NDArray[np.float64]:
    """Return the squared distance to the one-hot label, summed over the classes, ``(N,)``, 0 to 2."""
    _same_rows(labels, probabilities, "probabilities")
    p = np.asarray(probabilities, dtype=np.float64)
    chosen = np.where(labels >= 0, p[np.arange(len(labels)), labels], 0.0)
    squared: NDArray[np.float64] = (p**2).sum(axis=1) - 2 * chosen + 1  # sum (p - y)^2 with y one-hot
    return squared


def brier(labels: Array, probabilities: Array) -> float:
    """Return the Brier score: the mean of `row_brier`, 0 to 2."""
    return float(row_brier(labels, probabilities).mean())


def ece(labels: Array, probabilities: Array, *, bins: int = 15) -> float:
    """Return the expected calibration error of the predicted class, 0 to 1.

    The confidence range is cut into ``bins`` equal widths, (low, high]; the result is the mean gap between
    accuracy and confidence, weighted by rows. A confidence of exactly 1 belongs to the last bin.
    """
    _same_rows(labels, probabilities, "probabilities")
    p = np.asarray(probabilities, dtype=np.float64)
    confidence = p.max(axis=1)
    right = p.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gap = np.bincount(place, weights=right - confidence, minlength=bins)  # rows x (accuracy - confidence)
    return float(np.abs(gap).sum() / len(labels))


def scores(labels: Array, probabilities: Array) -> dict[str, float]:
    """Return accuracy, macro_f1, log_loss, brier and ece of a split, with its ``rows`` and ``unseen`` labels."""
    _same_rows(labels, probabilities, "probabilities")
    predicted = probabilities.argmax(axis=1)
    return {
        "accuracy": accuracy(labels, predicted),
        "macro_f1": macro_f1(labels, predicted, probabilities.shape[1]),
        "log_loss": log_loss(labels, probabilities),
        "brier": brier(labels, probabilities),
        "ece": ece(labels, probabilities),
        "rows": len(labels),
        "unseen": int((labels < 0).sum()),
    }


def normalised_entropy(probabilities: Array) -> NDArray[np.float64]:
    """Return the entropy of each row over that of the even distribution, ``(N,)``: 0 is one-hot, 1 is even."""
    p = np.asarray(probabilities, dtype=np.float64)
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    scaled: NDArray[np.float64] = -(p * logs).sum(axis=1) / np.log(max(p.shape[1], 2))
    return scaled


def total_variation(first: Array, second: Array) -> NDArray[np.float64]:
    """Return half the absolute differences, ``(N,)``, 0 to 1: the mass that would have to move."""
    distance: NDArray[np.float64] = np.abs(np.asarray(first, np.float64) - second).sum(axis=-1) / 2
    return distance


def kl_divergence(first: Array, second: Array) -> NDArray[np.float64]:
    """Return KL(first || second), ``(N,)``, in nats; infinite where ``second`` is 0 and ``first`` is not."""
    p, q = np.asarray(first, np.float64), np.asarray(second, np.float64)
    p, q = np.broadcast_arrays(p, q)
    ratio = np.divide(p, q, out=np.full(p.shape, np.inf), where=q > 0)
    terms = p * np.log(ratio, out=np.zeros(p.shape), where=p > 0)
    divergence: NDArray[np.float64] = terms.sum(axis=-1)
    return divergence


def jensen_shannon(first: Array, second: Array) -> NDArray[np.float64]:
    """Return the Jensen-Shannon divergence, ``(N,)``, in nats, 0 to ln 2; symmetric and always finite."""
    middle = (np.asarray(first, np.float64) + second) / 2
    divergence: NDArray[np.float64] = (kl_divergence(first, middle) + kl_divergence(second, middle)) / 2
    return divergence


def manhattan(first: Array, second: Array) -> NDArray[np.float64]:
    """Return the sum of the absolute differences, ``(N,)``, 0 to 2: twice `total_variation`."""
    return 2 * total_variation(first, second)


def row_cross_entropy(shares: Array, probabilities: Array, *, smallest: float = SMALLEST) -> NDArray[np.float64]:
    """Return ``-sum_c q_c log p_c`` of shares ``q`` and predictions ``p``, ``(N,)``, in nats.

    A probability below ``smallest`` counts as ``smallest``; with one-hot shares it is `row_log_loss`.
    """
    _same_rows(shares, probabilities, "probabilities")
    logs = np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), smallest))
    losses: NDArray[np.float64] = -(np.asarray(shares, dtype=np.float64) * logs).sum(axis=1)
    return losses


def entropy_correlation(shares: Array, probabilities: Array) -> float:
    """Return Pearson's r of the rows' entropies, -1 to 1; NaN where one side has the same entropy in every row.

    It is high where the model is in doubt on the texts that the annotators disagree about.
    """
    _same_rows(shares, probabilities, "probabilities")
    first, second = normalised_entropy(shares), normalised_entropy(probabilities)
    if min(np.ptp(first), np.ptp(second)) < 1e-12:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def distribution_scores(shares: Array, probabilities: Array) -> dict[str, float]:
    """Return how far predictions are from shares, both ``(N, C)``: the means over the rows, and the correlation.

    The class with the largest share, the first of equals, is the label of macro-F1.
    """
    _same_rows(shares, probabilities, "probabilities")
    return {
        "cross_entropy": float(row_cross_entropy(shares, probabilities).mean()),
        "jensen_shannon": float(jensen_shannon(shares, probabilities).mean()),
        "manhattan": float(manhattan(shares, probabilities).mean()),
        "entropy_correlation": entropy_correlation(shares, probabilities),
        "macro_f1": macro_f1(shares.argmax(axis=1), probabilities.argmax(axis=1), shares.shape[1]),
    }
