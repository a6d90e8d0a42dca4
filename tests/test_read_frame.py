"""Columns of bytes: text where they are UTF-8, kept out of the way where they are not."""

import polars
import pytest

from sfumato.errors import InputError
from sfumato.read_frame import parquet_chunks
from sfumato.rows import join_tables
from sfumato.table import guess_columns, read_table

PICTURE = b"\x89PNG\xff"


def test_bytes_are_text_where_they_are_utf8():
    read = read_table({"text": ["café".encode(), b"two"], "label": ["a", "b"]})
    assert read.column("text") == ["café", "two"]
    assert (read.binary, read.notes) == ({}, ())


def test_other_bytes_are_counted_and_refused_only_when_they_are_used():
    read = read_table({"text": ["one", "two"], "label": ["a", "b"], "picture": [b"fine", PICTURE]})
    assert read.columns["picture"] == ["fine", "<5 bytes>"]
    assert "'picture' holds bytes" in read.notes[0]
    assert read.column("text") == ["one", "two"]
    with pytest.raises(InputError, match="column 'picture' holds bytes that are not UTF-8 text, the first in row 2"):
        read.column("picture")


def test_bytes_are_never_guessed_as_text_or_label():
    pictures = [PICTURE * 50] * 3 + [PICTURE] * 3
    read = read_table({"picture": pictures, "words": [f"some words {k}" for k in range(6)], "mood": list("abcabc")})
    assert guess_columns(read, None, None)[:2] == (["words"], "mood")
    pairs = read_table([("one", "a"), ("two",), (PICTURE, "b")], bad_rows="drop")
    with pytest.raises(InputError, match="first in row 3"):
        pairs.column("text")


def test_a_parquet_file_numbers_the_row_over_its_chunks(tmp_path):
    path = str(tmp_path / "a.parquet")
    values = [b"fine"] * 7 + [PICTURE] * 2
    polars.DataFrame({"text": list("abcdefghi"), "picture": values}).write_parquet(path)
    chunks = list(parquet_chunks(path, 4))
    assert [len(chunk) for chunk in chunks] == [4, 4, 1]
    joined = join_tables(chunks)
    assert (joined.binary, joined.rows) == ({"picture": 8}, list(range(1, 10)))
    assert len(joined.notes) == 1
