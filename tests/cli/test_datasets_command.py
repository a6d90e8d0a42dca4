"""`sfumato datasets`: the list, one set, and where each would be read from."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sfumato.datasets import catalog

Command = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SFUMATO_DATA", raising=False)
    path = tmp_path / "sets" / "trec" / "trec.parquet"
    path.parent.mkdir(parents=True)
    pl.DataFrame({"text": ["a"], "label": ["x"], "split": ["train"]}).write_parquet(path)
    return tmp_path / "sets"


def test_the_list_tells_where_each_set_is(folder: Path, sfumato: Command) -> None:
    listed = sfumato("datasets", "--data", folder)
    assert listed.code == 0
    lines = {line.split()[0]: line for line in listed.out.splitlines()}
    assert list(lines) == ["data", *catalog()]  # the header is "data set"
    assert " here " in lines["trec"]
    assert " absent " in lines["isear"]
    assert "15,172 of 120,000" in lines["ag_news"]
    assert listed.out.splitlines()[0].split()[-2:] == ["hub", "title"]
    assert " stanfordnlp/imdb " in lines["imdb"]
    assert lines["imdb"].split()[4] == "hub"  # the folder has it not, --data hub would fetch it
    assert lines["trec"].endswith("TREC question types")
    given = json.loads(sfumato("datasets", "--json").out)
    library = "absent" if find_spec("datasets") is None else "hub"
    assert {each["name"]: each["where"] for each in given}["imdb"] == library
    assert [each["name"] for each in given] == list(catalog())
    where = {each["name"]: each["where"] for each in given}
    assert where["trec"] != "here"
    assert where["wos46985"] == where["goemotions"] == "absent"


def test_a_variable_that_names_no_folder_is_said_once(
    folder: Path, sfumato: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFUMATO_DATA", str(folder / "nowhere"))
    listed = sfumato("datasets")
    assert listed.code == 0
    assert listed.err == f"note: SFUMATO_DATA={folder / 'nowhere'}: there is no such folder\n"
    monkeypatch.setenv("SFUMATO_DATA", str(folder))
    assert sfumato("datasets").err == ""


def test_one_set_is_shown_with_its_source_and_terms(folder: Path, sfumato: Command) -> None:
    shown = sfumato("datasets", "emobank")
    assert shown.code == 0
    for part in ("Buechel", "CC BY-SA 4.0", "train 8,062, dev 1,000, test 1,000", "label 5, valence 3", "absent"):
        assert part in shown.out
    one = json.loads(sfumato("datasets", "trec", "--data", folder, "--json").out)
    assert one["path"] == str(folder / "trec" / "trec.parquet")
    assert one["where"] == "here"
    assert json.loads(sfumato("datasets", "squad", "--json").out)["hub"]["revision"] == "not pinned"


def test_an_unknown_set_and_an_unknown_folder_are_wrong_use(folder: Path, sfumato: Command) -> None:
    refused = sfumato("datasets", "trek")
    assert refused.code == 2
    assert "did you mean 'trec'?" in refused.err
    refused = sfumato("datasets", "--data", folder / "nowhere")
    assert refused.code == 2
    assert "there is no file or folder" in refused.err
