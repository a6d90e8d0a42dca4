import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as peer

from sfumato.errors import InputError
from sfumato.metrics import (
    accuracy,
    brier,
    confused_pairs,
    confusion_matrix,
    ece,
    jensen_shannon,
    kl_divergence,
    log_loss,
    macro_f1,
    majority_accuracy,
    normalised_entropy,
    per_class,
    row_brier,
    row_log_loss,
    scores,
    total_variation,
)

LABELS = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 0, 1, 1, 2, 0])
CLASSES = ("ask", "buy", "cancel")


def random_split(seed, rows=200, classes=5):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes) * 0.5, size=rows)
    return rng.integers(classes, size=rows), probabilities


def test_accuracy_counts_right_rows_and_an_unseen_label_is_an_error():
    assert accuracy(LABELS, PREDICTED) == 3 / 6
    assert accuracy(np.array([0, -1]), np.array([0, 0])) == 1 / 2


def test_majority_accuracy_answers_the_commonest_training_class():
    assert majority_accuracy(LABELS, np.array([1, 1, 0]), 3) == 2 / 6
    assert majority_accuracy(LABELS, np.array([0, 1, 0]), 3) == 3 / 6


def test_per_class_by_hand():
    ask, buy, cancel = per_class(LABELS, PREDICTED, CLASSES)
    assert (ask.name, buy.name, cancel.name) == CLASSES
    assert ask[1:] == pytest.approx((2 / 3, 2 / 3, 2 / 3, 3))
    assert buy[1:] == pytest.approx((1 / 2, 1 / 2, 1 / 2, 2))
    assert cancel[1:] == pytest.approx((0, 0, 0, 1))


def test_macro_f1_averages_only_classes_that_the_test_split_holds():
    labels, predicted = np.array([0, 0, 1]), np.array([0, 2, 1])
    assert macro_f1(labels, predicted, 4) == pytest.approx((2 / 3 + 1) / 2)  # class 2 is predicted, not present
    assert macro_f1(LABELS, PREDICTED, 3) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)


def test_an_unseen_label_is_a_false_positive_of_the_class_predicted_for_it():
    assert macro_f1(np.array([0, 0]), np.array([0, 0]), 2) == 1
    assert macro_f1(np.array([0, 0, -1]), np.array([0, 0, 0]), 2) == pytest.approx(2 * 2 / (3 + 2))


@pytest.mark.parametrize("seed", range(4))
def test_scores_agree_with_sklearn(seed):
    labels, probabilities = random_split(seed)
    predicted = probabilities.argmax(axis=1)
    got = scores(labels, probabilities)
    assert got["accuracy"] == pytest.approx(peer.accuracy_score(labels, predicted))
    assert got["macro_f1"] == pytest.approx(peer.f1_score(labels, predicted, average="macro"))
    assert got["log_loss"] == pytest.approx(peer.log_loss(labels, probabilities))
    assert got["rows"] == 200
    assert got["unseen"] == 0


def test_confusion_matrix_has_labels_down_and_predictions_across():
    assert confusion_matrix(LABELS, PREDICTED, 3).tolist() == [[2, 1, 0], [0, 1, 1], [1, 0, 0]]
    assert confusion_matrix(np.array([-1, 0]), np.array([1, 1]), 2).tolist() == [[0, 1], [0, 0]]


def test_confused_pairs_are_the_commonest_errors_and_never_a_right_answer():
    labels, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([1, 1, 0, 0, 1, 2])
    assert confused_pairs(labels, predicted, CLASSES) == [("ask", "buy", 2, 2 / 3), ("buy", "ask", 1, 1 / 2)]
    assert confused_pairs(labels, predicted, CLASSES, n=1) == [("ask", "buy", 2, 2 / 3)]
    assert confused_pairs(labels, labels, CLASSES) == []


def test_log_loss_by_hand_with_the_smallest_probability_and_without_unseen_labels():
    probabilities = np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]])
    assert log_loss(np.array([0, 1, 0]), probabilities) == pytest.approx((math.log(2) + math.log(4 / 3)) / 3)
    assert log_loss(np.array([0, 1, 1]), probabilities) == pytest.approx(
        (math.log(2) + math.log(4 / 3) - math.log(1e-12)) / 3
    )
    assert log_loss(np.array([0, 1, -1]), probabilities) == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)
    assert np.isnan(row_log_loss(np.array([0, 1, -1]), probabilities)).tolist() == [False, False, True]
    assert math.isnan(log_loss(np.array([-1]), probabilities[:1]))


def test_brier_is_the_plain_sum_over_rows_and_classes():
    labels, probabilities = random_split(7)
    total = 0.0
    for row, label in enumerate(labels):
        for k in range(5):
            total += (probabilities[row, k] - (1 if k == label else 0)) ** 2
    assert brier(labels, probabilities) == pytest.approx(total / len(labels))
    assert brier(np.array([0]), np.array([[0.0, 1.0]])) == 2
    assert row_brier(np.array([-1]), np.array([[0.5, 0.5]]))[0] == pytest.approx(1.5)


def test_ece_of_a_confidence_of_exactly_one_is_the_textbook_value():
    # Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, Eq. 3 with bins ((m - 1) / M, m / M]:
    # .95, which is right, and 1.0, which is wrong, share the last of 15 bins, so |1/2 - (.95 + 1) / 2| = .475.
    probabilities = np.array([[0.05, 0.95], [0.0, 1.0]])
    assert ece(np.array([1, 0]), probabilities) == pytest.approx(0.475)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    probabilities = np.array([[0.5, 0.5], [0.75, 0.25]])  # the first is right, the second wrong
    assert ece(np.array([0, 1]), probabilities, bins=2) == pytest.approx((0.5 + 0.75) / 2)


def test_ece_is_the_plain_sum_over_bins():
    labels, probabilities = random_split(3)
    total = 0.0
    for b in range(15):
        rows = [i for i, p in enumerate(probabilities) if b / 15 < max(p) <= (b + 1) / 15]
        if rows:
            right = sum(int(np.argmax(probabilities[i]) == labels[i]) for i in rows) / len(rows)
            confidence = sum(max(probabilities[i]) for i in rows) / len(rows)
            total += len(rows) / len(labels) * abs(right - confidence)
    assert ece(labels, probabilities) == pytest.approx(total)
    assert ece(labels, probabilities, bins=1) != pytest.approx(total)


def test_ece_of_a_confident_and_right_model_is_zero_and_of_a_wrong_one_is_one():
    sure = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert ece(np.array([0, 1]), sure) == 0
    assert ece(np.array([1, 0]), sure) == 1


def test_distances_by_hand():
    p, q = np.array([[0.5, 0.5, 0.0]]), np.array([[0.25, 0.25, 0.5]])
    assert total_variation(p, q) == pytest.approx([0.5])
    assert kl_divergence(p, q) == pytest.approx([math.log(2)])
    assert np.isinf(kl_divergence(q, p)).all()
    middle = [0.375, 0.375, 0.25]
    by_hand = (math.log(0.5 / 0.375) + 0.5 * math.log(0.25 / 0.375) + 0.5 * math.log(0.5 / middle[2])) / 2
    assert jensen_shannon(p, q) == pytest.approx([by_hand])


def test_a_smaller_floor_of_the_log_loss_shows_a_larger_loss():
    labels, probabilities = np.array([1]), np.array([[1.0, 1e-20]])
    assert log_loss(labels, probabilities) == pytest.approx(-math.log(1e-12))
    assert log_loss(labels, probabilities, smallest=1e-30) == pytest.approx(-math.log(1e-20))


def test_entropy_is_the_plain_sum_over_that_of_the_even_row():
    _, probabilities = random_split(5)
    expected = [-sum(p * math.log(p) for p in row if p > 0) / math.log(5) for row in probabilities]
    np.testing.assert_allclose(normalised_entropy(probabilities), expected)
    assert normalised_entropy(np.array([[1.0, 0.0], [0.5, 0.5]])).tolist() == [0, 1]
    assert normalised_entropy(np.ones((2, 1))).tolist() == [0, 0]  # one class: nothing to be unsure of


@given(st.integers(0, 10_000))
def test_distances_are_zero_to_itself_and_bounded(seed):
    p, q = np.random.default_rng(seed).dirichlet(np.ones(4) * 0.3, size=(2, 3))
    for distance, most in ((total_variation, 1.0), (jensen_shannon, math.log(2))):
        assert distance(p, p) == pytest.approx(np.zeros(3), abs=1e-12)
        assert distance(p, q) == pytest.approx(distance(q, p))
        assert (distance(p, q) <= most + 1e-12).all()


def test_a_wrong_number_of_rows_and_no_rows_are_refused():
    with pytest.raises(InputError, match=r"predicted must have one row per label \(6\), got 5"):
        accuracy(LABELS, PREDICTED[:5])
    with pytest.raises(InputError, match="no rows to score"):
        accuracy(LABELS[:0], PREDICTED[:0])
