"""The temperature that leaves a wanted mean share on the given label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sfumato.calibration import softmax
from sfumato.errors import InputError
from sfumato.targets import Integers

Array = NDArray[np.float64]

STEPS = np.geomspace(1e-3, 1e3, 61)  # of 1 / T, in units of a typical row's spread


def mean_gold_share(relevance: Array, labels: Integers, beta: float) -> float:
    """Return the mean share of the given label in ``softmax(beta * relevance)``."""
    return float(softmax(beta * relevance)[np.arange(len(labels)), labels].mean())


def temperature_of_mass(relevance: Array, labels: Integers, mass: float, *, owner: str) -> float:
    """Return the largest temperature at which the given label's mean share is ``mass``.

    The share begins at 1 / C and need not grow all the way: as T falls, rows whose words speak for another label
    lose what they had.

    Raises
    ------
    InputError
        if no temperature reaches ``mass``, or every one that is tried passes it.
    """
    from scipy.optimize import brentq  # a tenth of a second that only gold_mass needs

    C, spread = relevance.shape[1], float(np.ptp(relevance, axis=1).mean())
    if mass <= 1 / C:
        raise InputError(f"{owner}: gold_mass must be more than 1/C = {1 / C:.4g} for {C} classes, got {mass:g}")
    betas = STEPS / (spread or 1.0)
    shares = np.array([mean_gold_share(relevance, labels, beta) for beta in betas])
    reached = np.flatnonzero(shares >= mass)
    if not len(reached) or reached[0] == 0:
        raise InputError(
            f"{owner}: no temperature gives the given label a mean share of {mass:g} in d; the words reach "
            f"{shares.max():.4g} at most; ask for less, or leave the rest to weight"
        )
    low, high = betas[reached[0] - 1], betas[reached[0]]
    return float(1 / brentq(lambda beta: mean_gold_share(relevance, labels, beta) - mass, low, high, xtol=1e-12))
