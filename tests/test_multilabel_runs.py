"""Runs whose rows may have several labels: their lines, their predictions, and how they are compared."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from fake_training import WORDS, texts_and_labels

from sfumato.architecture import Training
from sfumato.comparison import compare
from sfumato.controls import control
from sfumato.data import Examples
from sfumato.dataset import DataSet
from sfumato.errors import InputError
from sfumato.execution import execute
from sfumato.experiment import Run
from sfumato.label_sets import named_labels
from sfumato.measured_test import errors_in_group, of_labels, share_in_group
from sfumato.methods import METHODS
from sfumato.methods.label_smoothing import baseline
from sfumato.multilabel_metrics import MULTILABEL_METRIC_VERSION
from sfumato.resolve import build_architecture
from sfumato.run_files import predictions_path, read_answers, read_row_scores
from sfumato.significance import two_level_bootstrap
from sfumato.targets import DenseTargets

GROUPS = {"money": ["buy", "cancel"], "talk": ["ask"]}


def label_sets(rows, seed=0):
    """Texts of two kinds of words have both labels; every tenth row has none."""
    texts, labels = texts_and_labels(rows, seed)
    found = [
        {name, *(other for other in WORDS if WORDS[other].split()[0] in texts[k])} for k, name in enumerate(labels)
    ]
    return texts, [[] if row % 10 == 9 else sorted(names) for row, names in enumerate(found)]


@pytest.fixture(scope="module")
def data():
    examples = Examples.from_label_sets(*label_sets(120))
    return DataSet("tickets", *(examples.take(range(k * 40, (k + 1) * 40)) for k in range(3)))


def a_run(data, **given):
    chosen = build_architecture("linear", {})
    return Run(
        **{
            "data": data.name,
            "data_hash": data.fingerprint,
            "model": "linear",
            "architecture": chosen,
            "method": "baseline",
            "built": baseline(),
            "seed": 0,
            "training": chosen.training,
            "multilabel": data.train.multilabel,
            **given,
        }
    )


@pytest.fixture(scope="module")
def done(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    run = a_run(data, measures=("per-label", "errors-in-group"), groups=GROUPS)
    return run, execute(run, data, folder), folder


def test_a_line_has_the_metrics_of_several_labels_at_the_thresholds_of_the_model(data, done):
    run, line, folder = done
    found, gold = read_answers(folder, run.key), data.test.gold
    assert (found.gold == gold).all()
    right = sum((g & p).sum() for g, p in zip(gold, found.predicted, strict=True))
    assert line["metrics"]["micro_f1"] == pytest.approx(2 * right / (gold.sum() + found.predicted.sum()))
    whole = [(gold[row] == found.predicted[row]).all() for row in range(40)]
    assert line["metrics"]["subset_accuracy"] == np.mean(whole)
    assert set(line["dev"]) == {"micro_f1", "log_loss"}
    assert 0 < line["thresholds"] < 1
    assert line["n_unlabelled"] == int((gold.sum(axis=1) == 0).sum()) == 4
    assert line["n_unseen"] == 0
    assert "accuracy" not in line["metrics"]
    json.dumps(line)


def test_predictions_hold_lists_of_indices(data, done):
    run, _, folder = done
    frame = pl.read_parquet(predictions_path(folder, run.key))
    assert frame["label"].to_list() == [np.flatnonzero(row).tolist() for row in data.test.gold]
    assert frame["predicted"].dtype == pl.List(pl.Int32)


def test_the_row_values_have_micro_f1_as_their_mean(done):
    run, line, folder = done
    values = read_row_scores(folder, run.key)
    assert values.shape == (40,)
    assert values.mean() == pytest.approx(line["metrics"]["micro_f1"], abs=1e-12)


def test_only_runs_of_several_labels_have_the_version_of_their_metrics_in_the_key(data, monkeypatch):
    single = DataSet("one", *(Examples.from_labels(*texts_and_labels(30, k), classes=list(WORDS)) for k in range(3)))
    before = a_run(data).key, a_run(single).key
    assert a_run(data).settings["versions"]["multilabel_metric"] == MULTILABEL_METRIC_VERSION
    assert set(a_run(single).settings["versions"]) == {"metric", "loop", "cut"}
    monkeypatch.setattr("sfumato.experiment.MULTILABEL_METRIC_VERSION", 99)
    assert a_run(data).key != before[0]
    assert a_run(single).key == before[1]


def test_groups_are_in_the_key_with_their_measure_only(data):
    plain, grouped = a_run(data), a_run(data, groups=GROUPS)
    assert plain.key == grouped.key
    measured = a_run(data, groups=GROUPS, measures=("errors-in-group",))
    assert measured.key not in (plain.key, a_run(data, groups="prefix::", measures=("errors-in-group",)).key)
    with pytest.raises(InputError, match="needs groups"):
        a_run(data, measures=("errors-in-group",))


def test_errors_inside_groups_are_counted_label_by_label(data, done):
    _, line, _ = done
    counted = line["errors_in_group"]
    assert line["metrics"]["errors_in_group"] == counted["in_group"] / counted["errors"]
    examples = Examples.from_labels(["a", "b", "c", "d"], ["buy", "buy", "ask", "cancel"], classes=list(WORDS))
    predicted = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=bool)  # of ask, buy, cancel
    # by hand: wrong are rows 1 (cancel for buy: same group), 2 (ask for buy) and 3 (buy for ask, which is alone)
    assert errors_in_group(examples, predicted, GROUPS) == {"errors": 3, "in_group": 1, "by_chance": 1.0}
    assert share_in_group({"errors_in_group": {"errors": 0, "in_group": 0}}) == {}
    assert of_labels(examples, predicted)["recall"] == [0.0, 0.0, 1.0]
    assert of_labels(examples, predicted)["f1"] == [0.0, 0.0, 0.6667]


def test_several_labels_of_a_row_are_all_looked_at(done):
    _, line, _ = done
    assert line["per_label"]["label"] == sorted(WORDS)
    assert sum(line["per_label"]["support"]) > 40 - 4


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    texts, labels = label_sets(120)
    folder = tmp_path_factory.mktemp("compared")
    several = {"text": texts, "label": labels}
    plain = {"text": texts, "label": [names[0] if names else "ask" for names in labels]}
    masked = ("maskloss-label", {"groups": GROUPS, "alpha": 0.0})
    methods = {"baseline": "baseline", "masked": masked}
    given = {"models": ["linear"], "methods": methods, "seeds": 2, "jobs": 1}
    again = {**given, "output": folder, "echo": lambda line: None}
    return compare({"several": several, "plain": plain}, **again), folder, again, several


@pytest.mark.slow
def test_a_comparison_of_both_kinds_has_a_table_a_kind(compared):
    done, *_ = compared
    assert not done.failed
    text = done.to_markdown()
    one, other = text.index("| accuracy |"), text.index("| micro-F1 |")
    assert text.index("difference in accuracy") < other < text.index("difference in micro-F1")
    assert one < other
    assert "whole rows" in text
    assert {row["data"] for row in done.rows if "micro_f1_mean" in row} == {"several"}
    assert [row["n_unlabelled"] for row in done.rows if row["data"] == "several"] == [2, 2, 2, 2]
    assert done.table["micro_f1_mean"].null_count() == 4


def test_the_difference_of_micro_f1_is_that_of_the_means_and_resamples_their_rows(compared):
    done, folder, *_ = compared
    found, *others = [d for d in done.differences if d["data"] == "several"]
    assert [d["against"] for d in (found, *others)] == ["baseline", "random-groups", "random-mask"]
    own = [row for row in done.rows if row["data"] == "several" and not row["control"]]
    means = {row["method"]: row["micro_f1_mean"] for row in own}
    assert found["metric"] == "micro_f1"
    assert found["difference"] == pytest.approx(means["masked"] - means["baseline"], abs=1e-12)
    lines = [line for line in done.lines if line["data"] == "several" and not line["control"]]
    keys = {(line["method"], line["seed"]): line["key"] for line in lines}
    first, second = (
        np.stack([read_row_scores(folder, keys[method, seed]) for seed in range(2)])
        for method in ("masked", "baseline")
    )
    assert found["low"] == two_level_bootstrap(first, second).low


def test_a_comparison_of_several_labels_goes_on_where_it_was(compared):
    done, folder, again, several = compared
    before = (folder / "results.jsonl").read_bytes()
    more = compare({"several": several}, **again)
    assert (folder / "results.jsonl").read_bytes() == before
    assert "accuracy |" not in more.to_markdown()
    assert more.rows[0]["micro_f1_mean"] == next(r for r in done.rows if r["data"] == "several")["micro_f1_mean"]


def test_a_run_is_reported_by_micro_f1(compared):
    _, _, again, several = compared
    said = []
    given = {**again, "output": None, "seeds": 1, "methods": {"baseline": "baseline"}, "echo": said.append}
    compare({"several": several}, **given)
    assert any("micro-F1 " in line for line in said)


def test_a_given_threshold_decides_a_run_and_is_in_its_key(data):
    half = a_run(data, training=Training(thresholds=0.5))
    assert half.key != a_run(data, training=Training()).key
    assert "thresholds" not in a_run(data, training=Training()).settings["training"]


@pytest.mark.filterwarnings("ignore:.*alone in their group")
def test_a_line_says_how_much_was_masked_and_how_many_rows_are_alone_with_their_labels(data, tmp_path):
    options = {"groups": {"money": ["buy", "cancel"]}}
    masking = a_run(data, method="maskloss-label", built=METHODS.build("maskloss-label", options))
    line = json.loads(json.dumps(execute(masking, data, tmp_path)))
    refitted = [*named_labels(data.train), *named_labels(data.dev)]  # linear learns from dev too, in the end
    one = sum(("buy" in labels) != ("cancel" in labels) for labels in refitted)
    assert line["masked"] == pytest.approx({"rows": one / 80, "labels_per_row": one / 80})
    smoothed = METHODS.build("self-distillation", {})
    heard = np.full((40, data.train.num_classes), 0.5, np.float32)
    labels = data.train.labels.copy()
    labels[labels.all(axis=1), 0] = 0
    labels[0] = 1  # the only row with all labels
    train = replace(data.train, labels=labels, targets=DenseTargets(labels.astype(np.float32)), teacher=heard)
    taught = replace(data, train=train, dev=replace(data.dev, teacher=heard))
    shuffled = a_run(data, method="x", built=replace(control(smoothed, "shuffled"), teacher=None), control="shuffled")
    line = execute(shuffled, taught, tmp_path)
    sets = [tuple(each) for each in named_labels(train)]
    assert line["kept_own_target"] == sum(sets.count(each) == 1 for each in sets) / 40 > 0
    assert not {"masked", "kept_own_target"} & execute(a_run(data), data, tmp_path).keys()
