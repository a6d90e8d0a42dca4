"""Every set of the catalogue that the real data folder has: the counts, classes and leaks that its cards tell."""

import os
from pathlib import Path

import numpy as np
import pytest

from sfumato.datasets import catalog, load
from sfumato.datasets.load import NOT_LOADED, count_rows
from sfumato.datasets.place import find

pytestmark = pytest.mark.data

# CARD-en.md and CARD-zh.md: distinct texts that are in train and test.
LEAKED = {"imdb": 123, "trec": 10, "thucnews-titles": 67}
# Test rows whose text is in train or dev, counted with plain loops over sets of texts.
ROWS = {
    "imdb": 123,
    "trec": 10,
    "thucnews-titles": 77,
    "emobank": 19,
    "sst5": 2,
    "reuters_r52_raw": 1,
    "reuters_r8_raw": 1,
    "goemotions": 42,
    "reuters21578_modapte90": 4,
}
ROWS |= {"yelp_sentences_noisy": 13350}
EMPTY = {"fdcnews": 1}  # documents without a character


@pytest.mark.parametrize("name", [name for name, known in catalog().items() if known.task not in NOT_LOADED])
def test_counts_classes_and_leaks_are_those_of_the_cards(name: str, data_folder: Path) -> None:
    known = catalog()[name]
    if find(known, data_folder).path is None:
        pytest.skip(f"the data folder has no {known.file}")
    loaded = load(name, data=data_folder)
    assert sum(map(len, loaded.splits.values())) + EMPTY.get(name, 0) == sum(known.here.values())
    if name not in EMPTY:
        assert {split: len(part) for split, part in loaded.splits.items()} == dict(known.here)
    assert len(loaded.classes) == known.classes
    assert len(loaded.leaked) == ROWS.get(name, 0)
    if name in LEAKED:
        test = loaded.splits["test"].inputs
        assert len({test[k] for k in loaded.leaked.tolist()} & set(loaded.splits["train"].inputs)) == LEAKED[name]
    assert loaded.partial == known.partial
    for part in loaded.splits.values():
        assert len(np.unique(part.ids)) == len(part)
        assert (part.votes is not None) == (known.task == "votes")
        assert part.votes is None or (part.votes.sum(axis=1) >= 1).all()


@pytest.mark.parametrize("name", [name for name, known in catalog().items() if known.task in NOT_LOADED])
def test_sets_that_are_not_loaded_have_the_rows_that_the_catalogue_tells(name: str, data_folder: Path) -> None:
    import polars as pl

    known = catalog()[name]
    path = find(known, data_folder).path
    if path is None:
        pytest.skip(f"the data folder has no {known.file}")
    assert count_rows(known, path) == dict(known.here)
    if known.label:
        assert pl.read_parquet(path, columns=[known.label])[known.label].explode().n_unique() == known.classes


@pytest.mark.parametrize(
    ("name", "label", "classes"),
    [("trec", "label_coarse", 6), ("imdb", "rating", 8), ("yelp_review5", "category", 10), ("emobank", "valence", 3)],
)
def test_further_labels_have_the_classes_of_the_cards(name: str, label: str, classes: int, data_folder: Path) -> None:
    assert catalog()[name].num_classes(label) == classes
    assert len(load(name, data=data_folder, label=label).classes) == classes


def test_valence_is_about_a_third_each(data_folder: Path) -> None:
    splits = load("emobank", data=data_folder, label="valence").splits
    shares = np.bincount(np.concatenate([part.labels for part in splits.values()])) / 10062
    np.testing.assert_allclose(shares, [0.368, 0.260, 0.371], atol=0.001)  # counted in the column V


def test_labels_are_the_majority_of_the_votes_in_chaosnli_and_emobank(data_folder: Path) -> None:
    for name in ("chaosnli", "emobank"):
        for part in load(name, data=data_folder).splits.values():
            assert part.votes is not None
            assert (part.votes[np.arange(len(part)), part.labels] == part.votes.max(axis=1)).all()


def test_every_folder_of_sets_is_in_the_catalogue(data_folder: Path) -> None:
    vectors = {"word_vectors", "zh-vectors", "lexicon_ppdb_xl", "lexicon_wordnet"}
    known = {entry.file.split("/")[0] for entry in catalog().values()}
    assert {name for name in os.listdir(data_folder) if (data_folder / name).is_dir()} - vectors <= known
