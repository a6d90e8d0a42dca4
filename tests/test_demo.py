import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sfumato.corpus import make_corpus
from sfumato.demo import (
    MARK,
    Tickets,
    bayes_numbers,
    distance,
    draw,
    make_tickets,
    prepare_folder,
    read_probabilities,
    run_demo,
)
from sfumato.demo_text import table_text
from sfumato.errors import InputError
from sfumato.softening import soften


@pytest.fixture(scope="module")
def tickets() -> Tickets:
    return make_tickets(400, seed=0)


def test_distance_agrees_with_plain_loops():
    rng = np.random.default_rng(0)
    q, pi = rng.dirichlet(np.ones(4), size=6), rng.dirichlet(np.ones(4), size=6)
    total = 0.0
    for i in range(6):
        for k in range(4):
            total += (q[i, k] - pi[i, k]) ** 2
    assert distance(q, pi) == pytest.approx((total / 6) ** 0.5)
    assert distance(pi, pi) == 0


def test_train_and_test_tickets_differ_and_follow_the_seed(tickets):
    assert len(tickets.train) == 400
    assert len(tickets.test) == 200
    assert not set(tickets.train.texts) & set(tickets.test.texts)
    assert make_tickets(400, seed=0).test.texts == tickets.test.texts
    assert make_tickets(400, seed=1).train.texts != tickets.train.texts


def test_bayes_numbers_bound_every_method_that_sees_the_same(tickets):
    bayes, train = bayes_numbers(tickets), tickets.train
    assert bayes["soft_labels"] < bayes["soft_labels_from_text"]
    for method in ("label-smoothing", "kwls", "kwls-paper"):
        soft = soften(train.texts, train.labels, method).targets
        assert distance(soft, train.pi) > bayes["soft_labels"] * 1.05
    given = np.array([train.classes.index(label) for label in train.labels])
    assert distance(np.eye(8)[given], train.pi) > bayes["soft_labels"] * 1.5


@pytest.mark.slow
def test_bayes_accuracy_and_log_loss_are_those_of_the_posterior():
    big = make_tickets(16_000, seed=1)
    bayes, test = bayes_numbers(big), big.test
    given = np.array([test.classes.index(label) for label in test.labels])
    hits = test.posterior.argmax(axis=1) == given
    losses = -np.log(test.posterior[np.arange(len(given)), given])
    assert abs(hits.mean() - bayes["accuracy"]) < 4 * hits.std() / np.sqrt(len(hits))
    assert abs(losses.mean() - bayes["log_loss"]) < 4 * losses.std() / np.sqrt(len(losses))


def test_probabilities_are_read_in_the_order_of_the_tickets_and_calibrated(tmp_path):
    raw = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]], dtype=np.float32)
    (tmp_path / "predictions").mkdir()
    frame = pl.DataFrame({"row": [2, 0, 1], "probabilities": pl.Series(raw[[2, 0, 1]]).cast(pl.List(pl.Float32))})
    frame.write_parquet(tmp_path / "predictions" / "abc.parquet")
    same = read_probabilities(tmp_path, {"key": "abc", "temperature": 1.0})
    np.testing.assert_allclose(same, raw, atol=1e-6)
    flatter = read_probabilities(tmp_path, {"key": "abc", "temperature": 2.0})
    by_hand = np.sqrt(raw) / np.sqrt(raw).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(flatter, by_hand, atol=1e-6)


def test_picture_shows_the_true_mass_and_that_of_each_method(tickets, tmp_path):
    uniform = np.full(tickets.train.pi.shape, 1 / 8)
    draw(tickets.train, dict.fromkeys(("label-smoothing", "kwls", "lcm"), uniform), tmp_path / "a.svg")
    shown = [e.text for e in ET.parse(tmp_path / "a.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert {"true π", "label-smoothing", "kwls (sfumato)", "lcm", *tickets.train.classes} <= set(shown)
    assert shown.count(".12") >= 3 * 64  # 1/8 in every cell of three panels


def test_table_has_a_line_for_each_row_and_one_for_the_generator():
    row = {"model": "linear", "title": "kwls (sfumato)", "accuracy_mean": 0.75, "accuracy_sd": 0.012}
    row |= {"log_loss_mean": 0.9, "soft_labels": 0.4, "predictions": 0.3, "against_baseline": "no difference"}
    failed = row | {"accuracy_mean": None, "accuracy_sd": None, "log_loss_mean": None, "predictions": None}
    bayes = {"accuracy": 0.8, "log_loss": 0.7, "soft_labels": 0.23, "predictions": 0.26}
    lines = table_text([row, failed], bayes).splitlines()
    assert len(lines) == 5
    assert "75.0 ± 1.2 %" in lines[2]
    assert "0.400" in lines[2]
    assert "failed" in lines[3]
    assert all(part in lines[4] for part in ("(Bayes)", "80.0 %", "0.700", "0.230", "0.260"))


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="exists"):
        run_demo(tmp_path)
    with pytest.raises(InputError, match="holds other files than those of a demo"):
        run_demo(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["runs", "mine.txt"]


def test_a_folder_of_a_demo_is_used_again(tmp_path):
    corpus = make_corpus(5)
    prepare_folder(tmp_path, corpus)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "old.txt").write_text("old")
    prepare_folder(tmp_path, corpus)
    assert not (tmp_path / "runs").exists()
    assert pl.read_csv(tmp_path / "tickets.csv", infer_schema=False)["text"].to_list() == corpus.texts


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "f").write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        run_demo(tmp_path / "f", overwrite=True)
    assert (tmp_path / "f").read_text() == "mine"


def test_too_few_tickets_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="rows must be at least 200"):
        run_demo(tmp_path / "new", rows=10)
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_demo_compares_draws_saves_and_predicts(tmp_path):
    heard: list[str] = []
    result = run_demo(
        tmp_path / "demo", rows=400, seeds=1, echo=heard.append
    )  # with fewer, textcnn takes too few steps
    assert {(row["model"], row["method"]) for row in result["rows"]} == {
        (model, method) for model in ("linear", "textcnn") for method in ("baseline", "label-smoothing", "kwls", "lcm")
    }
    for row in result["rows"]:
        assert row["accuracy_mean"] > 0.3
        assert result["bayes"]["soft_labels"] < row["soft_labels"] < 0.7
        assert result["bayes"]["predictions"] < row["predictions"] < 0.9
    assert len(result["predictions"]) == 3
    assert all(Path(path).exists() for path in result["files"].values())
    said = "\n".join(heard)
    assert all(part in said for part in ("(Bayes)", "suit methods that count keywords", "results/", "true π"))
    assert (tmp_path / "demo" / "demo.txt").read_text(encoding="utf-8").startswith(MARK)
    assert len(re.findall("^", (tmp_path / "demo" / "runs" / "results.jsonl").read_text(), re.MULTILINE)) >= 8
    json.dumps(result)
