"""What happens at which optimizer step: the batches of an epoch, the learning rate, the looks at dev."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sfumato.architecture import Training

POOL = 50  # batches sorted by length together


def length_batches(
    lengths: NDArray[np.int64], batch_size: int, generator: np.random.Generator, order: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """Cut the shuffled rows ``order`` into batches of similar length, in random order.

    Rows are sorted by length inside pools of 50 batches, so that little is padded and every epoch differs.
    """
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(order), POOL * batch_size):
        pool = order[start : start + POOL * batch_size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
    shuffled = generator.permutation(len(batches))
    return [batches[i] for i in shuffled]


def steps_per_epoch(rows: int, training: Training) -> int:
    """Optimizer steps of one pass over ``rows`` rows."""
    return math.ceil(math.ceil(rows / training.batch_size) / training.accumulate)


def learning_rate_factor(step: int, total: int, training: Training) -> float:
    """Share of the full rate at a step: a linear warm-up, then constant or linear down to zero."""
    warmup = math.ceil(training.warmup * total)
    if step < warmup:
        return (step + 1) / warmup
    if training.schedule == "constant":
        return 1.0
    return max(0.0, (total - step) / max(1, total - warmup))


def look_steps(per_epoch: int, epochs: int, every: float) -> list[int]:
    """Return the steps after which dev is looked at: every ``every`` epochs, to the nearest step, and at the end."""
    total = per_epoch * epochs
    looks = range(1, math.ceil(epochs / every) + 1)
    return sorted({min(max(math.floor(look * every * per_epoch + 0.5), 1), total) for look in looks} | {total})
