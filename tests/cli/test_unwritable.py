"""An output that cannot be written is refused in words before the long work."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("the work has begun")

    monkeypatch.setattr("sfumato.demo.compared_and_drawn", work)
    monkeypatch.setattr("sfumato.reproduction.run.sources", work)


@pytest.mark.skipif(sys.platform != "linux", reason="a place where nothing can be made, not even by root")
@pytest.mark.parametrize("place", ["/proc/demo", "taken", "taken/below", "foreign", "no/such/folder"])
def test_a_demo_is_refused(place: str, no_work: None, tmp_path: Path, sfumato: Command) -> None:
    (tmp_path / "taken").write_text("mine")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.txt").write_text("mine")
    for flags in ((), ("--overwrite",)):
        ended = sfumato("demo", "-o", tmp_path / place, *flags)
        assert ended.code == 2
        assert str(tmp_path / place) in ended.err
        assert "the work has begun" not in ended.err
    assert (tmp_path / "taken").read_text() == (tmp_path / "foreign" / "thesis.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["foreign", "taken"]


def test_a_table_is_not_begun_on_a_disk_without_room(
    no_work: None, tmp_path: Path, sfumato: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sfumato.reproduction.saved.TemporaryFile", full)
    ended = sfumato("reproduce", "lcm-table-5", "-o", tmp_path / "runs")
    assert ended.code == 1
    assert "the disk is full" in ended.err
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting a small disk needs root on Linux")
@pytest.mark.parametrize("command", [("demo",), ("reproduce", "lcm-table-5")])
def test_a_full_disk_is_found_before_the_work(
    command: tuple[str, ...], no_work: None, tmp_path: Path, sfumato: Command
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        ended = sfumato(*command, "-o", disk / "output")
        assert ended.code == 1, ended.err
        assert "the disk is full" in ended.err
        assert "the work has begun" not in ended.err
    finally:
        subprocess.run(["umount", disk], check=True)
