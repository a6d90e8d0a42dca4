"""Every text judged by a linear classifier that has seen neither it nor an equal text.

The classifiers of all folds are fitted at once, by accelerated gradient steps on the log-loss that stop early in
place of a penalty (the steps of `sfumato.full_batch`, here without torch). The weights start at zero, so they stay
``X' A`` for some A: the logits of all rows, ``X X' A``, are moved instead, and the weights are never formed.

Shapes: N texts, V n-grams, C classes, K folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.row_squares import RowSquares
from sfumato.targets import Floats, Integers

STEPS = 25
ROOM = 2**26  # numbers that one step may hold: folds go side by side as far as they fit


def held_out_logits(
    matrix: Any, labels: Any, num_classes: int, fold: Integers, *, steps: int = STEPS, soft: bool = False
) -> Floats:
    """Return the logits of each row by the classifier that was fitted without its fold, ``(N, C)``; see below."""
    found: Floats = held_out_path(matrix, labels, num_classes, fold, steps=(steps,), soft=soft)[0]
    return found


def held_out_path(
    matrix: Any, labels: Any, num_classes: int, fold: Integers, *, steps: Sequence[int], soft: bool = False
) -> Floats:
    """Return the logits of each row after each of some ascending numbers of steps, ``(len(steps), N, C)``.

    Parameters
    ----------
    matrix : CSR (N, V) float32, or its `RowSquares`, for whoever asks more than once
    labels : (N,) below ``num_classes``; or (N, C) of 0 and 1, and then each class is a question of its own: its logit
        goes through a sigmoid, not through the softmax with the others; with ``soft`` (N, C) shares that sum to 1
    fold : (N,) the fold of each row, from 0 on
    """
    squares = matrix if isinstance(matrix, RowSquares) else RowSquares(matrix)
    together = max(1, ROOM // (max(squares.matrix.shape) * num_classes))
    logits = np.empty((len(steps), len(labels), num_classes), dtype=np.float32)
    names = np.unique(fold)
    for first in range(0, len(names), together):
        group = names[first : first + together]
        found = descend(squares, labels, num_classes, fold[:, None] != group, steps, soft)
        for k, name in enumerate(group):
            rows = fold == name
            logits[:, rows] = found[:, rows, k]
    return logits


def descend(
    squares: RowSquares, labels: Any, C: int, learns: NDArray[np.bool_], steps: Sequence[int], soft: bool = False
) -> Floats:
    """Fit one classifier to the rows of each column of ``learns`` (N, K); return all logits, (len(steps), N, K, C)."""
    N, K = learns.shape
    several = labels.ndim == 2 and not soft
    given = labels.astype(np.float32) if labels.ndim == 2 else np.eye(C, dtype=np.float32)[labels]  # (N, C)
    share = (learns / learns.sum(axis=0)).astype(np.float32)  # (N, K), a row's part of its classifier's mean loss
    mean = np.clip(share.T @ given, 1e-6, 1 - 1e-6)  # (K, C)
    bias = np.log(mean / (1 - mean)) if several else np.log(mean)
    curvature = 4 if several else 2  # of the sigmoid 1/4, of the softmax 1/2
    rate = (curvature * learns.sum(axis=0) / squares.largest_eigenvalue).astype(np.float32)  # (K,)
    here = ahead = np.zeros((N, K, C), dtype=np.float32)
    bias_ahead = bias
    momentum: Floats = np.ones(K, dtype=np.float32)
    kept = []
    for step in range(1, steps[-1] + 1):
        fitted = chances_of(ahead + bias_ahead) if several else shares_of(ahead + bias_ahead)
        residual = (fitted - given[:, None]) * share[:, :, None]  # (N, K, C)
        down = squares.times(residual.reshape(N, K * C)).reshape(N, K, C)
        slope = residual.sum(axis=0)  # (K, C)
        moved, bias_moved = ahead - rate[:, None] * down, bias_ahead - slope
        change, bias_change = moved - here, bias_moved - bias
        uphill = np.einsum("nkc,nkc->k", residual, change) + (slope * bias_change).sum(axis=1) > 0
        momentum[uphill] = 1  # the momentum starts again
        following = ((1 + np.sqrt(1 + 4 * momentum**2)) / 2).astype(np.float32)
        push = ((momentum - 1) / following)[:, None]  # (K, 1)
        ahead, bias_ahead = moved + push * change, bias_moved + push * bias_change
        here, bias, momentum = moved, bias_moved, following
        if step in steps:
            kept.append(here + bias)
    return np.stack(kept)


def chances_of(logits: Floats) -> Floats:
    """Return the sigmoid of each entry, in the given precision."""
    raised: Floats = 0.5 * (1 + np.tanh(0.5 * logits))
    return raised


def shares_of(logits: Floats) -> Floats:
    """Return the softmax over the last axis, in the given precision."""
    raised: Floats = np.exp(logits - logits.max(axis=-1, keepdims=True))
    raised /= raised.sum(axis=-1, keepdims=True)
    return raised
