"""Each command on a small real table: what it prints, what it writes."""

import csv
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from sfumato.cli.predict import Scorer, predictions, with_text
from sfumato.finding import view_of
from sfumato.rows import Table
from sfumato.table import to_examples

Command = Callable[..., Any]

ROWS = [
    ("the invoice is wrong", "billing"),
    ("charged twice this month", "billing"),
    ("refund the invoice please", "billing"),
    ("the parcel is late", "shipping"),
    ("parcel never arrived", "shipping"),
    ("where is my parcel", "shipping"),
    ("i forgot the password", "account"),
    ("my password was changed", "account"),
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "tickets.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "body", "category"])
        writer.writerows((k, f"{text} {k}", label) for k, (text, label) in enumerate(ROWS * 6))
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_check_counts_the_classes_and_names_the_rows(tmp_path: Path, sfumato: Command) -> None:
    data = tmp_path / "data.csv"
    data.write_text("body,category\nhello there,a\nhello there,b\ngood bye now,a\nsee you later,b\n")
    ended = sfumato("check", data)
    assert ended.code == 0
    assert "4 rows, 2 columns" in ended.out
    assert "─" not in ended.out
    assert "\x1b" not in ended.out
    findings = json.loads(sfumato("check", data, "--json").out)["findings"]
    assert any(set(finding["rows"]) == {2, 3} for finding in findings)  # one text, two labels


def test_findings_are_shown_the_gravest_first_and_in_good_grammar(tmp_path: Path, sfumato: Command) -> None:
    data = tmp_path / "data.csv"
    rows = [f"the ticket number {k},{'ab'[k % 2]}" for k in range(40)]
    data.write_text(
        "\n".join(["body,category", *rows, "a rare thing,c", "one more thing,c", ",a", "The  ticket number 0,a", ""])
    )
    shown = [line for line in sfumato("check", data).out.splitlines() if line.startswith(("error", "warning", "note"))]
    assert [line.partition(":")[0] for line in shown] == ["error", "warning", "note"]
    assert "1 row without text" in shown[0]
    assert "1 class of fewer than 5 rows: 'c'" in shown[1]


def test_check_fails_for_an_error_and_not_for_a_warning(tmp_path: Path, sfumato: Command) -> None:
    data = tmp_path / "data.csv"
    rows = ["body,category", "hello there,a", "hello there,b", "good bye now,a", "see you later,b"]
    for last, code, word in (("once more,c", 0, "warning: "), (",a", 1, "error: ")):
        data.write_text("\n".join([*rows, last, ""]))
        for form in ((), ("--json",)):
            ended = sfumato("check", data, *form)
            assert ended.code == code
            assert "error: " not in ended.err
        assert word in sfumato("check", data).out


def test_check_looks_for_test_rows_in_train(tmp_path: Path, table: Path, sfumato: Command) -> None:
    test = tmp_path / "test.csv"
    test.write_text("body,category\nthe invoice is wrong 0,billing\na new one,billing\n")
    with_test = json.loads(sfumato("check", table, "--test", test, "--json").out)["findings"]
    without = json.loads(sfumato("check", table, "--json").out)["findings"]
    assert {each["kind"] for each in with_test} - {each["kind"] for each in without}


def test_fit_predict_and_evaluate_follow_each_other(table: Path, tmp_path: Path, sfumato: Command) -> None:
    model = tmp_path / "model"
    fitted = sfumato("fit", table, "--text", "body", "--label", "category", "--method", "kwls", "-o", model)
    assert fitted.code == 0, fitted.err
    for words in ("rows: ", "accuracy of the commonest class", f"model: {model}", f"next: sfumato predict {model}"):
        assert words in fitted.out

    scored = tmp_path / "scored.csv"
    assert sfumato("predict", model, table, "-o", scored, "--proba").code == 0
    rows = read_csv(scored)
    added = ["predicted", "confidence", "p_account", "p_billing", "p_shipping"]
    assert list(rows[0]) == ["id", "body", "category", *added]
    assert [row["id"] for row in rows] == [str(k) for k in range(48)]
    for row in rows:
        shares = {name.removeprefix("p_"): float(row[name]) for name in added[2:]}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert row["predicted"] == max(shares, key=lambda name: shares[name])
        assert float(row["confidence"]) == max(shares.values())

    measured = json.loads(sfumato("evaluate", model, table, "--json").out)
    right = sum(row["predicted"] == row["category"] for row in rows) / len(rows)
    accuracy = measured["metrics"]["accuracy"]
    assert accuracy["value"] == pytest.approx(right)
    assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    printed = sfumato("evaluate", model, table).out
    assert "95 % from" in printed
    assert "precision" in printed


def test_texts_are_read_alike_in_training_prediction_and_check() -> None:
    cells = {"title": ["a ", " ", "only a title"], "body": [" b", " alone ", ""], "label": ["x", "y", "x"]}
    table = Table(cells, "t.csv", [2, 3, 4])
    for names in (["title", "body"], ["body", "label"]):
        trained = to_examples(table, text=names, label="label" if "title" in names else "title", bad_rows="drop")[0]
        texts = with_text(table, names, "refuse")[1]
        assert [texts[k] for k in trained.ids] == trained.inputs
        assert view_of(table, names, "label", 9).texts == texts
    assert with_text(table, ["title", "body"], "refuse")[1] == ["a   b", " alone ", "only a title"]
    assert with_text(table, ["body"], "drop")[1] == [" b", " alone "]


def test_the_class_is_chosen_before_its_share_is_rounded() -> None:
    class Nearly:
        classes = ("a", "b")
        multilabel = False

        def predict_proba(self, texts: list[str]) -> Any:
            return np.array([[0.49999999, 0.50000001]] * len(texts))

    columns = predictions(Scorer(Nearly()), ["one"], proba=True)  # type: ignore[arg-type]
    assert columns["p_a"] == columns["p_b"] == [0.5]
    assert columns["predicted"] == ["b"]


def test_predicting_refuses_a_column_that_it_would_overwrite(
    tiny_model: Path, tmp_path: Path, sfumato: Command
) -> None:
    data = tmp_path / "data.csv"
    data.write_text("body,p_billing\nthe parcel is late,1\n")
    ended = sfumato("predict", tiny_model, data, "--proba")
    assert ended.code == 2
    assert "'p_billing'" in ended.err
    assert sfumato("predict", tiny_model, data).code == 0


def test_predictions_as_json_are_one_list(tiny_model: Path, tmp_path: Path, sfumato: Command) -> None:
    data = tmp_path / "data.csv"
    data.write_text("body\nthe parcel is late\nthe invoice is wrong\n")
    rows = json.loads(sfumato("predict", tiny_model, data, "--json").out)
    assert [row["predicted"] for row in rows] == ["shipping", "billing"]
    written = json.loads(sfumato("predict", tiny_model, data, "-o", tmp_path / "s.csv", "--json").out)
    assert written["predicted"] == {"shipping": 1, "billing": 1}


def test_a_row_without_text_is_left_out_only_when_asked_for(tiny_model: Path, tmp_path: Path, sfumato: Command) -> None:
    data = tmp_path / "data.csv"
    data.write_text("id,body\n1,the parcel is late\n2, \n3,the invoice is wrong\n")
    refused = sfumato("predict", tiny_model, data, "-o", tmp_path / "s.csv")
    assert refused.code == 2
    assert "line 3" in refused.err
    assert not (tmp_path / "s.csv").exists()
    assert sfumato("predict", tiny_model, data, "-o", tmp_path / "s.csv", "--bad-rows", "drop").code == 0
    assert [row["id"] for row in read_csv(tmp_path / "s.csv")] == ["1", "3"]


def test_soften_keeps_columns_and_order_and_records_the_classes(table: Path, tmp_path: Path, sfumato: Command) -> None:
    soft = tmp_path / "soft.parquet"
    ended = sfumato("soften", table, "--method", "label-smoothing", "--set", "smoothing=0.3", "-o", soft)
    assert ended.code == 0, ended.err
    frame = polars.read_parquet(soft)
    assert frame.columns == ["id", "body", "category", "soft_labels"]
    assert frame["id"].to_list() == [str(k) for k in range(48)]
    assert frame.schema["soft_labels"] == polars.List(polars.Float32)
    classes = json.loads(polars.read_parquet_metadata(soft)["classes"])
    assert classes == ["account", "billing", "shipping"]
    for label, target in zip(frame["category"], frame["soft_labels"], strict=True):
        assert target.to_list() == pytest.approx([0.8 if name == label else 0.1 for name in classes])


def test_soften_writes_one_column_a_class_into_a_csv(table: Path, tmp_path: Path, sfumato: Command) -> None:
    soft = tmp_path / "soft.csv"
    assert sfumato("soften", table, "--method", "label-smoothing", "-o", soft).code == 0
    row = read_csv(soft)[0]
    assert list(row) == ["id", "body", "category", "p_account", "p_billing", "p_shipping"]
    assert float(row["p_billing"]) == pytest.approx(0.9 + 0.1 / 3, abs=1e-4)


@pytest.mark.parametrize("name", ["SOFT.PARQUET", "Soft.Jsonl"])
def test_an_ending_in_capitals_is_read_like_any_other(name: str, table: Path, tmp_path: Path, sfumato: Command) -> None:
    assert sfumato("soften", table, "--method", "label-smoothing", "-o", tmp_path / name).code == 0
    read = polars.read_parquet if name.endswith("PARQUET") else polars.read_ndjson
    frame = read(tmp_path / name)
    assert frame.columns == ["id", "body", "category", "soft_labels"]
    assert frame["soft_labels"].to_list()[0] == pytest.approx([0.1 / 3, 0.9 + 0.1 / 3, 0.1 / 3], abs=1e-4)


@pytest.mark.slow
def test_soft_labels_that_were_written_can_be_fitted(table: Path, tmp_path: Path, sfumato: Command) -> None:
    soft, model = tmp_path / "soft.parquet", tmp_path / "model"
    assert sfumato("soften", table, "-o", soft).code == 0
    ended = sfumato("fit", soft, "--text", "body", "--label", "category", "--soft-targets", soft, "-o", model)
    assert ended.code == 0, ended.err
    assert (model / "model.safetensors").is_file()


def test_explain_shows_the_words_of_the_row_that_was_asked_for(table: Path, sfumato: Command) -> None:
    ended = sfumato("soften", table, "--method", "kwls-paper", "--explain", "5")
    assert ended.code == 0, ended.err
    assert "the parcel is late 3" in ended.out
    words = json.loads(sfumato("soften", table, "--method", "kwls-paper", "--explain", "5", "--json").out)["words"]
    strongest = words[0]
    assert strongest["word"] in {"parcel", "is", "late"}
    assert max(strongest["adds"], key=lambda name: strongest["adds"][name]) == "shipping"


@pytest.mark.parametrize("command", ["methods", "models"])
def test_the_catalogue_lists_every_name_and_shows_the_options_of_one(command: str, sfumato: Command) -> None:
    entries = json.loads(sfumato(command, "--json").out)
    printed = sfumato(command).out
    for entry in entries:
        assert f"\n{entry['name']} " in printed
        assert entry["summary"]
        shown = sfumato(command, entry["name"])
        assert shown.code == 0
        for option in entry["options"]:
            assert f"\n{option} " in shown.out
    assert sfumato(command, "nothing").code == 2


def test_compare_has_the_same_defaults_on_the_command_line_as_in_python() -> None:
    import sfumato
    from sfumato.cli.compare import compare, listed, read_seeds

    here, there = (inspect.signature(function).parameters for function in (compare, sfumato.compare))
    for name in ("models", "methods"):
        assert listed(name, here[name].default) == list(there[name].default)
    assert read_seeds(here["seeds"].default) == there["seeds"].default
    for name in ("split_seed", "test_size", "limit", "bad_rows", "jobs", "controls", "epochs", "batch_size", "lr"):
        assert here[name].default == there[name].default, name


@pytest.mark.slow
def test_demo_ends_well_and_leaves_its_files(tmp_path: Path, sfumato: Command) -> None:
    folder = tmp_path / "demo"
    ended = sfumato("demo", "--output", folder, "--seeds", 1, "--json")
    assert ended.code == 0, ended.err
    assert len(json.loads(ended.out)["rows"]) == 8
    for name in ("demo.txt", "tickets.csv", "demo.svg", "model/model.safetensors", "runs/results.jsonl"):
        assert (folder / name).is_file(), name
    assert sfumato("demo", "--output", folder).code == 2  # what is there stays unless overwriting is asked for
    scored = sfumato("predict", folder / "model", folder / "tickets.csv", "-o", tmp_path / "scored.csv")
    assert scored.code == 0, scored.err


@pytest.mark.slow
def test_compare_prints_its_table_and_goes_on_where_it_was(table: Path, tmp_path: Path, sfumato: Command) -> None:
    runs = tmp_path / "runs"
    arguments = ["compare", table, "--text", "body", "--label", "category", "--jobs", 1, "-o", runs]
    first = sfumato(*arguments, "--methods", "baseline,label-smoothing", "--seeds", 1)
    assert first.code == 0, first.err
    assert "label-smoothing" in first.out
    lines = (runs / "results.jsonl").read_text().splitlines()
    assert len(lines) == 2
    again = sfumato(*arguments, "--methods", "baseline,label-smoothing", "--seeds", 2, "--json")
    assert again.code == 0, again.err
    json.loads(again.out)
    assert (runs / "results.jsonl").read_text().splitlines()[:2] == lines
    assert len((runs / "results.jsonl").read_text().splitlines()) == 4


def test_an_option_of_the_method_named_as_one_of_the_command_reaches_the_method(table: Path, sfumato: Command) -> None:
    ended = sfumato("soften", table, "--method", "adaptive", "--set", "method.seed=-1", "--set", "guard=0")
    assert ended.code == 2
    assert "adaptive: seed must be at least 0, got -1" in ended.err
    assert sfumato("soften", table, "--method", "adaptive", "--set", "method.seed=3", "--set", "guard=0").code == 0
