"""Trusted rows from a user's table to the examples, and through all that is done to them."""

import json

import numpy as np
import pytest

import sfumato
from sfumato.cli.app import app
from sfumato.data import Examples, concatenate
from sfumato.dataset import cut_data
from sfumato.dev_rows import cut_dev
from sfumato.errors import InputError
from sfumato.methods import METHODS
from sfumato.source import read_examples, read_source
from sfumato.trusted_column import trusted_values

TOPICS = {"sport": "ball team goal coach", "money": "bank stock price loan"}


def rows(number=60, **more):
    """Return the columns of a table of two topics."""
    generator, names = np.random.default_rng(0), [list(TOPICS)[i % 2] for i in range(number)]
    texts = [" ".join(generator.choice(TOPICS[name].split(), 5)) + f" {i}" for i, name in enumerate(names)]
    return {"text": texts, "label": names, **more}


@pytest.mark.parametrize(
    "pair", [("true", "false"), ("1", "0"), ("yes", "no"), (" Yes", "NO "), (True, False), (1, 0), (1.0, 0.0)]
)
def test_each_way_to_write_yes_and_no_is_read(pair):
    cells = [pair[0] if i % 3 == 0 else pair[1] for i in range(60)]
    examples, _ = read_examples(rows(checked=cells), text="text", label="label", trusted="checked")
    assert examples.trusted.tolist() == [i % 3 == 0 for i in range(60)]
    assert read_examples(rows(checked=cells), text="text", label="label")[0].trusted is None


def test_any_other_value_is_refused_with_its_row():
    cells = ["no"] * 60
    cells[6], cells[9] = "maybe", ""
    with pytest.raises(InputError, match=r"column 'checked' must hold true or false .* got 'maybe' in rows 7 and 10"):
        read_examples(rows(checked=cells), text="text", label="label", trusted="checked")
    with pytest.raises(InputError, match=r"no column 'chekced' \(did you mean 'checked'\?\)"):
        read_examples(rows(checked=["no"] * 60), text="text", label="label", trusted="chekced")
    with pytest.raises(InputError, match=r"trusted must be the name of a column of .*, got \[True, False\]"):
        read_examples(rows(), text="text", label="label", trusted=[True, False])
    with pytest.raises(InputError, match="Examples bring their own trusted rows"):
        read_source(Examples.from_labels(["a", "b"], ["x", "y"]), trusted="checked")


def test_rows_that_are_left_out_do_not_shift_the_others():
    table = rows(checked=["yes"] * 10 + ["no"] * 50)
    table["text"][3] = ""
    examples, _ = read_examples(table, text="text", label="label", trusted="checked", bad_rows="drop")
    assert examples.trusted.sum() == 9
    assert examples.trusted[:9].all()


@pytest.mark.parametrize(("trusted", "stay"), [(29, True), (30, False)])
def test_dev_is_drawn_from_the_others_unless_these_are_the_smaller_part(trusted, stay):
    table = rows(checked=[i < trusted for i in range(60)])
    table["text"][59], table["label"][59] = table["text"][0], table["label"][0]  # a trusted text without the mark
    examples, _ = read_examples(table, text="text", label="label", trusted="checked")
    train, dev, _ = cut_dev(examples, 20, seed=0, text="text", label="label", bad_rows="refuse")
    assert (len(train), len(dev)) == (40, 20)
    assert (train.trusted.sum() == trusted) == stay
    assert not stay or table["text"][0] not in dev.inputs


@pytest.mark.parametrize(("dev", "size", "stay"), [(0.1, 6, True), (25, 25, True), (31, 31, False), (40, 40, False)])
def test_dev_is_as_large_as_asked_for_whatever_is_trusted(dev, size, stay):
    examples, _ = read_examples(
        rows(checked=[i < 29 for i in range(60)]), text="text", label="label", trusted="checked"
    )
    train, cut, said = cut_dev(examples, dev, seed=0, text="text", label="label", bad_rows="refuse")
    assert (len(cut), (train.trusted.sum() == 29)) == (size, stay)
    assert not any("no dev rows" in note for note in said)


def test_votes_of_equal_texts_have_no_single_mark():
    table = {"text": ["a b", "a b", "c d", "e f"], "label": ["x", "y", "y", "x"], "checked": ["yes"] * 4}
    with pytest.raises(InputError, match="a text that stands in several rows has no single 'checked'"):
        read_examples(table, text="text", label="label", votes="rows", trusted="checked")


def test_trusted_rows_survive_take_and_joining_and_copies_are_none():
    marked = read_examples(rows(checked=["yes"] * 10 + ["no"] * 50), text="text", label="label", trusted="checked")[0]
    assert marked.take([11, 3]).trusted.tolist() == [False, True]
    plain = read_examples(rows(), text="text", label="label")[0]
    assert concatenate(plain, marked).trusted.tolist() == [False] * 60 + [True] * 10 + [False] * 50
    assert concatenate(plain, plain).trusted is None
    copied = METHODS["aeda"](copies=1).prepare(marked)
    assert copied.trusted.sum() == 10
    assert not copied.trusted[copied.copy > 0].any()


def test_trusted_must_be_truth_values_one_a_row():
    with pytest.raises(InputError, match="trusted must be True or False"):
        Examples(["a", "b"], np.array([0, 1]), Examples.from_labels(["a", "b"], ["x", "y"]).targets, ("x", "y"),
                 trusted=np.array([0.5, 1]))  # fmt: skip
    with pytest.raises(InputError, match=r"trusted must have one value a text \(3\), got 2"):
        trusted_values([True, False], 3)
    with pytest.raises(InputError, match="must be a list of 3 truth values"):
        trusted_values("checked", 3)
    with pytest.raises(InputError, match=r"must be a list of 2 truth values, one a text, got \{"):
        trusted_values({"a": True, "b": False}, 2)
    with pytest.raises(InputError, match=r"must hold true or false .* in row 2"):
        trusted_values([True, [False, True]], 2)
    assert trusted_values(np.array([True, False]), 2).tolist() == [True, False]


def test_a_method_that_does_not_use_them_says_so_once_and_adaptive_says_what_they_told():
    table = rows()
    trusted = [i < 10 for i in range(60)]
    said = sfumato.soften(table["text"], table["label"], "label-smoothing", trusted=trusted).remarks
    assert said == (
        "label-smoothing takes the 10 trusted rows as it takes the others; adaptive and adaptive-fast use them",
    )
    assert sfumato.soften(table["text"], table["label"], "label-smoothing", trusted=[False] * 60).remarks == ()
    told = sfumato.soften(table["text"], table["label"], "adaptive", trusted=trusted).remarks
    assert "10 trusted rows do not contradict" in told[-1]


def test_the_commands_take_the_column(tmp_path, capsys):
    table = rows(checked=["yes"] * 10 + ["no"] * 50)
    table["label"][0] = "money"  # a wrong label that somebody has checked stays
    path = tmp_path / "data.csv"
    lines = [",".join(row) for row in zip(*table.values(), strict=True)]
    path.write_text("\n".join(["text,label,checked", *lines]), encoding="utf-8")
    options = ["--text", "text", "--label", "label", "--method", "adaptive-fast", "--trusted-column", "checked"]
    written = tmp_path / "soft.jsonl"
    app(["soften", str(path), "-o", str(written), *options], standalone_mode=False)
    soft = [json.loads(line)["soft_labels"] for line in written.read_text(encoding="utf-8").splitlines()]
    assert soft[0] == [1.0, 0.0]
    app(["soften", str(path), "-o", str(written), "--overwrite", *options[:-2]], standalone_mode=False)
    assert json.loads(written.read_text(encoding="utf-8").splitlines()[0])["soft_labels"] != [1.0, 0.0]
    said = capsys.readouterr()
    assert (said.out + said.err).count("10 trusted rows ") == 1


def test_fit_reads_the_column_and_notes_what_does_not_use_it():
    table = rows(checked=["yes"] * 10 + ["no"] * 50)
    columns = {"text": "text", "label": "label", "trusted": "checked"}
    notes = sfumato.fit(table, method="label-smoothing", **columns).info["notes"]
    assert sum("takes the 10 trusted rows as it takes the others" in note for note in notes) == 1
    notes = sfumato.fit(table, method="adaptive-fast", **columns).info["notes"]
    assert not any("as it takes the others" in note for note in notes)
    assert any("trusted rows do not contradict" in note or "trusted rows contradict" in note for note in notes)


def test_compare_trains_on_the_trusted_rows_of_each_seed_and_says_how_many_there_are():
    table = rows(checked=[i % 4 == 0 for i in range(60)])
    data = cut_data("topics", table, text="text", label="label", trusted="checked", dev=0.2, test_size=0.2)
    every = int(data.train.trusted.sum())
    assert not data.dev.trusted.any()
    assert (
        f"{every} of the {len(data.train) + len(data.dev)} rows to train on and to choose by are trusted" in data.notes
    )
    for seed in (0, 1):
        train, dev = data.of_seed(seed)
        assert (int(train.trusted.sum()), int(dev.trusted.sum()), len(dev)) == (every, 0, len(data.dev))
    plain = cut_data("topics", table, text="text", label="label", dev=0.2, test_size=0.2)
    assert plain.fingerprint != data.fingerprint


def test_compare_reads_the_column_and_names_the_methods_that_make_nothing_of_it(tmp_path):
    table = rows(checked=[i % 4 == 0 for i in range(60)])
    choice = {"text": "text", "label": "label", "seeds": 1, "controls": False, "jobs": 1, "epochs": None}
    found = sfumato.compare(table, methods=("baseline", "adaptive-fast"), trusted="checked", **choice)
    assert not found.failed
    assert any("rows to train on and to choose by are trusted" in note for note in found.notes)
    assert any(note.startswith("baseline: trusted rows are rows as the others") for note in found.notes)
    plain = sfumato.compare(table, methods=("baseline",), **choice)
    assert not any("trusted" in note for note in plain.notes)


def test_the_command_compare_takes_the_column(tmp_path, capsys):
    path = tmp_path / "topics.csv"
    columns = rows(checked=[i % 4 == 0 for i in range(60)])
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    given = ["compare", str(path), "--methods", "baseline", "--seeds", "1", "--no-controls", "--jobs", "1", "--json"]
    app([*given, "--trusted-column", "checked"], standalone_mode=False)
    assert any("are trusted" in note for note in json.loads(capsys.readouterr().out)["notes"])
