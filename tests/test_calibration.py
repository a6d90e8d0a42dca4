import math

import numpy as np
import pytest

from sfumato.calibration import (
    HIGHEST,
    LOWEST,
    best_temperature,
    fit_noisy_temperature,
    fit_temperature,
    softmax,
    temper,
)
from sfumato.errors import InputError
from sfumato.metrics import brier, ece, log_loss


def overconfident(rows=2000, classes=4, factor=3.0, seed=0):
    """Labels drawn from softmax(true logits); the model reports ``factor`` times those logits."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, classes)) * 1.5
    labels = np.array([rng.choice(classes, p=p) for p in softmax(logits)])
    return logits * factor, labels


def test_softmax_rows_sum_to_one_and_large_logits_do_not_overflow():
    p = softmax(np.array([[1000.0, 0.0], [0.0, 0.0]]))
    assert p == pytest.approx(np.array([[1.0, 0.0], [0.5, 0.5]]))
    assert softmax(np.array([[2.0, 0.0]]), 2.0) == pytest.approx(softmax(np.array([[1.0, 0.0]])))


@pytest.mark.parametrize("factor", [0.3, 1.0, 3.0])
def test_the_temperature_undoes_a_known_factor(factor):
    logits, labels = overconfident(factor=factor)
    assert fit_temperature(logits, labels) == pytest.approx(factor, rel=0.12)


def wrong_labels(labels, T, seed=1):
    rng = np.random.default_rng(seed)
    return np.array([rng.choice(len(T), p=T[k]) for k in labels])


@pytest.mark.parametrize("T", [0.7 * np.eye(4) + 0.075, np.eye(4) * 0.7 + 0.3 * np.eye(4)[[1, 0, 3, 2]]])
@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_the_temperature_of_wrong_labels_is_that_of_the_right_ones(T, factor):
    logits, right = overconfident(factor=factor, rows=4000)
    given = wrong_labels(right, T / T.sum(axis=1, keepdims=True))
    found = fit_noisy_temperature(logits, given, T / T.sum(axis=1, keepdims=True))
    assert found == pytest.approx(factor, rel=0.15)
    assert fit_temperature(logits, given) > 1.5 * factor  # it makes the model doubt what is right


def test_the_temperature_of_wrong_labels_is_the_best_of_a_fine_grid_in_plain_loops():
    logits, right = overconfident(rows=150)
    T = np.array([[0.8, 0.2, 0, 0], [0, 1, 0, 0], [0.1, 0.1, 0.7, 0.1], [0.3, 0, 0, 0.7]])
    given = wrong_labels(right, T)

    def loss(t):
        total = 0.0
        for row, label in zip(logits, given, strict=True):
            e = [math.exp((value - max(row)) / t) for value in row]
            total -= math.log(sum(each / sum(e) * T[j, label] for j, each in enumerate(e)))
        return total / len(given)

    grid = np.geomspace(0.5, 18, 800)
    assert fit_noisy_temperature(logits, given, T) == pytest.approx(
        grid[int(np.argmin([loss(t) for t in grid]))], rel=0.01
    )


def test_without_wrong_labels_both_temperatures_are_the_same_and_unknown_rows_do_not_count():
    logits, labels = overconfident(rows=400)
    plain = fit_temperature(logits, labels)
    assert fit_noisy_temperature(logits, labels, np.eye(4)) == pytest.approx(plain, rel=1e-3)
    more = np.concatenate([logits, logits]), np.concatenate([labels, np.full(400, -1)])
    assert fit_noisy_temperature(*more, np.eye(4)) == pytest.approx(plain, rel=1e-3)
    assert fit_noisy_temperature(np.zeros((5, 4)), np.arange(5) % 4, np.eye(4)) == 1
    with pytest.raises(InputError, match="cannot calibrate"):
        fit_noisy_temperature(np.full((5, 4), np.nan), np.arange(5) % 4, np.eye(4))


def test_the_temperature_is_the_best_of_a_fine_grid():
    logits, labels = overconfident(rows=300)
    grid = np.geomspace(0.2, 18, 4000)
    losses = [log_loss(labels, softmax(logits, t)) for t in grid]
    assert fit_temperature(logits, labels) == pytest.approx(grid[int(np.argmin(losses))], rel=2e-3)


def test_calibration_lowers_log_loss_brier_and_ece_and_keeps_every_prediction():
    logits, labels = overconfident()
    raw, calibrated = softmax(logits), softmax(logits, fit_temperature(logits, labels))
    assert (raw.argmax(axis=1) == calibrated.argmax(axis=1)).all()
    for score in (log_loss, brier, ece):
        assert score(labels, calibrated) < score(labels, raw)


def test_temper_gives_the_probabilities_of_the_tempered_logits():
    logits, _ = overconfident(rows=50, factor=1.0)
    stored = softmax(logits).astype(np.float32)
    assert temper(stored, 2.5) == pytest.approx(softmax(logits, 2.5), abs=1e-6)


def test_a_split_without_errors_and_one_without_signal_stay_in_bounds():
    sure = np.eye(3) * 5
    assert fit_temperature(sure, np.array([0, 1, 2])) == LOWEST
    assert fit_temperature(sure, np.array([1, 2, 0])) == HIGHEST
    assert fit_temperature(np.zeros((3, 3)), np.array([0, 1, 2])) == 1.0
    assert fit_temperature(np.zeros((0, 3)), np.array([], dtype=int)) == 1.0


@pytest.mark.parametrize("scale", [1e-4, 1e-2, 1.0, 1e3])
def test_the_best_of_all_temperatures_is_met_in_the_range_and_else_the_nearest_end_is(scale):
    logits, labels = overconfident(rows=300)
    best = best_temperature(logits * scale, labels)
    assert best == pytest.approx(scale * best_temperature(logits, labels), rel=1e-6)
    assert fit_temperature(logits * scale, labels) == pytest.approx(min(max(best, LOWEST), HIGHEST), rel=1e-7)


def test_even_is_the_best_where_scores_point_away_from_the_labels():
    logits, labels = overconfident(rows=300)
    assert best_temperature(-logits, labels) == np.inf
    assert best_temperature(np.zeros((3, 3)), np.array([0, 1, 2])) == np.inf
    assert np.isfinite(best_temperature(logits, labels))


def test_rows_with_an_unseen_label_do_not_move_the_temperature():
    logits, labels = overconfident(rows=300)
    more = np.vstack([logits, [[9.0, 0, 0, 0]]])
    assert fit_temperature(more, np.append(labels, -1)) == fit_temperature(logits, labels)
    assert fit_temperature(more, np.append(labels, 3)) != fit_temperature(logits, labels)


def test_with_votes_the_temperature_is_the_best_of_a_fine_grid_for_their_shares():
    logits, labels = overconfident(rows=300)
    votes = np.random.default_rng(1).multinomial(5, [0.4, 0.3, 0.2, 0.1], size=300) + 2 * np.eye(4)[labels]
    shares = votes / votes.sum(axis=1, keepdims=True)
    grid = np.geomspace(0.2, 19, 4000)
    losses = [-(shares * np.log(softmax(logits, t))).sum() for t in grid]
    assert fit_temperature(logits, labels, votes) == pytest.approx(grid[int(np.argmin(losses))], rel=2e-3)
    assert fit_temperature(logits, labels, votes) > 1.2 * fit_temperature(logits, labels)


def test_one_vote_a_row_is_the_label_and_rows_without_votes_do_not_count():
    logits, labels = overconfident(rows=300)
    votes = np.eye(4)[labels]
    assert fit_temperature(logits, labels, 3 * votes) == pytest.approx(fit_temperature(logits, labels))
    votes[:50] = 0
    assert fit_temperature(logits, labels, votes) == pytest.approx(fit_temperature(logits[50:], labels[50:]))


def test_logits_that_are_not_finite_are_refused_with_their_row():
    with pytest.raises(InputError, match="logits of row 2"):
        fit_temperature(np.array([[0.0, 1.0], [np.nan, 1.0]]), np.array([0, 1]))
    with pytest.raises(InputError, match=r"shape \(3, classes\)"):
        fit_temperature(np.zeros((2, 2)), np.array([0, 1, 1]))
