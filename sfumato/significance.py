"""Whether a difference between two methods is more than luck: intervals, tests, and words for them.

Two sources of luck are kept apart: which rows are in the test split, and which seed trained the model. S seeds,
N rows; both methods are measured on the same rows and the same seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError

NORMAL = NormalDist()
INFINITY = float("inf")
SMALLEST_P = 1e-300
MOST_DEGREES = 1e6  # then Student's t is the normal distribution to six digits
NOT_SIGNIFICANT = "no significant difference"

Array = NDArray[Any]


class Interval(NamedTuple):
    """A value with its lower and upper bound."""

    value: float
    low: float
    high: float


class Error(NamedTuple):
    """The standard error ``se`` of a mean difference, and how well so few seeds and rows can know it.

    Attributes
    ----------
    seed_share : share of the error's variance that is between seeds; the rest is between rows
    seed_degrees, row_degrees : the numbers of seeds and of rows, less one
    """

    se: float
    seed_share: float
    seed_degrees: float
    row_degrees: float

    def weighted(self, of_degrees: Callable[[float], float]) -> float:
        """Return the mean of a function of the degrees of freedom, as the seeds and the rows have shares."""
        shares = ((self.seed_share, self.seed_degrees), (1 - self.seed_share, self.row_degrees))
        # one seed and one row show no spread at all
        return sum(share * (of_degrees(min(n, MOST_DEGREES)) if n else INFINITY) for share, n in shares if share)

    def critical(self, p: float) -> float:
        """Return how many ``se`` lie between the middle and the ends of the interval of level ``1 - p``."""
        from scipy.special import stdtrit

        return self.weighted(lambda degrees: -float(stdtrit(degrees, p / 2)))

    def p_value(self, mean: float) -> float:
        """Return the two-sided p: the interval of level 1 - p ends at zero."""
        from scipy.special import stdtr

        if abs(mean) < 1e-12 or self.critical(0.5) == INFINITY:
            return 1.0
        if self.se < 1e-12:
            return 0.0
        z = abs(mean) / self.se
        tails = [2 * float(stdtr(n, -z)) for n in (self.seed_degrees, self.row_degrees) if n]
        low, high = (math.log(max(tail, SMALLEST_P)) for tail in (min(tails), max(tails)))
        while high - low > 1e-9:  # p lies between what either number of degrees gives
            middle = (low + high) / 2
            low, high = (middle, high) if self.critical(math.exp(middle)) > z else (low, middle)
        return math.exp(high)


class Difference(NamedTuple):
    """``first - second``: the mean, its interval, its two-sided ``p`` and its ``error``."""

    difference: float
    low: float
    high: float
    p: float
    error: Error


def wilson_interval(right: int, rows: int, *, level: float = 0.95) -> Interval:
    """Return the interval of a share of ``rows`` (E. B. Wilson, 1927); not empty at 0 and at 1."""
    if rows < 1:
        raise InputError("an interval needs at least one row")
    z = NORMAL.inv_cdf((1 + level) / 2)
    share = right / rows
    centre = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z / (1 + z**2 / rows) * (share * (1 - share) / rows + z**2 / (4 * rows**2)) ** 0.5
    # Rounding must not leave the share itself outside.
    return Interval(share, min(max(centre - half, 0.0), share), max(min(centre + half, 1.0), share))


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

    Each draw takes S of the S seeds and N of the N rows with repeats and averages ``first - second`` over them; the
    deviation of the draws is the standard error ``se``. Resampled seeds vary too little by S / (S - 1), which matters
    for few seeds, so each seed's mean is first moved away from the common mean by the root of that.

    A spread seen in few seeds is itself uncertain, so the interval is ``mean ± t · se`` with Student's quantiles
    weighted by the two parts of the variance (W. G. Cochran and G. M. Cox, Experimental Designs, 1950)::

        Vs = variance of the S seeds' means / S        Vr = variance of the N rows' means / N
        t  = (Vs · t[S - 1] + Vr · t[N - 1]) / (Vs + Vr)

    and ``p`` is where the interval of level 1 - p ends at zero. Welch's degrees of freedom (1947) instead call 13 % of
    equal methods different at p < .05 with two seeds where the seeds' part of the error is three times the rows', and
    more at the small p that Holm asks for; these weights 6 %, and 5 % where either part decides. Percentiles and
    counted draws never leave the seeds that were seen. With one seed the seeds add nothing: the result then speaks of
    the rows only.

    Parameters
    ----------
    first, second : (S, N), a value per seed and row, such as 1 where the prediction is right
    """
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 2 or not first.size:
        raise InputError(f"both methods need the same seeds x rows, got {first.shape} and {second.shape}")
    gap = first - second
    seeds, rows = gap.shape
    mean, share = float(gap.mean()), _seed_share(gap)
    if seeds > 1:
        gap = gap + (gap.mean(axis=1, keepdims=True) - mean) * ((seeds / (seeds - 1)) ** 0.5 - 1)
    rng = np.random.default_rng(seed)
    means = []
    for start in range(0, draws, 250):  # at most 250 x N at a time
        count = min(250, draws - start)
        by_seed = _resampled(rng, seeds, count) @ gap  # (count, N)
        means.append((by_seed * _resampled(rng, rows, count)).sum(axis=1))
    return _student(mean, Error(float(np.concatenate(means).std(ddof=1)), share, seeds - 1, rows - 1), level)


def _seed_share(gap: NDArray[np.float64]) -> float:
    """Return Vs / (Vs + Vr) of ``gap`` (S, N)."""
    seeds, rows = gap.shape
    between_seeds = float(gap.mean(axis=1).var(ddof=1)) / seeds if seeds > 1 else 0.0
    between_rows = float(gap.mean(axis=0).var(ddof=1)) / rows if rows > 1 else 0.0
    return between_seeds / (between_seeds + between_rows) if between_seeds > 0 else 0.0


def _student(mean: float, error: Error, level: float) -> Difference:
    critical = error.critical(1 - level)
    half = critical * error.se if critical < INFINITY else INFINITY
    return Difference(mean, mean - half, mean + half, error.p_value(mean), error)


def paired_t(first: Sequence[float], second: Sequence[float], *, level: float = 0.95) -> Difference:
    """Compare the scores of two methods over the same seeds, at least two (Student's paired test)."""
    gap = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    if len(gap) < 2:
        raise InputError(f"a paired test needs at least 2 seeds, got {len(gap)}")
    return _student(float(gap.mean()), Error(float(gap.std(ddof=1) / len(gap) ** 0.5), 1.0, len(gap) - 1, 0), level)


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
    error: Error, *, comparisons: int = 1, level: float = 0.05, power: float = 0.8
) -> float:
    """Return the true difference that a comparison with this ``error`` finds with probability ``power``.

    It is the noncentrality of Student's t at which that share lies beyond the critical value, weighted as that is.
    ``comparisons`` divides the level, as Holm does for the smallest p.
    """
    from scipy.special import nctdtrinc, stdtrit

    tail = level / (2 * max(comparisons, 1))
    return error.weighted(lambda n: float(nctdtrinc(n, 1 - power, -stdtrit(n, tail)))) * error.se


def words(difference: float, p: float, *, level: float = 0.05) -> str:
    """Return "better", "worse" or "no significant difference" for a difference where more is better."""
    if not p < level or difference == 0:  # also for NaN
        return NOT_SIGNIFICANT
    return "better" if difference > 0 else "worse"
