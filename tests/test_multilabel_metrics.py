"""Multi-label metrics, against plain loops and scikit-learn."""

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from sfumato import InputError
from sfumato.multilabel_evaluation import multilabel_intervals
from sfumato.multilabel_metrics import (
    frequent_labels_f1,
    gaps,
    label_ece,
    micro_f1,
    missed_pairs,
    multilabel_scores,
    per_label,
    row_lrap,
    row_micro_f1,
)

ROWS, CLASSES = 40, 5


@pytest.fixture(scope="module")
def rows():
    """Gold, probabilities with ties, answers; the last class has no row, and some rows have no label."""
    rng = np.random.default_rng(3)
    gold = rng.random((ROWS, CLASSES)) < [0.5, 0.3, 0.3, 0.2, 0]
    p = np.clip(rng.normal(0.3 + 0.3 * gold, 0.25), 0, 1).round(1)
    return gold, p, p > 0.45


def test_f1s_precision_and_recall_equal_plain_loops(rows):
    gold, p, predicted = rows
    found = multilabel_scores(gold, p, predicted)
    right, wrong, missed = [0] * CLASSES, [0] * CLASSES, [0] * CLASSES
    for i in range(ROWS):
        for k in range(CLASSES):
            right[k] += gold[i, k] and predicted[i, k]
            wrong[k] += predicted[i, k] and not gold[i, k]
            missed[k] += gold[i, k] and not predicted[i, k]
    tp, fp, fn = sum(right), sum(wrong), sum(missed)
    assert found["micro_f1"] == pytest.approx(2 * tp / (2 * tp + fp + fn))
    assert found["micro_precision"] == pytest.approx(tp / (tp + fp))
    assert found["micro_recall"] == pytest.approx(tp / (tp + fn))
    present = [k for k in range(CLASSES) if right[k] + missed[k]]
    assert len(present) == CLASSES - 1
    f1s = [2 * right[k] / (2 * right[k] + wrong[k] + missed[k]) for k in present]
    assert found["macro_f1"] == pytest.approx(sum(f1s) / len(f1s))
    whole = sum(all(gold[i, k] == predicted[i, k] for k in range(CLASSES)) for i in range(ROWS))
    assert found["subset_accuracy"] == pytest.approx(whole / ROWS)
    assert found["without_label"] == sum(not any(row) for row in gold) > 0


def test_probabilities_are_scored_as_plain_loops_score_them(rows):
    gold, p, predicted = rows
    found = multilabel_scores(gold, p, predicted)
    loss = square = 0.0
    bins: dict[int, list[float]] = {}
    for i in range(ROWS):
        for k in range(CLASSES):
            loss -= math.log(max(p[i, k] if gold[i, k] else 1 - p[i, k], 1e-12))
            square += (p[i, k] - gold[i, k]) ** 2
            place = next(b for b in range(15) if p[i, k] <= (b + 1) / 15 + 1e-15)
            bins.setdefault(place, []).append(gold[i, k] - p[i, k])
    assert found["log_loss"] == pytest.approx(loss / ROWS / CLASSES)
    assert found["brier"] == pytest.approx(square / ROWS / CLASSES)
    assert found["ece"] == pytest.approx(sum(abs(sum(b)) for b in bins.values()) / ROWS / CLASSES)


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_averages_equal_those_of_scikit_learn(rows, average):
    gold, p, predicted = rows
    present = [k for k in range(CLASSES) if gold[:, k].any()] if average == "macro" else None
    found = multilabel_scores(gold, p, predicted)
    how = {"average": average, "labels": present, "zero_division": 0}
    assert found[f"{average}_f1"] == pytest.approx(sk.f1_score(gold, predicted, **how))
    assert found[f"{average}_precision"] == pytest.approx(sk.precision_score(gold, predicted, **how))
    assert found[f"{average}_recall"] == pytest.approx(sk.recall_score(gold, predicted, **how))


def test_ranking_precision_equals_scikit_learn_and_a_plain_loop(rows):
    gold, p, _ = rows
    assert row_lrap(gold, p).mean() == pytest.approx(sk.label_ranking_average_precision_score(gold, p))
    for i in range(ROWS):
        own = [k for k in range(CLASSES) if gold[i, k]]
        terms = [sum(p[i, j] >= p[i, k] for j in own) / sum(p[i] >= p[i, k]) for k in own]
        assert row_lrap(gold, p)[i] == pytest.approx(sum(terms) / len(terms) if own else 1.0)


def test_the_mean_of_the_rows_values_is_micro_f1_and_their_spread_its_error(rows):
    gold, _, predicted = rows
    values = row_micro_f1(gold, predicted)
    assert values.mean() == pytest.approx(micro_f1(gold, predicted), abs=1e-12)
    rng = np.random.default_rng(0)
    drawn = [rng.integers(ROWS, size=ROWS) for _ in range(2000)]
    spread = np.std([micro_f1(gold[index], predicted[index]) for index in drawn])
    assert values.std() / ROWS**0.5 == pytest.approx(spread, rel=0.1)


def test_a_label_that_training_never_saw_is_one_that_was_not_found(rows):
    gold, p, predicted = rows
    unseen = np.zeros(ROWS, dtype=np.int64)
    unseen[[0, 3]] = [2, 1]
    before, after = multilabel_scores(gold, p, predicted), multilabel_scores(gold, p, predicted, unseen)
    tp = before["micro_recall"] * gold.sum()
    assert after["micro_recall"] == pytest.approx(tp / (gold.sum() + 3))
    assert after["micro_f1"] == pytest.approx(2 * tp / (gold.sum() + predicted.sum() + 3))
    assert after["micro_f1"] < before["micro_f1"]
    assert after["micro_precision"] == before["micro_precision"]
    assert (before["unseen"], after["unseen"]) == (0, 2)
    assert row_micro_f1(gold, predicted, unseen).mean() == pytest.approx(after["micro_f1"])


def test_confused_pairs_are_a_label_missed_and_another_given_in_the_same_row():
    gold = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], bool)
    predicted = np.array([[0, 1, 0], [0, 1, 1], [1, 0, 1], [0, 1, 0]], bool)
    pairs = {(pair.label, pair.predicted): pair.rows for pair in missed_pairs(gold, predicted, "abc")}
    by_loops: dict[tuple[str, str], int] = {}
    for y, answer in zip(gold, predicted, strict=True):
        for j in range(3):
            for k in range(3):
                if y[j] and not answer[j] and answer[k] and not y[k]:
                    by_loops[("abc"[j], "abc"[k])] = by_loops.get(("abc"[j], "abc"[k]), 0) + 1
    assert pairs == by_loops == {("a", "b"): 2, ("a", "c"): 1, ("b", "c"): 1}
    assert missed_pairs(gold, predicted, "abc", n=1)[0].share == pytest.approx(2 / 3)


def test_every_label_has_a_line_with_its_threshold_and_calibration(rows):
    gold, p, predicted = rows
    lines = per_label(gold, p, predicted, list("abcde"), np.full(CLASSES, 0.45))
    assert [line.support for line in lines] == gold.sum(axis=0).tolist()
    assert [line.threshold for line in lines] == [0.45] * CLASSES
    for k, line in enumerate(lines):
        assert line.ece == pytest.approx(abs(gaps(gold[:, [k]], p[:, [k]]).sum(axis=0)).sum() / ROWS)
        assert line.f1 == pytest.approx(sk.f1_score(gold[:, k], predicted[:, k], zero_division=0))
    assert label_ece(gold, p)[0] == lines[0].ece


def test_intervals_hold_the_values_and_narrow_with_rows(rows):
    gold, p, predicted = rows
    found = multilabel_intervals(gold, p, predicted)
    scores = multilabel_scores(gold, p, predicted)
    assert found.keys() == scores.keys() - {"rows", "without_label", "unseen"}
    for name, interval in found.items():
        assert interval.value == pytest.approx(scores[name]), name
        assert interval.low < interval.high, name
    many = multilabel_intervals(*(np.tile(part, (16, 1)) for part in rows))
    width, narrow = (x["micro_f1"].high - x["micro_f1"].low for x in (found, many))
    assert narrow == pytest.approx(width / 4, rel=0.35)
    assert multilabel_intervals(gold, p, predicted) == found


def test_the_commonest_labels_are_as_many_as_are_best_on_the_training_rows():
    train = np.array([[1, 1, 0]] * 6 + [[1, 0, 0]] * 3 + [[0, 0, 1]], bool)
    test = np.array([[1, 1, 0], [1, 0, 0]], bool)
    # on train: {a} 18/25, {a, b} 30/36, {a, b, c} 32/46; so a and b: on test 2 * 3 / (4 + 3)
    assert frequent_labels_f1(test, train) == pytest.approx(6 / 7)


def test_arrays_of_another_shape_are_refused():
    with pytest.raises(InputError, match=r"must have shape \(2, 3\)"):
        micro_f1(np.zeros((2, 3), bool), np.zeros((2, 2), bool))
    with pytest.raises(InputError, match="no rows"):
        micro_f1(np.zeros((0, 3), bool), np.zeros((0, 3), bool))
