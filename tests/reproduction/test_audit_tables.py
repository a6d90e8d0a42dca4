"""A table about finding wrong labels: rows are ranked, not trained on, and the rest is as in any table."""

import json

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score

from sfumato import InputError
from sfumato.reproduction import audit_source
from sfumato.reproduction.run import reproduce
from sfumato.run_files import predictions_path
from tables import write_data

TOML = """
title = "Wrong labels found"
paper = "sfumato"
baseline = "audit"
metric = "average_precision"
controls = false
repeats = { kind = "seeds", number = 2 }
[data]
"News" = { name = "ag_news" }
[settings]
"20 %" = { damage = [{ kind = "symmetric-noise", rate = 0.2 }] }
[models]
"none" = { name = "no-model" }
[methods]
"audit" = { name = "audit-score" }
"fast" = { name = "adaptive-fast", shrink = false }
"margin" = { name = "cleanlab-score", score = "normalized_margin" }
[scale.small]
rows = 150
test_rows = 20
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


def run(text, place, data, **options):
    (place / "own.toml").write_text(text, encoding="utf-8")
    options = {"output": place / "results", "jobs": 1, "echo": lambda line: None, **options}
    return reproduce(place / "own.toml", data=data, **options)


@pytest.fixture(scope="module")
def done(data, tmp_path_factory):
    pytest.importorskip("cleanlab")
    place = tmp_path_factory.mktemp("tables")
    return place, run(TOML, place, data)


def test_every_run_is_the_average_precision_of_what_it_wrote(done):
    place, made = done
    assert [line["status"] for line in made.lines] == ["done"] * 6
    folder = next((place / "results").rglob("results.jsonl")).parent
    for line in made.lines:
        rows = pl.read_parquet(predictions_path(folder, line["key"]))
        assert len(rows) == line["n_train"]
        assert rows["wrong"].sum() == line["n_wrong"] == round(0.2 * len(rows))
        found = average_precision_score(rows["wrong"].to_numpy(), rows["score"].to_numpy())
        assert line["metrics"]["average_precision"] == pytest.approx(found)
        first = np.argsort(-rows["score"].to_numpy(), kind="stable")[:100]
        assert line["metrics"]["precision@100"] == pytest.approx(rows["wrong"].to_numpy()[first].mean())
    assert np.mean([line["metrics"]["average_precision"] for line in made.lines if line["method"] == "audit"]) > 0.6


def test_the_scores_stand_beside_each_other_in_percent(done):
    text = done[1].to_markdown()
    assert "test average precision of the rows with a wrong label (percent)" in text
    assert "| News, 20 % | none | margin |" in text


def test_each_repeat_spoils_other_rows(done):
    hashes = {(line["seed"], line["settings"]["data_hash"]) for line in done[1].lines}
    assert len(hashes) == 2


def test_what_is_done_is_not_done_again(done, data):
    place, _ = done
    path = next((place / "results").rglob("results.jsonl"))
    before = path.read_text()
    run(TOML, place, data)
    assert path.read_text() == before
    assert all(json.loads(line)["status"] == "done" for line in before.splitlines())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "no-model"', 'name = "linear"', "trains no 'linear': give it the model 'no-model'"),
        ('kind = "symmetric-noise", rate = 0.2', 'kind = "fraction", share = 0.5', "leaves out rows"),
        (', rate = 0.2', ', rate = 0', "no label is wrong, so none can be found"),
        ('score = "normalized_margin"', 'score = "margin"', "cleanlab-score: score must be one of"),
        ('name = "adaptive-fast", shrink = false', 'name = "lcm"', "lcm has no soft labels without training"),
        ('metric = "average_precision"', 'metric = "accuracy"', "audit-score trains nothing; it is for tables with"),
    ],
)  # fmt: skip
def test_what_has_no_meaning_in_an_audit_is_refused_before_the_first_run(data, tmp_path, old, new, said):
    assert old in TOML
    with pytest.raises(InputError, match=said):
        run(TOML.replace(old, new, 1), tmp_path, data)
    assert not list(tmp_path.rglob("*.jsonl"))


def test_rows_of_cleanlab_are_left_out_with_a_word_where_it_is_not_installed(data, tmp_path, monkeypatch):
    monkeypatch.setattr(audit_source, "find_spec", lambda name: None)
    heard = []
    made = run(TOML, tmp_path, data, scale="smoke", echo=heard.append)
    assert any(
        "left out, as cleanlab is not installed (pip install 'sfumato[cleanlab]'): margin" in line for line in heard
    )
    assert [line["method"] for line in made.lines] == ["audit", "fast"]
    assert not made.content["failed"]
