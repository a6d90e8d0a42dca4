import csv
import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from sfumato.errors import InputError
from sfumato.table import Table, guess_columns, read_table, stream_table, to_examples

DATA = os.environ.get("SFUMATO_DATA")


def write(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


def table(**columns: list[str]) -> Table:
    return Table(columns, "t.csv", list(range(2, 2 + len(next(iter(columns.values()))))), unit="line")


SAME = {"text": ["hello, world", "two\nlines"], "label": ["7", "01"]}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b'text,label\n"hello, world",7\n"two\nlines",01\n'),
        ("a.csv", b'\xef\xbb\xbftext,label\n"hello, world",7\n"two\nlines",01\n'),
        ("a.csv", b'text;label\r\nhello, world;7\r\n"two\nlines";01\r\n'),
        ("a.txt", b'text|label\nhello, world|7\n"two\nlines"|01\n'),
        ("a.tsv", b'text\tlabel\nhello, world\t7\n"two\nlines"\t01\n'),
        ("a.csv", 'text,label\n"hello, world",7\n"two\nlines",01\n'.encode("utf-16")),
        ("a.jsonl", b'{"text": "hello, world", "label": 7}\n\n{"label": "01", "text": "two\\nlines"}\n'),
        ("a", b'{"text": "hello, world", "label": 7}\n{"text": "two\\nlines", "label": "01"}'),
    ],
)
def test_the_same_table_is_read_from_every_form_of_text(tmp_path, name, content):
    read = read_table(write(tmp_path, name, content))
    assert read.columns == SAME
    assert len(read) == 2


def test_frames_parquet_and_lists_give_the_same_table(tmp_path):
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from datasets import Dataset

    pairs = list(zip(SAME["text"], SAME["label"], strict=True))
    pl.DataFrame(SAME).write_parquet(tmp_path / "a.parquet")
    forms = [
        SAME, pairs, [dict(zip(SAME, pair, strict=True)) for pair in pairs], tuple(SAME.values()), pd.DataFrame(SAME),
        pl.DataFrame(SAME), pa.table(SAME), Dataset.from_dict(SAME), tmp_path / "a.parquet",
    ]  # fmt: skip
    for form in forms:
        read = read_table(form)
        assert (read.columns, read.rows) == (SAME, [1, 2]), type(form)


def test_values_that_are_no_text_are_written_as_one_expects():
    import pandas as pd

    frame = pd.DataFrame({"text": ["a", None, "c"], "label": [7, None, 8], "share": [0.5, 1.0, float("nan")]})
    read = read_table(frame)
    assert read.columns == {"text": ["a", "", "c"], "label": ["7", "", "8"], "share": ["0.5", "1.0", ""]}
    assert read_table({"a": [True, None], "b": [[1, "é"], {"k": 2}]}).columns == {
        "a": ["true", ""],
        "b": ['[1, "é"]', '{"k": 2}'],
    }


def test_a_dataset_with_named_classes_gives_the_names_and_says_so():
    from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=["World", "Sports"])})
    dataset = Dataset.from_dict({"text": ["a", "b"], "label": [1, -1]}, features=features)
    read = read_table(dataset)
    assert read.column("label") == ["Sports", ""]
    assert "World, Sports" in read.notes[0]
    with pytest.raises(InputError, match="give one split of it: 'train'"):
        read_table(DatasetDict({"train": dataset}))


def test_json_numbers_stay_as_they_were_written(tmp_path):
    path = write(tmp_path, "a.jsonl", '{"v": 1.10, "w": [1, 2.0]}\n{"v": 123456789012345678901, "x": NaN}\n')
    assert read_table(path).columns == {
        "v": ["1.10", "123456789012345678901"],
        "w": ["[1, 2.0]", ""],
        "x": ["", ""],
    }


def test_rows_are_numbered_by_the_line_where_they_start(tmp_path):
    path = write(tmp_path, "a.csv", 'text,label\n"one\ntwo",x\n\nthree,y\n')
    assert read_table(path).rows == [2, 5]


def test_what_was_inferred_is_said_and_the_expected_is_not(tmp_path):
    assert read_table(write(tmp_path, "a.csv", "text,label\na,x\n")).notes == ()
    (note,) = read_table(write(tmp_path, "b.csv", "text;label\na;x\n")).notes
    assert "separated by a semicolon" in note
    read = read_table(write(tmp_path, "c.csv", '3,"Wall St."\n4,"Oil"\n'))
    assert read.columns == {"column 1": ["3", "4"], "column 2": ["Wall St.", "Oil"]}
    assert "has no header" in read.notes[0]


def test_quotation_marks_of_a_tab_file_that_quotes_nothing_join_no_lines(tmp_path):
    bare = 'text\tlabel\n"Great\tx\nno quote\ty\nfilm"\tz\n'
    read = read_table(write(tmp_path, "a.tsv", bare))
    assert read.columns == {"text": ['"Great', "no quote", 'film"'], "label": ["x", "y", "z"]}
    assert "part of the text" in read.notes[0]


def test_chinese_in_gb18030_is_read_and_other_encodings_are_not_taken_for_it(tmp_path):
    chinese = "text,label\n我们今天的天气很好，大家都出去了,天气\n这是一个很好的电影,电影\n"
    read = read_table(write(tmp_path, "a.csv", chinese.encode("gb18030")))
    assert read.column("label") == ["天气", "电影"]
    assert "GB18030" in read.notes[0]
    for text, encoding in (("été à la plage", "latin-1"), ("привет тема", "cp1251"), ("naïve Ærø", "cp1252")):
        path = write(tmp_path, "b.csv", f"text,label\nplain,x\n{text},y\n".encode(encoding))
        with pytest.raises(InputError, match=r"byte 0x.. at offset \d+ \(line 3\) is not UTF-8"):
            read_table(path)
        assert read_table(path, encoding=encoding).column("text") == ["plain", text]


def test_a_bad_byte_is_found_beyond_the_first_block(tmp_path):
    content = b"txt,label\n" + "é,x\n".encode() * 400_000 + b"\xff,y\n"  # the block of 1 MiB ends inside an é
    with pytest.raises(InputError, match=r"byte 0xff at offset 2000010 \(line 400002\)"):
        read_table(write(tmp_path, "a.csv", content))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b" \n\n", "is empty"),
        ("a.csv", b"text,label\n", "a header and no rows"),
        ("a.csv", b"text,label,text\na,b,c\n", r"names 'text' twice \(columns 1 and 3\)"),
        ("a.csv", b'text,label\nok,x\n"open,x\nmore,y\n', "starts at line 3 is never closed"),
        ("a.csv", b'text,label\nok,x\n"a"b,x\n', "starts at line 3 is broken"),
        ("a.csv", b"text,label\nok\0,x\n", "line 2 holds a NUL"),
        ("a.csv", "text,label\nok,x\n".encode("utf-16-le"), "UTF-16 without its mark"),
        ("a.csv", b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        ("a.csv", b"PK\x03\x04....", "an Excel workbook"),
        ("a.csv", b"PAR1....", "Parquet; name it .parquet"),
        ("a.csv", b'{"text": "a"}\n', "holds JSON"),
        ("a.csv", b"<!DOCTYPE html><html></html>", "HTML"),
        ("a.jsonl", b"text,label\na,x\n", "line 1 is not JSON"),
        ("a.json", b'[{"text": "a"}]', "one object a line"),
        ("a.parquet", b'{"text": "a"}\n', "named .parquet but holds something else"),
        ("a.parquet", b"PAR1 cut short", "not a whole Parquet file"),
    ],
)
def test_what_cannot_be_a_table_is_refused_in_words(tmp_path, name, content, said):
    path = write(tmp_path, name, content)
    with pytest.raises(InputError, match=said):
        read_table(path)
    with pytest.raises(InputError, match=said):
        list(stream_table(path))


def test_a_missing_file_and_a_missing_column_name_the_nearest(tmp_path):
    path = write(tmp_path, "tickets.csv", "text,label\na,x\n")
    with pytest.raises(InputError, match=r"no file .*tikets.csv \(did you mean .*tickets.csv"):
        read_table(tmp_path / "tikets.csv")
    with pytest.raises(InputError, match="is a folder"):
        read_table(tmp_path)
    with pytest.raises(InputError, match=r"no column 'txet' \(did you mean 'text'\?\); there are: text, label"):
        read_table(path).column("txet")


def test_rows_of_another_width_are_all_named_or_left_out_and_counted(tmp_path):
    path = write(tmp_path, "a.csv", "text,label\n" + "good,x\nbad\na,b,c\n" * 8)
    with pytest.raises(InputError) as caught:
        read_table(path)
    message = str(caught.value)
    assert "16 lines cannot be used" in message
    assert "line 3: 1 cell where the header has 2: 'bad'" in message
    assert "and 6 more: lines 18, 19, 21, 22, 24 and 25" in message
    read = read_table(path, bad_rows="drop")
    assert len(read) == 8
    assert [row.row for row in read.dropped[:3]] == [3, 4, 6]
    assert "16 of 24 rows left out" in read.notes[0]
    with pytest.raises(InputError, match="bad_rows must be"):
        read_table(path, bad_rows="ignore")


def test_a_broken_json_line_is_a_bad_row_when_others_are_whole(tmp_path):
    path = write(tmp_path, "a.jsonl", '{"text": "a"}\n[1]\n{"text": "\\ud83d"}\n{"te')
    with pytest.raises(InputError, match="3 lines cannot be used"):
        read_table(path)
    assert read_table(path, bad_rows="drop").columns == {"text": ["a"]}


def test_a_very_long_cell_is_read(tmp_path):
    path = write(tmp_path, "a.csv", f"text,label\n{'x' * 300_000},y\n")
    assert len(read_table(path).column("text")[0]) == 300_000


def test_a_stream_holds_the_same_rows_in_chunks(tmp_path):
    content = io.StringIO(newline="")
    csv.writer(content).writerows([["text", "label"], *([f"row\n{k}", str(k % 3)] for k in range(2500))])
    path = write(tmp_path, "a.csv", content.getvalue())
    whole = read_table(path)
    chunks = list(stream_table(path, chunk_rows=1000))
    assert [len(chunk) for chunk in chunks] == [1000, 1000, 500]
    assert [cell for chunk in chunks for cell in chunk.column("text")] == whole.column("text")
    assert [row for chunk in chunks for row in chunk.rows] == whole.rows


def test_a_parquet_stream_keeps_order_over_parts(tmp_path):
    import polars as pl

    pl.DataFrame({"n": range(120_000)}).write_parquet(tmp_path / "a.parquet", row_group_size=7000)
    chunks = list(stream_table(tmp_path / "a.parquet", chunk_rows=2000))
    assert max(len(chunk) for chunk in chunks) == 2000
    assert [int(cell) for chunk in chunks for cell in chunk.column("n")] == list(range(120_000))
    assert chunks[-1].rows[-1] == 120_000


def test_standard_input_is_read_like_a_file(monkeypatch):
    class Pipe:
        def __init__(self, content: bytes) -> None:
            self.buffer = io.BytesIO(content)

    for content in (b"text;label\na, b;x\n", b'{"text": "a, b", "label": "x"}\n', b"text\tlabel\na, b\tx\n"):
        monkeypatch.setattr(sys, "stdin", Pipe(content))
        (chunk,) = stream_table("-")
        assert chunk.columns == {"text": ["a, b"], "label": ["x"]}
    monkeypatch.setattr(sys, "stdin", Pipe(b"text,label\n" + b"a,x\n" * 50_000 + b"\xff,y\n"))
    with pytest.raises(InputError, match="standard input: byte 0xff after line"):
        list(stream_table("-"))


def test_a_key_that_appears_late_is_filled_in_a_table_and_refused_in_a_stream(tmp_path):
    path = write(tmp_path, "a.jsonl", '{"a": 1}\n' * 1500 + '{"a": 1, "b": 2}\n')
    read = read_table(path)
    assert read.column("b") == [""] * 1500 + ["2"]
    with pytest.raises(InputError, match="the key 'b' appears"):
        list(stream_table(path, chunk_rows=100))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (7, "got int"),
        ([], "has no rows"),
        ([3, 4], r"must hold \(text, label\) pairs"),
        ({"a": [1], "b": [1, 2]}, "equally long"),
        ([("a", "x"), "b"], "row 2: is not a pair"),
    ],
)
def test_objects_that_are_no_table_are_refused(data, said):
    with pytest.raises(InputError, match=said):
        read_table(data)


def test_columns_are_guessed_by_name_then_by_shape_and_said():
    texts, label, said = guess_columns(table(id=["1", "2"], Body=["a b", "c"], category=["x", "y"]), None, None)
    assert (texts, label) == (["Body"], "category")
    assert "'Body' (guessed" in said[0]
    odd = table(
        num=["1", "2", "3", "4"], foo=["a long text of words"] * 2 + ["another long text"] * 2, bar=list("xxyy")
    )
    assert guess_columns(odd, None, None)[:2] == (["foo"], "bar")
    assert guess_columns(odd, "foo", "bar") == (["foo"], "bar", [])
    assert guess_columns(odd, None, None, need_label=False)[1] == ""


def test_columns_that_cannot_be_told_are_refused_with_their_names():
    two = table(foo=["a long text of words"] * 4, bar=["just as long a text!"] * 4)
    with pytest.raises(InputError, match=r"which column is the text.*'foo', 'bar'"):
        guess_columns(two, None, None)
    labels = table(text=list("abcd"), p=list("xxyy"), q=list("xyxy"))
    with pytest.raises(InputError, match=r"which column is the label.*'p', 'q'"):
        guess_columns(labels, None, None)
    with pytest.raises(InputError, match="did you mean 'text'"):
        guess_columns(labels, "texts", None)
    with pytest.raises(InputError, match="both text and label"):
        guess_columns(labels, "text", "text")


def test_examples_join_texts_strip_labels_and_sort_classes():
    examples, notes = to_examples(
        table(t=["a", "", "c"], b=["1", "2", "3"], y=["News ", "art", "News"]), text=["t", "b"], label="y"
    )
    assert list(examples.inputs) == ["a 1", "2", "c 3"]
    assert examples.classes == ("News", "art")
    assert examples.labels.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(examples.targets.dense(), [[1, 0], [0, 1], [1, 0]])
    assert any("one row" in note and "'art'" in note for note in notes)


def test_empty_texts_and_labels_are_all_named_or_left_out_and_counted():
    given = table(text=["a", " ", "c", "d"], label=["x", "y", "", "y"])
    with pytest.raises(InputError) as caught:
        to_examples(given, text="text", label="label")
    assert "2 lines cannot be used" in str(caught.value)
    assert "line 3: the text (text) is empty" in str(caught.value)
    assert "line 4: the label (label) is empty" in str(caught.value)
    examples, notes = to_examples(given, text="text", label="label", bad_rows="drop")
    assert examples.ids.tolist() == [0, 3]
    assert "2 of 4 rows left out" in notes[0]


def test_numeric_labels_and_case_variants_are_accepted_and_said():
    given = table(text=list("abcdef"), label=["1", "2", "1", "2", "1", "2"])
    assert any("numbers (1, 2)" in note for note in to_examples(given, text="text", label="label")[1])
    given = table(text=list("abcd"), label=["News", "news ", "News", "news"])
    examples, notes = to_examples(given, text="text", label="label")
    assert examples.classes == ("News", "news")
    assert any("differ in case" in note and "'News' (2), 'news' (2)" in note for note in notes)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["x"] * 30, "one class only, 'x'"),
        ([f"id{k}" for k in range(30)], "look like ids"),
        (["['a' 'b']", "['b' 'c']"] * 15, "not written as JSON"),  # as numpy prints them
    ],
)
def test_columns_that_cannot_be_labels_are_refused(labels, said):
    with pytest.raises(InputError, match=said):
        to_examples(table(text=["t"] * 30, label=labels), text="text", label="label")


def test_two_hundred_thousand_classes_are_ids_and_twenty_are_not():
    labels = [str(k) for k in range(11_000)] * 3
    with pytest.raises(InputError, match="look like ids"):
        to_examples(table(text=["t"] * 33_000, label=labels), text="text", label="label")
    twenty = [str(k) for k in range(20)]
    assert to_examples(table(text=["t"] * 20, label=twenty), text="text", label="label")[0].num_classes == 20


def test_weights_have_mean_one_and_a_bad_one_is_named():
    given = table(text=list("abc"), label=list("xyx"), w=["1", "2", "3"])
    examples, _ = to_examples(given, text="text", label="label", weight="w")
    np.testing.assert_allclose(examples.weights, [0.5, 1, 1.5])
    for wrong in ("-1", "many", "nan"):
        with pytest.raises(InputError, match=rf"line 3: the weight \(w\) .*'{wrong}'"):
            to_examples(
                table(text=list("abc"), label=list("xyx"), w=["1", wrong, "3"]), text="text", label="label", weight="w"
            )


def test_a_label_the_model_has_not_learned_is_refused_or_counts_as_an_error():
    given = table(text=list("abc"), label=["x", "new", "y"])
    with pytest.raises(InputError, match="not learned 1 of the labels in 'label': 'new'; line 3"):
        to_examples(given, text="text", label="label", classes=["x", "y"])
    examples, notes = to_examples(given, text="text", label="label", classes=["x", "y"], on_new_label="keep")
    assert examples.labels.tolist() == [0, -1, 1]
    np.testing.assert_array_equal(examples.targets.dense(), [[1, 0], [0, 0], [0, 1]])
    np.testing.assert_array_equal(examples.take([1]).targets.dense(), [[0, 0]])
    assert "counted as errors" in notes[0]


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="SFUMATO_DATA does not point to the real data")
def test_real_tables_are_read_whole():
    for name, rows in (("trec", 5952), ("sst5", 11855), ("20newsgroups", 18846)):  # the counts of the data cards
        read = read_table(f"{DATA}/{name}/{name}.parquet")
        assert len(read) == rows
        assert guess_columns(read, None, None)[:2] == (["text"], "label")
    votes = read_table(f"{DATA}/convabuse/convabuse.parquet").column("annotations")
    assert all(isinstance(json.loads(cell), list) for cell in votes)
