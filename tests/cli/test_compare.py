"""`sfumato compare` as it is called: options by name, an output that cannot be, runs that fail, one real run."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfumato.cli.compare import with_settings
from sfumato.cli.comparison_words import verdict
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


def workers_of(leader: int) -> int:
    """Return how many workers the session of a command has; ended ones that nobody has asked for are not counted."""
    command = ["ps", "-ww", "-s", str(leader), "-o", "stat=,args="]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return sum("LokyProcess" in line and not line.startswith("Z") for line in shown.splitlines())


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ps takes other options")
def test_a_comparison_that_is_ended_from_outside_leaves_no_process_behind(sixty: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sfumato", "compare", sixty, "--models", "textcnn", "--methods", "baseline"]
    command += ["--seeds", "1", "--epochs", "9999", "-o", tmp_path / "runs"]
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True, start_new_session=True)
    ends = time.monotonic() + 60
    while not workers_of(process.pid) and time.monotonic() < ends:
        time.sleep(0.2)
    assert workers_of(process.pid) == 1
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said.splitlines()[-1]) == (143, "stopped")
    assert workers_of(process.pid) == 0


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


def a_row(method: str, mean: float | None, *, control: str = "", **given: Any) -> dict[str, Any]:
    figures = {f"{name}_mean": mean for name in ("accuracy", "macro_f1", "log_loss_calibrated", "ece_calibrated")}
    figures |= {name.replace("_mean", "_sd"): 0.01 for name in figures}
    names = {"data": "d", "model": "linear", "title": method, "method": method, "control": control, "seeds": 2}
    return {**names, **figures, **given}


def a_gap(method: str, against: str, words: str, **given: Any) -> dict[str, Any]:
    numbers = {"difference": 0.01, "low": 0.0, "high": 0.02, "p_holm": 0.012}
    names = {"data": "d", "model": "linear", "method": method, "title": method, "against": against, "words": words}
    return {**names, **numbers, **given}


NOT_CLEAR = "no significant difference"


def test_a_narrower_command_says_that_other_runs_are_kept(sixty: Path, tmp_path: Path, sfumato: Command) -> None:
    folder = tmp_path / "runs"
    common = ("--seeds", 1, "--test-size", 0.3, "--no-controls", "--jobs", 1, "-o", folder)
    both = sfumato("compare", sixty, "--methods", "baseline,label-smoothing", *common)
    assert (both.code, "results.jsonl keeps" in both.err) == (0, False)
    one = sfumato("compare", sixty, "--methods", "baseline", *common)
    assert "note: comparison.md shows the runs of this command; results.jsonl keeps 1 other" in one.err
    assert "label-smoothing" not in (folder / "comparison.md").read_text()


def test_the_last_sentence_names_the_best_by_mean_what_is_clear_and_what_failed() -> None:
    rows = [a_row("baseline", 0.88), a_row("kwls", 0.892), a_row("kwls", 0.95, control="uniform"), a_row("lcm", 0.8)]
    gaps = [a_gap("kwls", "baseline", "better"), a_gap("kwls", "uniform", NOT_CLEAR), a_gap("lcm", "baseline", "worse")]
    assert verdict(rows, gaps, 0, 8) == (
        "Best by mean accuracy: kwls, 89.20 %; clearly different (p Holm < .05) from baseline: 2 of 2 (kwls better, "
        "lcm worse); methods from their controls: none of 1; no run failed."
    )
    gaps[1]["words"] = "better"
    assert "methods from their controls: 1 of 1 (kwls better than uniform); 2 runs of 8 failed." in verdict(
        rows, gaps, 2, 8
    )


def test_over_several_sets_only_places_that_every_method_has_are_averaged() -> None:
    rows = [a_row("baseline", 0.8), a_row("kwls", 0.7), a_row("baseline", 0.5, data="e"), a_row("kwls", 0.9, data="e")]
    rows += [a_row("baseline", 0.99, data="f"), a_row("kwls", None, data="f")]  # its runs failed
    gaps = [a_gap("kwls", "baseline", "better", data="e"), a_gap("kwls", "baseline", NOT_CLEAR)]
    said = verdict(rows, gaps, 1, 12)
    assert said.startswith("Best by mean accuracy over 2 data sets and models: kwls, 80.00 %;")
    assert "1 of 2 (kwls better on e with linear)" in said
    assert "1 run of 12 failed" in said


def test_sets_of_several_labels_are_named_by_micro_f1_beside_those_of_one() -> None:
    several = {"micro_f1_mean": 0.7, "micro_f1_sd": 0.01, "data": "e"}
    rows = [
        a_row("baseline", 0.8),
        a_row("baseline", 0.1, **several),
        a_row("mask", 0.9, **{**several, "micro_f1_mean": 0.6}),
    ]
    gaps = [a_gap("mask", "random-groups", "better", data="e")]
    assert verdict(rows, gaps, 0, 3) == (
        "Best by mean accuracy: baseline, 80.00 %; Best by mean micro-F1: baseline, 70.00 %; "
        "methods from their controls: 1 of 1 (mask better than random-groups); no run failed."
    )


def test_ties_and_nothing_at_all_have_words_too() -> None:
    assert verdict([a_row("baseline", 0.5), a_row("kwls", 0.5)], [], 0, 2) == (
        "Best by mean accuracy, 50.00 %: baseline, kwls alike; no run failed."
    )
    assert verdict([a_row("kwls", None)], [], 2, 2) == "There are no results; 2 runs of 2 failed."


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_gets_tables_and_a_pipe_markdown_and_both_the_sentence_last(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sfumato.cli.compare import print_result
    from sfumato.comparison import Comparison

    compared = Comparison([], [], [])
    row = a_row("kwls", 0.892)
    monkeypatch.setattr(Comparison, "to_markdown", lambda self: "| markdown |")
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    monkeypatch.setenv("COLUMNS", "160")
    compared.rows.append(row)
    compared.differences.append(a_gap("kwls", "baseline", "better"))
    print_result(compared)
    said = capsys.readouterr().out
    assert ("| markdown |" in said) is not terminal
    assert ("89.20 ± 1.00" in said) is terminal
    assert said.rstrip().endswith("no run failed.")
