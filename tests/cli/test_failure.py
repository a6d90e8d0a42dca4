import errno
import json
import os
import signal
import subprocess
import sys
import warnings

import pytest
import typer

from sfumato.cli.failure import Terminated, ending_as_by_ctrl_c, guarded
from sfumato.errors import InputError, MissingExtraError


def outcome(error: BaseException) -> int:
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as ended:
        guarded(command)()
    return ended.value.exit_code


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InputError("no column 'bdoy'"), 2, "error: no column 'bdoy'"),
        (MissingExtraError("lcm needs torch: pip install 'sfumato[torch]'"), 1, "pip install 'sfumato[torch]'"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 1, "needs torch: pip install 'sfumato[torch]'"),
        (OSError(errno.EACCES, "Permission denied", "/etc/x"), 1, "Permission denied (/etc/x)"),
        (OSError(errno.ENOSPC, "No space left on device", "a.csv"), 1, "the disk is full (a.csv)"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), 1, "the disk is full"),
        (MemoryError(), 1, "not enough memory"),
        (KeyError("x"), 1, "SFUMATO_DEBUG=1"),
        (KeyboardInterrupt(), 130, "stopped"),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_every_error_becomes_a_sentence_and_a_code(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SFUMATO_DEBUG", raising=False)
    monkeypatch.setattr("sfumato.cli.failure.drop_output", lambda error: None)
    assert outcome(error) == code
    printed = capsys.readouterr()
    assert words in printed.err
    assert "Traceback" not in printed.err
    assert not printed.out


def test_debugging_shows_the_error_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFUMATO_DEBUG", "1")

    def command() -> None:
        raise InputError("the cause")

    with pytest.raises(InputError, match="the cause"):
        guarded(command)()


def test_a_warning_becomes_a_note_and_old_code_stays_silent(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        warnings.warn("kwls fell back to label smoothing", UserWarning, stacklevel=1)
        warnings.warn("this will go", DeprecationWarning, stacklevel=1)
        warnings.warn("Sparse CSR tensor support is in beta state.", UserWarning, stacklevel=1)

    guarded(command)()
    assert capsys.readouterr().err == "note: kwls fell back to label smoothing\n"


def sfumato(*arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "sfumato", *arguments], text=True, stderr=-1, **settings)  # type: ignore


def test_wrong_use_exits_with_two_and_the_nearest_name() -> None:
    ended = sfumato("chekc", stdout=-1)
    assert ended.returncode == 2
    assert "check" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_full_disk_behind_standard_output_exits_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # a buffer would be written again at exit
    with open("/dev/full", "w") as full:
        ended = sfumato("methods", "baseline", stdout=full)
    assert ended.returncode == 1
    assert "the disk is full" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


def test_json_is_one_document_on_standard_output() -> None:
    ended = sfumato("methods", "label-smoothing", "--json", stdout=-1)
    assert ended.returncode == 0
    entry = json.loads(ended.stdout)
    assert entry["options"] == {"smoothing": 0.1, "mode": "uniform", "loss": "ce", "alpha": 1.0, "scale": "none"}
    assert not ended.stderr


def test_a_second_sigterm_does_not_stop_the_cleaning_up_and_the_handler_before_comes_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    cleaned = []

    def ended_twice() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            cleaned.append(True)

    with pytest.raises(Terminated), ending_as_by_ctrl_c():
        ended_twice()
    assert cleaned
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_sigterm_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with ending_as_by_ctrl_c():
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
