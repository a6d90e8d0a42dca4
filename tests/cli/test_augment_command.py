"""`sfumato augment`: the user's columns with copies of each row, streamed, whole or not at all."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sfumato import augment

Command = Callable[..., Any]
ROWS = [
    ("1", "the invoice, again, is wrong", "billing"),
    ("2", 'she said "two\nlines" to me', "other"),
    ("3", "两天价网站背后重重迷雾：做个网站究竟要多少钱", "shipping"),
    ("4", "hi", "other"),
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "body", "category"), *ROWS])
    return path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_copies_stand_below_their_rows_and_are_those_of_the_library(table: Path, sfumato: Command) -> None:
    output = table.with_name("more.csv")
    ended = sfumato("augment", table, "--copies", 3, "--seed", 7, "-o", output)
    assert ended.code == 0
    written = read(output)
    assert list(written[0]) == ["id", "body", "category", "source_row", "copy"]
    copies = augment([text for _, text, _ in ROWS], copies=3, seed=7)
    expected = []
    for (number, text, label), line, own in zip(ROWS, ("2", "3", "5", "6"), copies, strict=True):
        expected += [[number, each, label, line, str(k)] for k, each in enumerate([text, *own])]
    assert [list(row.values()) for row in written] == expected
    assert "4 rows and 12 copies of them written to" in ended.err
    assert "--dev DEV" in ended.err
    assert not ended.out


def test_copies_only_leaves_the_rows_out(table: Path, sfumato: Command) -> None:
    output = table.with_name("more.parquet")
    assert sfumato("augment", table, "--copies-only", "--copies", 2, "-o", output).code == 0
    frame = pl.read_parquet(output)
    assert frame["copy"].to_list() == [1, 2] * 4
    assert set(frame["body"]).isdisjoint(text for _, text, _ in ROWS)


def test_a_table_is_the_same_in_any_format_and_from_standard_input(table: Path, sfumato: Command) -> None:
    plain, lines, parquet = (table.with_name(f"more{end}") for end in (".csv", ".jsonl", ".parquet"))
    assert sfumato("augment", table, "--copies", 2, "-o", plain).code == 0
    assert sfumato("augment", table, "--copies", 2, "-o", lines).code == 0
    assert sfumato("augment", table, "--copies", 2, "-o", parquet).code == 0
    texts = [row["body"] for row in read(plain)]
    assert [json.loads(line)["body"] for line in lines.read_text(encoding="utf-8").splitlines()] == texts
    assert pl.read_parquet(parquet)["body"].to_list() == texts
    command = [sys.executable, "-m", "sfumato", "augment", "-", "--copies", "2"]
    ended = subprocess.run(command, input=table.read_bytes(), capture_output=True, check=True)
    assert ended.stdout == plain.read_bytes()


def test_every_text_column_is_changed_on_its_own(tmp_path: Path, sfumato: Command) -> None:
    data, output = tmp_path / "data.jsonl", tmp_path / "more.jsonl"
    data.write_text('{"title": "one two three four", "body": "one two three four", "label": "a"}\n' * 20)
    assert sfumato("augment", data, "--text", "title", "--text", "body", "-o", output).code == 0
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    copies = [row for row in rows if row["copy"]]
    assert len(copies) == 20
    assert all(len(row[name]) > 18 for row in copies for name in ("title", "body"))
    assert sum(row["title"] != row["body"] for row in copies) > 10


def test_methods_and_options_reach_the_copies(table: Path, sfumato: Command) -> None:
    output, words = table.with_name("more.csv"), table.with_name("words.csv")
    words.write_text("word,synonyms\ninvoice,bill\n")
    given = ("augment", table, "-o", output, "--overwrite")
    ended = sfumato(*given, "--method", "lcda-text", "--set", "insert_prob=1", "--set", "method.marks=，")
    assert ended.code == 0
    assert "reconstruction" in ended.err
    assert read(output)[5]["body"].startswith("，两，天，价，")
    assert sfumato(*given, "--unit", "word").code == 0
    assert read(output)[5]["body"][1:] == " " + ROWS[2][1]
    assert sfumato(*given, "--method", "eda", "--lexicon", words, "--set", "operations=synonyms").code == 0
    assert read(output)[1]["body"] == "the bill, again, is wrong"
    ended = sfumato(*given, "--method", "eda", "--json")
    assert json.loads(ended.out)["copies"] == 4


BAD = {
    "no copies": (["--copies", 0], "copies must be at least 1, got 0"),
    "a million copies": (["--copies", 10**6], "1,000,000 copies of each row, about 0.191 GB"),
    "no such method": (["--method", "adea"], "did you mean 'aeda'"),
    "no such column": (["--text", "bdoy"], "did you mean 'body'"),
    "no such unit": (["--unit", "jieba"], "did you mean 'rjieba'"),
    "no lexicon": (["--method", "eda", "--lexicon", "DATA"], "is no lexicon"),
    "a lexicon for another method": (["--lexicon", "DATA"], "no option 'lexicon'"),
    "a probability": (["--method", "lcda-text", "--set", "insert_prob=2"], "at most 1, got 2"),
    "a setting that has a flag": (["--set", "copies=2"], "use the option --copies"),
    "a setting of a model": (["--set", "model.epochs=2"], "no model takes part"),
    "an unknown ending": (["-o", "more.xls"], ".parquet"),
    "json and the table to one place": (["--json"], "give -o FILE"),
}


@pytest.mark.parametrize("name", BAD)
def test_wrong_use_ends_with_2_and_one_sentence_and_writes_nothing(name: str, table: Path, sfumato: Command) -> None:
    arguments, said = BAD[name]
    ended = sfumato("augment", table, *(table if each == "DATA" else each for each in arguments))
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert not ended.out
    assert [path.name for path in table.parent.iterdir()] == ["data.csv"]


def test_a_table_that_has_such_columns_is_refused_and_an_output_that_exists_stays(
    table: Path, sfumato: Command
) -> None:
    output = table.with_name("more.csv")
    assert sfumato("augment", table, "-o", output).code == 0
    before = output.read_bytes()
    ended = sfumato("augment", output, "-o", table.with_name("again.csv"))
    assert ended.code == 2
    assert "already has the column 'source_row'" in ended.err
    assert sfumato("augment", table, "-o", output, "--copies", 2).code == 2
    assert output.read_bytes() == before
    assert sfumato("augment", table, "-o", output, "--copies", 2, "--overwrite").code == 0
    assert output.read_bytes() != before


def test_rows_without_a_text_are_named_or_left_out_and_the_others_keep_their_draws(
    table: Path, sfumato: Command
) -> None:
    plain, output = table.with_name("plain.csv"), table.with_name("more.csv")
    assert sfumato("augment", table, "-o", plain).code == 0
    text = table.read_text(encoding="utf-8").replace("the invoice, again, is wrong", " ")
    table.write_text(text, encoding="utf-8")
    ended = sfumato("augment", table, "-o", output, "--text", "body")
    assert ended.code == 2
    assert "line 2" in ended.err
    assert not output.exists()
    assert sfumato("augment", table, "-o", output, "--text", "body", "--bad-rows", "drop").code == 0
    assert read(output) == read(plain)[2:]


def test_a_first_chunk_without_a_text_does_not_spoil_a_parquet_file(tmp_path: Path, sfumato: Command) -> None:
    data, output = tmp_path / "data.csv", tmp_path / "more.parquet"
    data.write_text("id,body\n" + "1, \n" * 2000 + "2,my parcel never arrived\n")
    ended = sfumato("augment", data, "-o", output, "--text", "body", "--bad-rows", "drop")
    assert ended.code == 0, ended.err
    assert pl.read_parquet(output)["source_row"].to_list() == [2002, 2002]


def test_a_table_without_rows_is_refused(tmp_path: Path, sfumato: Command) -> None:
    data = tmp_path / "data.csv"
    data.write_text("id,body\n")
    ended = sfumato("augment", data, "-o", tmp_path / "more.csv")
    assert (ended.code, [path.name for path in tmp_path.iterdir()]) == (2, ["data.csv"])
    assert "no rows" in ended.err


def test_the_table_that_is_read_is_never_written_over(table: Path, sfumato: Command) -> None:
    before = table.read_bytes()
    ended = sfumato("augment", table, "-o", table, "--overwrite")
    assert (ended.code, table.read_bytes()) == (2, before)
    assert "is the table that is read" in ended.err


def test_marks_are_taken_as_they_are_written(table: Path, sfumato: Command) -> None:
    output = table.with_name("more.csv")
    assert sfumato("augment", table, "-o", output, "--copies", 9, "--set", "marks=.,", "--copies-only").code == 0
    texts = " ".join(row["body"] for row in read(output) if row["source_row"] == "6")
    assert set(texts.replace("hi", "")) == {" ", ".", ","}


def peak_memory(*arguments: object) -> int:
    """Run the command and return its peak memory, in KiB."""
    process = subprocess.Popen([sys.executable, "-m", "sfumato", *map(str, arguments)], env={**os.environ})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss


def write_rows(path: Path, rows: int) -> None:
    with path.open("w") as file:
        file.write("id,body\n")
        file.writelines(f"{k},my parcel of number {k} never arrived\n" for k in range(rows))


def test_what_is_guessed_and_refused_does_not_depend_on_the_number_of_processes(
    tmp_path: Path, sfumato: Command
) -> None:
    """The column of texts is guessed, and a late key refused, by chunks of one size."""
    data, late = tmp_path / "data.csv", tmp_path / "late.jsonl"
    rows = [f"{k},a text of some words,x\n" for k in range(2000)] + [f"{k},-,{'long ' * 40}\n" for k in range(2000)]
    data.write_text("id,first,second\n" + "".join(rows))
    late.write_text('{"body": "one two"}\n' * 3000 + '{"body": "one two", "more": 1}\n')
    written = []
    for jobs in (1, 2):
        ended = sfumato("augment", data, "-o", tmp_path / f"{jobs}.csv", "--jobs", jobs)
        written.append(((tmp_path / f"{jobs}.csv").read_bytes(), ended.err.replace(f"{jobs}.csv", "")))
        ended = sfumato("augment", late, "-o", tmp_path / "late.csv", "--jobs", jobs)
        assert (ended.code, "the key 'more' appears after" in ended.err) == (2, True)
    assert written[0] == written[1]


def test_two_processes_write_the_same_table(tmp_path: Path, sfumato: Command) -> None:
    data, one, two = (tmp_path / f"{name}.csv" for name in ("data", "one", "two"))
    write_rows(data, 6000)  # 230,000 characters: four parts
    assert sfumato("augment", data, "-o", one).code == 0
    assert sfumato("augment", data, "-o", two, "--jobs", 2).code == 0
    assert two.read_bytes() == one.read_bytes()


@pytest.mark.slow
def test_many_rows_need_no_more_memory_than_few(tmp_path: Path) -> None:
    peaks = []
    for rows in (50_000, 500_000):
        data, output = tmp_path / f"{rows}.csv", tmp_path / f"{rows}-more.csv"
        write_rows(data, rows)
        peaks.append(peak_memory("augment", data, "-o", output, "--copies", 2))
        with output.open() as file:
            assert sum(1 for _ in file) == 3 * rows + 1
    assert peaks[1] <= 1.1 * peaks[0], peaks


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_is_stopped_leaves_nothing_under_the_name_of_the_output(
    tmp_path: Path, number: int, code: int
) -> None:
    data, output = tmp_path / "data.csv", tmp_path / "more.csv"
    write_rows(data, 50_000)
    command = [sys.executable, "-m", "sfumato", "augment", data, "-o", output, "--copies", "100"]
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        if any(path.name.startswith(".more.csv") for path in tmp_path.iterdir()):
            break
        time.sleep(0.05)  # until the work has begun
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]
