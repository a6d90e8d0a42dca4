"""Which row takes the place of which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sfumato.targets import Integers


def within_class(labels: Integers, seed: int | Sequence[int]) -> Integers:
    """Return a permutation of the rows, ``(N,)``, that stays within the class and moves every row that it can.

    The rows of a class form one random cycle, so a row keeps its place only if it is alone in its class.
    """
    order = np.lexsort((np.random.default_rng(seed).random(len(labels)), labels))  # by class, then at random
    counts = np.unique(labels, return_counts=True)[1]
    last = np.cumsum(counts) - 1
    following = np.roll(order, -1)
    following[last] = order[last - counts + 1]  # the cycle of a class closes on its own first row
    permutation = np.empty_like(order)
    permutation[order] = following
    return permutation
