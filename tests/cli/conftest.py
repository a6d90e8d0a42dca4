"""The real command, in this process: what it prints and the code it exits with."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from sfumato.cli.app import app


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def sfumato(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Call ``sfumato(*arguments)`` as the shell would."""
    monkeypatch.delenv("SFUMATO_DEBUG", raising=False)

    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            app([str(argument) for argument in arguments], prog_name="sfumato")
        captured = capfd.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    return run
