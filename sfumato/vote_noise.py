"""How well votes could be predicted at all: what other votes for the same texts say of them.

``votes`` are ``(N, C)`` counts. Where n annotators voted, their shares are themselves uncertain, so no model can be at
distance 0: `split_half` sets one half of the votes against the other, `redrawn` asks how far n new votes would be from
the shares, if the shares were the truth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError
from sfumato.targets import Floats, Integers


def split_half(votes: Floats | Integers, *, seed: int) -> tuple[Integers, Integers]:
    """Return two random halves of each row's votes, ``(N, C)`` each; of an odd number the second has one more.

    Raises
    ------
    InputError
        if a row has fewer than two votes, or counts that are not whole.
    """
    counts = np.asarray(votes, dtype=np.int64)
    wrong = np.flatnonzero((counts.sum(axis=1) < 2) | (counts != votes).any(axis=1))
    if len(wrong):
        row = int(wrong[0])
        raise InputError(f"row {row + 1} needs two votes or more to be halved, all whole, got {votes[row].tolist()}")
    generator = np.random.default_rng(seed)
    first = np.stack([generator.multivariate_hypergeometric(row, int(row.sum()) // 2) for row in counts])
    return first, counts - first


def redrawn(votes: Floats | Integers, *, seed: int) -> NDArray[np.int64]:
    """Return as many new votes for each row, drawn from its shares, ``(N, C)``."""
    counts = np.asarray(votes, dtype=np.float64)
    n = counts.sum(axis=1)
    return np.random.default_rng(seed).multinomial(n.astype(np.int64), counts / n[:, None])
