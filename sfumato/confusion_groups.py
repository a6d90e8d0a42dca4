"""Groups of labels that a model mistakes for each other; C classes, N rows.

Two classes are alike by the rate at which rows of one are predicted as the other, both ways, divided by the root of
how much each is mistaken in all, so that an often confused class is not alike to every other. Classes are joined by
complete linkage: a group masks every pair of its members, so its least alike pair decides. The tree is cut where the
modularity of the confusions is largest (M. Newman, M. Girvan, "Finding and Evaluating Community Structure in
Networks", Physical Review E 69, 2004): where the share of the confusions that stay inside groups most exceeds what it
would be if classes were confused at random. Groups of none gain nothing, one group of all gains nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.targets import Floats, Integers

Array = NDArray[np.float64]


def confusion_rates(gold: NDArray[np.bool_], probabilities: Floats, *, multilabel: bool = False) -> Array:
    """Return how often rows of each class are predicted as each other class, (C, C), 0 on the diagonal.

    From labels and out-of-fold probabilities, (N, C). The prediction of a row is its most probable class, or, with
    ``multilabel``, each class above one half; a predicted class that the row does have is no confusion.
    """
    chosen = probabilities > 0.5 if multilabel else np.zeros(probabilities.shape, dtype=bool)
    if not multilabel:
        chosen[np.arange(len(chosen)), probabilities.argmax(axis=1)] = True
    mistaken = (chosen & ~gold).astype(np.float64)
    rates: Array = (gold.T.astype(np.float64) @ mistaken) / np.maximum(gold.sum(axis=0), 1)[:, None]
    np.fill_diagonal(rates, 0)
    return rates


def modularity(confusion: Array, groups: Integers) -> float:
    """Return by how much the share of the confusions (C, C), symmetric, inside groups (C,) exceeds chance."""
    total = confusion.sum()
    if not total:
        return 0.0
    degree = confusion.sum(axis=1) / total
    same = groups[:, None] == groups[None, :]
    return float(((confusion / total - np.outer(degree, degree)) * same).sum())


def confusion_groups(rates: Array) -> Integers:
    """Return the group of each class, (C,), from `confusion_rates`; all are alone where nothing is confused."""
    from scipy.cluster.hierarchy import cut_tree, linkage
    from scipy.spatial.distance import squareform

    C = len(rates)
    confusion = rates + rates.T
    if C < 2 or not confusion.any():
        return np.arange(C)
    degree = np.maximum(confusion.sum(axis=1), confusion.sum() * 1e-12)  # some class may never be confused
    alike = confusion / np.sqrt(np.outer(degree, degree))
    distance = alike.max() - alike
    np.fill_diagonal(distance, 0)
    cuts: NDArray[Any] = cut_tree(linkage(squareform(distance, checks=False), "complete"))  # (C, C), finest first
    found = [cuts[:, k] for k in range(C)]
    best = int(np.argmax([round(modularity(confusion, groups), 12) for groups in found]))
    return np.asarray(apart(found[best].astype(np.int64), confusion))


def apart(groups: Integers, confusion: Array) -> Integers:
    """Return the groups, but each class that is confused with none of its group alone."""
    same = groups[:, None] == groups[None, :]
    lonely = np.flatnonzero(~(same & (confusion > 0)).any(axis=1))
    parted = groups.copy()
    parted[lonely] = groups.max() + 1 + np.arange(len(lonely))
    return parted
