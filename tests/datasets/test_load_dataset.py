"""Loading from a folder or a file: splits, classes, labels, votes, leaked rows, and every way it can fail."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import sfumato
from sfumato.datasets import load
from sfumato.errors import InputError

Write = Callable[..., Path]


def test_splits_share_their_classes_and_keep_the_rows_of_the_file(questions: Path) -> None:
    loaded = sfumato.load_dataset("trec", data=questions)
    assert list(loaded.splits) == ["train", "test"]
    assert loaded.classes == ("DESC:reason", "HUM:ind", "LOC:other", "NUM:count")
    assert {part.classes for part in loaded.splits.values()} == {loaded.classes}
    train, test = loaded.splits["train"], loaded.splits["test"]
    assert train.inputs == ["Who wrote it ?", "Where is it ?", "How many ?", "Why ?"]
    assert [loaded.classes[k] for k in test.labels] == ["HUM:ind", "LOC:other"]
    assert train.ids.tolist() == [0, 1, 2, 4]
    assert test.ids.tolist() == [3, 5]
    assert train.votes is None
    assert loaded.where == str(questions / "trec" / "trec.parquet")


def test_differing_counts_and_classes_are_said_and_nothing_is_refused(questions: Path) -> None:
    notes = load("trec", data=questions).notes
    assert "train has 4 rows, 5,452 were published" in notes
    assert "test has 2 rows, 500 were published" in notes
    assert "4 classes were found, 50 are known of 'label'" in notes


def test_leaked_are_the_test_rows_whose_text_is_in_train_and_no_others(questions: Path) -> None:
    loaded = load("trec", data=questions)
    assert loaded.leaked.tolist() == [0]
    assert "leaked: of 2 test rows 1 (1 distinct) are in train too" in loaded.notes


def test_leaks_into_dev_count_and_repeated_texts_are_counted_once_as_distinct(write: Write) -> None:
    folder = write(
        "sst5",
        text=["a", "b", "c", "c", "a ", "b"],
        label=["negative"] * 3 + ["positive"] * 3,
        split=["train", "validation", "train", "test", "test", "test"],
    )
    loaded = load("sst5", data=folder)
    assert loaded.leaked.tolist() == [0, 2]  # "a " is another text
    assert loaded.notes[-1] == "leaked: of 3 test rows 1 (1 distinct) are in train too, 1 (1 distinct) are in dev too"
    folder = write("sst5", text=["c", "c", "c", "d"], label=list("aabb"), split=["train", "test", "test", "test"])
    loaded = load("sst5", data=folder)
    assert loaded.leaked.tolist() == [0, 1]
    assert loaded.notes[-1] == "leaked: of 3 test rows 2 (1 distinct) are in train too"


def test_another_label_column_is_learned_when_asked_for(questions: Path) -> None:
    assert load("trec", data=questions, label="label_coarse").classes == ("DESC", "HUM", "LOC", "NUM")
    with pytest.raises(InputError, match="trec has no label 'label_corse' \\(did you mean 'label_coarse'\\?\\)"):
        load("trec", data=questions, label="label_corse")


def test_a_single_split_is_train_also_where_the_file_calls_it_otherwise(write: Write) -> None:
    folder = write("bbc_news", text=["one", "two"], label=["sport", "tech"], split=["train"] * 2)
    loaded = load("bbc_news", data=folder)
    assert list(loaded.splits) == ["train"]
    assert len(loaded.leaked) == 0
    folder = write("bbc_news", text=["one", "two"], label=["sport", "tech"])
    assert list(load("bbc_news", data=folder).splits) == ["train"]
    folder = write(
        "yelp_review5", text=["one", "two"], label=["1", "5"], category=["a", "b"], split=["validation", "test"]
    )
    loaded = load("yelp_review5", data=folder)
    assert loaded.splits["train"].inputs == ["one"]
    assert loaded.splits["test"].inputs == ["two"]


def test_partial_is_said_of_the_partial_copy_and_not_of_the_whole_set(write: Write) -> None:
    whole = [["t"] * 7666, ["joy", "fear"] * 3833]
    folder = write("isear", text=whole[0], label=whole[1], split=["train"] * 7666)
    assert load("isear", data=folder).partial == ""
    assert not any("partial" in note for note in load("isear", data=folder).notes)
    folder = write("isear", text=whole[0][:7413], label=whole[1][:7413], split=["train"] * 7413)
    loaded = load("isear", data=folder)
    assert "253 of 7,666" in loaded.partial
    assert loaded.notes[0] == f"partial: {loaded.partial}"


def test_empty_texts_and_absent_labels_are_left_out_and_counted(write: Write) -> None:
    folder = write(
        "mr",
        text=["good", " \n", "bad", "fine"],
        label=["positive", "positive", None, "negative"],
        split=["train"] * 3 + ["test"],
    )
    loaded = load("mr", data=folder)
    assert loaded.splits["train"].inputs == ["good"]
    assert "train: 2 of 3 rows have no text or no label and are left out" in loaded.notes


def test_rows_of_unknown_splits_are_not_used_and_said(write: Write) -> None:
    folder = write(
        "imdb", text=["a", "b", "c"], label=["positive", "negative", "positive"], split=["train", "test", "more"]
    )
    loaded = load("imdb", data=folder)
    assert list(loaded.splits) == ["train", "test"]
    assert "1 rows of the split 'more' are not used" in loaded.notes


def test_only_the_rows_of_a_subset_are_read(write: Write) -> None:
    file = "financial_phrasebank/financial_phrasebank.parquet"
    columns = {"label": ["neutral", "positive"], "min_agreement": ["100", "50"], "split": ["train"] * 2}
    folder = write("financial_phrasebank", file, text=["a", "b"], **columns)
    assert load("financial_phrasebank", data=folder).splits["train"].inputs == ["a", "b"]
    assert load("financial_phrasebank_all_agree", data=folder).splits["train"].inputs == ["a"]


def test_valence_is_below_at_or_above_the_neutral_point(write: Write) -> None:
    folder = write(
        "emobank",
        text=["a", "b", "c", "d"],
        label=["3", "3", "3", "4"],
        V=[2.99, 3.0, 3.01, 4.0],
        reader_V_votes=[[0, 1, 4, 0, 0], [0, 0, 5, 0, 0], [0, 0, 4, 1, 0], [0, 0, 0, 5, 0]],
        split=["train", "train", "validation", "test"],
    )
    loaded = load("emobank", data=folder, label="valence")
    assert loaded.classes == ("negative", "neutral", "positive")
    assert [part.labels.tolist() for part in loaded.splits.values()] == [[0, 1], [2], [2]]
    assert loaded.splits["train"].votes is None


def test_votes_are_counted_in_the_order_of_the_classes(write: Write) -> None:
    """Counts a class, a list of counts, and a list of ratings, each against counting by hand."""
    folder = write(
        "chaosnli",
        text=["a", "b"],
        label=["neutral", "entailment"],
        votes_entailment=[10, 90],
        votes_neutral=[70, 4],
        votes_contradiction=[20, 6],
        split=["test"] * 2,
    )
    train = load("chaosnli", data=folder).splits["train"]
    assert train.classes == ("contradiction", "entailment", "neutral")
    assert train.votes is not None
    assert train.votes.tolist() == [[20, 10, 70], [6, 90, 4]]
    votes = {"reader_V_votes": [[0, 0, 2, 3, 0], [1, 0, 4, 0, 0]], "V": [3.6, 2.6]}
    folder = write("emobank", text=["a", "b"], label=["4", "3"], split=["train", "test"], **votes)
    splits = load("emobank", data=folder).splits
    assert splits["train"].classes == ("1", "2", "3", "4", "5")  # also those that are no label here
    assert [part.votes.tolist() for part in splits.values() if part.votes is not None] == [
        [[0, 0, 2, 3, 0]],
        [[1, 0, 4, 0, 0]],
    ]
    ratings = [[1, 0, -1], [-3, -2, 1, -1]]
    folder = write(
        "convabuse", text=["a", "b"], label=["not_abusive", "abusive"], annotations=ratings, split=["train"] * 2
    )
    train = load("convabuse", data=folder).splits["train"]
    assert train.classes == ("abusive", "not_abusive")
    assert train.votes is not None
    assert train.votes.tolist() == [[sum(r < 0 for r in row), sum(r >= 0 for r in row)] for row in ratings]


def test_a_file_and_the_folder_of_one_set_are_taken_as_data(questions: Path) -> None:
    for data in (questions / "trec", questions / "trec" / "trec.parquet", str(questions)):
        assert len(load("trec", data=data).splits["train"]) == 4


def test_data_comes_before_the_variable_and_the_variable_is_used_where_data_lacks_the_set(
    questions: Path, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other" / "trec"
    other.mkdir(parents=True)
    pl.read_parquet(questions / "trec" / "trec.parquet").head(4).write_parquet(other / "trec.parquet")
    monkeypatch.setenv("SFUMATO_DATA", str(other.parent))
    assert len(load("trec", data=questions).splits["train"]) == 4
    assert len(load("trec").splits["train"]) == 3
    assert not any("data=" in note for note in load("trec").notes)
    (tmp_path / "empty").mkdir()
    loaded = load("trec", data=tmp_path / "empty")
    assert loaded.where == str(other / "trec.parquet")
    assert any("empty' has no trec/trec.parquet" in note for note in loaded.notes)


def test_a_set_that_is_nowhere_is_refused_with_the_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFUMATO_DATA", str(tmp_path))
    with pytest.raises(
        InputError, match=r"data= .* is not given; SFUMATO_DATA=.* has no wos46985/.*; give the right folder"
    ):
        load("wos46985")
    monkeypatch.setenv("SFUMATO_DATA", str(tmp_path / "nowhere"))
    said = r"SFUMATO_DATA=.*nowhere: there is no such folder"
    with pytest.raises(InputError, match=said):
        load("wos46985")
    monkeypatch.delenv("SFUMATO_DATA")
    with pytest.raises(InputError, match=r"data= .*; .*is not set; .* no place of wos46985 on the Hugging Face hub"):
        load("wos46985")
    with pytest.raises(InputError, match=r"has no wos46985/.*; the environment variable SFUMATO_DATA is not set; "):
        load("wos46985", data=tmp_path)
    with pytest.raises(InputError, match=r"there is no file or folder .*nowhere"):
        load("wos46985", data=tmp_path / "nowhere")


def test_sets_without_labels_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"selqa is for retrieval.*sfumato datasets selqa"):
        load("selqa", data=tmp_path)


def test_a_set_of_several_labels_a_row_is_multi_label(write: Write) -> None:
    labels = [["joy", "love"], [], ["anger"], None, ["joy"]]
    split = ["train", "train", "validation", "train", "test"]
    loaded = load("goemotions", data=write("goemotions", text=list("abcde"), labels=labels, split=split))
    assert loaded.classes == ("anger", "joy", "love")
    assert {part.multilabel for part in loaded.splits.values()} == {True}
    assert loaded.splits["train"].labels.tolist() == [[0, 1, 1], [0, 0, 0]]
    assert loaded.splits["train"].ids.tolist() == [0, 1]
    assert loaded.splits["dev"].labels.tolist() == [[1, 0, 0]]
    assert loaded.splits["test"].labels.tolist() == [[0, 1, 0]]
    assert "train: 1 of 3 rows have no text or no label and are left out" in loaded.notes
    plain = write("goemotions", text=["a"], labels=["joy"], split=["train"])
    with pytest.raises(InputError, match="'labels' of goemotions must hold lists of labels"):
        load("goemotions", data=plain)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "rows", "classes"),
    [("goemotions", (43410, 5426, 5427), 28), ("reuters21578_modapte90", (7770, 3019), 90)],
)
def test_the_real_multi_label_sets_are_whole(name: str, rows: tuple[int, ...], classes: int, data_folder: Path) -> None:
    loaded = load(name, data=data_folder)
    assert tuple(len(part) for part in loaded.splits.values()) == rows
    assert len(loaded.classes) == classes
    assert loaded.splits["train"].multilabel
    assert loaded.splits["train"].labels.sum(axis=0).min() >= 1


def test_files_that_are_not_the_set_are_refused(write: Write, tmp_path: Path) -> None:
    folder = write("trec", txt=["a"], label=["x"], label_coarse=["x"], split=["train"])
    with pytest.raises(InputError, match="has no column 'text' \\(did you mean 'txt'\\?\\); it has: txt, label"):
        load("trec", data=folder)
    folder = write("trec", text=["a"], label=["x"], label_coarse=["x"])
    with pytest.raises(InputError, match="has no column 'split', and trec has several: train, test"):
        load("trec", data=folder)
    folder = write("trec", text=["a"], label=["x"], split=["unsupervised"])
    with pytest.raises(InputError, match="has no rows of the splits of trec: train, test"):
        load("trec", data=folder)
    (folder / "trec" / "trec.parquet").write_bytes(b"text,label\na,b\n")
    with pytest.raises(InputError, match="is no whole Parquet file"):
        load("trec", data=folder)


def write_idx(folder: Path, prefix: str, images: np.ndarray, labels: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        head = bytes((0, 0, 8, array.ndim)) + b"".join(size.to_bytes(4, "big") for size in array.shape)
        (folder / f"{prefix}-{name}-ubyte.gz").write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes()))


def test_images_are_read_with_the_names_of_their_classes(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (10, 28, 28), dtype=np.uint8)
    folder = tmp_path / "fashion_mnist"
    write_idx(folder, "train", images, np.arange(10))
    write_idx(folder, "t10k", images[[9, 0]] ^ np.array([[[1]], [[0]]], dtype=np.uint8), np.array([9, 0]))
    for data in (tmp_path, folder):
        loaded = load("fashion_mnist", data=data)
        assert loaded.classes[:2] == ("T-shirt/top", "Trouser")  # the published order, not the alphabet's
        assert loaded.splits["train"].labels.tolist() == list(range(10))
        np.testing.assert_array_equal(np.asarray(loaded.splits["train"].inputs), images)
        assert [loaded.classes[k] for k in loaded.splits["test"].labels] == ["Ankle boot", "T-shirt/top"]
        assert loaded.leaked.tolist() == [1]  # the first differs in one bit of each pixel
    with pytest.raises(InputError, match="is a file, and fashion_mnist is a folder of idx files"):
        load("fashion_mnist", data=folder / "train-images-idx3-ubyte.gz")
    write_idx(folder, "train", images, np.arange(1, 11))
    with pytest.raises(InputError, match="go up to 10, and fashion_mnist has 10 classes, from 0"):
        load("fashion_mnist", data=tmp_path)
