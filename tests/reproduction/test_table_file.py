import re
from pathlib import Path

import pytest

from sfumato import InputError
from sfumato.datasets import entry
from sfumato.reproduction.figures.options import OPTIONS
from sfumato.reproduction.planning import planned
from sfumato.reproduction.table_entries import SECTION_KEYS
from sfumato.reproduction.table_file import KEYS, read_table_file, table_names
from sfumato.reproduction.training_settings import TYPES
from tables import TOML, table


@pytest.mark.parametrize("name", table_names())
def test_every_table_that_comes_along_is_understood(name):
    found = read_table_file(name)
    assert found.title
    assert found.baseline in found.methods
    assert found.scale("smoke").rows == 200
    assert "small" in found.scales


def test_the_published_numbers_stand_by_place_model_and_method():
    published = table().published
    assert published.value("News", "L", "KWLS") == (90.0, 0.5)
    assert published.value("News, noise", "L", "hard") == (80.0, None)
    assert published.value("News, noise", "L", "LS .1") is None
    assert published.value("News", "CNN", "hard") is None


def test_another_view_has_the_runs_of_the_first_and_words_of_its_own():
    runs, view = read_table_file("kwls-table-5"), read_table_file("kwls-figure-1")
    assert view.runs_of == "kwls-table-5"
    assert view.methods == runs.methods
    assert view.figure["kind"] == "lines"
    assert view.title != runs.title


ROOT = Path(__file__).parents[2]
NAMED = {
    **SECTION_KEYS,
    "training": tuple(TYPES),
    "figure": ("kind", *(key for keys in OPTIONS.values() for key in keys)),
}


def described(section):
    """Return the keys in the first column of the table below a heading of the document, "" for the first table."""
    text = (ROOT / "docs" / "tables" / "README.md").read_text(encoding="utf-8").partition("| key |")
    parts = dict(re.findall(r"^### `\[?(\w+)\]?`\n(.*?)(?=^#|\Z)", text[2], re.MULTILINE | re.DOTALL))
    part = parts[section] if section else text[2].partition("###")[0]
    return set(re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in part.splitlines() if line[:1] == "|")))


def test_every_key_of_the_file_is_described():
    assert described("") == set(KEYS)


@pytest.mark.parametrize("section", NAMED)
def test_every_key_of_a_section_is_described_under_its_heading_and_no_other(section):
    titles = {"data", "settings", "models", "methods"} if section in ("scale", "figure") else set()
    assert described(section) == set(NAMED[section]) | titles


WRONG = [
    ('title = "Accuracy', "titel = 1\n" + 'title = "Accuracy', "the file has no key 'titel' (did you mean 'title'?)"),
    ('"hard"\nown', '"hrad"\nown', "baseline names 'hrad', which is not in [methods] (did you mean 'hard'?)"),
    ('kind = "folds"', 'kind = "fold"', "kind of repeats must be one of seeds, folds, splits, got 'fold'"),
    ("number = 3", "number = 0", "number of repeats must be a whole number of at least 1, got 0"),
    ('"LS .3"] }', '"LS .4"] }', "best_of names 'LS .4'"),
    ('"LS .3"] }', '"LS .3"], clearly = 1 }', "clearly of 'best LS' must be true or false, got 1"),
    ('"LS .3"] }', '"LS .3"], clearly = true }', 'a row needs measures = ["dev-answers"]'),
    ('settings = ["rare"]', 'settings = ["rara"]', "block 2 names 'rara', which is not in [settings]"),
    ('models = ["L", "BERT"]', 'models = ["LL"]', "scale small names 'LL', which is not in [models]"),
    ("L = [80.0, 85.0]", "L = [80.0]", "published 'News, noise', 'L' needs 2 numbers"),
    ("rate = 0.2", "rote = 0.2", "damage of setting 'noise': symmetric-noise has no option 'rote'"),
    ("rows = 120", "rows = -1", "rows of scale small must be a whole number of at least 1"),
    ('[published.cells."News"]', '[published.cells."Nows"]', "published names 'Nows', which the table has not"),
    ('"paired-t"', '"t"', "own_test must be one of paired-t, corrected-t"),
    ('[[blocks]]\nsettings = [""', '[[blocks]]\nsetings = [""', "block 1 has no key 'setings'"),
    ('baseline = "hard"', 'baseline = ["hard"]', "baseline must be text, got ['hard']"),
    ('title = "Accuracy', 'controls = "no"\ntitle = "Accuracy', "controls must be true or false, got 'no'"),
    ('title = "Accuracy', 'measures = ["curvs"]\ntitle = "Accuracy', "measures must be one of curves, last-epoch"),
    ('title = "Accuracy', 'runs_of = "kwls-tabel-2"\ntitle = "Accuracy', "no table 'kwls-tabel-2' (did you mean"),
    ('title = "Accuracy', 'runs_of = 2\ntitle = "Accuracy', "runs_of must be text, got 2"),
    ('repeats = { kind = "folds", number = 3 }', "repeats = 3", "repeats must be written { kind = ... }, got 3"),
    ('name = "ag_news"', 'name = "ag_news", label = 3', "label of data 'News' must be text, got 3"),
    ("x = 20", 'x = "a"', "x of setting 'noise' must be a number, got 'a'"),
    ("each_class = true", "each_class = 1", "each_class of setting 'rare' must be true or false, got 1"),
    ('"textcnn"', '"textcnn", training = 3', "training of model 'CNN' must be written { epochs = 8 }, got 3"),
    ('"textcnn"', '"textcnn", training = { epoch = 3 }', "no setting 'epoch' (did you mean 'epochs'?)"),
    ("epochs = 2,", 'epochs = "many",', "epochs of the training of scale small must be a whole number of at least 1"),
    ("epochs = 2,", "lr = 1000,", "lr of the training of scale small must be a number from 1e-12 to 100, got 1000"),
    ("epochs = 2,", 'schedule = "liner",', "must be one of constant, linear, got 'liner' (did you mean 'linear'?)"),
    ("{ max_length = 8 }", '{ max_length = "x" }', "max_length of the training of 'L' in scale small must be a whole"),
    (", L = { max", ", LL = { max", "training of scale small has no setting 'LL'"),
    ("training = { epochs = 2, max_length = 16, L = { max_length = 8 } }", 'training = "x"', "got 'x'"),
    ("test_rows = 60", "repeats = 4", "repeats of scale small must be at most 3, the number of folds, got 4"),
    ("[90.0, 0.5]", "[90.0]", "published 'News', 'L', 'KWLS' must be a number, or [mean, deviation], got [90.0]"),
    ("L = [80.0, 85.0]", 'L = [80.0, "a"]', "published 'News, noise', 'L', 'KWLS' must be a number, got 'a'"),
    ("L = [80.0, 85.0]", 'L = "ab"', "published 'News, noise', 'L' needs 2 numbers, got 'ab'"),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG, ids=[said[:40] for *_, said in WRONG])
def test_a_file_with_a_mistake_is_refused_in_words(old, new, said):
    assert old in TOML
    with pytest.raises(InputError, match=re.escape(said)):
        table(TOML.replace(old, new, 1))


def test_as_many_repeats_as_folds_are_allowed_and_seeds_have_no_such_end():
    assert table(TOML.replace("test_rows = 60", "repeats = 3")).scale("small").repeats == 3
    seeds = TOML.replace('"folds", number = 3', '"seeds", number = 3').replace("test_rows = 60", "repeats = 4")
    assert table(seeds).scale("small").repeats == 4


def test_blocks_of_a_scale_are_checked_as_those_of_the_table():
    with pytest.raises(InputError, match=r"scale.small.block 1 names 'X', which is not in \[models\]"):
        table(TOML + '[[scale.small.blocks]]\nmodels = ["X"]\n')
    with pytest.raises(InputError, match=r"blocks must be written \[\[scale.small.blocks\]\], got 1"):
        table(TOML + "blocks = 1\n")


def test_blocks_that_are_no_tables_are_refused_in_words():
    without, _, rest = TOML.partition("[[blocks]]")
    text = without + rest[rest.index("[published]") :]
    for given, said in (("[1]", "block 1 must be written"), ("1", r"must be written \[\[blocks\]\]")):
        with pytest.raises(InputError, match=said):
            table(f"blocks = {given}\n{text}")


def test_training_settings_stay_as_they_are_written():
    text = TOML.replace('"textcnn"', '"textcnn", training = { lr = 1, optimizer = "sgd", patience = 2 }')
    assert table(text).models["CNN"].training == {"lr": 1, "optimizer": "sgd", "patience": 2}


def test_an_unknown_table_and_a_file_that_is_not_there_are_said(tmp_path):
    with pytest.raises(InputError, match="did you mean 'kwls-table-2'"):
        read_table_file("kwls-tabel-2")
    with pytest.raises(InputError, match="there is no file"):
        read_table_file(tmp_path / "own.toml")
    (tmp_path / "own.toml").write_text("title = ", encoding="utf-8")
    with pytest.raises(InputError, match="is not TOML"):
        read_table_file(tmp_path / "own.toml")


def test_no_table_of_random_splits_has_vectors_that_were_made_of_its_own_texts():
    """Else its heading would have to say that it is transductive."""
    for name in table_names():
        table = read_table_file(name)
        files = [choice.vectors for choice in table.data.values()]
        files += [model.options.get("vectors") for model in table.models.values()]
        made_of_these = [file for file in files if file is not None and "selftrained" in file]
        assert not made_of_these or "transductive" in table.title
    assert "transductive" in entry("fdcnews").about


def test_a_method_beside_another_is_joined_with_it_and_no_such_method_is_refused(tmp_path):
    table = read_table_file("imbalance-noise")
    methods = planned(table, scale="small").methods
    assert methods["adaptive"].name == "adaptive"
    assert methods["adaptive, logit-adjustment"].name == "adaptive+logit-adjustment"
    path = tmp_path / "wrong.toml"
    written = (ROOT / "sfumato" / "tables" / "imbalance-noise.toml").read_text(encoding="utf-8")
    path.write_text(written.replace('beside = "class-weights"', 'beside = "class-wait"'), encoding="utf-8")
    with pytest.raises(InputError, match=r"class-wait.*class-weights"):
        _ = planned(read_table_file(path), scale="small").methods
