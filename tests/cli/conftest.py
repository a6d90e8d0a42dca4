"""The real command, in this process: what it prints and the code it exits with."""

from collections.abc import Callable
from pathlib import Path
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


TICKETS = """text,label
the invoice is wrong,billing
charged twice this month,billing
refund the invoice please,billing
the parcel is late,shipping
parcel never arrived,shipping
where is my parcel,shipping
"""


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a linear model of two classes, trained on thirty short texts."""
    import sfumato

    pairs = [line.split(",") for line in TICKETS.splitlines()[1:]] * 5
    texts = [f"{text}, ticket {k}" for k, (text, _) in enumerate(pairs)]
    data = {"body": texts, "category": [label for _, label in pairs]}
    folder = tmp_path_factory.mktemp("tiny") / "model"
    sfumato.fit(data, text="body", label="category", model="linear", method="baseline").save(folder)
    return folder
