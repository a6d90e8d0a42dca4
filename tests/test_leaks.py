"""Texts of a test split that stand in training too."""

import numpy as np
import polars as pl
import pytest

from sfumato.leaks import leaked_rows


def test_the_rows_of_test_whose_text_is_in_training_are_found_each_time():
    test = ["a", "b", "a ", "A", "c", "b", ""]
    assert leaked_rows(test, ["b", "a", "d"]).tolist() == [0, 1, 5]
    assert leaked_rows(test, [""]).tolist() == [6]
    assert leaked_rows(test, []).tolist() == leaked_rows([], test).tolist() == []
    assert leaked_rows([], []).dtype == np.int64


def test_the_order_of_training_and_its_repeats_make_no_difference():
    assert leaked_rows(["x", "y"], ["y", "z", "y"]).tolist() == leaked_rows(["x", "y"], ["z", "y"]).tolist() == [1]


def test_lists_of_tokens_and_pictures_are_compared_by_what_they_hold():
    assert leaked_rows([["a", "b"], ("a", "c")], [("a", "b"), ["c", "a"]]).tolist() == [0]
    black, white = np.zeros((2, 3), np.uint8), np.full((2, 3), 255, np.uint8)
    assert leaked_rows([black, white], np.stack([white, white])).tolist() == [1]
    assert leaked_rows([black], [np.zeros((3, 2), np.uint8)]).tolist() == []


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "rows", "distinct"), [("imdb", 123, 123), ("trec", 10, 10), ("thucnews-titles", 72, 67)]
)
def test_the_leaks_of_the_published_splits_are_counted(data_folder, name, rows, distinct):
    table = pl.read_parquet(data_folder / name / f"{name}.parquet", columns=["text", "split"])
    train, test = (table.filter(pl.col("split") == part)["text"].to_list() for part in ("train", "test"))
    found = leaked_rows(test, train)
    assert len(found) == rows
    assert len({test[row] for row in found}) == distinct
