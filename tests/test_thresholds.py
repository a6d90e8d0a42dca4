"""Thresholds of multi-label answers, against every choice there is."""

import itertools

import numpy as np
import pytest

from sfumato import InputError
from sfumato.thresholds import (
    best_threshold,
    check_thresholds,
    chosen_thresholds,
    given_thresholds,
    label_thresholds,
)


def f1_by_loops(gold, probabilities, thresholds):
    both = predicted = given = 0
    for row, scores in zip(gold, probabilities, strict=True):
        for y, p, threshold in zip(row, scores, thresholds, strict=True):
            both += bool(y) and p > threshold
            predicted += p > threshold
            given += bool(y)
    return 2 * both / (predicted + given) if predicted + given else 0.0


def drawn(seed, rows=7, classes=3, steps=6):
    """Few different probabilities, so that ties are common."""
    rng = np.random.default_rng(seed)
    gold = rng.random((rows, classes)) < 0.4
    gold[0, 0] = True
    return gold, rng.integers(0, steps + 1, (rows, classes)) / steps


def places(probabilities):
    values = np.unique(np.concatenate([probabilities.ravel(), [0.0, 1.0]]))
    return [*((values[:-1] + values[1:]) / 2), 1.0]


@pytest.mark.parametrize("seed", range(20))
def test_one_threshold_is_the_best_of_all_places(seed):
    gold, p = drawn(seed)
    best = max(f1_by_loops(gold, p, [t] * 3) for t in places(p))
    assert f1_by_loops(gold, p, [best_threshold(gold, p)] * 3) == pytest.approx(best)


@pytest.mark.parametrize("seed", range(12))
def test_thresholds_a_label_are_the_best_of_all_combinations(seed):
    gold, p = drawn(seed, rows=6, steps=4)
    best = max(f1_by_loops(gold, p, choice) for choice in itertools.product(places(p), repeat=3))
    assert f1_by_loops(gold, p, label_thresholds(gold, p, rare=0)) == pytest.approx(best)


def test_a_rare_label_takes_the_threshold_of_all():
    rng = np.random.default_rng(0)
    gold = rng.random((60, 3)) < [0.5, 0.4, 0.03]
    p = np.clip(rng.normal(0.3 + 0.3 * gold, 0.2), 0, 1)
    assert gold[:, 2].sum() < 5
    chosen = label_thresholds(gold, p)
    assert chosen[2] == best_threshold(gold, p)
    assert chosen[0] != chosen[2]
    assert label_thresholds(gold, p, rare=1)[2] != chosen[2]


def test_equal_probabilities_are_never_parted_and_the_nearest_to_a_half_wins():
    gold = np.array([[True, True], [False, False]])
    assert best_threshold(gold, np.array([[0.9, 0.9], [0.2, 0.1]])) == pytest.approx(0.55)
    assert best_threshold(gold, np.array([[0.4, 0.4], [0.4, 0.1]])) == pytest.approx(0.25)


def test_without_any_gold_label_it_is_a_half():
    assert best_threshold(np.zeros((3, 2), bool), np.full((3, 2), 0.9)) == 0.5


def test_neighbours_that_have_no_number_between_are_still_parted():
    low = 0.3
    high = np.nextafter(low, 1)
    gold, p = np.array([[True, False]]), np.array([[high, low]])
    assert (p > best_threshold(gold, p)).tolist() == [[True, False]]


def test_a_number_is_taken_as_it_is_and_without_dev_a_half():
    gold, p = drawn(0)
    assert chosen_thresholds(0.3, gold, p).tolist() == [0.3] * 3
    assert given_thresholds("label", 2).tolist() == [0.5, 0.5]
    assert given_thresholds(0.3, 2).tolist() == [0.3, 0.3]


def test_thresholds_of_another_label_set_are_refused():
    with pytest.raises(InputError, match=r"one a class \(3\), got 2"):
        check_thresholds([0.5, 0.5], 3)
    with pytest.raises(InputError, match=r"between 0 and 1, got 1\.5"):
        check_thresholds(1.5, 3)
