"""A table takes over what another table has finished, and nothing else."""

import json
import re

import pytest

from sfumato.reproduction.run import reproduce
from sfumato.reproduction.saved import table_folder
from sfumato.runner import finished
from tables import TOML, write_data

ONLY = {"setting": ["noise"], "method": ["hard"], "repeat": ["0"]}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


def table_file(folder, name, text=TOML):
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder / f"{name}.toml"


def run(file, data, folder, only=ONLY):
    heard = []
    result = reproduce(file, data=data, output=folder, only=only, jobs=1, echo=heard.append)
    return result, heard


@pytest.fixture(scope="module")
def done(tmp_path_factory, data):
    """A folder in which a first table has run."""
    folder = tmp_path_factory.mktemp("results")
    return folder, run(table_file(folder, "first"), data, folder)[0]


def test_the_same_run_of_another_table_is_taken_over_under_the_names_of_this_one(done, data):
    folder, first = done
    renamed = re.sub(r'"L"|\bL(?= =)', '"linear model"', TOML)
    result, heard = run(table_file(folder, "second", renamed), data, folder)
    assert heard == ["1 run is taken from first, which has the same"]
    (line,) = result.lines
    assert line["model"] == "linear model"
    assert line["metrics"] == first.lines[0]["metrics"]
    second = table_folder("second", "small", folder)
    assert [path.name for path in (second / "predictions").iterdir()] == [f"{line['key']}.parquet"]
    assert run(folder / "second.toml", data, folder)[1] == []  # the next time it is its own


def test_other_settings_are_run_and_a_line_without_its_file_is_not_enough(done, data, tmp_path):
    folder, first = done
    other, heard = run(table_file(tmp_path, "third", TOML.replace("rate = 0.2", "rate = 0.3")), data, folder)
    assert [line for line in heard if "taken" in line] == []
    assert other.lines[0]["key"] != first.lines[0]["key"]
    alone = tmp_path / "results" / "first"
    alone.mkdir(parents=True)
    (alone / "results.jsonl").write_text(json.dumps(first.lines[0]) + "\n{broken\n", encoding="utf-8")
    again, heard = run(table_file(tmp_path, "fourth"), data, tmp_path / "results")
    assert [line for line in heard if "taken" in line] == []
    assert again.lines[0]["key"] in finished(table_folder("fourth", "small", tmp_path / "results"))


def test_what_a_run_has_learned_is_taken_over_with_it_for_its_controls(data, tmp_path):
    text = TOML.replace('"kwls-paper" }', '"lcm" }').replace('own_test = "paired-t"', 'controls = ["uniform"]')
    only = {**ONLY, "model": ["L"], "method": ["KWLS"]}
    first, _ = run(table_file(tmp_path, "first", text), data, tmp_path, only)
    assert {line["control"] for line in first.lines} == {"", "uniform"}
    _, heard = run(table_file(tmp_path, "second", text), data, tmp_path, only)
    assert heard == ["2 runs are taken from first, which has the same"]
    records = [
        [path.name for path in table_folder(name, "small", tmp_path).rglob("*.record.safetensors")]
        for name in ("first", "second")
    ]
    assert len(records[0]) == 1
    assert records[1] == records[0]
    assert run(tmp_path / "second.toml", data, tmp_path, only)[1] == []
