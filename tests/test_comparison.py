import json
import subprocess
import sys
import textwrap
from pathlib import Path

import fake_training as fake
import numpy as np
import polars as pl
import pytest
from fake_training import a_run

from sfumato.comparison import compare
from sfumato.comparison_plan import named_choices, seed_list
from sfumato.data import Examples
from sfumato.dataset import data_name, named_data
from sfumato.errors import InputError
from sfumato.method import Method
from sfumato.methods.label_smoothing import baseline, label_smoothing
from sfumato.resolve import build_method
from sfumato.run_files import read_row_scores
from sfumato.runner import RESULTS, append, finished, run_all
from sfumato.side_by_side import Job
from sfumato.significance import holm, two_level_bootstrap


@pytest.fixture
def examples():
    return Examples.from_labels(*fake.texts_and_labels(150))


@pytest.fixture
def data():
    return fake.data_set()


def settings(**changes):
    quiet = {"train": fake.train, "echo": lambda line: None, "models": [fake.architecture()], "jobs": 2, "seeds": 2}
    return {**quiet, **changes}


def informed(examples):
    from dataclasses import replace

    from sfumato.targets import DenseTargets

    array = 0.8 * examples.targets.dense() + 0.2 * np.random.default_rng(0).dirichlet(np.ones(3), len(examples))
    return replace(examples, targets=DenseTargets(array.astype(np.float32)))


def lines_of(folder):
    return [json.loads(line) for line in (folder / RESULTS).read_text().splitlines()]


# -- the table


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    every = Examples.from_labels(*fake.texts_and_labels(600))
    methods = [baseline(), ("label-smoothing", {"smoothing": 0.2}), Method("informed", (informed,)), Method("noisy")]
    said = []
    found = compare(every, **settings(methods=methods, seeds=3, output=folder, echo=said.append))
    return found, folder, said


def test_the_table_has_a_row_a_method_and_its_controls_in_the_order_given(comparison):
    found, _, _ = comparison
    assert found.table["method"].to_list() == [
        "baseline",
        "label-smoothing smoothing=0.2",
        *["informed"] * 4,
        *["noisy"] * 4,
    ]
    assert found.table["control"].to_list()[2:6] == ["", "uniform", "class-mean", "shuffled"]
    assert found.table["seeds"].to_list() == [3] * 10
    assert set(found.table["model"]) == {"linear"}


def test_means_and_deviations_are_those_of_the_lines(comparison):
    found, folder, _ = comparison
    values = [
        line["metrics"]["brier"] for line in lines_of(folder) if line["method"] == "informed" and not line["control"]
    ]
    row = found.table.row(2, named=True)
    assert len(values) == 3
    assert row["brier_mean"] == pytest.approx(sum(values) / 3)
    assert row["brier_sd"] == pytest.approx(np.std(values, ddof=1))


def test_differences_are_of_the_same_rows_and_corrected_for_all_that_are_shown(comparison):
    found, folder, _ = comparison
    keys = {(line["method"], line["control"], line["seed"]): line["key"] for line in lines_of(folder)}

    def correct(method, control=""):
        return np.stack([read_row_scores(folder, keys[method, control, seed]) for seed in range(3)])

    expected = two_level_bootstrap(correct("noisy"), correct("baseline"))
    against = [(d["method"], d["against"]) for d in found.differences]
    assert len(against) == 1 + 4 + 4
    got = found.differences[against.index(("noisy", "baseline"))]
    assert (got["difference"], got["low"], got["high"], got["p"]) == (
        expected.difference,
        expected.low,
        expected.high,
        expected.p,
    )
    assert [d["p_holm"] for d in found.differences] == holm([d["p"] for d in found.differences])
    assert got["words"] == "worse"
    smoothing = found.differences[against.index(("label-smoothing smoothing=0.2", "baseline"))]
    assert smoothing["words"] == "no significant difference"
    row = found.table.filter(pl.col("method") == "noisy").row(0, named=True)
    assert row["vs_baseline"] == expected.difference
    assert row["vs_baseline_words"] == "worse"
    assert row["vs_class_mean"] is not None


def test_the_markdown_says_what_the_figures_are(comparison):
    found, _, _ = comparison
    text = found.to_markdown()
    assert "| informed / class-mean |" in text
    assert "label-smoothing, smoothing=0.2" in text
    assert "no significant difference" in text
    assert "Holm" in text
    assert "9 comparisons" in text
    widths = {line.count("|") for line in text.split("\n\n")[0].splitlines()}
    assert len(widths) == 1


def test_the_rows_of_the_splits_are_said_first_and_in_the_footer(comparison):
    found, _, said = comparison
    (row,) = found.rows[:1]
    sizes = f"{row['n_train']} to train, {row['n_dev']} dev, {row['n_test']} test rows; test cut with seed 0"
    assert sizes in said[0]
    assert f"Note: {said[0]}\n" in found.to_markdown()


def test_json_and_files_hold_the_same_table(comparison):
    found, folder, _ = comparison
    whole = json.loads(found.to_json())
    assert len(whole["rows"]) == found.table.height
    assert whole["failed"] == []
    assert json.loads((folder / "comparison.json").read_text()) == whole
    assert (folder / "comparison.md").read_text() == found.to_markdown()


def test_progress_names_every_run_and_estimates_after_three(comparison):
    _, _, said = comparison
    ended = [line for line in said if line.split("  ")[0].endswith("/30")]
    estimates = [line for line in said if line.startswith("estimate")]
    assert len(ended) == 30
    assert estimates == [line for line in estimates if "from the first 3 runs" in line]
    assert len(estimates) == 1
    assert said.index(estimates[0]) > said.index(ended[2])


def test_the_same_call_gives_the_same_table(examples):
    one, two = (compare(examples, **settings(methods=["baseline", Method("noisy")], controls=False)) for _ in range(2))
    drop = [c for c in one.table.columns if "seconds" in c]
    assert one.table.drop(drop).equals(two.table.drop(drop))
    assert one.table["accuracy_mean"].n_unique() == 2


# -- resuming


def test_started_again_it_skips_what_is_done_and_adds_what_is_new(examples, tmp_path):
    log = tmp_path / "log"
    models = [fake.architecture(logs=str(log))]
    compare(examples, **settings(methods=["baseline"], models=models, output=tmp_path / "runs"))
    assert sorted(log.read_text().split("\n")) == ["", "baseline 0", "baseline 1"]
    again = compare(examples, **settings(methods=["baseline"], models=models, output=tmp_path / "runs", seeds=3))
    assert sorted(log.read_text().split("\n")) == ["", "baseline 0", "baseline 1", "baseline 2"]
    assert again.table["seeds"].to_list() == [3]
    assert len(lines_of(tmp_path / "runs")) == 3


def test_a_line_without_its_predictions_is_done_again(examples, tmp_path):
    compare(examples, **settings(methods=["baseline"], output=tmp_path, seeds=1))
    next((tmp_path / "predictions").glob("*.parquet")).unlink()
    compare(examples, **settings(methods=["baseline"], output=tmp_path, seeds=1))
    assert len(lines_of(tmp_path)) == 2


def test_a_truncated_last_line_is_forgotten_and_cut_off(examples, tmp_path):
    compare(examples, **settings(methods=["baseline"], output=tmp_path))
    whole = (tmp_path / RESULTS).read_bytes()
    (tmp_path / RESULTS).write_bytes(whole[:-40])
    assert len(finished(tmp_path)) == 1
    found = compare(examples, **settings(methods=["baseline"], output=tmp_path))
    assert found.table["seeds"].to_list() == [2]
    assert len(lines_of(tmp_path)) == 2


def test_a_line_in_the_middle_that_is_no_result_is_refused_with_its_number(tmp_path):
    append(tmp_path / RESULTS, {"key": "a", "status": "done", "odd": "two\u2028lines"})
    assert finished(tmp_path)["a"]["odd"] == "two\u2028lines"
    (tmp_path / RESULTS).write_text('{"key": "a", "status": "done"}\nnot json\n{"key": "b", "status": "done"}\n')
    with pytest.raises(InputError, match=r"results\.jsonl, line 2 is not a result"):
        finished(tmp_path)


def test_renamed_data_and_methods_keep_their_results(examples, tmp_path):
    compare({"one": examples}, **settings(methods=["baseline"], output=tmp_path))
    found = compare({"two": examples}, **settings(methods={"hard label": "baseline"}, output=tmp_path))
    assert len(lines_of(tmp_path)) == 2
    assert found.table.select("data", "method", "title").row(0) == ("two", "hard label", "hard label")


def test_two_names_for_one_run_are_two_rows_and_one_line(examples, tmp_path):
    found = compare(examples, **settings(methods={"one": "baseline", "two": "baseline"}, seeds=1, output=tmp_path))
    assert found.table["method"].to_list() == ["one", "two"]
    assert len(lines_of(tmp_path)) == 1
    assert found.differences[0]["smallest_detectable"] is None


def test_two_comparisons_do_not_write_into_one_folder(data, tmp_path):
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from sfumato.runner import only_writer
with only_writer(Path({str(tmp_path)!r})):
    print("held", flush=True)
    sys.stdin.read()
"""
    pytest.importorskip("fcntl")
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match="another comparison is writing into"):
            run_all([Job(a_run(data), data)], tmp_path, train=fake.train)
        assert lines_of(tmp_path) == []
        other.stdin.close()
        other.wait(timeout=30)
        assert run_all([Job(a_run(data), data)], tmp_path, train=fake.train)[0]["status"] == "done"


# -- failing


def test_a_failed_run_is_a_line_with_its_error_and_the_rest_goes_on(examples, tmp_path):
    methods = ["baseline", Method("fails", has_targets=False)]
    found = compare(examples, **settings(methods=methods, output=tmp_path))
    assert found.table["seeds"].to_list() == [2, 0]
    assert found.table["failed"].to_list() == [0, 2]
    assert found.table["accuracy_mean"].to_list()[1] is None
    assert "no good reason" in found.to_markdown()
    bad = [line for line in lines_of(tmp_path) if line["status"] == "failed"]
    assert len(bad) == 2
    assert "Traceback" in bad[0]["traceback"]
    assert "fake_training.py" in bad[0]["traceback"]


def test_a_difference_counts_only_seeds_that_both_methods_finished(examples):
    stumbling = Method("baseline", has_targets=False, options={"stumbles": True})
    found = compare(examples, **settings(methods=[stumbling, Method("noisy", has_targets=False)]))
    assert found.table["seeds"].to_list() == [1, 2]
    assert [d["seeds"] for d in found.differences] == [1]


def test_a_failed_run_is_tried_again_and_a_good_one_replaces_it(data, tmp_path):
    def broken(*arguments, **named):
        raise OSError("disk on fire")

    job = Job(a_run(data), data)
    assert run_all([job], tmp_path, train=broken)[0]["error"] == "OSError: disk on fire"
    assert run_all([job], tmp_path, train=fake.train)[0]["status"] == "done"
    assert run_all([job], tmp_path, train=broken)[0]["status"] == "done"
    assert [line["status"] for line in lines_of(tmp_path)] == ["failed", "done"]


@pytest.mark.slow
def test_a_process_that_dies_is_a_failed_line_and_takes_no_other_run_with_it(data, tmp_path):
    jobs = [Job(a_run(data, seed=seed), data) for seed in range(3)]
    jobs.insert(1, Job(a_run(data, Method("dies")), data))
    found = run_all(jobs, tmp_path, train=fake.train)
    assert [line["status"] for line in found] == ["done", "failed", "done", "done"]
    assert "ended from outside" in found[1]["error"]


def test_a_control_of_a_learning_method_waits_for_its_record_and_fails_with_it(data, tmp_path):
    for name, expected in (("learner", "done"), ("learner-fails", "failed")):
        method = Method(name, criterion=lambda plan: None, needs_training=True)
        source = a_run(data, method)
        control = a_run(data, method, control="uniform")
        found = run_all([Job(control, data, source), Job(source, data)], tmp_path / name, train=fake.train)
        assert found[0]["status"] == expected
    assert "which failed" in found[0]["error"]
    assert "learner-fails" in found[0]["error"]


@pytest.mark.slow
def test_a_script_needs_no_main_guard(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys
            sys.path.insert(0, {str(__file__.rpartition("/")[0])!r})
            import fake_training as fake
            from sfumato import Examples, Method, compare

            def plain():
                return Method("mine", has_targets=False)

            data = Examples.from_labels(*fake.texts_and_labels(90))
            found = compare(data, models=[fake.architecture()], methods=["baseline", plain], seeds=1, train=fake.train)
            print(found.table["method"].to_list())
            """
        )
    )
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False)
    assert run.stdout == "['baseline', 'mine']\n", run.stderr
    assert run.stderr.count("accuracy") == 2  # plain lines, since this is no terminal


# -- what is given


def test_several_data_sets_are_rows_and_columns_are_not_data_sets(examples):
    texts, labels = fake.texts_and_labels(30)
    assert list(named_data({"text": texts, "label": labels})) == ["data"]
    assert list(named_data({"a": examples, "b": examples})) == ["a", "b"]
    assert list(named_data({"a": {"text": texts, "label": labels}})) == ["a"]
    assert list(named_data({"a": list(zip(texts, labels, strict=True))})) == ["a"]
    assert list(named_data({"a": "x/trec.csv"})) == ["a"]
    assert data_name("x/trec.train.parquet") == "trec.train"


def test_two_data_sets_are_compared_apart(examples):
    other = Examples.from_labels(*fake.texts_and_labels(120, seed=5))
    methods = ["baseline", Method("noisy", has_targets=False)]
    found = compare({"a": examples, "b": other}, **settings(methods=methods))
    assert found.table["data"].to_list() == ["a", "a", "b", "b"]
    assert [d["data"] for d in found.differences] == ["a", "b"]


def test_one_seed_has_no_deviation_and_says_what_its_interval_covers(examples):
    found = compare(examples, **settings(methods=["baseline"], seeds=1))
    assert found.table["accuracy_sd"].to_list() == [None]
    assert "±" not in found.to_markdown().splitlines()[2]


def test_limit_keeps_at_most_so_many_rows_of_train_and_of_test(examples):
    found = compare(examples, **settings(methods=["baseline"], seeds=1, limit=20))
    row = found.table.row(0, named=True)
    assert row["n_train"] + row["n_dev"] == 20
    assert row["n_test"] == 20


def test_choices_are_names_pairs_dicts_functions_and_things():
    chosen = named_choices(
        "method",
        ["baseline", ("label-smoothing", {"smoothing": 0.2}), {"name": "label_smoothing"}, lambda: Method("mine")],
        build_method,
    )
    assert list(chosen) == ["baseline", "label-smoothing smoothing=0.2", "label-smoothing", "mine"]
    assert chosen["label-smoothing smoothing=0.2"][0].options["smoothing"] == 0.2
    assert list(named_choices("method", "baseline", build_method)) == ["baseline"]
    assert list(named_choices("method", {"Hard": baseline, "LS": label_smoothing()}, build_method)) == ["Hard", "LS"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"methods": ["basline"]}, "did you mean 'baseline'"),
        ({"methods": [("label-smoothing", {"smothing": 1})]}, "did you mean 'smoothing'"),
        ({"methods": []}, "at least one method"),
        ({"methods": ["baseline", "baseline"]}, "two methods are called 'baseline'"),
        ({"models": ["liner"]}, "did you mean 'linear'"),
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"seeds": [0, 0]}, "different whole numbers"),
        ({"seeds": "5"}, "different whole numbers"),
        ({"seeds": 2.5}, "different whole numbers"),
        ({"seeds": [0, 1.5]}, "different whole numbers"),
        ({"seeds": None}, "different whole numbers"),
        ({"seeds": True}, "different whole numbers"),
        ({"jobs": 0}, "jobs must be at least 1"),
        ({"jobs": 1.5}, "jobs must be a whole number"),
        ({"jobs": "2"}, "jobs must be a number"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"methods": [{"smoothing": 0.1}]}, "needs 'name'"),
    ],
)
def test_wrong_use_is_refused_before_any_run(examples, tmp_path, given, message):
    with pytest.raises(InputError, match=message):
        compare(examples, **settings(methods=["baseline"], output=tmp_path / "runs") | given)
    assert not (tmp_path / "runs").exists()


def test_seeds_are_a_number_or_a_list():
    assert seed_list(3) == [0, 1, 2]
    assert seed_list([4, 2]) == [4, 2]
    assert seed_list(range(2)) == [0, 1]
    assert seed_list(np.int64(2)) == [0, 1]
    given = seed_list(np.arange(2, 4))
    assert given == [2, 3]
    assert json.dumps(given) == "[2, 3]"
