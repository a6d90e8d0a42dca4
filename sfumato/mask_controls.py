"""Controls of a method that masks similar labels (MaskLoss): as much is masked, but not what is similar.

``random-groups``  groups of the same sizes with random members; of masks by text, classes change places
``random-mask``    each row masks as many labels as before, at random among those that it does not have
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Examples, Transform
from sfumato.errors import InputError

MASK_CONTROLS = ("random-groups", "random-mask")
BLOCK = 65536  # rows of random numbers held at once


def with_other_mask(transforms: tuple[Transform, ...], name: str, seed: int) -> tuple[Transform, ...]:
    """Return the transforms of a method that masks, with another mask by the same criterion.

    For ``random-groups`` a transform must have ``with_random_groups(seed)``.
    """
    if name == "random-mask":
        return (*transforms, partial(random_mask, seed=seed))
    changed = tuple(regrouped(step, seed) for step in transforms)
    if all(new is old for new, old in zip(changed, transforms, strict=True)):
        raise InputError("random-groups needs a transform with with_random_groups(seed), as that of maskloss-label")
    return changed


def regrouped(step: Transform, seed: int) -> Transform:
    """Return the transform with random groups, or as it is if it has none."""
    other: Callable[[int], Transform] | None = getattr(step, "with_random_groups", None)
    return step if other is None else other(seed)


def random_mask(examples: Examples, *, seed: int = 0) -> Examples:
    """Mask as many labels of each row as are masked, at random among those that the row does not have."""
    if examples.similar is None:
        raise InputError("random-mask replaces Examples.similar, and these examples have none")
    generator = np.random.default_rng((seed, 11))
    masked = np.zeros_like(examples.similar)
    gold, counts = examples.gold, examples.similar.sum(axis=1)
    for start in range(0, len(examples), BLOCK):
        rows = slice(start, start + BLOCK)
        drawn = generator.random(gold[rows].shape)
        drawn[gold[rows]] = 2  # last
        rank = drawn.argsort(axis=1).argsort(axis=1)
        masked[rows] = rank < counts[rows, None]
    return replace(examples, similar=masked)


def mask_coverage(similar: NDArray[np.bool_]) -> dict[str, float]:
    """Return the share of the rows that have a label that may be masked, and the mean number of such labels a row."""
    return {
        "rows": float(similar.any(axis=1).mean()) if len(similar) else 0.0,
        "labels_per_row": float(similar.sum() / max(len(similar), 1)),
    }
