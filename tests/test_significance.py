import math

import numpy as np
import pytest
from scipy import stats

from sfumato.errors import InputError
from sfumato.significance import (
    NOT_SIGNIFICANT,
    Error,
    bootstrap_interval,
    holm,
    paired_t,
    smallest_detectable_difference,
    two_level_bootstrap,
    wilson_interval,
    words,
)


def drawn_by_loops(gap, draws, seed):
    """The two-level bootstrap with plain loops: means over S drawn seeds and N drawn rows."""
    rng = np.random.default_rng(seed)
    seeds, rows = gap.shape
    values = []
    for _ in range(draws):
        s = rng.integers(seeds, size=seeds)
        n = rng.integers(rows, size=rows)
        values.append(sum(gap[i][j] for i in s for j in n) / (seeds * rows))
    return np.array(values)


def two_methods(better=0.0, seeds=4, rows=60, seed=0):
    rng = np.random.default_rng(seed)
    hard = rng.random(rows)
    first = (rng.random((seeds, rows)) < 0.3 + better + 0.5 * hard).astype(float)
    second = (rng.random((seeds, rows)) < 0.3 + 0.5 * hard).astype(float)
    return first, second


def test_two_level_bootstrap_agrees_with_plain_loops():
    first, second = two_methods(better=0.1)
    gap = first - second
    apart = math.sqrt(4 / 3)  # S / (S - 1): resampled seeds vary too little
    moved = np.array([row + (row.mean() - gap.mean()) * (apart - 1) for row in gap])
    values = drawn_by_loops(moved, 2000, seed=5)
    got = two_level_bootstrap(first, second, draws=4000)
    assert got.difference == pytest.approx(gap.mean())
    assert got.error.se == pytest.approx(values.std(), rel=0.06)


def test_interval_and_p_are_students_with_the_quantiles_weighted_by_the_parts_of_the_variance():
    first, second = two_methods(better=0.1, seeds=3)
    gap, got = first - second, two_level_bootstrap(first, second)
    of_seeds = sum((row.mean() - gap.mean()) ** 2 for row in gap) / 2 / 3
    of_rows = sum((gap[:, j].mean() - gap.mean()) ** 2 for j in range(60)) / 59 / 60

    def t(p):
        return (of_seeds * stats.t.isf(p / 2, 2) + of_rows * stats.t.isf(p / 2, 59)) / (of_seeds + of_rows)

    half = t(0.05) * got.error.se
    assert (got.low, got.high) == pytest.approx((gap.mean() - half, gap.mean() + half))
    assert t(got.p) == pytest.approx(abs(gap.mean()) / got.error.se)
    assert stats.t.isf(0.025, 59) < t(0.05) < stats.t.isf(0.025, 2)


def test_two_seeds_that_decide_give_students_t_with_one_degree_of_freedom():
    # seeds 0.01 and 0.02: t = 0.015 / 0.005 = 3, and p = 1 - 2/π · arctan 3 with one degree of freedom (Cauchy)
    first = np.repeat([[0.01], [0.02]], 300, axis=1)
    got = two_level_bootstrap(first, np.zeros_like(first), draws=40_000)
    assert got.error.seed_share == 1
    assert got.p == pytest.approx(1 - 2 / math.pi * math.atan(3), abs=0.003)
    assert got.low == pytest.approx(0.015 - 12.706 * 0.005, abs=0.001)


def test_two_seeds_that_agree_leave_the_rows_to_decide():
    row = np.random.default_rng(0).normal(0.1, 1, size=400)
    got = two_level_bootstrap(np.stack([row, row]), np.zeros((2, 400)))
    assert got.error.seed_share == 0
    assert got.p == pytest.approx(2 * stats.t.sf(row.mean() / got.error.se, 399))
    assert got.p == pytest.approx(stats.ttest_1samp(row, 0).pvalue, rel=0.2)


def test_one_row_and_one_seed_show_nothing():
    got = two_level_bootstrap(np.ones((1, 1)), np.zeros((1, 1)))
    assert (got.low, got.high, got.p) == (-math.inf, math.inf, 1)


def test_one_seed_is_the_ordinary_paired_bootstrap_of_rows():
    first, second = two_methods(seeds=1, rows=400)
    gap = (first - second)[0]
    assert two_level_bootstrap(first, second).error.se == pytest.approx(gap.std() / math.sqrt(400), rel=0.06)


def test_a_large_difference_is_found_and_a_method_never_beats_itself():
    first, second = two_methods(better=0.2, rows=400)
    found = two_level_bootstrap(first, second)
    assert found.p < 0.001
    assert found.low > 0
    same = two_level_bootstrap(first, first)
    assert same[:4] == (0.0, 0.0, 0.0, 1.0)


def test_seeds_that_disagree_widen_the_interval():
    rng = np.random.default_rng(0)
    rows = rng.random((1, 300)) < 0.1
    steady = np.repeat(rows, 4, axis=0).astype(float)
    shaky = steady + np.array([[-0.1], [0.1], [-0.1], [0.1]])
    nothing = np.zeros_like(steady)
    assert two_level_bootstrap(shaky, nothing).error.se > 2 * two_level_bootstrap(steady, nothing).error.se


def test_the_same_seed_gives_the_same_numbers_and_another_seed_does_not():
    first, second = two_methods(better=0.1)
    assert two_level_bootstrap(first, second) == two_level_bootstrap(first, second)
    assert two_level_bootstrap(first, second) != two_level_bootstrap(first, second, seed=1)


def false_alarms(seeds, of_seeds, of_rows, *, tables, level=0.05, rows=100):
    """Share of ``tables`` of equal methods called different; the deviations are those of the mean's two parts."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(tables):
        luck = rng.normal(0, of_seeds * seeds**0.5, (seeds, 1)) + rng.normal(0, of_rows * rows**0.5, (1, rows))
        gap = luck + rng.normal(0, 0.1, (seeds, rows))
        found += two_level_bootstrap(gap, np.zeros_like(gap), draws=400).p < level
    return found / tables


def test_two_seeds_that_decide_raise_few_false_alarms():
    assert false_alarms(2, 1.0, 0.01, tables=200) < 0.1  # a normal variable: 0.3


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize(("of_seeds", "of_rows"), [(1, 0.01), (3, 1), (1, 1), (0.01, 1)])
def test_of_equal_methods_about_one_in_twenty_is_called_different(seeds, of_seeds, of_rows):
    assert 0.005 < false_alarms(seeds, of_seeds, of_rows, tables=1000) < 0.07


@pytest.mark.slow
def test_two_seeds_raise_no_flood_of_false_alarms_at_the_small_p_of_holm():
    assert false_alarms(2, 3, 1, tables=2000, level=0.005) < 0.02  # Welch's degrees of freedom: 0.06


def test_different_shapes_are_refused():
    with pytest.raises(InputError, match="same seeds x rows"):
        two_level_bootstrap(np.zeros((2, 3)), np.zeros((2, 4)))


def test_bootstrap_interval_of_a_mean_is_close_to_the_normal_one():
    values = np.random.default_rng(0).normal(3, 1, size=400)
    got = bootstrap_interval(lambda rows: float(values[rows].mean()), 400)
    assert got.value == pytest.approx(values.mean())
    assert got.low == pytest.approx(values.mean() - 1.96 * values.std() / 20, abs=0.02)
    assert got.high == pytest.approx(values.mean() + 1.96 * values.std() / 20, abs=0.02)


@pytest.mark.parametrize(("right", "rows"), [(0, 10), (8, 10), (10, 10), (450, 500)])
def test_wilson_interval_agrees_with_scipy(right, rows):
    expected = stats.binomtest(right, rows).proportion_ci(method="wilson")
    assert wilson_interval(right, rows)[1:] == pytest.approx((expected.low, expected.high))


def test_paired_t_agrees_with_scipy():
    first, second = [0.81, 0.83, 0.80, 0.84], [0.80, 0.80, 0.79, 0.82]
    expected = stats.ttest_rel(first, second)
    got = paired_t(first, second)
    assert got.p == pytest.approx(expected.pvalue)
    assert (got.low, got.high) == pytest.approx(tuple(expected.confidence_interval()))
    with pytest.raises(InputError, match="at least 2 seeds"):
        paired_t([1.0], [2.0])


def test_holm_by_hand():
    # sorted .01 .02 .03 .04 times 4 3 2 1 = .04 .06 .06 .04, none below the one before
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([0.04]) == [0.04]
    assert holm([]) == []


def test_smallest_detectable_difference_of_many_rows_and_seeds_is_the_normal_one():
    error = Error(0.01, 0.0, 0, math.inf)
    delta = smallest_detectable_difference(error)
    assert delta == pytest.approx(2.8016 * 0.01, rel=1e-4)  # 1.9600 + 0.8416
    assert smallest_detectable_difference(error, comparisons=10) > delta
    assert smallest_detectable_difference(error, power=0.9) > delta


@pytest.mark.parametrize("degrees", [1, 4, 300])
def test_smallest_detectable_difference_is_found_with_the_power_it_names(degrees):
    delta = smallest_detectable_difference(Error(1.0, 1.0, degrees, 0))
    rng = np.random.default_rng(0)
    t = rng.normal(delta, 1, 40_000) / np.sqrt(rng.chisquare(degrees, 40_000) / degrees)
    assert np.mean(np.abs(t) > stats.t.isf(0.025, degrees)) == pytest.approx(0.8, abs=0.01)


def test_words_say_the_direction_only_when_it_is_significant():
    assert words(0.02, 0.01) == "better"
    assert words(-0.02, 0.01) == "worse"
    assert words(0.02, 0.05) == NOT_SIGNIFICANT
    assert words(0.02, float("nan")) == NOT_SIGNIFICANT
