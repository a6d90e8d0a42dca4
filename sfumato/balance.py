"""Rare classes count for more: by weights of the examples, or by the probabilities that rows are drawn with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sfumato.data import Examples, mean_one
from sfumato.registry import check_choice

BALANCES = ("none", "weights", "sampler")


def balanced(train: Examples, balance: str) -> tuple[Examples, np.ndarray[Any, Any] | None]:
    """Return the split with class-balancing example weights, or the probabilities of a balancing sampler (N,).

    Weights act on examples after the target is made, so they never change where a target has its mass.
    """
    check_choice("fit", "balance", balance, BALANCES)
    if balance == "none":
        return train, None
    counts = np.bincount(train.labels, minlength=train.num_classes)
    inverse = 1.0 / counts[train.labels]
    if balance == "sampler":
        return train, inverse / inverse.sum()
    given = inverse if train.weights is None else inverse * train.weights
    return replace(train, weights=mean_one(given)), None
