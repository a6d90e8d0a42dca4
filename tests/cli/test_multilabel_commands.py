"""The commands on rows that may have several labels, or none."""

import csv
import io
import json

import numpy as np
import polars as pl
import pytest

import sfumato as library

WORDS = {"billing": ["invoice", "refund"], "login": ["password", "account"], "shipping": ["parcel", "courier"]}


def rows(number, seed=0):
    rng = np.random.default_rng(seed)
    sets = [[name for name in WORDS if rng.random() < 0.45] for _ in range(number)]
    texts = [" ".join([*(rng.choice(WORDS[name]) for name in own), "please", str(k)]) for k, own in enumerate(sets)]
    return texts, sets


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """One model trained on lists, one on text with a separator."""
    texts, sets = rows(120)
    place = tmp_path_factory.mktemp("models")
    lists = library.fit({"body": texts, "tags": sets}, text="body", label="tags", method="baseline")
    joined = {"body": texts, "tags": ["|".join(own) for own in sets]}
    text = library.fit(joined, text="body", label="tags", label_separator="|", method="baseline")
    return {"lists": lists.save(place / "lists"), "text": text.save(place / "text")}


@pytest.fixture
def table(tmp_path):
    texts, sets = rows(30, seed=1)
    path = tmp_path / "test.jsonl"
    path.write_text("".join(json.dumps({"body": t, "tags": s}) + "\n" for t, s in zip(texts, sets, strict=True)))
    return path, sets


def test_predicted_labels_are_a_list_or_one_text_where_the_training_labels_were(folders, table, sfumato):
    path, sets = table
    found = list(csv.DictReader(io.StringIO(sfumato("predict", folders["lists"], path, "--proba").out)))
    assert [json.loads(row["predicted"]) for row in found] == sets
    assert all(float(row["confidence"]) == max(float(row[f"p_{name}"]) for name in WORDS) for row in found)
    found = list(csv.DictReader(io.StringIO(sfumato("predict", folders["text"], path).out)))
    assert [row["predicted"] for row in found] == ["|".join(own) for own in sets]
    found = sfumato("predict", folders["lists"], path, "--label-separator", "; ").out
    assert [row["predicted"] for row in csv.DictReader(io.StringIO(found))] == ["; ".join(own) for own in sets]


def test_a_model_of_joined_labels_is_measured_on_lists_too(folders, table, tmp_path, sfumato):
    path, sets = table
    joined = tmp_path / "joined.jsonl"
    lines = [
        json.loads(line) | {"tags": "|".join(own)}
        for line, own in zip(path.read_text().splitlines(), sets, strict=True)
    ]
    joined.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = [sfumato("evaluate", folders["text"], data, "--json") for data in (path, joined)]
    assert [one.code for one in found] == [0, 0], found[0].err
    assert json.loads(found[0].out)["metrics"] == json.loads(found[1].out)["metrics"]


def test_a_threshold_takes_the_place_of_the_models_own(folders, table, sfumato):
    path, _ = table
    all_of_them = list(csv.DictReader(io.StringIO(sfumato("predict", folders["lists"], path, "--threshold", 0).out)))
    assert all(json.loads(row["predicted"]) == list(WORDS) for row in all_of_them)
    none = list(csv.DictReader(io.StringIO(sfumato("predict", folders["lists"], path, "--threshold", 1).out)))
    assert all(row["predicted"] == "[]" for row in none)


def test_a_parquet_table_holds_lists_also_where_every_row_has_none(folders, table, sfumato, tmp_path):
    path, sets = table
    for name, options in (("a.parquet", ()), ("b.parquet", ("--threshold", 1))):
        assert sfumato("predict", folders["lists"], path, "-o", tmp_path / name, *options).code == 0
        found = pl.read_parquet(tmp_path / name)
        assert found.schema["predicted"] == pl.List(pl.String)
        assert found["predicted"].to_list() == (sets if not options else [[]] * len(sets))


def test_rows_are_counted_and_labels_too(folders, table, sfumato, tmp_path):
    path, sets = table
    said = json.loads(sfumato("predict", folders["text"], path, "-o", tmp_path / "out.csv", "--json").out)
    assert said["rows"] == len(sets)
    assert said["predicted"] == {name: sum(name in own for own in sets) for name in said["predicted"]}
    assert sum(said["predicted"].values()) == sum(map(len, sets)) != len(sets)


def test_evaluate_prints_a_line_a_label_and_counts_what_is_odd(folders, table, sfumato, tmp_path):
    path, sets = table
    ended = sfumato("evaluate", folders["lists"], path)
    assert ended.code == 0
    for words in ("micro-F1", "label-ranking average precision", "threshold", "without a label"):
        assert words in ended.out, words
    found = json.loads(sfumato("evaluate", folders["lists"], path, "--json").out)
    assert found["without_label"] == sum(not own for own in sets) > 0
    assert found["metrics"]["micro_f1"]["value"] == 1
    odd = tmp_path / "odd.csv"
    odd.write_text("body,tags\nmy invoice,billing|weather\nmy parcel,shipping\nplease,\n")
    ended = sfumato("evaluate", folders["text"], odd)
    assert "3 rows, 1 without a label, 1 with a label that training never saw" in ended.out
    other = sfumato("evaluate", folders["lists"], odd, "--label", "tags", "--label-separator", "|")
    assert other.out == ended.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--threshold", "1.5"), "between 0 and 1"),
        (("--label-separator", "ill"), "no letter or digit"),
    ],
)
def test_odd_options_are_refused_in_words(folders, table, sfumato, options, words):
    ended = sfumato("predict", folders["lists"], table[0], *options)
    assert ended.code == 2
    assert words in ended.err


def test_options_of_several_labels_are_refused_for_a_model_that_gives_one(tiny_model, tmp_path, sfumato):
    path = tmp_path / "data.csv"
    path.write_text("body\nmy parcel\n")
    for option in (("--threshold", "0.5"), ("--label-separator", "|")):
        ended = sfumato("predict", tiny_model, path, *option)
        assert ended.code == 2
        assert "gives each row one class" in ended.err


def test_evaluate_reads_the_rows_as_the_model_answers(folders, table, tiny_model, tmp_path, sfumato):
    path, _ = table
    asked = sfumato("evaluate", folders["lists"], path, "--task", "multilabel")
    assert asked.out == sfumato("evaluate", folders["lists"], path).out
    for model, task in ((folders["lists"], "single"), (tiny_model, "multilabel")):
        ended = sfumato("evaluate", model, path, "--task", task)
        assert ended.code == 2
        assert f"task='{task}'" in ended.err
        assert "leave --task out" in ended.err
    brackets = tmp_path / "brackets.csv"
    brackets.write_text('body,category\nthe parcel is late,shipping\nrefund the invoice,"[""billing""]"\n')
    assert "plain text" in sfumato("evaluate", tiny_model, brackets).err
    ended = sfumato("evaluate", tiny_model, brackets, "--task", "single")
    assert ended.code == 0
    assert "2 rows, 1 with a label that training never saw" in ended.out


@pytest.mark.parametrize("given", ["0.7", "per-label", "global"])
def test_thresholds_are_chosen_as_the_command_line_says(given, table, sfumato, tmp_path):
    path, _ = table
    ended = sfumato("fit", path, "--label", "tags", "--dev", "0.3", "--thresholds", given, "-o", tmp_path / "model")
    assert ended.code == 0, ended.err
    said = json.loads((tmp_path / "model" / "sfumato.json").read_text())["thresholds"]
    assert len(said) == len(WORDS)
    assert (given == "0.7") == (said == [0.7] * len(WORDS))


@pytest.mark.parametrize(
    ("given", "words"),
    [("globl", "did you mean 'global'"), ("1.5", "thresholds must be"), ("nan", "thresholds must be")],
)
def test_odd_thresholds_are_refused_before_the_training(given, words, table, sfumato, tmp_path):
    ended = sfumato("fit", table[0], "--label", "tags", "--thresholds", given, "-o", tmp_path / "model")
    assert ended.code == 2
    assert words in ended.err
    assert not (tmp_path / "model").exists()


def test_thresholds_are_refused_for_one_label_a_row(sfumato, tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("body,category\n" + "my parcel,shipping\nmy invoice,billing\n" * 10)
    ended = sfumato("fit", path, "--thresholds", "0.5", "-o", tmp_path / "model")
    assert ended.code == 2
    assert "these rows have one each" in ended.err


def test_the_words_of_a_row_with_several_labels_are_explained(sfumato, tmp_path):
    texts, sets = rows(120)
    path = tmp_path / "joined.csv"
    pl.DataFrame({"body": texts, "tags": ["|".join(own) for own in sets]}).write_csv(path)
    row = next(k for k, own in enumerate(sets) if own == ["billing", "login"])
    given = ("soften", path, "--label", "tags", "--label-separator", "|", "--explain", row + 2)
    shown = json.loads(sfumato(*given, "--json").out)
    assert set(shown["words"][0]["adds"]) == set(WORDS)
    strongest = {max(each["adds"], key=each["adds"].get) for each in shown["words"][:2]}
    assert strongest == {"billing", "login"}
    assert min(shown["target"]["billing"], shown["target"]["login"]) > 0.8 > shown["target"]["shipping"]
    said = sfumato(*given).out
    assert "after sigmoid and weight" in said
    assert "share of mass" not in said
