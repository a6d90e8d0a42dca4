"""Which probabilities are high enough to be answers: thresholds of multi-label predictions, best on dev for micro-F1.

Micro-F1 is 2 TP / (predicted + gold), over all rows and classes. One threshold is found by trying every place between
two probabilities; one a class by Dinkelbach's method for ratios (W. Dinkelbach, "On Nonlinear Fractional Programming",
Management Science 13, 1967), which ends at the best of all combinations. N rows, C classes. Nothing here needs torch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError

HALF = 0.5
RARE = 5  # labels with fewer gold rows take the threshold of all
ROUNDS = 100  # of Dinkelbach's method, which needs a handful

Array = NDArray[Any]


class Cuts(NamedTuple):
    """All ways to cut some entries by a threshold, from predicting none to predicting all, (K,) each."""

    right: NDArray[np.int64]
    predicted: NDArray[np.int64]
    threshold: NDArray[np.float64]


def cuts_of(gold: Array, probabilities: Array) -> Cuts:
    """Return every way to cut entries (n,); equal probabilities are never parted, and 0 is never an answer."""
    order = np.argsort(-probabilities, kind="stable")
    p = np.concatenate([[1.0], probabilities[order].astype(np.float64), [0.0]])
    right = np.concatenate([[0], np.cumsum(gold[order], dtype=np.int64)])
    between = p[:-1] > p[1:]
    between[0] = True  # none is predicted
    place = np.flatnonzero(between)
    middle = (p[place] + p[place + 1]) / 2
    lost = (middle >= p[place]) & (place > 0)  # rounded up: the last entry above would fall out
    return Cuts(right[place], place, np.where(lost, p[place + 1], middle))


def best_threshold(gold: Array, probabilities: Array) -> float:
    """Return the threshold with the best micro-F1 when ``probabilities > threshold`` is predicted, (N, C) both.

    Of equal ones it is that nearest to .5; where there is no gold label at all, .5.
    """
    gold = np.asarray(gold, dtype=bool)
    if not gold.any():
        return HALF
    cuts = cuts_of(gold.ravel(), np.asarray(probabilities).ravel())
    f1 = 2 * cuts.right / (cuts.predicted + gold.sum())
    best = cuts.threshold[f1 == f1.max()]
    return float(best[np.abs(best - HALF).argmin()])


def label_thresholds(gold: Array, probabilities: Array, *, rare: int = RARE) -> NDArray[np.float64]:
    """Return one threshold a class, (C,), that together have the best micro-F1 of (N, C) rows.

    A class with fewer than ``rare`` gold rows takes the one of all classes, `best_threshold`.
    """
    gold, p = np.asarray(gold, dtype=bool), np.asarray(probabilities, dtype=np.float64)
    thresholds = np.full(p.shape[1], best_threshold(gold, p))
    own = np.flatnonzero(gold.sum(axis=0) >= rare)
    if not len(own):
        return thresholds
    cuts = [cuts_of(gold[:, k], p[:, k]) for k in own]
    near = [np.abs(each.threshold - thresholds[0]) for each in cuts]
    f1, before = micro_f1_at(gold, p, thresholds), -1.0
    for _ in range(ROUNDS):
        if f1 <= before:
            break
        # F1 can rise above f1 if and only if some choice makes the sum of 2 TP - f1 * predicted larger
        for k, each, distance in zip(own, cuts, near, strict=True):
            gain = 2 * each.right - f1 * each.predicted
            best = np.flatnonzero(gain >= gain.max() - 1e-9)
            thresholds[k] = each.threshold[best[distance[best].argmin()]]
        f1, before = micro_f1_at(gold, p, thresholds), f1
    return thresholds


def micro_f1_at(gold: Array, probabilities: Array, thresholds: Array | float) -> float:
    """Return the micro-F1 of predicting ``probabilities > thresholds``; 0 where nothing is gold or predicted."""
    predicted = probabilities > thresholds
    size = predicted.sum() + gold.sum()
    return float(2 * (predicted & gold).sum() / size) if size else 0.0


def chosen_thresholds(kind: str | float, gold: Array, probabilities: Array) -> NDArray[np.float64]:
    """Return the thresholds (C,) that ``Training.thresholds`` asks for, from calibrated dev probabilities (N, C)."""
    classes = np.shape(probabilities)[1]
    if kind == "label":
        return label_thresholds(gold, probabilities)
    if kind == "global":
        return np.full(classes, best_threshold(gold, probabilities))
    return np.full(classes, float(kind))


def given_thresholds(kind: str | float, classes: int) -> NDArray[np.float64]:
    """Return the thresholds (C,) of a run without dev rows: the given number, or .5 where dev was to choose."""
    return np.full(classes, HALF if isinstance(kind, str) else float(kind))


def check_thresholds(thresholds: Any, classes: int) -> NDArray[np.float64]:
    """Return thresholds as (C,), one number standing for all; an error if they are of another label set."""
    array = np.asarray(thresholds, dtype=np.float64)
    if array.ndim == 0:
        array = np.full(classes, float(array))
    if array.shape != (classes,):
        raise InputError(
            f"thresholds must be one number or one a class ({classes}), got {array.size}; "
            "are they of another label set?"
        )
    if not ((array >= 0) & (array <= 1)).all():
        wrong = float(array[~((array >= 0) & (array <= 1))][0])
        raise InputError(f"thresholds are compared with probabilities, so they must be between 0 and 1, got {wrong}")
    return array
