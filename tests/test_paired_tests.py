"""The further tests of two methods against scipy, hand values, plain loops and simulations of equal methods."""

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from sfumato.errors import InputError
from sfumato.paired_tests import corrected_resampled_t, effect_size, effect_words, mcnemar, wilcoxon_over_sets
from sfumato.significance import paired_t


def test_corrected_resampled_t_by_hand():
    # Differences .01 .03 .02 .04: mean .025, variance .0005 / 3; times 1/4 + 30/70, and t with 3 degrees of freedom.
    first, second = [0.81, 0.83, 0.82, 0.84], [0.80, 0.80, 0.80, 0.80]
    got = corrected_resampled_t(first, second, train_rows=70, test_rows=30)
    se = math.sqrt(0.0005 / 3 * (1 / 4 + 30 / 70))
    assert got.difference == pytest.approx(0.025)
    assert got.error.se == pytest.approx(se)
    assert got.p == pytest.approx(2 * stats.t.sf(0.025 / se, 3))
    half = stats.t.isf(0.025, 3) * se
    assert (got.low, got.high) == pytest.approx((0.025 - half, 0.025 + half))
    wide = corrected_resampled_t(first, second, train_rows=70, test_rows=30, level=0.9)
    assert wide.high == pytest.approx(0.025 + stats.t.isf(0.05, 3) * se)


def test_without_shared_rows_to_correct_for_it_is_students_test():
    first, second = [0.81, 0.83, 0.80, 0.84], [0.80, 0.80, 0.79, 0.82]
    got = corrected_resampled_t(first, second, train_rows=10**15, test_rows=1)
    assert got.p == pytest.approx(stats.ttest_rel(first, second).pvalue)
    assert got.p < corrected_resampled_t(first, second, train_rows=70, test_rows=30).p


def test_of_equal_methods_the_corrected_test_calls_few_different_and_students_many():
    # A row's difference between the two is the same whenever it is in the test part: the splits share what they say.
    rng, found = np.random.default_rng(0), {"corrected": 0, "student": 0}
    for _ in range(400):
        rows = rng.normal(0, 1, 100)
        scores = [float(rows[rng.permutation(100)[:30]].mean()) for _ in range(10)]
        nothing = [0.0] * 10
        found["corrected"] += corrected_resampled_t(scores, nothing, train_rows=70, test_rows=30).p < 0.05
        found["student"] += paired_t(scores, nothing).p < 0.05
    assert 0.02 < found["corrected"] / 400 < 0.085  # .05, and three deviations of .011
    assert found["student"] / 400 > 0.25


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ([0.5], [0.4], r"at least 2 splits, got \(1,\) and \(1,\)"),
        ([0.5, 0.6], [0.4], r"got \(2,\) and \(1,\)"),
        ([0.5, math.nan], [0.4, 0.4], "must be finite, got nan and 0.4 at place 2"),
    ],
)
def test_scores_that_are_no_pairs_are_refused(first, second, said):
    with pytest.raises(InputError, match=said):
        corrected_resampled_t(first, second, train_rows=7, test_rows=3)


def test_rows_that_are_none_are_refused():
    with pytest.raises(InputError, match="test_rows must be at least 1, got 0"):
        corrected_resampled_t([1, 2], [1, 3], train_rows=7, test_rows=0)


def answers(only_first, only_second, both=5, neither=3):
    first = [1] * only_first + [0] * only_second + [1] * both + [0] * neither
    second = [0] * only_first + [1] * only_second + [1] * both + [0] * neither
    return np.array(first), np.array(second)


@pytest.mark.parametrize(("b", "c"), [(0, 1), (0, 6), (7, 2), (12, 12), (4, 20), (24, 0)])
def test_mcnemar_of_few_discordant_rows_is_the_binomial_test(b, c):
    assert mcnemar(*answers(b, c)) == pytest.approx(stats.binomtest(b, b + c).pvalue)


def test_mcnemar_of_five_to_nothing_by_hand():
    assert mcnemar(*answers(5, 0)) == pytest.approx(2 / 32)


@pytest.mark.parametrize(("b", "c"), [(25, 0), (10, 15), (121, 59), (40, 41)])
def test_mcnemar_of_many_is_chi_squared_with_the_correction(b, c):
    chi = (abs(b - c) - 1) ** 2 / (b + c)
    assert mcnemar(*answers(b, c)) == pytest.approx(stats.chi2.sf(chi, 1))
    assert mcnemar(*answers(b, c)) == mcnemar(*answers(c, b))
    assert mcnemar(*answers(b, c)) == pytest.approx(stats.binomtest(b, b + c).pvalue, abs=0.01)


def test_mcnemar_counts_discordant_rows_alone():
    assert mcnemar(*answers(9, 2)) == mcnemar(*answers(9, 2, both=900, neither=90))
    assert mcnemar(*answers(0, 0)) == 1
    assert mcnemar(*answers(30, 30)) == 1
    assert mcnemar([True, False], [True, False]) == 1


def test_mcnemar_of_several_seeds_is_refused():
    with pytest.raises(InputError, match=r"rows of one seed, .*\(2, 3\).*two_level_bootstrap"):
        mcnemar(np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(InputError, match="one seed"):
        mcnemar([1, 0], [1])
    with pytest.raises(InputError, match="true or false a row, got 2"):
        mcnemar([1, 2], [1, 0])


def p_by_loops(values):
    """The exact signed-rank test: all 2^n choices of signs, with mean ranks."""
    values = [v for v in values if v]
    ranks = [sum(abs(o) < abs(v) for o in values) + (sum(abs(o) == abs(v) for o in values) + 1) / 2 for v in values]
    observed = sum(r for r, v in zip(ranks, values, strict=True) if v > 0)
    sums = [sum(r for r, s in zip(ranks, signs, strict=True) if s) for signs in product((0, 1), repeat=len(values))]
    below, above = (sum(s <= observed for s in sums), sum(s >= observed for s in sums))
    return min(1.0, 2 * min(below, above) / len(sums))


def by_name(values):
    return {f"set {k}": value for k, value in enumerate(values)}


@pytest.mark.parametrize(
    "values",
    [
        [0.01, 0.02, 0.03, 0.04, 0.05, 0.06],
        [0.01, -0.02, 0.03, 0.045, -0.05, 0.06, 0.07],
        [-0.5, -0.4, -0.3, -0.2, -0.1, 0.15, 0.6, -0.9, 1.0],
        [0.01, 0.01, -0.01, 0.02, 0.02, 0.03, 0.04],
        [0.0, 0.0, 0.01, 0.02, 0.02, -0.03, 0.04],
    ],
)
def test_wilcoxon_is_exact_also_with_ties_and_zeros(values):
    got = wilcoxon_over_sets(by_name(values), {})
    assert got.p == pytest.approx(p_by_loops(values))
    assert (got.sets, got.families) == (len(values), len(values))
    assert wilcoxon_over_sets(by_name([-v for v in values]), {}).p == pytest.approx(got.p)
    sizes = [abs(v) for v in values]
    if all(sizes) and len(set(sizes)) == len(sizes):
        assert got.p == pytest.approx(stats.wilcoxon(values, method="exact").pvalue)


def test_six_to_one_side_are_the_fewest_that_can_be_significant():
    assert wilcoxon_over_sets(by_name([1, 2, 3, 4, 5, 6]), {}).p == pytest.approx(2 / 64)
    assert wilcoxon_over_sets(by_name([0] * 6), {}).p == 1


def test_differences_that_are_equal_but_for_rounding_are_ties():
    values = [0.1, 0.3 - 0.2, -0.1, 0.2, 0.2, 0.4]  # .3 - .2 is .09999999999999998
    assert wilcoxon_over_sets(by_name(values), {}).p == pytest.approx(p_by_loops([0.1, 0.1, -0.1, 0.2, 0.2, 0.4]))


def test_sets_of_one_family_count_once_with_their_mean():
    values = {
        "mr": 0.04,
        "sst5": 0.02,
        "subj": -0.03,
        "r52": 0.03,
        "trec": 0.01,
        "ag": 0.05,
        "imdb": 0.06,
        "isear": 0.02,
    }
    families = {"mr": "reviews", "sst5": "reviews", "subj": "reviews", "elsewhere": "reviews", "trec": "trec"}
    got = wilcoxon_over_sets(values, families)
    assert (got.sets, got.families) == (8, 6)
    assert got.means["reviews"] == pytest.approx(0.01)
    assert got.means["imdb"] == 0.06
    assert got.p == pytest.approx(p_by_loops([0.01, 0.03, 0.01, 0.05, 0.06, 0.02]))


def test_fewer_than_six_families_are_refused_and_those_that_count_once_are_named():
    values = by_name([1, 2, 3, 4, 5, 6])
    with pytest.raises(InputError) as error:
        wilcoxon_over_sets(values, {"set 0": "squad", "set 1": "squad"})
    said = str(error.value)
    assert "at least 6 independent data sets, got 5 from 6; these count once: set 0, set 1 (squad);" in said
    assert wilcoxon_over_sets(values, {"set 0": "squad", "set 1": "another"}).families == 6
    with pytest.raises(InputError, match=r"got 5; give the differences"):
        wilcoxon_over_sets(by_name([1, 2, 3, 4, 5]), {})


def test_a_difference_that_is_not_finite_is_refused_by_the_name_of_its_set():
    with pytest.raises(InputError, match="the difference on 'set 2' must be a finite number, got nan"):
        wilcoxon_over_sets(by_name([1, 2, math.nan, 4, 5, 6]), {})


def test_effect_size_by_hand():
    # Differences 1 2 3: mean 2, standard deviation 1.
    assert effect_size([2, 4, 6], [1, 2, 3]) == pytest.approx(2)
    assert effect_size([1, 2, 3], [2, 4, 6]) == pytest.approx(-2)
    got = effect_size([0.81, 0.83, 0.80, 0.84], [0.80, 0.80, 0.79, 0.82])
    t = stats.ttest_rel([0.81, 0.83, 0.80, 0.84], [0.80, 0.80, 0.79, 0.82]).statistic
    assert got == pytest.approx(t / math.sqrt(4))


def test_an_effect_without_spread_is_no_number_and_said_in_words():
    assert math.isnan(effect_size([0.5, 0.6], [0.5, 0.6]))
    assert effect_size([0.3, 0.4, 0.5], [0.1, 0.2, 0.3]) == math.inf  # .2 each, but for rounding
    assert effect_size([0.1, 0.2], [0.3, 0.4]) == -math.inf
    assert effect_words(math.nan) == "no difference with any seed"
    assert effect_words(math.inf) == "the same difference with every seed (better)"
    assert effect_words(-math.inf) == "the same difference with every seed (worse)"


@pytest.mark.parametrize(
    ("size", "said"),
    [(0.1, "0.10 (very small)"), (0.2, "0.20 (small)"), (-0.62, "-0.62 (medium)"), (0.8, "0.80 (large)")],
)
def test_effects_are_named_as_cohen_does(size, said):
    assert effect_words(size) == said
