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


def _slope(logits: NDArray[np.float64], gold: NDArray[np.float64], inverse: float) -> float:
    """Derivative of the mean log-loss by 1 / T: the expected logit minus the label's logit."""
    return float((softmax(logits, 1 / inverse) * logits).sum(axis=1).mean() - gold.mean())


def fit_temperature(logits: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the temperature in [0.05, 20] that minimises the mean log-loss of ``labels``.

    The log-loss is convex in 1 / T, so its slope has one zero, found by bisection; rows labelled -1 are left out.

    Parameters
    ----------
    logits : (N, C), finite
    labels : (N,) indices

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
    scores, labels = scores[labels >= 0], labels[labels >= 0]
    scores = scores - scores.max(axis=1, keepdims=True) if len(scores) else scores
    if not len(scores) or not scores.any():
        return 1.0  # no row, or every row uniform: no temperature changes anything
    gold = scores[np.arange(len(labels)), labels]
    low, high = 1 / HIGHEST, 1 / LOWEST
    if _slope(scores, gold, low) >= 0:
        return HIGHEST
    if _slope(scores, gold, high) <= 0:
        return LOWEST
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if _slope(scores, gold, middle) < 0 else (low, middle)
        if high / low < 1 + 1e-10:
            break
    return float(1 / (low * high) ** 0.5)
