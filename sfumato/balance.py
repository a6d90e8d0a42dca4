"""Rare classes count for more: by weights of the examples, or by the probabilities that rows are drawn with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sfumato.data import Examples, mean_one
from sfumato.registry import check_choice

BALANCES = ("none", "weights", "sampler")
RARE = 0.05  # of the rows of the largest class: a class with fewer is rare


def has_rare_class(train: Examples) -> bool:
    """Whether a class has less than 5 % of the rows of the largest; one without rows is not rare but absent."""
    counts = np.bincount(train.labels)
    return bool(counts[counts > 0].min() < RARE * counts.max())


def rare_class_notes(train: Examples, *, helped: bool) -> list[str]:
    """Return what to do for a rare class of rows with one label, if there is one and nothing is done (``helped``)."""
    if helped or train.multilabel or not has_rare_class(train):
        return []
    counts = np.bincount(train.labels, minlength=train.num_classes)
    least = int(np.where(counts > 0, counts, counts.max()).argmin())
    rare, large = train.classes[least], train.classes[int(counts.argmax())]
    return [
        f"{rare!r} has {counts[least]:,} training rows and {large!r} {counts.max():,}: where the labels are right (see "
        "sfumato audit), the method logit-adjustment finds rare classes better, at some cost in accuracy"
    ]


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
