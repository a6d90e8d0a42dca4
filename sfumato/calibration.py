"""One temperature that makes a trained classifier's confidence match its accuracy.

C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section 4.2:
the logits are divided by one number, chosen on held-out rows by their log-loss. The predicted class never changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError

LOWEST, HIGHEST = 0.05, 20.0
"""The temperatures that are tried; a split without a single error would ask for 0."""
SAMPLE = 4096  # rows


def softmax(logits: NDArray[Any], temperature: float = 1.0) -> NDArray[np.float64]:
    """Return the probabilities of logits ``(N, C)`` divided by ``temperature``; each row sums to 1."""
    rows = np.array(np.asarray(logits).T, order="C", dtype=np.float64)  # few classes are summed fast downwards
    rows /= temperature
    rows -= rows.max(axis=0)
    np.exp(rows, out=rows)
    rows /= rows.sum(axis=0)
    return np.ascontiguousarray(rows.T)


def sigmoid(logits: NDArray[Any], temperature: float = 1.0) -> NDArray[np.float64]:
    """Return the probability of each logit divided by ``temperature``, each entry of its own, of any shape."""
    from scipy.special import expit

    probabilities: NDArray[np.float64] = expit(np.asarray(logits, dtype=np.float64) / temperature)
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
    gap = Gap.of(scores, labels)
    spread = float(-gap.below.min(axis=0).mean())
    if spread == 0 or gap.slope(0.0)[0] >= 0:
        return float("inf")
    high = 40 / spread if steepest is None else steepest
    beta = min(1 / spread, high)
    if len(labels) > 4 * SAMPLE:  # the root of a part is near that of the whole: fewer passes over all rows
        beta = gap.part(len(labels) // SAMPLE).root(beta, high, close=1e-2)
    return 1 / gap.root(beta, high, close=1e-5)


@dataclass(frozen=True, eq=False)
class Gap:
    """How far each score lies above the given label's: ``top`` is the most in each row, ``below`` the rest of the way.

    ``top`` (N,), ``below`` (C, N), 0 or less; few labels are summed fast downwards.
    """

    top: NDArray[np.float64]
    below: NDArray[np.float64]

    @classmethod
    def of(cls, scores: NDArray[np.float64], labels: NDArray[Any]) -> Gap:
        """Return the gaps of ``scores`` (N, C).

        Where ``labels`` are shares ``(N, C)``, the given score is the mean of the labels' scores, so that the slopes
        are those of the cross-entropy.
        """
        below = np.array(scores.T, order="C", dtype=np.float64)
        given = below[labels, np.arange(len(labels))] if labels.ndim == 1 else (labels.T * below).sum(axis=0)
        highest = below.max(axis=0)
        below -= highest
        return cls(highest - given, below)

    def part(self, every: int) -> Gap:
        """Return each ``every``-th row."""
        return Gap(self.top[::every], np.ascontiguousarray(self.below[:, ::every]))

    def slope(self, beta: float) -> tuple[float, float]:
        """Return the first two derivatives in ``beta`` of the mean over rows of ln sum exp(beta * gap)."""
        first = second = 0.0
        for start in range(0, len(self.top), SAMPLE):  # what a block needs stays in the processor's cache
            below = self.below[:, start : start + SAMPLE]
            p = np.exp(beta * below)
            total = p.sum(axis=0)
            p *= below
            mean = p.sum(axis=0) / total
            p *= below
            first += float(mean.sum())
            second += float((p.sum(axis=0) / total - mean**2).sum())
        return float(self.top.mean()) + first / len(self.top), second / len(self.top)

    def root(self, beta: float, high: float, *, close: float) -> float:
        """Return where the slope is 0, or ``high`` if it stays below; Newton squares the error ``close`` of a step."""
        low = 0.0
        for _ in range(60):
            slope, curvature = self.slope(beta)
            low, high = (beta, high) if slope < 0 else (low, beta)
            newton = beta - slope / curvature if curvature > 0 else high
            inside = low < newton < high
            following = newton if inside else (low + high) / 2
            done = abs(following - beta) <= (close if inside else 1e-8) * beta
            beta = following
            if done:
                break
        return beta


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
    if Gap.of(scores, labels).slope(1 / LOWEST)[0] <= 0:
        return LOWEST
    return min(best_temperature(scores, labels, steepest=1 / LOWEST), HIGHEST)


def fit_noisy_temperature(logits: NDArray[Any], labels: NDArray[Any], T: NDArray[np.float64]) -> float:
    """Return the temperature in [0.05, 20] of labels that are wrong as ``T`` says: it suits the right ones.

    It makes the given labels y likeliest, of which the right ones j are not known,

        L(t) = -(1 / N) sum_i log( sum_j softmax(l_i / t)_j T_{j, y_i} ).

    On labels of which a share is wrong, the plain log-loss asks for a confidence that is too low by about that share.
    L may have several valleys; the best of 60 temperatures is taken, and the lowest point next to it.

    Parameters
    ----------
    logits : (N, C), finite
    labels : (N,) indices; rows labelled -1 are left out
    T : (C, C), the share of the rows of class j (down) that were given label k (across)
    """
    from scipy.optimize import minimize_scalar

    fit_temperature(logits, labels)  # the same is asked of the logits
    known = np.asarray(labels) >= 0
    scores, written = np.asarray(logits, dtype=np.float64)[known], T.T[np.asarray(labels)[known]]
    if not len(scores) or not np.ptp(scores, axis=1).any():
        return 1.0

    def loss(log_t: float) -> float:
        p = softmax(scores, float(np.exp(log_t)))
        return -float(np.log(np.maximum((p * written).sum(axis=1), 1e-300)).mean())

    grid = np.linspace(np.log(LOWEST), np.log(HIGHEST), 60)
    at = int(np.argmin([loss(x) for x in grid]))
    near = grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]
    found = minimize_scalar(loss, bounds=near, method="bounded", options={"xatol": 1e-5})
    return float(np.exp(found.x if found.fun < loss(grid[at]) else grid[at]))


def fit_binary_temperature(logits: NDArray[Any], gold: NDArray[Any]) -> float:
    """Return the temperature in [0.05, 20] of multi-label logits: least mean log-loss over all N x C entries.

    Each entry is a question of two answers, with the logits 0 and its own; so this is `fit_temperature` of them.

    Parameters
    ----------
    logits : (N, C), finite
    gold : (N, C) bool
    """
    scores, answers = np.asarray(logits, dtype=np.float64), np.asarray(gold)
    if scores.shape != answers.shape:
        raise InputError(f"logits must have shape {answers.shape}, as the labels have, got {scores.shape}")
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores).all(axis=1))[0])
        raise InputError(f"cannot calibrate: the logits of row {row + 1} hold NaN or infinity")
    entries = scores.ravel()
    return fit_temperature(np.stack([np.zeros_like(entries), entries], axis=1), answers.ravel().astype(np.int64))
