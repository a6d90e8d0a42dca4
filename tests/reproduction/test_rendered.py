"""A table is made again from its finished runs: nothing is trained, no data are read, and what is missing is said."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from sfumato.errors import InputError
from sfumato.reproduction.known import known_lines
from sfumato.reproduction.planning import planned
from sfumato.reproduction.rendered import render, write_pages_beside
from sfumato.reproduction.saved import table_folder
from sfumato.reproduction.table_file import read_table_file
from sfumato.run_files import predictions_path
from sfumato.runner import RESULTS, append
from tables import TOML

ROWS = 40


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.delenv("SFUMATO_DATA", raising=False)
    monkeypatch.setattr("sfumato.runner.run_all", None)  # a run would be an error
    path = tmp_path / "own.toml"
    path.write_text(TOML, encoding="utf-8")
    return path


def keep(file, output, *, right=30, repeats=3, predictions=True):
    """Write the lines of the runs on noisy data, and their predictions: KWLS is right in one more row than the rest."""
    plan = planned(read_table_file(file), scale="small", only={"setting": ["noise"]})
    folder = table_folder("own", "small", output)
    folder.mkdir(parents=True, exist_ok=True)
    for wanted in plan.wanted:
        if wanted.repeat >= repeats:
            continue
        run = plan.run(wanted, "hash of rows")
        good = right + (wanted.method == "KWLS" and not wanted.control) + wanted.repeat
        line = {"key": run.key, "status": "done", "settings": run.settings, **run.label, "seconds_in_all": 1.0}
        line |= {"metrics": {"accuracy": good / ROWS}, "dev": {"accuracy": 0.5, "log_loss": 1.0}}
        append(folder / RESULTS, {**line, "n_train": 60, "n_dev": 20, "n_test": ROWS})
        if predictions:
            path = predictions_path(folder, run.key)
            path.parent.mkdir(exist_ok=True)
            frame = pl.DataFrame({"label": [1] * ROWS, "predicted": [int(k < good) for k in range(ROWS)]})
            frame.write_parquet(path, metadata={"classes": '["a", "b"]'})
    return folder


def test_the_files_of_a_table_are_made_again_from_its_lines(file, tmp_path):
    folder = keep(file, tmp_path / "results")
    done, missing = render(file, output=tmp_path / "results")
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith("table.")) == [
        *("table.csv", "table.json", "table.md", "table.tex")
    ]
    assert (folder / "table.md").read_text(encoding="utf-8") == done.to_markdown()
    assert (done.content["done"], done.content["needed"]) == (21, 102)
    assert missing == ["21 of 102 runs are done; without --render the rest is run"]
    kwls = next(one for one in done.content["differences"] if (one["method"], one["against"]) == ("KWLS", "hard"))
    assert kwls["difference"] == pytest.approx(1 / ROWS)
    assert kwls["how"] == "bootstrap"


def test_intervals_that_need_predictions_are_kept_where_these_are_gone(file, tmp_path):
    folder = keep(file, tmp_path / "results")
    whole, _ = render(file, output=tmp_path / "results")
    shutil.rmtree(folder / "predictions")
    again, missing = render(file, output=tmp_path / "results")
    assert again.content == json.loads(json.dumps(whole.content))
    assert not [said for said in missing if "interval" in said]


def test_runs_of_an_encoder_are_not_lost_where_none_is_named(file, tmp_path):
    folder = keep(file, tmp_path / "results")
    render(file, output=tmp_path / "results")
    before = (folder / "table.json").read_bytes()
    append(folder / RESULTS, {"key": "of an encoder", "status": "done", "model": "BERT", "settings": {}})
    with pytest.raises(InputError, match="has 1 runs of BERT, which the table would lose: name the folder or hub id"):
        render(file, output=tmp_path / "results")
    assert (folder / "table.json").read_bytes() == before


def test_intervals_of_other_runs_are_not_kept_and_that_is_said(file, tmp_path):
    folder = keep(file, tmp_path / "results", repeats=2)
    render(file, output=tmp_path / "results")
    shutil.rmtree(folder / "predictions")
    keep(file, tmp_path / "results", predictions=False)  # a third repeat, made elsewhere
    again, missing = render(file, output=tmp_path / "results")
    assert again.content["differences"] == []
    assert "News, noise, L, KWLS against hard" in again.content["lacking"]
    assert next(said for said in missing if "interval" in said).startswith("7 of 7 differences have no interval")
    assert "7 of 7 differences have no interval: their predictions are gone." in again.to_markdown()


def test_lines_of_other_settings_are_left_out_and_counted(file, tmp_path):
    keep(file, tmp_path / "results")
    file.write_text(TOML.replace("max_length = 8", "max_length = 9"), encoding="utf-8")
    with pytest.raises(InputError, match="has 21 lines, none of them of the runs that the table needs"):
        render(file, output=tmp_path / "results")
    file.write_text(TOML.replace("smoothing = 0.3", "smoothing = 0.4"), encoding="utf-8")
    done, missing = render(file, output=tmp_path / "results")
    assert done.content["done"] == 18
    assert any(said.endswith("has 3 more lines, of other settings or versions; they are left out") for said in missing)


def test_without_runs_there_is_nothing_to_render(file, tmp_path):
    with pytest.raises(InputError, match=r"there is no run of own to render: there is no .*results.jsonl"):
        render(file, output=tmp_path / "results")
    assert not (tmp_path / "results").exists()
    with pytest.raises(InputError, match="a smoke test keeps nothing"):
        render(file, scale="smoke", output=tmp_path / "results")


def test_names_of_labels_come_from_the_predictions_then_from_before_and_else_are_missed(file, tmp_path):
    text = TOML.replace('place = "Table 0"', 'place = "Table 0"\nmeasures = ["label-embeddings"]\ncontrols = false')
    file.write_text(text.replace('models = ["L", "BERT"]', 'models = ["CNN"]\nrepeats = 1'), encoding="utf-8")
    plan = planned(read_table_file(file), scale="small", only={"setting": [""], "method": ["KWLS"]})
    (wanted,) = plan.wanted
    run = plan.run(wanted, "hash")
    folder = table_folder("own", "small", tmp_path)
    folder.mkdir()
    line = {"key": run.key, "status": "done", "settings": run.settings, **run.label}
    line |= {"metrics": {"accuracy": 0.5}, "label_embeddings": [[1.0, 0.0], [0.0, 1.0]]}
    append(folder / RESULTS, {**line, "n_train": 60, "n_dev": 20, "n_test": ROWS})
    nameless, missing = render(file, output=tmp_path)
    assert nameless.content["label_embeddings"][0]["classes"] is None
    assert any("they are numbered" in said for said in missing)
    path = predictions_path(folder, run.key)
    path.parent.mkdir()
    pl.DataFrame({"label": [1], "predicted": [1]}).write_parquet(path, metadata={"classes": '["a", "b"]'})
    assert render(file, output=tmp_path)[0].content["label_embeddings"][0]["classes"] == ["a", "b"]
    path.unlink()
    again, missing = render(file, output=tmp_path)
    assert again.content["label_embeddings"][0]["classes"] == ["a", "b"]
    assert not any("numbered" in said for said in missing)


def test_without_pytorch_the_same_lines_are_found(file, tmp_path, monkeypatch):
    folder = keep(file, tmp_path)
    plan = planned(read_table_file(file), scale="small")
    whole = known_lines(plan, folder)
    monkeypatch.setattr("sfumato.reproduction.known.missing_torch", lambda: ["torch"])
    assert known_lines(plan, folder) == whole
    for old, new in (("max_length = 8", "max_length = 9"), ('"kwls-paper"', '"kwls"'), ('"linear"', '"bag"')):
        other = tmp_path / "own2" / "own.toml"
        other.parent.mkdir(exist_ok=True)
        other.write_text(TOML.replace(old, new), encoding="utf-8")
        assert len(known_lines(planned(read_table_file(other), scale="small"), folder)) < len(whole)


def test_finished_runs_are_known_where_the_vectors_that_a_model_names_are_not_at_hand(monkeypatch):
    monkeypatch.delenv("SFUMATO_DATA", raising=False)
    plan = planned(read_table_file("baselines"), scale="small")
    found = known_lines(plan, Path(__file__).parents[2] / "results" / "baselines")
    assert len(found) == len(plan.wanted) == 24
    assert {run.model for run in found} >= {"TextCNN, vectors", "LSTM, vectors"}


def test_pages_are_written_only_beside_the_results_of_a_checkout(file, tmp_path):
    keep(file, tmp_path / "results")
    render(file, output=tmp_path / "results")
    assert write_pages_beside(tmp_path / "results") == []
    index = tmp_path / "docs" / "tables" / "README.md"
    index.parent.mkdir(parents=True)
    index.write_text("<!-- index:begin --><!-- index:end -->", encoding="utf-8")
    (tmp_path / "README.md").write_text("<!-- tables:begin --><!-- tables:end -->", encoding="utf-8")
    assert index.parent / "own.md" in write_pages_beside(tmp_path / "results")
    assert "21 of 102 runs are done" in (index.parent / "own.md").read_text(encoding="utf-8")
