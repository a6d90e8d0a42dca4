"""Two settings that leave the same rows are one run, which stands in both cells of the table."""

import json

import pytest

from sfumato.reproduction.rendered import render
from sfumato.reproduction.run import reproduce
from sfumato.reproduction.saved import table_folder
from sfumato.reproduction.second_names import under_all_names
from sfumato.runner import RESULTS, finished
from tables import write_data

TOML = """
title = "Two kinds of noise, of the same rows"
paper = "sfumato"
place = "ours"
baseline = "hard"
controls = false
repeats = { kind = "splits", number = 2, share = 0.5, dev = 0.2 }

[data]
"News" = { name = "ag_news" }

[settings]
"mild" = { damage = [{ kind = "drop-wrong" }] }
"none" = {}
"noise" = { damage = [{ kind = "symmetric-noise", rate = 0.2 }] }

[models]
"L" = { name = "linear" }

[methods]
"hard" = { name = "baseline" }

[scale.small]
training = { max_length = 8, epochs = 1 }
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(TOML, encoding="utf-8")
    return path


def test_a_run_with_two_names_is_done_once_and_found_under_both(file, tmp_path):
    data, output = write_data(tmp_path / "data"), tmp_path / "results"
    for setting in ("none", "mild"):  # the second does nothing that is not there
        reproduce(file, scale="small", data=data, output=output, only={"setting": [setting]}, echo=lambda line: None)
    folder = table_folder("own", "small", output)
    lines = finished(folder)
    assert len(lines) == 2
    for line in lines.values():
        assert line["setting"] == "none"
        assert [label["setting"] for label in line["also"]] == ["mild"]
    done, _ = render(file, output=output)
    assert (done.content["done"], done.content["needed"]) == (4, 6)
    means = {row["place"]: row["mean"] for row in done.content["rows"]}
    assert means["News, none"] == means["News, mild"] is not None
    assert means["News, noise"] is None
    before = (folder / RESULTS).read_bytes()
    reproduce(file, scale="small", data=data, output=output, only={"setting": ["mild"]}, echo=lambda line: None)
    assert (folder / RESULTS).read_bytes() == before


def test_lines_without_a_second_name_are_themselves():
    one = {"key": "k", "setting": "a", "also": [{"setting": "b"}]}
    assert [line["setting"] for line in under_all_names([one, {"setting": "c"}])] == ["a", "b", "c"]
    assert json.loads(json.dumps(one)) == one
