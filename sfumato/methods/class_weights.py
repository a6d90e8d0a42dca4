"""Class weights: a row counts the more, the fewer rows its class has; a reference for unbalanced data, no soft labels.

The inverse number of rows as the weight of an example is old common use and has no paper. ``power`` below 1 weighs the
rare classes less. The weights act on rows after their targets are made, so they never weigh the mass that a soft
target gives to other classes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Examples, mean_one
from sfumato.method import Method
from sfumato.registry import check_range
from sfumato.targets import Integers


def class_weights_of(labels: Integers, num_classes: int, *, power: float) -> NDArray[np.float64]:
    """Return one weight a row, ``(N,)``: the number of rows of its class to the power of minus ``power``."""
    counts = np.bincount(labels, minlength=num_classes).astype(np.float64)  # (C,)
    weights: NDArray[np.float64] = counts[labels] ** -power
    return weights


def _weigh(examples: Examples, *, power: float) -> Examples:
    weights = class_weights_of(examples.labels, examples.num_classes, power=power)
    own = weights if examples.weights is None else weights * examples.weights
    return replace(examples, weights=mean_one(own))


def class_weights(power: float = 1.0) -> Method:
    """Weigh each row by the inverse number of rows of its class; the labels stay hard.

    Parameters
    ----------
    power : of the inverse number, 0 to 1: at 1 all classes count the same, at 0 all rows do
    """
    check_range("class-weights", "power", power, 0, 1)
    return Method(
        "class-weights", (partial(_weigh, power=power),), options={"power": power}, has_targets=False, helps_rare=True
    )
