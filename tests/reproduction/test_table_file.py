import re

import pytest

from sfumato import InputError
from sfumato.reproduction.table_file import read_table_file, table_names
from tests.reproduction.tables import TOML, table


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


WRONG = [
    ('title = "Accuracy', "titel = 1\n" + 'title = "Accuracy', "the file has no key 'titel' (did you mean 'title'?)"),
    ('"hard"\nown', '"hrad"\nown', "baseline names 'hrad', which is not in [methods] (did you mean 'hard'?)"),
    ('kind = "folds"', 'kind = "fold"', "kind of repeats must be one of seeds, folds, splits, got 'fold'"),
    ("number = 3", "number = 0", "number of repeats must be a whole number of at least 1, got 0"),
    ('"LS .3"] }', '"LS .4"] }', "best_of names 'LS .4'"),
    ('settings = ["rare"]', 'settings = ["rara"]', "block 2 names 'rara', which is not in [settings]"),
    ('models = ["L", "BERT"]', 'models = ["LL"]', "scale small names 'LL', which is not in [models]"),
    ("L = [80.0, 85.0]", "L = [80.0]", "published 'News, noise', 'L' needs 2 numbers"),
    ("rate = 0.2", "rote = 0.2", "damage of setting 'noise': symmetric-noise has no option 'rote'"),
    ("rows = 120", "rows = -1", "rows of scale small must be a whole number of at least 1"),
    ('[published.cells."News"]', '[published.cells."Nows"]', "published names 'Nows', which the table has not"),
    ('"paired-t"', '"t"', "own_test must be one of paired-t, corrected-t"),
    ('[[blocks]]\nsettings = [""', '[[blocks]]\nsetings = [""', "block 1 has no key 'setings'"),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG, ids=[said[:40] for *_, said in WRONG])
def test_a_file_with_a_mistake_is_refused_in_words(old, new, said):
    assert old in TOML
    with pytest.raises(InputError, match=re.escape(said)):
        table(TOML.replace(old, new, 1))


def test_an_unknown_table_and_a_file_that_is_not_there_are_said(tmp_path):
    with pytest.raises(InputError, match="did you mean 'kwls-table-2'"):
        read_table_file("kwls-tabel-2")
    with pytest.raises(InputError, match="there is no file"):
        read_table_file(tmp_path / "own.toml")
    (tmp_path / "own.toml").write_text("title = ", encoding="utf-8")
    with pytest.raises(InputError, match="is not TOML"):
        read_table_file(tmp_path / "own.toml")
