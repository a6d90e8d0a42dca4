"""One temperature for a table of scores: how sharp soft labels may be before they mislead.

Shapes: N rows, C labels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Integers

Array = NDArray[np.float64]


def softmax(scores: Array) -> Array:
    """Turn scores ``(N, C)`` into distributions; shifted by the row's maximum, for exp overflows at 710."""
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def normalised_entropy(p: Array) -> float:
    """Mean entropy of the rows over that of the even distribution: 0 is one-hot, 1 is even."""
    C = p.shape[1]
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    return float(-(p * logs).sum(axis=1).mean() / np.log(C))


def log_loss(probabilities: Array, labels: Integers) -> float:
    """Mean of -ln p(given label)."""
    given = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(given, np.finfo(np.float64).tiny)).mean())


def best_temperature(relevance: Array, labels: Integers) -> float:
    """Return the T that minimises the log-loss of ``softmax(relevance / T)``; infinity if even is best.

    The loss is convex in 1 / T; this is Newton's method on its slope, kept inside a bracket. Where every label
    is predicted right, the loss has no minimum: then T stops where a typical row is one-hot in floating point.
    """
    rows = np.ascontiguousarray(relevance.T)  # (C, N): sums over few labels are fast down the columns
    gap = rows - rows[labels, np.arange(len(labels))]  # the given label is 0
    spread = float(np.ptp(rows, axis=0).mean())
    if spread == 0 or gap.mean() >= 0:
        return float("inf")
    beta, low, high = 1 / spread, 0.0, 40 / spread
    for _ in range(60):
        slope, curvature = _slope(gap, beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        newton = beta - slope / curvature if curvature > 0 else high
        following = newton if low < newton < high else (low + high) / 2
        if abs(following - beta) <= 1e-8 * beta:
            break
        beta = following
    return 1 / beta


def _slope(gap: Array, beta: float) -> tuple[float, float]:
    """Return the first two derivatives in ``beta`` of the mean of ln sum exp(beta * gap), ``gap`` (C, N)."""
    p = np.exp(beta * (gap - gap.max(axis=0)))
    p /= p.sum(axis=0)
    weighted = p * gap
    mean = weighted.sum(axis=0)
    return float(mean.mean()), float(((weighted * gap).sum(axis=0) - mean**2).mean())
