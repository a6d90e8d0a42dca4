"""The controls of soft targets where a row may have several labels: N rows, C classes, t the method's targets.

``uniform``     every given label gets the mean of all given ones' t, every other label the mean of all others'
``class-mean``  a given label k gets the mean of t_ik over the rows that have k; another one the mean, over the row's
                labels j, of M[j, k] = the mean of t_ik over the rows with j and without k (a row without labels: over
                all rows without k)
``shuffled``    the targets of another row with the same set of labels; a row alone with its set keeps its own
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Examples
from sfumato.permutation import within_class
from sfumato.targets import DenseTargets, Floats, Integers

Array = NDArray[np.float64]


def label_sets(gold: NDArray[Any]) -> Integers:
    """Return a number for each row's set of labels, (N,), from (N, C)."""
    return np.asarray(np.unique(gold, axis=0, return_inverse=True)[1], dtype=np.int64).reshape(-1)


def alone_share(labels: NDArray[Any]) -> float:
    """Return the share of the rows that no other row shares its label, or set of labels, with."""
    if not len(labels):
        return 0.0
    sets = labels if labels.ndim == 1 else label_sets(labels)
    return float((np.unique(sets, return_counts=True)[1] == 1).sum() / len(sets))


def even(examples: Examples) -> Examples:
    """Give all given labels one probability and all others another: the split's means."""
    gold, targets = examples.gold, examples.targets.dense()
    high, low = (float(targets[part].mean()) if part.any() else 0.0 for part in (gold, ~gold))
    return replace(examples, targets=DenseTargets(np.where(gold, high, low).astype(np.float32)))


def means_by_label(gold: NDArray[np.bool_], targets: Floats) -> tuple[Array, Array]:
    """Return M (C, C), with the mean of a given label on its diagonal, and the mean over all rows without k, (C,)."""
    y, t = gold.astype(np.float64), targets.astype(np.float64)
    outside = 1 - y
    M = (y.T @ (t * outside)) / np.maximum(y.T @ outside, 1)
    np.fill_diagonal(M, (y * t).sum(axis=0) / np.maximum(y.sum(axis=0), 1))
    return M, (t * outside).sum(axis=0) / np.maximum(outside.sum(axis=0), 1)


def mean_of_labels(examples: Examples) -> Examples:
    """Give every row what is known of its labels, and nothing of its text."""
    gold = examples.gold
    M, without = means_by_label(gold, examples.targets.dense())
    spread = M - np.diag(M.diagonal())
    counts = gold.sum(axis=1, keepdims=True)
    others = np.where(counts > 0, gold @ spread / np.maximum(counts, 1), without)
    return replace(examples, targets=DenseTargets(np.where(gold, M.diagonal(), others).astype(np.float32)))


def of_another_row(examples: Examples, *, seed: int = 0) -> Examples:
    """Give every row the targets of another row with the same labels."""
    return replace(examples, targets=examples.targets.take(within_class(label_sets(examples.labels), seed)))
