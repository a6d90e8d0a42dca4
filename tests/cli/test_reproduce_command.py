"""`sfumato reproduce` and `sfumato tables` as they are called: what is refused, what is shown without training."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_startup import without_torch

from sfumato.cli.reproduce import read_only

Command = Callable[..., Any]


@pytest.mark.parametrize("name", ["x.csv", "tickets.parquet", "data.jsonl"])
def test_a_data_file_where_a_table_is_wanted_is_sent_to_compare(name: str, tmp_path: Path, sfumato: Command) -> None:
    (tmp_path / name).write_text("text,label\n")
    ended = sfumato("reproduce", tmp_path / name)
    assert ended.code == 2
    assert "reproduce takes a name from `sfumato tables`, or a TOML file" in ended.err
    assert f"sfumato compare {tmp_path / name}" in ended.err


def test_an_unknown_name_is_still_answered_with_the_nearest(sfumato: Command) -> None:
    ended = sfumato("reproduce", "kwls-tabel-2")
    assert ended.code == 2
    assert "did you mean 'kwls-table-2'" in ended.err
    assert "compare" not in ended.err


@pytest.mark.parametrize("option", [("--only", "model=CNN"), ("--data", "."), ("--device", "cpu")])
def test_options_about_runs_do_not_go_with_render(option: tuple[str, str], sfumato: Command) -> None:
    ended = sfumato("reproduce", "lcm-table-5", "--render", *option)
    assert ended.code == 2
    assert f"{option[0]} is about runs, and --render makes none" in ended.err


def test_rendering_without_runs_says_how_to_run_them(tmp_path: Path, sfumato: Command) -> None:
    ended = sfumato("reproduce", "lcm-table-5", "--render", "-o", tmp_path / "runs")
    assert ended.code == 2
    assert "sfumato reproduce lcm-table-5 --scale small runs it" in ended.err
    assert not list(tmp_path.iterdir())


def test_a_committed_table_is_rendered_in_a_folder_of_ones_own(tmp_path: Path, sfumato: Command) -> None:
    from shutil import copytree, ignore_patterns

    kept = Path(__file__).parents[2] / "results" / "lcm-table-5"
    copytree(kept, tmp_path / "runs" / "lcm-table-5", ignore=ignore_patterns("predictions"))  # as in a fresh clone
    ended = sfumato("reproduce", "lcm-table-5", "--render", "-o", tmp_path / "runs")
    assert ended.code == 0, ended.err
    assert (tmp_path / "runs" / "lcm-table-5" / "table.json").read_bytes() == (kept / "table.json").read_bytes()
    assert "missing" not in ended.err
    (tmp_path / "runs" / "lcm-table-5" / "table.json").unlink()
    ended = sfumato("reproduce", "lcm-table-5", "--render", "-o", tmp_path / "runs")
    assert ended.code == 0, ended.err
    assert "note: 10 of 10 differences have no interval" in ended.err


@pytest.mark.parametrize(
    ("place", "said"),
    [("taken", "is a file"), ("taken/below", "is a file"), ("/proc/results", "cannot be written")],
)
def test_an_output_that_cannot_be_written_is_refused_before_any_data_are_read(
    place: str, said: str, tmp_path: Path, sfumato: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFUMATO_DATA", str(tmp_path / "no data are looked for"))
    (tmp_path / "taken").write_text("mine")
    ended = sfumato("reproduce", "lcm-table-5", "-o", tmp_path / place)
    assert ended.code == 2
    assert place.partition("/")[0] in ended.err
    assert said in ended.err
    assert "no data are looked for" not in ended.err
    assert (tmp_path / "taken").read_text() == "mine"


def test_tables_are_listed_by_paper_with_their_titles_and_the_json_has_them_too(
    tmp_path: Path, sfumato: Command
) -> None:
    ended = sfumato("tables", "-o", tmp_path)
    names = [line.split()[0] for line in ended.out.splitlines()[1:-2]]
    assert names.index("kwls-table-2") < names.index("kwls-table-4") < names.index("ls-sentiment")
    assert names.index("ls-sentiment") < names.index("lcm-table-5") < names.index("few-sweep")  # ours come last
    assert "LCM, Table 5: a small CNN on images" in ended.out
    listed = json.loads(sfumato("tables", "-o", tmp_path, "--json").out)
    assert [row["name"] for row in listed] == names
    assert {row["name"]: row["title"] for row in listed}["lcm-table-5"] == "LCM, Table 5: a small CNN on images"


@pytest.mark.parametrize(("columns", "titles"), [("200", True), ("100", False)])
def test_a_narrow_terminal_has_no_room_for_titles(
    columns: str, titles: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sfumato.cli import reproduce

    shown: list[Any] = []
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr(reproduce, "print_table", lambda head, rows: shown.append(head))
    reproduce.tables(tmp_path)
    assert ("title" in shown[0]) is titles


@pytest.mark.slow
def test_tables_are_listed_without_pytorch_with_the_same_counts(sfumato: Command) -> None:
    results = Path(__file__).parents[2] / "results"
    listed = without_torch("tables", "-o", str(results))
    assert listed.returncode == 0, listed.stderr
    assert (
        listed.stdout.rpartition("\nLOADED")[0].strip().splitlines()
        == sfumato("tables", "-o", results).out.strip().splitlines()
    )


@pytest.mark.parametrize(
    ("pairs", "found"),
    [
        (["model=TextCNN", "model=LSTM", "setting="], {"model": ["TextCNN", "LSTM"], "setting": [""]}),
        (["setting=30 % a=b"], {"setting": ["30 % a=b"]}),
        (["control="], {"control": [""]}),
    ],
)
def test_only_may_name_the_setting_without_a_name(pairs: list[str], found: dict[str, list[str]]) -> None:
    assert read_only(pairs) == found


@pytest.mark.parametrize("pair", ["model=", "setting", "=x", ""])
def test_only_needs_a_key_and_a_title(pair: str, sfumato: Command) -> None:
    ended = sfumato("reproduce", "noise-sweep", "--only", pair)
    assert ended.code == 2
    assert "--only takes" in ended.err
