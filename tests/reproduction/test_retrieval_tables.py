"""A table of retrieval: run, measured, continued and rendered like any other."""

import json

import numpy as np
import polars as pl
import pytest

from sfumato import InputError
from sfumato.reproduction.figures import draw
from sfumato.reproduction.figures.quartiles import quartile_panels
from sfumato.reproduction.run import reproduce
from sfumato.run_files import read_row_scores

THINGS = ("house", "car", "tree", "river", "stone", "bird", "cloud", "lamp", "chair", "boat", "roof", "horse")
TOML = """
title = "Sentences"
paper = "kwls"
baseline = "hard"
metric = "recall@10"
controls = ["uniform"]
repeats = { kind = "seeds", number = 2 }
[data]
"articles" = { name = "squad_xquad_en" }
[models]
"bag" = { name = "bag", ngrams = 1, dim = 8 }
"BM25" = { name = "bm25", repeats = 1 }
[methods]
"hard" = { name = "baseline" }
"kwls" = { name = "kwls" }
[[blocks]]
models = ["bag"]
[[blocks]]
models = ["BM25"]
methods = ["hard"]
[scale.small]
training = { epochs = 2, batch_size = 8, max_length = 16 }
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "squad_xquad_en"
    folder.mkdir()
    rows = []
    for k, thing in enumerate(THINGS):
        context = f"The {thing} stands in garden {k}. Everybody likes the {thing}. Nobody owns number {k}."
        for n, question in enumerate((f"Where does the {thing} stand?", f"Who likes the {thing}?")):
            answer = (f"garden {k}", "Everybody")[n]
            rows.append(
                {
                    "id": f"{k}-{n}",
                    "title": thing,
                    "context": context,
                    "question": question,
                    "answers_text": [answer],
                    "answers_start": [context.index(answer)],
                    "split": "validation",
                }
            )
    pl.DataFrame(rows).write_parquet(folder / "squad_xquad_en.parquet")
    return folder.parent


@pytest.fixture(scope="module")
def done(data, tmp_path_factory):
    place = tmp_path_factory.mktemp("tables")
    (place / "own.toml").write_text(TOML, encoding="utf-8")
    return place, reproduce(place / "own.toml", output=place / "results", data=data, jobs=1, echo=lambda line: None)


def test_every_run_has_its_metrics_alone_and_fused_with_words(done):
    lines = done[1].lines
    assert [line["status"] for line in lines] == ["done"] * 7  # 2 seeds x (hard, kwls, its control), and BM25 once
    for line in lines:
        assert {"recall@1", "recall@10", "mrr@10", "ndcg@10", "fused_recall@1"} <= line["metrics"].keys()
        assert len(line["overlap"]) == 4
        assert line["n_candidates"] == 36


def test_recall_is_the_mean_of_what_the_file_of_ranks_says(done):
    place, made = done
    folder = next((place / "results").rglob("results.jsonl")).parent
    for line in made.lines:
        for metric in ("recall@1", "recall@10"):
            scores = read_row_scores(folder, line["key"], metric)
            assert scores.mean() == pytest.approx(line["metrics"][metric])
            assert set(np.unique(scores)) <= {0.0, 1.0}


def test_a_row_of_words_stands_beside_the_models(done):
    text = done[1].to_markdown()
    assert "| articles | BM25 | hard |" in text
    assert "test recall@10 (percent)" in text


def test_quartiles_of_word_overlap_are_drawn_with_what_is_gained_there(done):
    content = done[1].content | {"figure": {"kind": "quartiles", "gain": True}}
    lines = {(line["model"], line["method"], line["control"], line["seed"]): line for line in done[1].lines}
    parts = {key: [part["recall@10"] for part in line["overlap"]] for key, line in lines.items()}
    gained = [
        [100 * (own - hard) for own, hard in zip(*(parts["bag", m, "", s] for m in ("kwls", "hard")), strict=True)]
        for s in (0, 1)
    ]
    panels = quartile_panels(content, gain=True)
    assert list(panels) == [("articles", "bag")]  # words alone have nothing to be compared with
    assert panels["articles", "bag"].keys() == {"kwls"}
    assert panels["articles", "bag"]["kwls"].tolist() == [pytest.approx(each) for each in gained]
    assert quartile_panels(content, gain=False)["articles", "BM25"]["hard"].tolist() == [
        pytest.approx([100 * value for value in parts["BM25", "hard", "", 0]])
    ]
    (axis,) = draw(content).axes
    assert [text.get_text() for text in axis.get_xticklabels()] == [
        f"{part['from']:.2f}–{part['to']:.2f}".replace("0.", ".") for part in lines["bag", "hard", "", 0]["overlap"]
    ]
    assert len(draw(content | {"figure": {"kind": "quartiles"}}).axes) == 2
    with pytest.raises(InputError, match="quartile of overlap"):
        draw(content | {"figure": {"kind": "quartiles", "gain": True, "models": ["BM25"]}})


def test_what_is_done_is_not_done_again(done, data):
    place, _ = done
    said = []
    before = next((place / "results").rglob("results.jsonl")).read_text()
    reproduce(place / "own.toml", output=place / "results", data=data, jobs=1, echo=said.append)
    assert next((place / "results").rglob("results.jsonl")).read_text() == before
    assert all(json.loads(line)["status"] == "done" for line in before.splitlines())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "kwls"', 'name = "lcm"', r"lcm is for classes.*Methods of retrieval"),
        ('name = "bag", ngrams = 1, dim = 8', 'name = "image-cnn"', "reads images"),
        ('metric = "recall@10"', 'metric = "accuracy"', "has questions and candidates, and metric = 'accuracy'"),
        ('name = "squad_xquad_en" }', 'name = "squad_xquad_en", damage = [{ kind = "fraction", share = 0.5 }] }',
         "has questions, and damage is for texts with classes"),
    ],
)  # fmt: skip
def test_what_has_no_meaning_in_retrieval_is_refused_before_the_first_run(data, tmp_path, old, new, said):
    assert old in TOML
    (tmp_path / "own.toml").write_text(TOML.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=said):
        reproduce(tmp_path / "own.toml", output=tmp_path / "results", data=data, jobs=1, echo=lambda line: None)
    assert not list(tmp_path.rglob("*.jsonl"))
