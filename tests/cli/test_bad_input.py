"""Every bad input is refused with code 2, in words naming file, row and value; nothing is left behind."""

import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
MANY = 2000

GOOD_ROWS = [
    ("the invoice is wrong", "billing"),
    ("charged twice this month", "billing"),
    ("refund the invoice please", "billing"),
    ("the parcel is late", "shipping"),
    ("parcel never arrived", "shipping"),
    ("where is my parcel", "shipping"),
]


def csv(rows: Sequence[tuple[str, str]], header: str = "body,category") -> bytes:
    return "\n".join([header, *(f"{text},{label}" for text, label in rows), ""]).encode()


FILES = {
    "empty": ("data.csv", b"", ["data.csv", "empty"]),
    "header only": ("data.csv", b"body,category\n", ["data.csv", "no rows"]),
    "broken quoting": ("data.csv", csv(GOOD_ROWS) + b'"never closed,billing\n', ["data.csv", "8", "quot"]),
    "NUL": ("data.csv", csv(GOOD_ROWS) + b"a\x00b,billing\n", ["data.csv", "8", "NUL"]),
    "a picture named csv": ("data.csv", PNG, ["data.csv"]),
    "JSON named parquet": ("data.parquet", b'{"body": "a", "category": "b"}\n', ["data.parquet"]),
    "broken JSON line": ("data.jsonl", b'{"body": "a", "category": "b"}\n{"body": \n', ["data.jsonl", "2"]),
    "undecodable": ("data.csv", csv(GOOD_ROWS) + b"caf\xe9 au lait,billing\n", ["data.csv", "8"]),
    "one class only": ("data.csv", csv([(text, "billing") for text, _ in GOOD_ROWS]), ["billing", "class"]),
    "labels that are ids": ("data.csv", csv([(f"text {k}", f"id{k}") for k in range(MANY)]), ["2000", "category"]),
    "empty text": ("data.csv", csv([*GOOD_ROWS, ("", "billing")]), ["data.csv", "8", "--bad-rows drop"]),
    "empty label": ("data.csv", csv([*GOOD_ROWS, ("late again", " ")]), ["data.csv", "8", "--bad-rows drop"]),
    "wrong number of cells": (
        "data.csv",
        csv([*GOOD_ROWS, ("late, again", "shipping"), ("x, y, z", "billing")]),
        ["data.csv", "2 lines", "8", "9", "--bad-rows drop"],
    ),
    "the same column twice": ("data.csv", csv(GOOD_ROWS, header="body,body"), ["data.csv", "body"]),
}


@pytest.mark.parametrize("command", ["soften", "fit"])
@pytest.mark.parametrize("case", FILES)
def test_a_bad_file_is_refused_in_words_and_leaves_nothing(
    case: str, command: str, tmp_path: Path, sfumato: Command
) -> None:
    name, content, words = FILES[case]
    data = tmp_path / name
    data.write_bytes(content)
    output = tmp_path / ("model" if command == "fit" else "soft.parquet")
    ended = sfumato(command, data, "--text", "body", "--label", "category", "-o", output)
    refused(ended.code, ended.err, words)
    assert sorted(tmp_path.iterdir()) == [data]


# A table to predict or to measure may hold one class, and labels never seen count as errors.
READABLE = {
    "predict": {"one class only", "labels that are ids", "empty label"},
    "evaluate": {"one class only"},
    "check": {"one class only", "labels that are ids", "empty text", "empty label", "wrong number of cells"}
    | {"broken JSON line"},
}


@pytest.mark.parametrize("command", ["predict", "evaluate", "compare", "check"])
@pytest.mark.parametrize("case", FILES)
def test_a_bad_file_is_refused_by_the_commands_that_only_read_it_too(
    case: str, command: str, tiny_model: Path, tmp_path: Path, sfumato: Command
) -> None:
    name, content, words = FILES[case]
    data = tmp_path / name
    data.write_bytes(content)
    columns = ["--text", "body", *([] if command == "predict" else ["--label", "category"])]
    model = [tiny_model] if command in {"predict", "evaluate"} else []
    output = {"predict": ["-o", tmp_path / "scored.csv"], "compare": ["-o", tmp_path / "runs"]}.get(command, [])
    ended = sfumato(command, *model, data, *columns, *output)
    if case in READABLE.get(command, ()):
        assert ended.code == (1 if command == "check" else 0), ended.err  # check reads it, and finds an error
        return
    refused(ended.code, ended.err, words)
    assert sorted(tmp_path.iterdir()) == [data]


def refused(code: int, err: str, words: Sequence[str]) -> None:
    assert code == 2, err
    assert "error: " in err
    assert "Traceback" not in err
    for word in words:
        assert word in err


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.csv"
    path.write_bytes(csv([(f"{text} {k}", label) for k, (text, label) in enumerate(GOOD_ROWS * 5)]))
    return path


WRONG_USE = {
    "no such file": (["soften", "nothere.csv"], ["nothere.csv"]),
    "a folder as a table": (["soften", "{folder}"], ["{folder}"]),
    "no such column": (["soften", "{good}", "--text", "bdoy", "--label", "category"], ["'bdoy'", "'body'"]),
    "no such method": (["soften", "{good}", "--method", "kwsl"], ["'kwsl'", "'kwls'"]),
    "no such model": (["fit", "{good}", "--model", "textcn", "-o", "{out}"], ["'textcn'", "'textcnn'"]),
    "no such option": (["soften", "{good}", "--set", "method.k11=2"], ["'k11'", "'k1'"]),
    "no such loose option": (
        ["fit", "{good}", "--method", "kwls", "--set", "smothing=1", "-o", "{out}"],
        ["'smothing'"],
    ),
    "no such owner": (["soften", "{good}", "--set", "metod.k1=2"], ["'metod'", "method"]),
    "a setting without a value": (["soften", "{good}", "--set", "alpha"], ["'alpha'", "NAME=VALUE"]),
    "a setting that has its own flag": (["fit", "{good}", "--set", "epochs=3", "-o", "{out}"], ["--epochs"]),
    "an option out of range": (
        ["soften", "{good}", "--method", "label-smoothing", "--set", "smoothing=1.5"],
        ["smoothing", "1.5", "at most 1"],
    ),
    "a share out of range": (["fit", "{good}", "--dev", "1.5", "-o", "{out}"], ["dev", "1.5"]),
    "a method without targets": (["soften", "{good}", "--method", "baseline"], ["baseline"]),
    "an unknown ending": (["soften", "{good}", "-o", "{out}.xls"], [".xls", ".parquet"]),
    "an output in no folder": (["soften", "{good}", "-o", "{folder}/none/soft.csv"], ["none"]),
    "a row that is not there": (["soften", "{good}", "--explain", "99"], ["99", "31"]),
    "no words to explain": (
        ["soften", "{good}", "--method", "label-smoothing", "--explain", "2"],
        ["'label-smoothing'", "kwls"],
    ),
    "seeds that are no numbers": (["compare", "{good}", "--seeds", "five"], ["--seeds", "'five'"]),
    "the same method twice": (["compare", "{good}", "--methods", "kwls,kwls"], ["'kwls' twice"]),
    "an unknown method to compare": (["compare", "{good}", "--methods", "baseline,kwsl"], ["'kwsl'", "'kwls'"]),
}


@pytest.mark.parametrize("case", WRONG_USE)
def test_wrong_use_is_refused_in_words_and_leaves_nothing(
    case: str, tmp_path: Path, good: Path, sfumato: Command
) -> None:
    arguments, words = WRONG_USE[case]
    places = {"good": good, "folder": tmp_path, "out": tmp_path / "out"}
    ended = sfumato(*(argument.format(**places) for argument in arguments))
    assert ended.code == 2, ended.err
    assert "rror: " in ended.err
    assert "Traceback" not in ended.err
    for word in words:
        assert word.format(**places) in ended.err
    assert sorted(tmp_path.iterdir()) == [good]


SOFT = {
    "NaN": ([0.5, float("nan")], ["row 2", "nan"]),
    "a sum other than 1": ([0.5, 0.6], ["row 2", "0.6"]),
    "a negative share": ([1.5, -0.5], ["row 2", "-0.5"]),
}


@pytest.mark.parametrize("case", SOFT)
def test_soft_targets_that_are_no_distributions_are_refused(
    case: str, tmp_path: Path, good: Path, sfumato: Command
) -> None:
    import polars

    bad, words = SOFT[case]
    rows = [[1.0, 0.0]] * 30
    rows[1] = bad
    targets = tmp_path / "soft.parquet"
    polars.DataFrame({"soft_labels": rows}).write_parquet(targets)
    ended = sfumato("fit", good, "--soft-targets", targets, "-o", tmp_path / "model")
    refused(ended.code, ended.err, words)
    assert not (tmp_path / "model").exists()


def test_an_output_that_exists_is_kept_unless_overwriting_is_asked_for(
    tmp_path: Path, good: Path, sfumato: Command
) -> None:
    output = tmp_path / "soft.jsonl"
    output.write_text("mine")
    ended = sfumato("soften", good, "-o", output)
    refused(ended.code, ended.err, ["soft.jsonl", "--overwrite"])
    assert output.read_text() == "mine"
    assert sfumato("soften", good, "-o", output, "--overwrite").code == 0
    assert len(output.read_text().splitlines()) == 30


@pytest.mark.parametrize("kind", ["a file", "a foreign folder"])
def test_an_output_that_cannot_become_a_model_folder_is_refused_before_training(
    kind: str, tmp_path: Path, good: Path, sfumato: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*_: Any, **__: Any) -> None:
        raise AssertionError("the training has begun")

    output = tmp_path / "model"
    mine = output if kind == "a file" else output / "mine.txt"
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    monkeypatch.setattr("sfumato.fitting.fit", train)
    ended = sfumato("fit", good, "-o", output, "--overwrite")
    refused(ended.code, ended.err, [str(output), "is a file" if kind == "a file" else "is not a model folder"])
    assert mine.read_text() == "mine"
    assert "the training has begun" in sfumato("fit", good, "-o", tmp_path / "new", "--overwrite").err


@pytest.mark.skipif(sys.platform != "linux", reason="a place where nothing can be made, not even by root")
@pytest.mark.parametrize("command", ["fit", "soften", "audit", "compare", "predict"])
def test_a_place_that_cannot_be_written_is_refused_before_the_work_by_the_name_it_was_given(
    command: str, good: Path, tiny_model: Path, sfumato: Command
) -> None:
    output = "/proc/sfumato.csv"
    ended = sfumato(command, *([tiny_model] if command == "predict" else []), good, "-o", output)
    refused(ended.code, ended.err, [output, "cannot be written"])
    assert "guessed" not in ended.err
    assert ended.out == ""


@pytest.mark.parametrize("harm", ["no such folder", "a file", "foreign", "cut off", "no tokenizer", "broken JSON"])
def test_a_damaged_or_foreign_model_folder_is_refused(
    harm: str, tiny_model: Path, tmp_path: Path, good: Path, sfumato: Command
) -> None:
    folder = tmp_path / "model"
    if harm == "a file":
        folder.write_text("not a folder")
    elif harm == "foreign":
        folder.mkdir()
        (folder / "config.json").write_text("{}")
    elif harm != "no such folder":
        shutil.copytree(tiny_model, folder)
        spoil(folder, harm)
    ended = sfumato("predict", folder, good, "-o", tmp_path / "scored.csv")
    refused(ended.code, ended.err, [str(folder)])
    assert not (tmp_path / "scored.csv").exists()


def spoil(folder: Path, harm: str) -> None:
    weights = folder / "model.safetensors"
    if harm == "cut off":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif harm == "no tokenizer":
        (folder / "tokenizer.json").unlink()
    else:
        (folder / "sfumato.json").write_text("{")


def test_a_header_that_promises_too_much_memory_is_refused(
    tiny_model: Path, tmp_path: Path, good: Path, sfumato: Command
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}")
    refused(*sfumato("predict", folder, good)[::2], [str(folder)])


def test_bad_rows_are_dropped_and_counted_when_asked_for(tmp_path: Path, sfumato: Command) -> None:
    data = tmp_path / "data.csv"
    data.write_bytes(csv([*GOOD_ROWS * 5, ("", "billing"), ("late, again", "shipping")]))
    output = tmp_path / "soft.jsonl"
    ended = sfumato("soften", data, "--bad-rows", "drop", "-o", output)
    assert ended.code == 0, ended.err
    assert len(output.read_text().splitlines()) == 30
    assert "32" in ended.err
    assert "33" in ended.err


ACCEPTED = {
    "numeric labels": ([(text, str(len(label))) for text, label in GOOD_ROWS * 5], "number"),
    "case variants": ([*GOOD_ROWS * 5, ("invoice again", "Billing")], "Billing"),
    "a class of one row": ([*GOOD_ROWS * 5, ("lost my password", "account")], "account"),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_odd_but_usable_labels_are_accepted_and_said(case: str, tmp_path: Path, sfumato: Command) -> None:
    rows, word = ACCEPTED[case]
    data = tmp_path / "data.csv"
    data.write_bytes(csv(rows))
    ended = sfumato("soften", data, "--json")
    assert ended.code == 0, ended.err
    assert word in ended.err
    assert json.loads(ended.out)["rows"] == len(rows)


def test_a_very_long_text_is_accepted_and_said(tmp_path: Path, sfumato: Command) -> None:
    data = tmp_path / "data.csv"
    data.write_bytes(csv([*GOOD_ROWS * 5, ("parcel " * 100_000, "shipping")]))
    ended = sfumato("check", data)
    assert ended.code == 0, ended.err
    assert "long" in ended.out


def test_a_table_of_foreign_labels_is_refused_with_theirs_and_the_models(
    tiny_model: Path, tmp_path: Path, sfumato: Command
) -> None:
    data = tmp_path / "test.csv"
    data.write_bytes(csv([(text, label.upper()) for text, label in GOOD_ROWS]))
    ended = sfumato("evaluate", tiny_model, data)
    refused(ended.code, ended.err, ["'BILLING'", "'billing', 'shipping'", "--label"])
    data.write_bytes(csv([*GOOD_ROWS[:3], ("late", "SHIPPING")]))
    ended = sfumato("evaluate", tiny_model, data)
    assert ended.code == 0, ended.err
    assert "nan" not in ended.out


def test_a_file_in_another_encoding_gets_advice_that_helps_on_the_command_line(
    tmp_path: Path, sfumato: Command
) -> None:
    data = tmp_path / "latin.csv"
    data.write_bytes(csv(GOOD_ROWS) + b"caf\xe9 au lait,billing\n")
    ended = sfumato("check", data)
    refused(ended.code, ended.err, ["line 8", "save the file as UTF-8"])
    assert "Python" not in ended.err
    assert "read_table" not in ended.err


def test_a_test_label_never_seen_is_counted_as_an_error(tiny_model: Path, tmp_path: Path, sfumato: Command) -> None:
    data = tmp_path / "test.csv"
    data.write_bytes(csv([*GOOD_ROWS, ("lost my password", "account")]))
    ended = sfumato("evaluate", tiny_model, data, "--json")
    assert ended.code == 0, ended.err
    measured = json.loads(ended.out)
    assert measured["unseen"] == 1
    assert measured["metrics"]["accuracy"]["value"] <= 6 / 7


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting a small disk needs root on Linux")
@pytest.mark.parametrize("command", ["soften", "predict", "fit"])
def test_a_full_disk_exits_with_one_and_leaves_nothing(
    command: str, tmp_path: Path, tiny_model: Path, sfumato: Command
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        data = tmp_path / "data.csv"
        data.write_bytes(csv([(f"{text} number {k}", label) for k in range(400) for text, label in GOOD_ROWS]))
        arguments = {
            "soften": ["soften", data, "-o", disk / "soft.csv"],
            "predict": ["predict", tiny_model, data, "-o", disk / "scored.csv"],
            "fit": ["fit", data, "-o", disk / "model", "--method", "baseline"],
        }
        ended = sfumato(*arguments[command])
        assert ended.code == 1, ended.err
        assert "the disk is full" in ended.err
        assert "Traceback" not in ended.err
        assert not list(disk.iterdir())
    finally:
        subprocess.run(["umount", disk], check=True)
