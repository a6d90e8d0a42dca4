"""Whether a difference between two methods is more than luck: intervals, tests, and words for them.

Two sources of luck are kept apart: which rows are in the test split, and which seed trained the model. S seeds,
N rows; both methods are measured on the same rows and the same seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError

NORMAL = NormalDist()
NOT_SIGNIFICANT = "no significant difference"

Array = NDArray[Any]


class Interval(NamedTuple):
    """A value with its lower and upper bound."""

    value: float
    low: float
    high: float


class Difference(NamedTuple):
    """``first - second``: the mean, its interval, its standard error ``se`` and its two-sided ``p``."""

    difference: float
    low: float
    high: float
    se: float
    p: float


def wilson_interval(right: int, rows: int, *, level: float = 0.95) -> Interval:
    """Return the interval of a share of ``rows`` (E. B. Wilson, 1927); not empty at 0 and at 1."""
    if rows < 1:
        raise InputError("an interval needs at least one row")
    z = NORMAL.inv_cdf((1 + level) / 2)
    share = right / rows
    centre = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z / (1 + z**2 / rows) * (share * (1 - share) / rows + z**2 / (4 * rows**2)) ** 0.5
    return Interval(share, max(centre - half, 0.0), min(centre + half, 1.0))


def bootstrap_interval(
    statistic: Callable[[Array], float], rows: int, *, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> Interval:
    """Return ``statistic`` of all rows, and its percentile interval over ``draws`` resamplings of the rows.

    Parameters
    ----------
    statistic : takes row indices ``(N,)``, with repeats, and returns a number
    rows : N
    """
    if rows < 1:
        raise InputError("an interval needs at least one row")
    rng = np.random.default_rng(seed)
    values = [statistic(rng.integers(rows, size=rows)) for _ in range(draws)]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(statistic(np.arange(rows)), float(low), float(high))


def _resampled(rng: np.random.Generator, size: int, draws: int) -> NDArray[np.float64]:
    """How often each of ``size`` things is drawn, as shares, ``(draws, size)``."""
    picks = rng.integers(size, size=(draws, size)) + np.arange(draws)[:, None] * size
    return np.bincount(picks.ravel(), minlength=draws * size).reshape(draws, size) / size


def two_level_bootstrap(
    first: Array, second: Array, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> Difference:
    """Compare two methods by resampling seeds and rows, the same ones for both.

    Each draw takes S of the S seeds and N of the N rows with repeats and averages ``first - second`` over them.
    Resampled seeds vary too little by S / (S - 1), which matters for few seeds, so each seed's mean is first moved
    away from the common mean by the root of that. The interval is that of the percentiles; ``p`` is that of a
    normal variable with the draws' deviation, since counting draws could not go below 1 / draws and would never
    survive Holm over a whole table. With one seed the seeds add nothing: the result then speaks of the rows only.

    Parameters
    ----------
    first, second : (S, N), a value per seed and row, such as 1 where the prediction is right
    """
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 2 or not first.size:
        raise InputError(f"both methods need the same seeds x rows, got {first.shape} and {second.shape}")
    gap = first - second
    seeds, rows = gap.shape
    mean = float(gap.mean())
    if seeds > 1:
        gap = gap + (gap.mean(axis=1, keepdims=True) - mean) * ((seeds / (seeds - 1)) ** 0.5 - 1)
    rng = np.random.default_rng(seed)
    means = []
    for start in range(0, draws, 250):  # at most 250 x N at a time
        count = min(250, draws - start)
        by_seed = _resampled(rng, seeds, count) @ gap  # (count, N)
        means.append((by_seed * _resampled(rng, rows, count)).sum(axis=1))
    drawn = np.concatenate(means)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    se = float(drawn.std(ddof=1))
    return Difference(mean, float(low), float(high), se, _two_sided(mean, se))


def _two_sided(mean: float, se: float) -> float:
    if abs(mean) < 1e-12:
        return 1.0
    return 0.0 if se < 1e-12 else 2 * NORMAL.cdf(-abs(mean) / se)


def paired_t(first: Sequence[float], second: Sequence[float], *, level: float = 0.95) -> Difference:
    """Compare the scores of two methods over the same seeds, at least two (Student's paired test)."""
    gap = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    if len(gap) < 2:
        raise InputError(f"a paired test needs at least 2 seeds, got {len(gap)}")
    from scipy.stats import t

    mean, se = float(gap.mean()), float(gap.std(ddof=1) / len(gap) ** 0.5)
    half = float(t.ppf((1 + level) / 2, len(gap) - 1)) * se
    p = _two_sided(mean, se) if se < 1e-12 else float(2 * t.sf(abs(mean) / se, len(gap) - 1))
    return Difference(mean, mean - half, mean + half, se, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p values corrected for their number (S. Holm, 1979), in the given order.

    The smallest of m is multiplied by m, the next by m - 1 and so on, none below the one before, none above 1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(raised, 1.0)
    return [float(value) for value in corrected]


def smallest_detectable_difference(
    se: float, *, comparisons: int = 1, level: float = 0.05, power: float = 0.8
) -> float:
    """Return the true difference that a comparison with standard error ``se`` finds with probability ``power``.

    ``comparisons`` divides the level, as Holm does for the smallest p.
    """
    needed = NORMAL.inv_cdf(1 - level / (2 * max(comparisons, 1))) + NORMAL.inv_cdf(power)
    return float(needed * se)


def words(difference: float, p: float, *, level: float = 0.05) -> str:
    """Return "better", "worse" or "no significant difference" for a difference where more is better."""
    if not p < level or difference == 0:  # also for NaN
        return NOT_SIGNIFICANT
    return "better" if difference > 0 else "worse"
