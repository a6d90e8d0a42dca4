"""A model measured on a table, recomputed with plain loops."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from sfumato.data import Examples
from sfumato.evaluation import evaluate, evaluate_examples, intervals

CLASSES = ("a", "b", "c")


class Fixed:
    """A classifier that says what the text says: ``"0.7 0.2 0.1"``."""

    classes = CLASSES

    def predict_proba(self, texts):
        return np.array([[float(part) for part in text.split()] for text in texts])


TABLE = {
    "text": ["0.7 0.2 0.1", "0.1 0.8 0.1", "0.6 0.3 0.1", "0.2 0.2 0.6", "0.1 0.1 0.8"],
    "label": ["a", "b", "b", "c", "never seen"],
}


@pytest.fixture(scope="module")
def evaluation():
    return evaluate(Fixed(), TABLE, text="text", label="label")


def test_metrics_equal_plain_sums(evaluation):
    p = Fixed().predict_proba(TABLE["text"])
    known = [(p[i], CLASSES.index(label)) for i, label in enumerate(TABLE["label"]) if label in CLASSES]
    right = sum(int(max(range(3), key=lambda c: row[c]) == gold) for row, gold in known)
    assert evaluation.metrics["accuracy"].value == pytest.approx(right / 5)
    loss = -sum(math.log(row[gold]) for row, gold in known) / len(known)
    assert evaluation.metrics["log_loss"].value == pytest.approx(loss, rel=1e-6)


def test_a_label_never_seen_in_training_counts_as_an_error(evaluation):
    assert evaluation.unseen == 1
    assert evaluation.rows == 5
    without = evaluate(Fixed(), {name: column[:4] for name, column in TABLE.items()}, text="text", label="label")
    assert without.unseen == 0
    assert evaluation.metrics["accuracy"].value == pytest.approx(without.metrics["accuracy"].value * 4 / 5)


def test_every_figure_has_an_interval_around_it(evaluation):
    assert set(evaluation.metrics) == {"accuracy", "macro_f1", "log_loss", "brier", "ece"}
    for name, interval in evaluation.metrics.items():
        assert interval.low <= interval.value + 1e-9, name
        assert interval.value <= interval.high + (0.2 if name == "ece" else 1e-9), name


def test_the_interval_narrows_with_rows_and_is_the_same_each_time():
    generator = np.random.default_rng(0)
    p = generator.dirichlet(np.ones(3), size=2000)
    labels = np.array([generator.choice(3, p=row) for row in p])
    few, many = intervals(labels[:100], p[:100])["accuracy"], intervals(labels, p)["accuracy"]
    assert many.high - many.low < 0.5 * (few.high - few.low)
    assert intervals(labels[:100], p[:100])["accuracy"] == few


def test_the_interval_of_accuracy_is_wilsons_and_open_when_nothing_is_wrong():
    p, n, z = np.tile([0.9, 0.1], (12, 1)), 12, 1.959963984540054
    perfect = intervals(np.zeros(n, dtype=np.int64), p)["accuracy"]
    assert (perfect.value, perfect.high) == (1, 1)
    assert perfect.low == pytest.approx(n / (n + z * z))  # Wilson's lower end at n of n
    wrong = intervals(np.array([0] * 9 + [1, 1, -1]), p)["accuracy"]
    half = z * math.sqrt(0.75 * 0.25 / n + z * z / (4 * n * n))
    ends = [(0.75 + z * z / (2 * n) + sign * half) / (1 + z * z / n) for sign in (-1, 1)]
    assert [wrong.low, wrong.high] == pytest.approx(ends)


def test_pairs_and_classes_are_those_of_the_table(evaluation):
    pair = evaluation.confused_pairs[0]._asdict()
    assert tuple(list(pair.values())[:2]) == ("b", "a")
    assert len(evaluation.per_class) == 3


def test_the_scores_can_be_written_as_json(evaluation):
    value = json.loads(json.dumps(evaluation.to_dict()))
    assert value["rows"] == 5
    assert set(value["metrics"]["accuracy"]) == {"value", "low", "high"}


def test_examples_with_classes_in_another_order_are_measured_like_their_table(evaluation):
    examples = Examples.from_labels(TABLE["text"], TABLE["label"], classes=("never seen", "c", "b", "a"))
    measured = evaluate(Fixed(), examples, text=None, label=None)
    assert measured.metrics == evaluation.metrics
    assert measured.unseen == evaluation.unseen == 1
    assert examples.classes == ("never seen", "c", "b", "a")  # the caller's value is as it was


def test_examples_are_measured_as_the_table_is(evaluation):
    labels = [label if label in CLASSES else "a" for label in TABLE["label"]]
    examples = Examples.from_labels(TABLE["text"], labels, classes=CLASSES)
    examples.labels[4] = -1
    measured = evaluate_examples(SimpleNamespace(predict_proba=Fixed().predict_proba, classes=CLASSES), examples)
    assert measured.metrics == evaluation.metrics
