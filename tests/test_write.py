import json
import os
import stat
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from sfumato.errors import InputError
from sfumato.table import read_table
from sfumato.write import TableWriter, check_output, write_table

AWKWARD = {"text": ['a "quote", comma', "two\nlines", "tab\there", "", "汉字"], "label": ["7", "x;y", " z", "'", "|"]}


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_what_is_written_is_read_back_unchanged(tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    write_table(path, AWKWARD)
    assert read_table(path).columns == AWKWARD
    assert os.listdir(tmp_path) == [path.name]
    assert stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_soft_labels_are_lists_of_float32_with_their_classes_beside_them(tmp_path):
    import pyarrow.parquet as pq

    soft = np.array([[0.1, 0.9], [0.25, 0.75]], dtype=np.float32)
    columns = {"text": ["a", "b"], "soft_labels": soft, "confidence": soft.max(axis=1)}
    write_table(tmp_path / "a.parquet", columns, metadata={"classes": '["x", "y"]'})
    read = pq.read_table(tmp_path / "a.parquet")
    assert str(read.schema.field("soft_labels").type).replace("large_", "") in (
        "list<item: float>",
        "list<element: float>",
    )
    np.testing.assert_array_equal(np.array(read["soft_labels"].to_pylist(), dtype=np.float32), soft)
    assert pq.read_metadata(tmp_path / "a.parquet").metadata[b"classes"] == b'["x", "y"]'
    assert pl.read_parquet_metadata(tmp_path / "a.parquet")["classes"] == '["x", "y"]'
    write_table(tmp_path / "a.jsonl", columns)
    first = json.loads((tmp_path / "a.jsonl").read_text().splitlines()[0])
    assert first == {"text": "a", "soft_labels": [0.1, 0.9], "confidence": 0.9}
    write_table(tmp_path / "a.csv", columns)
    assert (tmp_path / "a.csv").read_text() == (
        'text,soft_labels,confidence\na,"[0.1, 0.9]",0.9\nb,"[0.25, 0.75]",0.75\n'
    )


def test_nan_is_null_in_json_lines(tmp_path):
    write_table(tmp_path / "a.jsonl", {"x": np.array([np.nan, 1.0])})
    assert (tmp_path / "a.jsonl").read_text() == '{"x": null}\n{"x": 1.0}\n'


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_chunks_give_the_same_table_as_one_write(tmp_path, ending):
    n = 120_000 if ending == "parquet" else 15_000  # Parquet: several parts
    path = tmp_path / f"a.{ending}"
    with TableWriter(path) as writer:
        for start in range(0, n, 7000):
            writer.write({"n": list(map(str, range(start, min(n, start + 7000))))})
    assert read_table(path).column("n") == list(map(str, range(n)))
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_an_error_on_the_way_leaves_the_old_file_and_nothing_else(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    path.write_text("old")

    def fail() -> None:
        with TableWriter(path, overwrite=True) as writer:
            writer.write({"x": ["1"] * 60_000})
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == [path.name]
    write_table(path, {"x": ["1"]}, overwrite=True)
    assert read_table(path).columns == {"x": ["1"]}


def test_nothing_is_written_over_without_being_asked(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(InputError, match=r"exists; .*--overwrite"):
        write_table(path, {"x": ["1"]})
    assert path.read_text() == "old"
    with pytest.raises(InputError, match="there is no folder"):
        check_output(tmp_path / "none" / "a.csv", overwrite=True)
    with pytest.raises(InputError, match="the ending must say"):
        write_table(tmp_path / "a.xlsx", {"x": ["1"]})
    (tmp_path / "made.csv").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        write_table(tmp_path / "made.csv", {"x": ["1"]})


def test_a_folder_is_refused_when_it_holds_something(tmp_path):
    assert check_output(tmp_path, overwrite=False) == tmp_path
    (tmp_path / "model").write_text("")
    with pytest.raises(InputError, match="exists"):
        check_output(tmp_path, overwrite=False)
    assert check_output(tmp_path, overwrite=True) == tmp_path


def test_columns_of_unequal_length_or_changing_names_are_refused(tmp_path):
    with pytest.raises(InputError, match="equally long"):
        write_table(tmp_path / "a.csv", {"x": ["1"], "y": []})
    with TableWriter(tmp_path / "b.csv") as writer:
        writer.write({"x": ["1"]})
        with pytest.raises(InputError, match="every chunk"):
            writer.write({"y": ["1"]})
    assert os.listdir(tmp_path) == ["b.csv"]


def test_standard_output_gets_csv(capfdbinary):
    with TableWriter("-") as writer:
        writer.write({"x": ["é", "b"]})
        writer.write({"x": ["c"]})
    assert capfdbinary.readouterr().out == "x\né\nb\nc\n".encode()


@pytest.mark.parametrize(("ending", "rows"), [("csv", 20_000), ("parquet", 20_000), ("parquet", 60_000)])
def test_a_full_disk_is_an_os_error_and_leaves_nothing(tmp_path, ending, rows):
    # A limit on the size of files stands for the full disk: the write fails in the same place.
    code = f"""
import errno, resource, sys
from sfumato.write import write_table
import polars
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    write_table({str(tmp_path / f"a.{ending}")!r}, {{"x": [str(k * 7919) for k in range({rows})]}})
except OSError as error:
    sys.exit(7 if error.errno == errno.EFBIG else 8)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert os.listdir(tmp_path) == []


def test_parquet_of_no_rows_keeps_its_columns(tmp_path):
    write_table(tmp_path / "a.parquet", {"x": [], "y": []})
    assert pl.read_parquet(tmp_path / "a.parquet").columns == ["x", "y"]
