"""By what dev chooses among the looks of a run: accuracy, log-loss, or the log-loss that allows for wrong labels.

Dev rows are labelled by the same hands as the training rows. Where a share of their labels is wrong, the plain log-loss
punishes a classifier for being sure of the *right* label, and chooses one that has hardly learned anything. The
noise-aware log-loss of logits l (N, C) lets a label be drawn evenly with some probability e, and the logits be divided
by a temperature t, and takes the pair that explains dev best:

    L(l) = min over t > 0, 0 <= e < 1 of  -(1/N) sum_i log( (1 - e) softmax(l_i / t)_{y_i} + e / C ).

On right labels e is next to 0, and what is chosen is the classifier with the best log-loss after calibration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ACCURACY, LOG_LOSS, NOISE_AWARE = "accuracy", "log-loss", "noise-aware"
BY = ("auto", ACCURACY, LOG_LOSS, NOISE_AWARE)
STARTS = (0.02, 0.3)  # of e
LIMIT = 6.0  # of log(1 / t), and of e's log-odds on either side


def decided(choose: str, *, one_batch: bool, noise_aware: bool = False) -> str:
    """Return by what dev chooses where the user leaves it ``auto``.

    Networks are looked at once an epoch and chosen by accuracy; a fit of one batch is looked at dozens of times, and
    luck would stop it too early: log-loss, noise-aware for a method whose targets allow for wrong labels.
    """
    if choose != "auto":
        return choose
    if not one_batch:
        return ACCURACY
    return NOISE_AWARE if noise_aware else LOG_LOSS


class NoiseAware(NamedTuple):
    """The loss, and the temperature t and the share of even labels e that it has it at."""

    loss: float
    temperature: float
    e: float


def noise_aware_log_loss(logits: NDArray[Any], labels: NDArray[np.int64]) -> NoiseAware:
    """Return L of logits (N, C), see the module; labels of -1, which training never saw, are left out."""
    from scipy.optimize import minimize

    known = labels >= 0
    if not known.any():
        return NoiseAware(math.inf, 1.0, 0.0)
    scores = np.asarray(logits, dtype=np.float64)[known]
    scores = scores - scores.max(axis=1, keepdims=True)
    rows, given, C = np.arange(len(scores)), labels[known], scores.shape[1]

    def loss(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        steep, e = np.exp(x[0]), 1 / (1 + np.exp(-x[1]))
        p = np.exp(steep * scores)
        p /= p.sum(axis=1, keepdims=True)
        right = p[rows, given]
        written = np.maximum((1 - e) * right + e / C, 1e-300)
        by_steep = (1 - e) * right / written * (scores[rows, given] - (p * scores).sum(axis=1)) * steep
        by_e = (1 / C - right) / written * e * (1 - e)
        return -float(np.log(written).mean()), -np.array([by_steep.mean(), by_e.mean()])

    bounds = [(-LIMIT, LIMIT)] * 2
    starts = (np.array([0.0, math.log(e / (1 - e))]) for e in STARTS)
    found = min((minimize(loss, x, jac=True, method="L-BFGS-B", bounds=bounds) for x in starts), key=lambda f: f.fun)
    return NoiseAware(float(found.fun), float(np.exp(-found.x[0])), float(1 / (1 + np.exp(-found.x[1]))))


def rank(record: Mapping[str, float], by: str) -> tuple[float, float]:
    """Return how good a look at dev is, larger first, the second number for ties.

    ``record`` is what `sfumato.inference.dev_record` returns; of multi-label data accuracy is the micro-F1.
    """
    accuracy = record["dev_micro_f1"] if "dev_micro_f1" in record else record["dev_accuracy"]
    if by == ACCURACY:
        return accuracy, -record["dev_log_loss"]
    if by == NOISE_AWARE and "dev_noise_aware" in record:
        return -record["dev_noise_aware"], accuracy
    return -record["dev_log_loss"], accuracy
