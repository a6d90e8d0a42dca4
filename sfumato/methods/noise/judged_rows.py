"""Which rows a model of wrong labels is fitted to, and which it can say nothing of.

Copies of a row, of the same text and label, would speak for each other: they count as one. A label that no text of
another fold has was never shown to the expert who is asked: whether such a row's label is right cannot be seen.

Shapes: N rows, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sfumato.targets import Integers

Mask = NDArray[np.bool_]
FITTED = 20_000  # rows, enough for the few numbers of the model; the targets are made for all


def places(texts: Sequence[str], labels: Integers) -> Integers:
    """Return the place of each row among the different ones, of which each is a text with a label, (N,)."""
    first: dict[tuple[str, int], int] = {}
    pairs = zip(texts, labels.tolist(), strict=True)
    return np.array([first.setdefault(pair, len(first)) for pair in pairs], dtype=np.int64)


def first_of(place: Integers) -> Integers:
    """Return the first row of each different one, in the order of their places."""
    return np.unique(place, return_index=True)[1]


def mean_of_copies(q: NDArray[np.float64], place: Integers) -> NDArray[np.float64]:
    """Return the mean of q (N, C) over the copies of each different row, in the order of their places."""
    copies = np.bincount(place)
    if len(copies) == len(q):
        return q
    total = np.zeros((len(copies), q.shape[1]))
    np.add.at(total, place, q)
    return np.asarray(total / copies[:, None])


def learnable(labels: Integers, fold: Integers, C: int) -> Mask:
    """Return whether the given label of each row has a text outside of the row's fold, (N,)."""
    inside = np.zeros((C, int(fold.max()) + 1), dtype=np.int64)
    np.add.at(inside, (labels, fold), 1)
    return np.asarray(inside.sum(axis=1)[labels] > inside[labels, fold])


def shown(texts: Sequence[str], labels: Integers, C: int) -> Integers:
    """Return the classes with more than one different text; of the others an expert that left one out knows nothing."""
    pairs = set(zip(texts, labels.tolist(), strict=True))
    return np.flatnonzero(np.bincount([label for _, label in pairs], minlength=C) > 1)


def sampled(N: int, seed: int) -> Integers:
    """Return the rows that the model of wrong labels is fitted to: all, or so many of them drawn at random."""
    if N <= FITTED:
        return np.arange(N)
    return np.sort(np.random.default_rng((seed, 11)).choice(N, FITTED, replace=False))
