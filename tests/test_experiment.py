import json
import math

import fake_training as fake
import numpy as np
import polars as pl
import pytest
from fake_training import a_run

from sfumato.architecture import Training
from sfumato.calibration import temper
from sfumato.data import Examples
from sfumato.dataset import DataSet
from sfumato.environment import environment
from sfumato.errors import InputError
from sfumato.experiment import (
    execute,
    failed,
    predictions_path,
    read_correct,
    read_record,
    record_path,
    write_record,
)
from sfumato.method import Method
from sfumato.methods.label_smoothing import label_smoothing
from sfumato.metrics import accuracy, ece, log_loss


@pytest.fixture
def data():
    return fake.data_set()


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"split_seed": 1},
        {"data_hash": "other"},
        {"training": Training(epochs=4)},
        {"control": "uniform"},
        {"control_version": 2},
        {"loop_version": 2},
        {"architecture": fake.architecture(filters=3)},
        {"built": label_smoothing(0.1)},
        {"built": Method("baseline", version=2)},
    ],
)
def test_the_key_changes_with_every_setting_and_version(data, changes):
    assert a_run(data, **changes).key != a_run(data).key


def test_the_key_does_not_change_with_what_a_table_calls_things(data):
    assert a_run(data, data="other", model="ours", method="plain", title="Plain").key == a_run(data).key


def test_the_metric_version_is_part_of_the_key(data, monkeypatch):
    before = a_run(data).key
    monkeypatch.setattr("sfumato.experiment.METRIC_VERSION", 99)
    assert a_run(data).key != before


def test_the_key_of_given_settings_is_the_same_in_every_process(data):
    # made once by sha256 of the settings as sorted JSON, by hand in another process
    run = a_run(data, data_hash="0" * 64)
    import hashlib

    by_hand = hashlib.sha256(json.dumps(run.settings, sort_keys=True).encode()).hexdigest()
    assert run.key == by_hand[:32]
    assert json.loads(json.dumps(run.settings)) == run.settings


def test_an_option_without_a_lasting_form_is_refused(data):
    with pytest.raises(InputError, match="an option of a compared method"):
        _ = a_run(data, built=Method("odd", options={"thing": object()})).key


def test_the_fingerprint_tells_texts_labels_splits_and_weights_apart():
    def made(texts, labels=("a", "b", "a"), weights=None, cut=1):
        every = Examples.from_labels(list(texts), labels, classes=("a", "b"), weights=weights)
        return DataSet("d", every.take(range(cut)), every.take(range(cut, 2)), every.take([2])).fingerprint

    prints = [
        made(["x y", "z", "w"]),
        made(["x", "y z", "w"]),
        made(["x y", "z", "w"], labels=("b", "b", "a")),
        made(["x y", "z", "w"], weights=(1.0, 2.0, 1.0)),
        made(["x y", "z", "w"], cut=2),
        made([["x", "y"], ["z"], ["w"]]),
    ]
    assert len(set(prints)) == len(prints)
    assert made(["x y", "z", "w"]) == prints[0]


def test_a_run_gives_a_line_whose_metrics_follow_from_its_predictions(data, tmp_path):
    run = a_run(data)
    line = execute(run, data, tmp_path, train=fake.train)
    frame = pl.read_parquet(predictions_path(tmp_path, run.key))
    p = np.array(frame["probabilities"].to_list())
    labels = frame["label"].to_numpy().astype(int)
    assert frame["probabilities"].dtype == pl.List(pl.Float32)
    assert frame["row"].to_list() == data.test.ids.tolist()
    assert (labels == data.test.labels).all()
    assert line["metrics"]["accuracy"] == accuracy(labels, p.argmax(axis=1)) == read_correct(tmp_path, run.key).mean()
    assert line["metrics"]["log_loss"] == pytest.approx(log_loss(labels, p), abs=1e-5)
    calibrated = temper(p, line["temperature"])
    assert line["metrics"]["log_loss_calibrated"] == pytest.approx(log_loss(labels, calibrated), abs=1e-5)
    assert line["metrics"]["ece_calibrated"] == pytest.approx(ece(labels, calibrated), abs=1e-5)
    assert line["metrics"]["log_loss_calibrated"] != line["metrics"]["log_loss"]


def test_a_line_holds_what_was_done_and_is_json(data, tmp_path):
    line = execute(a_run(data, label_smoothing(0.2)), data, tmp_path, train=fake.train)
    line = json.loads(json.dumps(line))
    assert line["status"] == "done"
    assert (line["n_train"], line["n_dev"], line["n_test"], line["n_unseen"]) == (30, 30, 30, 0)
    assert line["settings"]["method"]["options"] == {"smoothing": 0.2, "mode": "uniform"}
    assert (line["best_epoch"], line["threads"], line["device"]) == (1, 1, "automatic")
    assert line["peak_memory_mb"] > 10
    assert line["seconds_in_all"] > 0


def test_a_warning_of_a_run_is_kept_in_its_line(data, tmp_path):
    said = execute(a_run(data, Method("warns")), data, tmp_path, train=fake.train)["warnings"]
    assert said == ["fell back to something simpler"]
    assert execute(a_run(data), data, tmp_path, train=fake.train)["warnings"] == []


def test_the_record_of_a_learning_method_is_kept_and_comes_back(tmp_path, data):
    run = a_run(data, fake.learning_method())
    execute(run, data, tmp_path, train=fake.train)
    first, second = read_record(record_path(tmp_path, run.key))
    assert (first["from_step"], second["from_step"]) == (0, 3)
    assert first["class_mean"].shape == (3, 3)
    assert first["gold_mass"] == pytest.approx(0.9)
    assert not record_path(tmp_path, a_run(data).key).exists()
    write_record(record_path(tmp_path, "k"), [])
    assert read_record(record_path(tmp_path, "k")) == []


def test_a_control_trains_on_replaced_targets(data, tmp_path):
    seen = {}

    def spy(examples, dev, *, method, **settings):
        seen[method.name] = method.prepare(examples).targets.dense()
        return fake.train(examples, dev, method=method, **settings)

    def informed(examples):
        from dataclasses import replace

        from sfumato.data import DenseTargets

        rng = np.random.default_rng(0)
        array = 0.8 * examples.targets.dense() + 0.2 * rng.dirichlet(np.ones(3), len(examples))
        return replace(examples, targets=DenseTargets(array.astype(np.float32)))

    method = Method("informed", (informed,))
    for control in ("", "uniform"):
        execute(a_run(data, method, control=control), data, tmp_path, train=spy)
    gold = seen["informed"][np.arange(30), data.train.labels].mean()
    assert len(np.unique(seen["informed"].round(5))) > 60
    assert len(np.unique(seen["informed/uniform"].round(5))) == 2
    assert seen["informed/uniform"].max() == pytest.approx(gold, abs=1e-5)


def test_a_diverged_model_is_an_error_in_words(data, tmp_path):
    def diverged(*arguments, **settings):
        trained = fake.train(*arguments, **settings)
        trained.model.noise = math.inf
        return trained

    with pytest.raises(InputError, match="training diverged"):
        execute(a_run(data), data, tmp_path, train=diverged)
    assert not predictions_path(tmp_path, a_run(data).key).exists()


def test_a_failed_line_keeps_the_error_and_where_it_came_from(data, tmp_path):
    run = a_run(data, Method("fails"))
    try:
        execute(run, data, tmp_path, train=fake.train)
    except ValueError as error:
        line = failed(run, error)
    assert line["status"] == "failed"
    assert line["error"] == "ValueError: no good reason"
    assert "fake_training.py" in line["traceback"]


def test_the_environment_names_versions_machine_and_commit():
    around = environment()
    assert {"python", "numpy", "polars"} <= around["packages"].keys()
    assert around["machine"]
    assert around["commit"] is None or len(around["commit"].rstrip("+")) == 40
