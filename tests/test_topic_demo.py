import json
import xml.etree.ElementTree as ET

import numpy as np
import polars as pl
import pytest

from sfumato.demo import distance
from sfumato.errors import InputError
from sfumato.topic_demo import METHODS, draw, known, make_topic_tickets, read_chances, run_topic_demo, soft_labels


@pytest.fixture(scope="module")
def tickets():
    return make_topic_tickets(300, seed=0)


def test_the_parts_differ_and_follow_the_seed(tickets):
    assert (len(tickets.train), len(tickets.test)) == (300, 150)
    assert not set(tickets.train.texts) & set(tickets.test.texts)
    assert make_topic_tickets(300, seed=0).test.label_sets == tickets.test.label_sets
    assert make_topic_tickets(300, seed=1).test.label_sets != tickets.test.label_sets


def test_soft_labels_are_nearer_to_the_true_probabilities_than_the_hard_ones(tickets):
    soft = soft_labels(tickets.train)
    assert set(soft) == set(METHODS)
    gaps = {name: distance(each, tickets.train.pi) for name, each in soft.items()}
    assert gaps["kwls"] < gaps["baseline"] == gaps["maskloss-label"] > gaps["label-smoothing"]


def test_what_the_generator_knows_is_what_plain_loops_say(tickets):
    found = known(tickets.test)
    right = predicted = gold = 0
    loss = 0.0
    for i, labels in enumerate(tickets.test.label_sets):
        for k, name in enumerate(tickets.test.classes):
            p = tickets.test.pi[i, k]
            right += p > 0.5 and name in labels
            predicted += p > 0.5
            gold += name in labels
            loss -= np.log(p if name in labels else 1 - p)
    assert found["micro_f1"] == pytest.approx(2 * right / (predicted + gold))
    assert found["log_loss"] == pytest.approx(loss / tickets.test.pi.size)


def test_each_probability_is_calibrated_by_itself(tmp_path):
    raw = np.array([[0.9, 0.8], [0.2, 0.1]], dtype=np.float32)
    (tmp_path / "predictions").mkdir()
    frame = pl.DataFrame({"row": [1, 0], "probabilities": pl.Series(raw[::-1]).cast(pl.List(pl.Float32))})
    frame.write_parquet(tmp_path / "predictions" / "abc.parquet")
    np.testing.assert_allclose(read_chances(tmp_path, {"key": "abc", "temperature": 1.0}), raw, atol=1e-6)
    odds = np.sqrt(raw / (1 - raw))
    np.testing.assert_allclose(read_chances(tmp_path, {"key": "abc", "temperature": 2.0}), odds / (1 + odds), atol=1e-6)


def test_picture_shows_every_label(tickets, tmp_path):
    draw(tickets.train, soft_labels(tickets.train), tmp_path / "a.svg")
    shown = [e.text for e in ET.parse(tmp_path / "a.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert {"true π", "kwls (sfumato)", *tickets.train.classes} <= set(shown)


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "tickets.csv").write_text("mine")
    with pytest.raises(InputError, match="holds other files than those of a demo"):
        run_topic_demo(tmp_path, overwrite=True)
    assert (tmp_path / "tickets.csv").read_text() == "mine"
    with pytest.raises(InputError, match="rows must be at least 200"):
        run_topic_demo(tmp_path / "new", rows=10)
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_demo_of_several_labels_compares_draws_saves_and_predicts(tmp_path):
    heard: list[str] = []
    result = run_topic_demo(tmp_path / "demo", rows=300, seeds=1, echo=heard.append)
    assert {(row["model"], row["method"]) for row in result["rows"]} == {
        (model, method) for model in ("linear", "textcnn") for method in METHODS
    }
    for row in result["rows"]:
        assert 0.2 < row["micro_f1_mean"] < result["generator"]["micro_f1"]
        assert 0 < row["predictions"] < 2
    assert len(result["predictions"]) == 3
    assert all((tmp_path / "demo" / name).exists() for name in ("tickets.csv", "demo.svg", "model", "runs", "demo.txt"))
    assert any("--label-separator '|'" in said for said in heard)
    json.dumps(result)
