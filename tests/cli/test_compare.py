"""`sfumato compare` as it is called: options by name, an output that cannot be, runs that fail, one real run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfumato.cli.compare import with_settings
from sfumato.errors import InputError

Command = Callable[..., Any]

ROWS = [
    ("the invoice is wrong", "billing"),
    ("charged twice this month", "billing"),
    ("refund the invoice please", "billing"),
    ("the parcel is late", "shipping"),
    ("parcel never arrived", "shipping"),
    ("where is my parcel", "shipping"),
]


@pytest.fixture
def sixty(tmp_path: Path) -> Path:
    path = tmp_path / "sixty.csv"
    lines = (f"{text} {k},{label}" for k, (text, label) in enumerate(ROWS * 10))
    path.write_text("\n".join(["body,category", *lines, ""]))
    return path


def test_a_setting_goes_to_the_only_one_that_has_it_or_by_name() -> None:
    models, methods = with_settings(
        ["linear", "transformer"],
        ["baseline", "kwls", "kwls-paper"],
        ["encoder=dir", "kwls-paper.k1=3", "fallback=0.2", "model.words=1,1"],
    )
    assert dict(models) == {"linear": {"words": (1, 1)}, "transformer": {"encoder": "dir"}}
    assert dict(methods) == {"baseline": {}, "kwls": {"fallback": 0.2}, "kwls-paper": {"k1": 3}}
    assert with_settings(["linear"], ["kwls"], None) == ([("linear", {})], [("kwls", {})])


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("k1=3", "kwls.k1 or kwls_paper.k1"),
        ("kwls.weigt=1", "did you mean 'weight'"),
        ("lcm.stop=1", "no owner 'lcm'"),
        ("epochs=3", "--epochs"),
        ("weight", "NAME=VALUE"),
    ],
)
def test_a_setting_of_nobody_or_of_several_is_refused(setting: str, said: str, sixty: Path, sfumato: Command) -> None:
    with pytest.raises(InputError, match=said.replace("(", r"\(")):
        with_settings(["linear"], ["kwls", "kwls-paper"], [setting])
    ended = sfumato("compare", sixty, "--methods", "kwls,kwls-paper", "--set", setting)
    assert ended.code == 2
    assert said in ended.err


def test_a_model_that_needs_an_option_gets_it_by_set(sixty: Path, sfumato: Command) -> None:
    ended = sfumato("compare", sixty, "--models", "transformer")
    assert ended.code == 2
    assert "--set model.encoder=PATH" in ended.err
    for name in ("encoder", "model.encoder", "transformer.encoder"):
        ended = sfumato("compare", sixty, "--models", "transformer", "--set", f"{name}=no/such/folder")
        assert ended.code == 2
        assert "'no/such/folder'" in ended.err


def test_an_output_that_is_a_file_is_refused_before_anything_is_read(tmp_path: Path, sfumato: Command) -> None:
    taken = tmp_path / "runs"
    taken.write_text("mine")
    ended = sfumato("compare", tmp_path / "not-there.csv", "-o", taken)
    assert ended.code == 2
    assert f"{taken} is a file" in ended.err
    assert "not-there" not in ended.err
    assert taken.read_text() == "mine"


def test_a_folder_of_other_things_is_refused_and_one_of_results_or_empty_is_not(
    sixty: Path, tmp_path: Path, sfumato: Command
) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "thesis.txt").write_text("mine")
    ended = sfumato("compare", sixty, "--models", "linear", "-o", runs)
    assert ended.code == 2
    assert f"{runs} is not empty and holds no results.jsonl" in ended.err
    assert [file.name for file in runs.iterdir()] == ["thesis.txt"]
    for name in ("results.jsonl", ".hidden"):
        (runs / "thesis.txt").rename(runs / name)
        other = sfumato("compare", tmp_path / "not-there.csv", "-o", runs)
        assert "not-there" in other.err
        assert "is not empty" not in other.err
        (runs / name).rename(runs / "thesis.txt")


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_runs_that_failed_are_shown_and_the_exit_code_is_one(
    flags: tuple[str, ...], sixty: Path, sfumato: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sfumato.comparison import Comparison

    done = {"status": "done", "data": "d", "model": "linear", "method": "kwls", "control": "", "seed": 0}
    lines = [done, {**done, "seed": 1, "status": "failed", "error": "it broke"}]
    monkeypatch.setattr("sfumato.comparison.compare", lambda *_, **__: Comparison([], [], lines))
    ended = sfumato("compare", sixty, *flags)
    assert ended.code == 1
    assert "it broke" in ended.out
    assert "1 run of 2 failed" in ended.err
    monkeypatch.setattr("sfumato.comparison.compare", lambda *_, **__: Comparison([], [], lines[:1]))
    assert sfumato("compare", sixty, *flags).code == 0


@pytest.mark.slow
def test_lcm_is_recorded_and_replayed_in_its_controls(sixty: Path, tmp_path: Path, sfumato: Command) -> None:
    runs = tmp_path / "runs"
    command = ("compare", sixty, "--methods", "baseline,lcm", "--seeds", 1, "--jobs", 1, "-o", runs, "--json")
    ended = sfumato(*command)
    assert ended.code == 0, ended.err
    rows = json.loads(ended.out)["rows"]
    assert [(row["method"], row["control"] or "") for row in rows] == [
        ("baseline", ""),
        *(("lcm", control) for control in ("", "uniform", "class-mean", "shuffled")),
    ]
    lines = [json.loads(line) for line in (runs / "results.jsonl").read_text().splitlines()]
    assert [line["status"] for line in lines] == ["done"] * 5
    assert 0 <= lines[-1]["kept_own_target"] <= 1  # the shuffled targets were those that LCM had recorded
    assert lines[1]["metrics"]["log_loss"] > lines[0]["metrics"]["log_loss"]  # soft targets: less sure of itself
    before = (runs / "results.jsonl").read_bytes()
    again = sfumato(*command)
    assert json.loads(again.out)["rows"] == rows
    assert (runs / "results.jsonl").read_bytes() == before
