"""What is measured of a run beside its result: right by plain loops, and without a trace in what is trained."""

import json
import math
import re
from dataclasses import replace

import fake_training as fake
import numpy as np
import pytest
import torch
from fake_training import a_run
from torch.nn import functional as F

from sfumato import METHODS, MODELS
from sfumato.architecture import Training
from sfumato.calibration import softmax
from sfumato.checkpoint import Checkpoint
from sfumato.controls import control
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.execution import execute
from sfumato.measures import (
    SAMPLE,
    class_distances,
    dev_measures,
    label_embeddings,
    packed,
    sampled_rows,
    unpacked,
)
from sfumato.metrics import accuracy, ece, log_loss
from sfumato.run import train_model

ALL = ("curves", "last-epoch", "label-embeddings")
CURVES = {
    "train_loss",
    "train_accuracy",
    "dev_confidence",
    "dev_ece",
    "dev_distance_within",
    "dev_distance_between",
    "dev_distance_ratio",
}
TRAINING = Training(epochs=3, batch_size=16, lr=1e-2, max_length=32)


@pytest.fixture(scope="module")
def split(tickets):
    examples = Examples.from_labels(tickets["text"], tickets["label"])
    return examples.take(range(60)), examples.take(range(60, 90))


@pytest.fixture(scope="module")
def data():
    return fake.data_set()


def network():
    return MODELS["textcnn"](kernels=(2, 3), filters=8, dim=8)


def run(split, method=None, **options):
    method = method or METHODS["baseline"]()
    given = {"architecture": network(), "method": method, "training": TRAINING, "device": "cpu"}
    return train_model(*split, **(given | options))


def same_state(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_distances_of_the_features_are_those_of_plain_loops():
    features = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    labels = np.array([0, 0, 2, 2, 2, 3, 0])
    means = {}
    for c in (0, 2, 3):
        own = [features[i] for i in range(7) if labels[i] == c]
        means[c] = [sum(row[k] for row in own) / len(own) for k in range(3)]
    within = sum(math.dist(features[i], means[labels[i]]) for i in range(7)) / 7
    between = (math.dist(means[0], means[2]) + math.dist(means[0], means[3]) + math.dist(means[2], means[3])) / 3
    assert class_distances(features, labels) == (pytest.approx(within), pytest.approx(between))
    found = dev_measures(labels, np.eye(4, dtype=np.float32)[labels], features)
    assert found["dev_distance_ratio"] == pytest.approx(within / between)


def test_one_class_has_nothing_between_and_an_unseen_label_no_class():
    features = np.array([[0.0, 0.0], [2.0, 0.0], [100.0, 100.0]])
    within, between = class_distances(features[:2], np.array([1, 1]))
    assert within == 1
    assert math.isnan(between)
    logits = np.array([[0.0, 9.0], [0.0, 9.0], [0.0, 9.0]])
    found = dev_measures(np.array([1, 1, -1]), logits, features)
    assert found["dev_distance_within"] == 1
    assert found["dev_confidence"] == pytest.approx(1 / (1 + math.exp(-9)))
    assert found["dev_ece"] == pytest.approx(abs(2 / 3 - found["dev_confidence"]))
    assert all(math.isnan(value) for value in class_distances(features[:0], np.array([], dtype=int)))


def test_the_sample_is_a_thousand_rows_the_same_for_the_same_seed():
    rows = sampled_rows(5000, 3)
    assert len(set(rows.tolist())) == SAMPLE
    assert (rows == sampled_rows(5000, 3)).all()
    assert (rows != sampled_rows(5000, 4)).any()
    assert sampled_rows(7, 0).tolist() == list(range(7))


def test_measures_change_nothing_that_is_trained(split):
    for method in (METHODS["baseline"](), METHODS["lcm"]()):
        plain, measured = run(split, method), run(split, method, measures=ALL)
        assert same_state(plain.objective.state_dict(), measured.objective.state_dict())
        assert plain.model.temperature == measured.model.temperature
        for before, after in zip(plain.history, measured.history, strict=True):
            assert before == {name: value for name, value in after.items() if name not in CURVES}
            assert before.keys() | CURVES == after.keys()
        assert not plain.last


def test_each_look_tells_what_the_network_of_that_look_says(split, monkeypatch):
    monkeypatch.setattr("sfumato.train.precision", lambda device: "no")  # prediction is never bf16
    trained = run(split, METHODS["label-smoothing"](0.3), measures=("curves",))
    record = trained.history[trained.best_epoch - 1]
    train, dev = split
    logits, on_dev = (trained.model.predict_logits(part.inputs) for part in split)
    p = softmax(on_dev)
    within, between = class_distances(trained.model.features(dev.inputs), dev.labels)
    assert record["train_loss"] == pytest.approx(log_loss(train.labels, softmax(logits)), rel=1e-4)  # of hard labels
    assert record["train_accuracy"] == pytest.approx(accuracy(train.labels, logits.argmax(axis=1)))
    assert record["dev_confidence"] == pytest.approx(p.max(axis=1).mean(), rel=1e-4)
    assert record["dev_ece"] == pytest.approx(ece(dev.labels, p), abs=1e-4)
    assert record["dev_distance_within"] == pytest.approx(within, rel=1e-4)
    assert record["dev_distance_between"] == pytest.approx(between, rel=1e-4)


def test_without_dev_there_are_curves_of_the_training_rows_alone(split):
    trained = run((split[0], None), measures=("curves",))
    assert set(trained.history[0]) == {"epoch", "loss", "train_loss", "train_accuracy"}


def scripted(monkeypatch, accuracies):
    """Let dev find the best epoch where the script says so."""
    left = list(accuracies)
    monkeypatch.setattr("sfumato.inference.dev_scores", lambda logits, labels: (left.pop(0), 1.0))


def test_the_last_epoch_is_told_beside_the_best_one(split, monkeypatch):
    ended = run((split[0], None), training=replace(TRAINING, epochs=3))
    scripted(monkeypatch, [0.9, 0.5, 0.5])
    trained = run(split, measures=("last-epoch",))
    assert trained.best_epoch == 1
    best = trained.model.predict_logits(split[1].inputs)
    last = trained.last_logits(split[1].inputs)
    np.testing.assert_array_equal(last, ended.model.predict_logits(split[1].inputs))
    np.testing.assert_array_equal(best, trained.model.predict_logits(split[1].inputs))
    assert (best != last).any()


def test_a_run_that_goes_on_from_a_checkpoint_has_the_measures_of_its_own(split, tmp_path):
    kept = Checkpoint(tmp_path / "kept")
    first = run(split, measures=("curves", "last-epoch"), checkpoint=kept)
    again = run(split, measures=("curves", "last-epoch"), checkpoint=replace(kept, resume=True))
    assert again.history == first.history
    assert same_state(again.last, first.last)
    with pytest.raises(InputError, match="measures"):
        run(split, checkpoint=replace(kept, resume=True))


def test_a_line_holds_the_measures_that_its_run_asks_for_and_no_other(data, tmp_path):
    built = METHODS["lcm"](embedding_size=5)
    given = {"architecture": network(), "training": TRAINING, "device": "cpu"}
    plain = execute(a_run(data, built, **given), data, tmp_path)
    line = json.loads(json.dumps(execute(a_run(data, built, **given, measures=ALL), data, tmp_path)))
    assert line.keys() - plain.keys() == {"history", "metrics_last", "label_embeddings"}
    assert line["metrics"] == plain["metrics"]
    assert [record["epoch"] for record in line["history"]] == [1, 2, 3]
    assert set(line["metrics_last"]) == {"accuracy", "macro_f1", "log_loss", "brier", "ece"}
    assert np.shape(line["label_embeddings"]) == (3, 5)
    only = execute(a_run(data, built, **given, measures=("last-epoch",)), data, tmp_path)
    assert only.keys() - plain.keys() == {"metrics_last"}
    if line["best_epoch"] == 3:
        assert line["metrics_last"].items() <= line["metrics"].items()


@pytest.mark.parametrize("rows", [0, 1, 8, 13, 600])
def test_answers_that_are_packed_come_out_as_they_went_in(rows):
    right = np.random.default_rng(rows).random(rows) < 0.7
    assert len(packed(right)) <= len(f"{rows}:") + 2 * (rows // 8 + 1)
    np.testing.assert_array_equal(unpacked(packed(right)), right)


@pytest.mark.parametrize("name", ["linear", "textcnn"])
def test_a_line_tells_which_dev_rows_were_answered_right_if_it_is_asked(name, data, tmp_path):
    architecture = network() if name == "textcnn" else MODELS["linear"](steps=5)
    training = TRAINING if name == "textcnn" else Training(epochs=5)
    line = execute(a_run(data, architecture=architecture, training=training, measures=("dev-answers",)), data, tmp_path)
    right = unpacked(line["dev_right"])
    assert len(right) == line["n_dev"]
    assert right.mean() == pytest.approx(line["dev"]["accuracy"])
    assert "dev_right" not in execute(a_run(data, architecture=architecture, training=training), data, tmp_path)


def test_measures_are_in_the_key_only_if_there_are_any_and_in_any_order(data):
    assert a_run(data, measures=()).key == a_run(data).key
    assert "measures" not in a_run(data).settings
    assert a_run(data, measures=("curves",)).key != a_run(data).key
    assert a_run(data, measures=ALL).key == a_run(data, measures=ALL[::-1]).key


def test_the_vectors_of_the_labels_are_those_of_the_criterion_to_four_digits(split):
    trained = run(split, control(METHODS["lcm"](), "shuffled", seed=0), measures=("label-embeddings",))
    inside = trained.objective.criterion.learning.label_embeddings.detach()
    found = torch.tensor(label_embeddings(trained.objective.criterion))
    torch.testing.assert_close(found, inside, rtol=5.1e-4, atol=0)
    assert not torch.equal(found, inside)
    assert F.cosine_similarity(found, inside).min() > 0.999


def test_what_a_run_cannot_be_asked_is_left_out_and_said(data, tmp_path):
    linear = MODELS["linear"](steps=5)
    given = {"architecture": linear, "training": Training(epochs=5), "measures": ALL}
    line = execute(a_run(data, METHODS["lcm"](), **given), data, tmp_path)
    assert not {"history", "metrics_last"} & line.keys()
    assert np.shape(line["label_embeddings"]) == (3, 3)
    assert any("linear is fitted in one batch" in said for said in line["warnings"])
    line = execute(a_run(data, **given), data, tmp_path)
    assert "label_embeddings" not in line
    assert any("baseline learns no vectors" in said for said in line["warnings"])


def test_a_measure_that_is_not_there_is_refused_in_words(data, split):
    known = "'curves', 'last-epoch', 'label-embeddings', 'per-label', 'errors-in-group', 'dev-answers'"
    said = f"measures must be one of {known}, got 'curve' (did you mean 'curves'?)"
    with pytest.raises(InputError, match=re.escape(said)):
        a_run(data, measures=("curve",))
    with pytest.raises(InputError, match=re.escape(said)):
        run(split, measures=("curve",))
