"""The Hugging Face hub, with its library's `load_dataset` replaced: no test touches the network."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sfumato.datasets import entry, load
from sfumato.errors import InputError

hub = pytest.importorskip("datasets")


class Calls(list[Any]):
    """What was asked of the hub, and what it answers."""

    answer: Any = None


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls = Calls()

    def answered(name: str, revision: str | None = None) -> Any:
        calls.append((name, revision))
        if isinstance(calls.answer, Exception):
            raise calls.answer
        return calls.answer

    monkeypatch.setattr(hub, "load_dataset", answered)
    return calls


def part(names: list[str], **columns: list[Any]) -> Any:
    label = next(name for name in columns if "label" in name)
    given = hub.Dataset.from_dict(columns)
    return given.cast_column(label, hub.ClassLabel(names=names))


def test_a_set_that_is_asked_for_there_comes_from_the_hub_at_its_revision(asked: Calls) -> None:
    train = part(["neg", "pos"], text=["bad", "good", "", "unlabelled"], label=[0, 1, 1, -1])
    asked.answer = {"train": train, "test": part(["neg", "pos"], text=["good"], label=[1])}
    loaded = load("imdb", data="hub")
    assert asked == [("stanfordnlp/imdb", entry("imdb").revision)]
    assert loaded.where == "stanfordnlp/imdb"
    assert loaded.classes == ("negative", "positive")  # our names, the same as in a folder
    assert loaded.splits["train"].inputs == ["bad", "good"]
    assert loaded.splits["train"].labels.tolist() == [0, 1]
    assert loaded.splits["train"].ids.tolist() == [0, 1]
    assert loaded.splits["test"].ids.tolist() == [4]
    assert loaded.leaked.tolist() == [0]
    assert any(f"stanfordnlp/imdb, revision {entry('imdb').revision}" in note for note in loaded.notes)
    assert "train: 2 of 4 rows have no text or no label and are left out" in loaded.notes
    assert "train has 2 rows, 25,000 were published" in loaded.notes


def test_the_hub_is_never_asked_where_a_folder_has_the_set(asked: Calls, questions: Path) -> None:
    load("trec", data=questions)
    assert asked == []


def test_the_hub_is_never_asked_unless_it_is_named(
    asked: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = (
        r"imdb \(imdb/imdb.parquet\) is not where it was looked for: .*; give the right folder with data= "
        r"\(--data\) or SFUMATO_DATA, or data='hub' \(--data hub\) to fetch stanfordnlp/imdb"
    )
    for folder in (tmp_path, None):
        with pytest.raises(InputError, match=said):
            load("imdb", data=folder)
    for named in (tmp_path, tmp_path / "nowhere"):
        monkeypatch.setenv("SFUMATO_DATA", str(named))
        with pytest.raises(InputError, match=said):
            load("imdb")
    assert asked == []


def test_what_the_users_folder_has_is_not_fetched(
    asked: Calls, questions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFUMATO_DATA", str(questions))
    assert load("trec", data="hub").where.endswith("trec.parquet")
    asked.answer = {"train": part(["neg", "pos"], text=["bad"], label=[0])}
    assert load("imdb", data="hub").where == "stanfordnlp/imdb"
    assert [name for name, _ in asked] == ["stanfordnlp/imdb"]


def test_columns_are_joined_and_class_names_are_the_hubs_where_they_agree(asked: Calls) -> None:
    rows = part(["Company", "Film"], label=[1, 0], title=["Alien", "Acme"], content=["a film", None])
    asked.answer = {"train": rows, "test": rows}
    loaded = load("dbpedia14", data="hub")
    assert loaded.splits["train"].inputs == ["Alien a film", "Acme "]
    assert loaded.classes == ("Company", "Film")


def test_another_label_and_validation_are_found_by_the_names_of_the_hub(asked: Calls) -> None:
    columns = {"text": ["Who ?", "Where ?"], "coarse_label": ["HUM", "LOC"], "fine_label": ["HUM:ind", "LOC:other"]}
    asked.answer = {"train": hub.Dataset.from_dict(columns)}
    assert load("trec", data="hub", label="label_coarse").classes == ("HUM", "LOC")
    assert load("trec", data="hub").classes == ("HUM:ind", "LOC:other")
    columns = {"text": ["a", "b"], "label_text": ["neutral", "positive"]}
    asked.answer = {name: hub.Dataset.from_dict(columns) for name in ("train", "validation", "test")}
    assert list(load("sst5", data="hub").splits) == ["train", "dev", "test"]


def test_images_of_the_hub_become_one_array(asked: Calls) -> None:
    images = [np.full((28, 28), value, dtype=np.uint8) for value in (0, 255)]
    rows = hub.Dataset.from_dict(
        {"image": [image.tolist() for image in images], "label": [3, 7]},
        features=hub.Features(
            {"image": hub.Array2D((28, 28), "uint8"), "label": hub.ClassLabel(names=list("0123456789"))}
        ),
    )
    asked.answer = {"train": rows, "test": rows}
    loaded = load("mnist", data="hub")
    np.testing.assert_array_equal(np.asarray(loaded.splits["train"].inputs), np.stack(images))
    assert [loaded.classes[k] for k in loaded.splits["train"].labels] == ["3", "7"]


def test_a_whole_set_is_not_called_partial(asked: Calls) -> None:
    asked.answer = {"train": part(["joy"], text=["a"], label=[0])}
    with pytest.raises(InputError, match="isear cannot be fetched: the catalogue knows no place of isear"):
        load("isear", data="hub")  # not on the hub
    names = ["World", "Sports", "Business", "Sci/Tech"]
    train = part(names, text=["t"] * 120000, label=[0, 1, 2, 3] * 30000)
    asked.answer = {"train": train, "test": part(names, text=["u"] * 7600, label=[0] * 7600)}
    loaded = load("ag_news", data="hub")
    assert loaded.partial == ""
    assert loaded.classes == ("Business", "Sci/Tech", "Sports", "World")


def test_what_the_hub_cannot_give_is_said_in_words(asked: Calls) -> None:
    asked.answer = ConnectionError("no route to the hub\nTraceback")
    with pytest.raises(InputError, match=r"stanfordnlp/imdb could not be read .*\(no route to the hub\); give a copy"):
        load("imdb", data="hub")
    asked.answer = {"train": part(["a"], words=["x"], label=[0])}
    with pytest.raises(InputError, match="has no column 'text'; it has: words, label"):
        load("imdb", data="hub")
    asked.answer = {"unsupervised": part(["a"], text=["x"], label=[0])}
    with pytest.raises(InputError, match="has no split train, validation or test"):
        load("imdb", data="hub")
    asked.clear()
    with pytest.raises(InputError, match="stanfordnlp/imdb on the Hugging Face hub has no label 'rating'"):
        load("imdb", data="hub", label="rating")
    with pytest.raises(InputError, match="tdavidson/hate_speech_offensive on the Hugging Face hub is not read"):
        load("hate_offensive_davidson", data="hub")
    assert asked == []


def test_without_the_hubs_library_the_error_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for data in ("hub", None):
        with pytest.raises(InputError, match=r"pip install 'sfumato\[hf\]'"):
            load("imdb", data=data)
