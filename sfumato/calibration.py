"""One temperature that makes a trained classifier's confidence match its accuracy.

C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section 4.2:
the logits are divided by one number, chosen on held-out rows by their log-loss. The predicted class never changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError

LOWEST, HIGHEST = 0.05, 20.0
"""The temperatures that are tried; a split without a single error would ask for 0."""


def softmax(logits: NDArray[Any], temperature: float = 1.0) -> NDArray[np.float64]:
    """Return the probabilities of logits ``(N, C)`` divided by ``temperature``; each row sums to 1."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    raised = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    probabilities: NDArray[np.float64] = raised / raised.sum(axis=-1, keepdims=True)
    return probabilities


def temper(probabilities: NDArray[Any], temperature: float) -> NDArray[np.float64]:
    """Return what `softmax` would give at ``temperature``, from the probabilities at temperature 1, ``(N, C)``."""
    tiny = np.finfo(np.float32).tiny
    return softmax(np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), tiny)), temperature)


def best_temperature(scores: NDArray[np.float64], labels: NDArray[Any], *, steepest: float | None = None) -> float:
    """Return the T that minimises the mean log-loss of ``softmax(scores / T)``; infinity if even is best.

    The loss is convex in 1 / T; this is Newton's method on its slope, kept inside a bracket. Where every label
    is predicted right, the loss has no minimum: then 1 / T stops at ``steepest``, by default where a typical row is
    one-hot in floating point.

    Parameters
    ----------
    scores : (N, C), finite
    labels : (N,) indices, none of them -1, or shares (N, C)
    """
    gap = _gap(scores, labels)
    spread = float(np.ptp(gap, axis=0).mean())
    if spread == 0 or gap.mean() >= 0:
        return float("inf")
    low, high = 0.0, 40 / spread if steepest is None else steepest
    beta = min(1 / spread, high)
    for _ in range(60):
        slope, curvature = _slope(gap, beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        newton = beta - slope / curvature if curvature > 0 else high
        following = newton if low < newton < high else (low + high) / 2
        if abs(following - beta) <= 1e-8 * beta:
            break
        beta = following
    return 1 / beta


def _gap(scores: NDArray[np.float64], labels: NDArray[Any]) -> NDArray[np.float64]:
    """Return how far each score lies above the given label's, ``(C, N)``: few labels are summed fast downwards.

    Of shares ``(N, C)`` it is the mean of the labels' scores, so that the slopes are those of the cross-entropy.
    """
    rows = np.ascontiguousarray(scores.T)
    given = rows[labels, np.arange(len(labels))] if labels.ndim == 1 else (labels.T * rows).sum(axis=0)
    gap: NDArray[np.float64] = rows - given
    return gap


def _slope(gap: NDArray[np.float64], beta: float) -> tuple[float, float]:
    """Return the first two derivatives in ``beta`` of the mean of ln sum exp(beta * gap), ``gap`` (C, N)."""
    p = np.exp(beta * (gap - gap.max(axis=0)))
    p /= p.sum(axis=0)
    weighted = p * gap
    mean = weighted.sum(axis=0)
    return float(mean.mean()), float(((weighted * gap).sum(axis=0) - mean**2).mean())


def fit_temperature(logits: NDArray[Any], labels: NDArray[Any], votes: NDArray[Any] | None = None) -> float:
    """Return the temperature in [0.05, 20] that minimises the mean log-loss of ``labels``.

    The log-loss is convex in 1 / T, so the best T of the range is the end nearest to the best of all
    (`best_temperature`) where that lies outside; rows labelled -1 are left out.

    Parameters
    ----------
    logits : (N, C), finite
    labels : (N,) indices
    votes : (N, C), of several annotators: then it is the cross-entropy with their shares that is least

    Raises
    ------
    InputError
        if a logit is not finite, or the shapes do not match.
    """
    scores, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if scores.ndim != 2 or len(scores) != len(labels):
        raise InputError(f"logits must have shape ({len(labels)}, classes), one row a label, got {scores.shape}")
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores).all(axis=1))[0])
        raise InputError(f"cannot calibrate: the logits of row {row + 1} hold NaN or infinity")
    known = labels >= 0 if votes is None else (labels >= 0) & (votes.sum(axis=1) > 0)
    scores, labels = scores[known], labels[known]
    if votes is not None:
        labels = votes[known] / votes[known].sum(axis=1, keepdims=True)
    if not len(scores) or not np.ptp(scores, axis=1).any():
        return 1.0  # no row, or every row uniform: no temperature changes anything
    if _slope(_gap(scores, labels), 1 / LOWEST)[0] <= 0:
        return LOWEST
    return min(best_temperature(scores, labels, steepest=1 / LOWEST), HIGHEST)
