"""Distances between predictions and votes, by plain loops."""

import math

import numpy as np
import pytest

from sfumato.errors import InputError
from sfumato.metrics import (
    distribution_scores,
    entropy_correlation,
    jensen_shannon,
    macro_f1,
    manhattan,
    row_cross_entropy,
    row_log_loss,
)


def two_splits(seed, rows=40, classes=3):
    generator = np.random.default_rng(seed)
    votes = generator.multinomial(5, [0.2, 0.3, 0.5][:classes], size=rows)
    return votes / votes.sum(axis=1, keepdims=True), generator.dirichlet(np.ones(classes), size=rows)


def plain_entropy(row):
    return -sum(p * math.log(p) for p in row if p > 0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_distance_is_the_plain_sum(seed):
    shares, predicted = two_splits(seed)
    for k, (q, p) in enumerate(zip(shares.tolist(), predicted.tolist(), strict=True)):
        middle = [(a + b) / 2 for a, b in zip(q, p, strict=True)]
        cross = -sum(a * math.log(b) for a, b in zip(q, p, strict=True))
        divergences = [sum(a * math.log(a / m) for a, m in zip(r, middle, strict=True) if a > 0) for r in (q, p)]
        assert row_cross_entropy(shares, predicted)[k] == pytest.approx(cross)
        assert manhattan(shares, predicted)[k] == pytest.approx(sum(abs(a - b) for a, b in zip(q, p, strict=True)))
        assert jensen_shannon(shares, predicted)[k] == pytest.approx(sum(divergences) / 2)


def test_entropy_correlation_is_pearsons_plain_formula():
    shares, predicted = two_splits(3)
    x, y = [plain_entropy(q) for q in shares], [plain_entropy(p) for p in predicted]
    mx, my = sum(x) / len(x), sum(y) / len(y)
    above = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    below = math.sqrt(sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))
    assert entropy_correlation(shares, predicted) == pytest.approx(above / below)
    assert entropy_correlation(shares, shares) == pytest.approx(1)
    assert math.isnan(entropy_correlation(shares, np.full_like(shares, 1 / 3)))


def test_with_one_vote_a_row_cross_entropy_is_the_log_loss_and_no_zero_is_infinite():
    labels = np.array([0, 2, 1])
    predicted = np.array([[0.5, 0.5, 0.0], [0.2, 0.8, 0.0], [0.1, 0.8, 0.1]])
    assert row_cross_entropy(np.eye(3)[labels], predicted) == pytest.approx(row_log_loss(labels, predicted))
    assert row_cross_entropy(np.eye(3)[labels], predicted)[1] == pytest.approx(-math.log(1e-12))


def test_the_scores_are_the_means_and_macro_f1_is_on_the_majority():
    shares, predicted = two_splits(4)
    found = distribution_scores(shares, predicted)
    assert found["cross_entropy"] == pytest.approx(sum(row_cross_entropy(shares, predicted)) / 40)
    assert found["manhattan"] == pytest.approx(sum(manhattan(shares, predicted)) / 40)
    assert found["jensen_shannon"] == pytest.approx(sum(jensen_shannon(shares, predicted)) / 40)
    majority = np.array([row.index(max(row)) for row in shares.tolist()])
    assert found["macro_f1"] == pytest.approx(macro_f1(majority, predicted.argmax(axis=1), 3))


def test_the_votes_themselves_are_at_no_distance_and_another_number_of_rows_is_refused():
    shares, predicted = two_splits(5)
    found = distribution_scores(shares, shares)
    assert (found["manhattan"], found["jensen_shannon"]) == pytest.approx((0, 0))
    assert found["macro_f1"] == 1
    with pytest.raises(InputError, match="probabilities must have one row per label"):
        distribution_scores(shares, predicted[:3])
