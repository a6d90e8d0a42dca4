"""Further tests of two methods on the same splits, rows, sets or seeds, each with the place it is meant for.

`corrected_resampled_t`  scores over repeated random splits of one set, whose training rows overlap
`mcnemar`                right and wrong rows of one test split and one seed
`wilcoxon_over_sets`     one mean difference a data set, over independent sets
`effect_size`            how large a difference over seeds is beside its spread
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError
from sfumato.registry import check_range, check_whole
from sfumato.significance import Difference, Error

FEW_DISCORDANT = 25  # below it the binomial test itself instead of its approximation
FEWEST_FAMILIES = 6  # of five, all to the same side, Wilcoxon's two-sided p is 1 / 16
NO_SPREAD = 1e-12
SMALL, MEDIUM, LARGE = 0.2, 0.5, 0.8  # J. Cohen, 1988

Array = NDArray[np.float64]


class WilcoxonResult(NamedTuple):
    """The two-sided ``p``, how many ``sets`` and independent ``families`` it rests on, and the mean of each family."""

    p: float
    sets: int
    families: int
    means: dict[str, float]


def corrected_resampled_t(
    first: Sequence[float], second: Sequence[float], *, train_rows: int, test_rows: int, level: float = 0.95
) -> Difference:
    """Compare the scores of two methods over n repeated random splits of the same rows, at least two.

    The splits share training rows, so their scores are alike and Student's test finds too much. C. Nadeau and
    Y. Bengio ("Inference for the Generalization Error", Machine Learning 52, 2003) replace the 1/n before the variance
    of the differences by ``1/n + test_rows / train_rows``; the degrees of freedom are n - 1.

    Raises
    ------
    InputError
        if the scores are not equally many and finite, or fewer than two.
    """
    check_whole("corrected_resampled_t", "train_rows", train_rows, 1)
    check_whole("corrected_resampled_t", "test_rows", test_rows, 1)
    check_range("corrected_resampled_t", "level", level, 0, 0.999999, open_low=True)
    gap = _paired(first, second, "splits")
    variance = float(gap.var(ddof=1)) * (1 / len(gap) + test_rows / train_rows)
    mean, error = float(gap.mean()), Error(variance**0.5, 1.0, len(gap) - 1, 0)
    half = error.critical(1 - level) * error.se
    return Difference(mean, mean - half, mean + half, error.p_value(mean), error)


def _paired(first: Sequence[float], second: Sequence[float], what: str) -> Array:
    """Return ``first - second``, (n,), of two or more finite scores each."""
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != other.shape or one.ndim != 1 or len(one) < 2:
        raise InputError(
            f"a paired test needs a score of both for at least 2 {what}, got {one.shape} and {other.shape}"
        )
    wrong = np.flatnonzero(~np.isfinite(one) | ~np.isfinite(other))
    if len(wrong):
        k = int(wrong[0])
        raise InputError(f"scores must be finite, got {one[k]} and {other[k]} at place {k + 1} of the {what}")
    return one - other


def mcnemar(first_right: Any, second_right: Any) -> float:
    """Return the two-sided p of McNemar's test (Q. McNemar, 1947) on the rows that only one of two methods has right.

    Exact (binomial) where these are fewer than 25, else chi-squared with one degree of freedom and the continuity
    correction of A. L. Edwards, 1948. It knows of the luck of the rows alone, so it is for one seed of each.

    Parameters
    ----------
    first_right, second_right : (N,), true or 1 where the prediction of the row is right

    Raises
    ------
    InputError
        if they are not one flat list of true and false a method: rows of several seeds are not independent.
    """
    from scipy.special import bdtr, chdtrc

    first, second = np.asarray(first_right), np.asarray(second_right)
    if first.shape != second.shape or first.ndim != 1:
        raise InputError(
            f"mcnemar compares the rows of one seed, (N,) each, got {first.shape} and {second.shape}; "
            "two_level_bootstrap compares several seeds"
        )
    for answers in (first, second):
        wrong = np.flatnonzero(~np.isin(answers, (0, 1)))
        if len(wrong):
            raise InputError(f"mcnemar takes true or false a row, got {answers[wrong[0]]} in row {wrong[0] + 1}")
    first, second = first.astype(bool), second.astype(bool)
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    discordant = only_first + only_second
    if discordant < FEW_DISCORDANT:
        return min(1.0, 2 * float(bdtr(min(only_first, only_second), discordant, 0.5)))
    return float(chdtrc(1, max(abs(only_first - only_second) - 1, 0) ** 2 / discordant))


def wilcoxon_over_sets(differences: Mapping[str, float], families: Mapping[str, str]) -> WilcoxonResult:
    """Test whether one method is better over data sets: signed ranks of one value a family (F. Wilcoxon, 1945).

    Sets that are not independent, as parts of the same collection, are one family and count once, with their mean.
    The p is exact, also with ties (all signs of the ranks are as likely); differences of zero are dropped, as Wilcoxon
    does.

    Parameters
    ----------
    differences : name of a set to the mean difference on it
    families : name of a set to its family; a set that is not there is a family of its own

    Raises
    ------
    InputError
        if there are fewer than six families: says which sets count once; if a difference is not finite.
    """
    grouped: dict[str, dict[str, float]] = {}
    for name, value in differences.items():
        if not math.isfinite(value):
            raise InputError(f"the difference on {name!r} must be a finite number, got {value!r}; leave the set out")
        grouped.setdefault(families.get(name, name), {})[name] = float(value)
    if len(grouped) < FEWEST_FAMILIES:
        once = [f"{', '.join(members)} ({family})" for family, members in grouped.items() if len(members) > 1]
        raise InputError(
            f"Wilcoxon's test needs at least {FEWEST_FAMILIES} independent data sets, got {len(grouped)}"
            + (f" from {len(differences)}; these count once: {'; '.join(once)}" if once else "")
            + "; give the differences one by one instead"
        )
    means = {family: sum(members.values()) / len(members) for family, members in grouped.items()}
    return WilcoxonResult(_signed_rank_p(np.array(list(means.values()))), len(differences), len(grouped), means)


def _signed_rank_p(values: Array) -> float:
    """Return the exact two-sided p of the signed ranks: each of the 2^n choices of signs is as likely."""
    from scipy.stats import rankdata

    values = values[np.abs(values) > NO_SPREAD]
    if not len(values):
        return 1.0
    doubled = np.rint(2 * rankdata(np.round(np.abs(values), 12))).astype(np.int64)  # midranks are halves
    ways = np.zeros(int(doubled.sum()) + 1)
    ways[0] = 1.0
    for rank in doubled.tolist():
        shifted = np.zeros_like(ways)
        shifted[rank:] = ways[: len(ways) - rank]
        ways = (ways + shifted) / 2
    positive = int(doubled[values > 0].sum())
    return min(1.0, 2 * float(min(ways[: positive + 1].sum(), ways[positive:].sum())))


def effect_size(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the mean difference over seeds by its standard deviation (Cohen's d of paired differences, d_z).

    Without spread it is plus or minus infinity, and NaN where the difference is zero too; `effect_words` says so.
    """
    gap = _paired(first, second, "seeds")
    mean, spread = float(gap.mean()), float(gap.std(ddof=1))
    if spread > NO_SPREAD:
        return mean / spread
    return math.copysign(math.inf, mean) if abs(mean) > NO_SPREAD else math.nan


def effect_words(size: float) -> str:
    """Return a number of `effect_size` in words, as "0.62 (medium)"; without spread there is no number."""
    if math.isnan(size):
        return "no difference with any seed"
    if math.isinf(size):
        return f"the same difference with every seed ({'better' if size > 0 else 'worse'})"
    steps = ((LARGE, "large"), (MEDIUM, "medium"), (SMALL, "small"), (0.0, "very small"))
    return f"{size:.2f} ({next(word for least, word in steps if abs(size) >= least)})"
