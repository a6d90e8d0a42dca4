import math

import numpy as np
import pytest
from scipy import stats

from sfumato.errors import InputError
from sfumato.significance import (
    NOT_SIGNIFICANT,
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
    assert got.se == pytest.approx(values.std(), rel=0.06)
    assert (got.low, got.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])), abs=0.02)
    assert got.p == pytest.approx(2 * stats.norm.sf(abs(gap.mean()) / values.std()), abs=0.02)


def test_one_seed_is_the_ordinary_paired_bootstrap_of_rows():
    first, second = two_methods(seeds=1, rows=400)
    gap = (first - second)[0]
    assert two_level_bootstrap(first, second).se == pytest.approx(gap.std() / math.sqrt(400), rel=0.06)


def test_a_large_difference_is_found_and_a_method_never_beats_itself():
    first, second = two_methods(better=0.2, rows=400)
    found = two_level_bootstrap(first, second)
    assert found.p < 0.001
    assert found.low > 0
    same = two_level_bootstrap(first, first)
    assert same == (0.0, 0.0, 0.0, 0.0, 1.0)


def test_seeds_that_disagree_widen_the_interval():
    rng = np.random.default_rng(0)
    rows = rng.random((1, 300)) < 0.1
    steady = np.repeat(rows, 4, axis=0).astype(float)
    shaky = steady + np.array([[-0.1], [0.1], [-0.1], [0.1]])
    nothing = np.zeros_like(steady)
    assert two_level_bootstrap(shaky, nothing).se > 2 * two_level_bootstrap(steady, nothing).se


def test_the_same_seed_gives_the_same_numbers_and_another_seed_does_not():
    first, second = two_methods(better=0.1)
    assert two_level_bootstrap(first, second) == two_level_bootstrap(first, second)
    assert two_level_bootstrap(first, second) != two_level_bootstrap(first, second, seed=1)


@pytest.mark.slow
def test_without_a_difference_about_one_comparison_in_twenty_is_called_significant():
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(300):
        gap = rng.normal(0, 0.01, (5, 1)) + rng.normal(0, 0.3, (5, 400))
        found += two_level_bootstrap(gap, np.zeros_like(gap), draws=400).p < 0.05
    assert found / 300 < 0.08


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


def test_smallest_detectable_difference_is_found_with_the_power_it_names():
    se = 0.01
    delta = smallest_detectable_difference(se)
    assert delta == pytest.approx(2.8016 * se, rel=1e-4)  # 1.9600 + 0.8416
    z = np.random.default_rng(0).normal(delta, se, size=20_000)
    assert np.mean(np.abs(z) / se > 1.96) == pytest.approx(0.8, abs=0.01)
    assert smallest_detectable_difference(se, comparisons=10) > delta


def test_words_say_the_direction_only_when_it_is_significant():
    assert words(0.02, 0.01) == "better"
    assert words(-0.02, 0.01) == "worse"
    assert words(0.02, 0.05) == NOT_SIGNIFICANT
    assert words(0.02, float("nan")) == NOT_SIGNIFICANT
