import hashlib
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import fake_training as fake
import numpy as np
import polars as pl
import pytest
from fake_training import a_run

from sfumato.architecture import Training
from sfumato.calibration import temper
from sfumato.data import Examples
from sfumato.dataset import CUT_VERSION, DataSet
from sfumato.environment import environment, peak_memory
from sfumato.errors import InputError
from sfumato.execution import execute, failed
from sfumato.experiment import Run
from sfumato.method import Method, combine
from sfumato.methods import METHODS
from sfumato.methods.label_smoothing import label_smoothing
from sfumato.metrics import METRIC_VERSION, accuracy, ece, log_loss
from sfumato.resolve import build_architecture, build_method
from sfumato.run_files import predictions_path, read_record, read_row_scores, record_path, write_record
from sfumato.targets import DenseTargets

RESULTS = Path(__file__).parents[1] / "results" / "real" / "trec" / "results.jsonl"


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
        {"training": Training(epochs=3, optimizer="adam")},
        {"training": Training(epochs=3, optimizer="sgd")},
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


def test_a_lexicon_stands_in_the_key_by_its_content(data, tmp_path):
    def key(path, text):
        path.write_text(f"word\tsynonyms\n{text}\n")
        built = (METHODS["eda"](lexicon=path), combine(METHODS["eda"](lexicon=path), METHODS["lcm"]()))
        return [a_run(data, built=method).key for method in built]

    first = key(tmp_path / "one.tsv", "good\tfine")
    assert key(tmp_path / "other.tsv", "good\tfine") == first
    changed = key(tmp_path / "one.tsv", "good\tnice and long")
    assert not set(changed) & set(first)


def test_the_key_does_not_change_with_what_a_table_calls_things(data):
    assert a_run(data, data="other", model="ours", method="plain", title="Plain").key == a_run(data).key


def test_the_metric_version_is_part_of_the_key(data, monkeypatch):
    before = a_run(data).key
    monkeypatch.setattr("sfumato.experiment.METRIC_VERSION", 99)
    assert a_run(data).key != before


SETTINGS = (
    '{"control": {"name": "", "version": 0}, "data_hash": "00", '
    '"method": {"name": "baseline", "options": {}, "version": 1}, '
    '"model": {"name": "linear", "options": {"dims": [2, 3], "size": 5}, "version": 1}, "seed": 0, "split_seed": 0, '
    '"training": {"accumulate": 1, "batch_size": 32, "clip": 1.0, "epochs": 3, "lr": 0.001, "max_length": 256, '
    '"patience": null, "schedule": "constant", "warmup": 0.0, "weight_decay": 0.0}, '
    '"versions": {"cut": 2, "loop": 1, "metric": 1}}'
)
KEY = "f1a54eef84d32d002f6dfef9290db2e9"  # printf %s "$SETTINGS" | sha256sum | head -c 32


def keyed(data):
    return a_run(data, data_hash="00", loop_version=1, architecture=fake.architecture(size=np.int64(5), dims=(2, 3)))


def test_the_key_of_given_settings_lasts(data, monkeypatch):
    monkeypatch.setattr("sfumato.experiment.METRIC_VERSION", 1)
    monkeypatch.setattr("sfumato.experiment.CUT_VERSION", 2)
    assert json.dumps(keyed(data).settings, sort_keys=True) == SETTINGS
    assert keyed(data).key == KEY


def test_an_option_that_has_its_default_leaves_the_key_alone(data):
    older = replace(label_smoothing(), options={"smoothing": 0.1})  # from before there was a mode
    assert a_run(data, older).key == a_run(data, label_smoothing()).key
    assert a_run(data, label_smoothing(0.2)).key != a_run(data, label_smoothing()).key
    own = Method("mine", options={"smoothing": 0.1})
    assert a_run(data, own).settings["method"]["options"] == {"smoothing": 0.1}  # nobody knows its defaults


def test_the_momentum_of_sgd_is_part_of_the_key(data):
    half, usual = (a_run(data, training=Training(optimizer="sgd", momentum=m)) for m in (0.5, 0.9))
    assert half.key != usual.key == a_run(data, training=Training(optimizer="sgd")).key


def test_the_keys_of_the_runs_that_are_finished_last():
    lines = [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]
    assert {line["settings"]["model"]["name"] for line in lines} == {"linear", "textcnn"}
    for line in lines:
        had, versions = line["settings"], line["settings"]["versions"]
        if (versions["metric"], versions["cut"]) != (METRIC_VERSION, CUT_VERSION):
            continue  # raised since, on purpose
        run = Run(
            data=line["data"],
            data_hash=had["data_hash"],
            model=line["model"],
            architecture=build_architecture(had["model"]["name"], had["model"]["options"]),
            method=line["method"],
            built=build_method(had["method"]["name"], had["method"]["options"]),
            seed=had["seed"],
            training=Training(**had["training"]),
            control=line["control"],
            control_version=had["control"]["version"],
            split_seed=had["split_seed"],
            loop_version=versions["loop"],
        )
        same = (run.architecture.version, run.built.version) == (had["model"]["version"], had["method"]["version"])
        assert not same or run.key == line["key"], line["key"]


@pytest.mark.slow
def test_another_process_makes_the_same_key(data):
    code = "import fake_training as fake, test_experiment as t; print(t.keyed(fake.data_set()).key)"
    other = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=60, check=False
    )
    assert other.stdout.strip() == keyed(data).key, other.stderr


def test_a_function_counts_by_its_name_and_one_without_a_lasting_name_is_refused(data):
    def local(examples):
        return examples

    assert a_run(data, built=Method("m", options={"f": json.dumps})).settings["method"]["options"] == {
        "f": "json.dumps"
    }
    for nameless in (local, lambda x: x):
        with pytest.raises(InputError, match="must stand at the top of a module"):
            _ = a_run(data, built=Method("m", options={"f": nameless})).key


def test_an_encoder_counts_by_what_its_folder_holds_and_not_by_where_it_lies(data, tmp_path):
    def key(folder):
        return a_run(data, architecture=fake.architecture("transformer", encoder=str(folder))).key

    def made(folder, weights):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(weights)
        return folder

    one, copy, other = (made(tmp_path / n / "bert", w) for n, w in (("a", b"1"), ("b", b"1"), ("c", b"2")))
    assert key(one) == key(copy) != key(other)
    before = key(one)
    (one / "model.safetensors").write_bytes(b"other weights")
    assert key(one) != before
    settings = a_run(data, architecture=fake.architecture(encoder=str(other))).settings
    assert str(tmp_path) not in json.dumps(settings)
    hub = a_run(data, architecture=fake.architecture(encoder="owner/name")).settings
    assert hub["model"]["options"] == {"encoder": "owner/name"}


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


def test_the_fingerprint_is_that_of_texts_and_labels_unless_there_is_more_to_fit():
    plain = Examples.from_labels(["x", "y", "z"], ["a", "b", "a"])

    def made(every):
        return DataSet("d", every.take([0]), every.take([1]), every.take([2])).fingerprint

    parts = [b"a\x1fb"]
    for text, label in ((b"x", 0), (b"y", 1), (b"z", 0)):
        parts += [b"\x1e1\x1e", label.to_bytes(8, "little"), text, b"\x1e"]
    assert made(plain) == hashlib.sha256(b"".join(parts)).hexdigest()
    one_hot = replace(plain, targets=DenseTargets(plain.targets.dense()))
    assert made(one_hot) == made(plain)
    soft = replace(plain, targets=DenseTargets(np.array([[0.9, 0.1], [0.0, 1.0], [1.0, 0.0]], np.float32)))
    softer = replace(plain, targets=DenseTargets(np.array([[0.8, 0.2], [0.0, 1.0], [1.0, 0.0]], np.float32)))
    masked = replace(plain, similar=np.array([[False, True], [False, False], [False, False]]))
    assert len({made(plain), made(soft), made(softer), made(masked)}) == 4


def test_a_run_gives_a_line_whose_metrics_follow_from_its_predictions(data, tmp_path):
    run = a_run(data)
    line = execute(run, data, tmp_path, train=fake.train)
    frame = pl.read_parquet(predictions_path(tmp_path, run.key))
    p = np.array(frame["probabilities"].to_list())
    labels = frame["label"].to_numpy().astype(int)
    assert frame["probabilities"].dtype == pl.List(pl.Float32)
    assert frame["row"].to_list() == data.test.ids.tolist()
    assert (labels == data.test.labels).all()
    right = read_row_scores(tmp_path, run.key)
    assert line["metrics"]["accuracy"] == accuracy(labels, p.argmax(axis=1)) == right.mean()
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
    assert line["settings"]["method"]["options"] == {"smoothing": 0.2}  # the mode has its default
    assert (line["best_epoch"], line["threads"], line["device"]) == (1, 1, "automatic")
    assert line["peak_memory_mb"] > 10
    assert line["seconds_in_all"] > 0


def test_a_line_names_steps_and_looks_where_there_are_no_epochs(data, tmp_path):
    network = execute(a_run(data), data, tmp_path, train=fake.train)
    assert (network["steps"], network["epochs"], network["best_epoch"]) == (4, 1, 1)
    assert not {"looks", "strength"} & network.keys()
    one_batch = replace(fake.architecture(), full_batch=True)
    line = execute(a_run(data, architecture=one_batch), data, tmp_path, train=fake.train)
    assert (line["steps"], line["looks"], line["strength"]) == (4, 1, 0.0)
    assert not {"epochs", "best_epoch"} & line.keys()


def test_a_shuffled_control_says_how_many_rows_kept_their_own_target(data, tmp_path):
    def trains(examples, dev, **settings):
        trained = fake.train(examples, dev, **settings)
        trained.objective.criterion = fake.Criterion(SimpleNamespace(kept=0.25))
        return trained

    shuffled = a_run(data, fake.learning_method(), control="shuffled")
    assert execute(shuffled, data, tmp_path, train=trains)["kept_own_target"] == 0.25
    assert "kept_own_target" not in execute(shuffled, data, tmp_path, train=fake.train)
    assert "kept_own_target" not in execute(a_run(data), data, tmp_path, train=trains)


def test_a_real_run_names_device_precision_and_what_made_it(data, tmp_path):
    from sfumato.models import MODELS

    line = execute(a_run(data, architecture=MODELS["linear"](steps=5), training=Training(epochs=5)), data, tmp_path)
    assert (line["device"], line["precision"]) == ("cpu", "float32")
    assert line["steps"] == 5
    assert line["strength"] > 0
    small = MODELS["textcnn"](dim=8, filters=4, hidden=8)
    line = execute(a_run(data, architecture=small, device="cpu", training=Training(epochs=1)), data, tmp_path)
    assert line["device"] == "cpu"
    assert line["precision"] in ("float32", "bf16")
    assert (line["steps"], line["epochs"]) == (1, 1)
    assert line["environment"]["packages"]["torch"]


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
    assert line["environment"]["packages"]["numpy"]


def test_the_environment_names_versions_machine_and_commit():
    around = environment()
    assert {"python", "numpy", "polars"} <= around["packages"].keys()
    assert around["machine"]
    assert around["commit"] is None or len(around["commit"].rstrip("+")) == 40


def test_without_a_system_that_counts_it_there_is_no_peak_memory(monkeypatch):
    assert peak_memory() > 10
    monkeypatch.setitem(sys.modules, "resource", None)
    assert peak_memory() is None
