"""What README.md shows is what the package has: its commands, their options, and its Python."""

import ast
import inspect
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from typer.main import get_command

import sfumato
from sfumato.augmentation.registered import AUGMENTERS
from sfumato.cli.app import app
from sfumato.corpus import make_corpus
from sfumato.methods import METHODS
from sfumato.models import MODELS

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def shell_commands() -> Iterator[list[str]]:
    """Yield the words of every call of ``sfumato``, the lines that a backslash continues joined."""
    for block in blocks("bash"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["sfumato"]:
                yield words[1:]


CALLS = list(shell_commands())


def test_the_main_job_is_shown_command_by_command() -> None:
    main_job = ["demo", "check", "audit", "fit", "predict", "evaluate", "soften", "compare", "augment"]
    assert [call[0] for call in CALLS] == [*main_job, "index", "search", "tables", "reproduce", "datasets"]


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_the_command_line_reads_every_call(call: list[str]) -> None:
    command = get_command(app).commands[call[0]]  # type: ignore[attr-defined]
    command.make_context(call[0], call[1:])  # raises for an option that is not there, or a value it cannot read


def test_a_call_with_an_option_that_is_not_there_would_be_noticed() -> None:
    command = get_command(app).commands["fit"]  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="--modle"):
        command.make_context("fit", ["data.csv", "-o", "out", "--modle", "linear"])


@pytest.mark.parametrize(("option", "registry"), [("--methods", METHODS), ("--models", MODELS), ("--method", METHODS)])
def test_every_method_and_model_of_a_call_is_there(option: str, registry: Mapping[str, object]) -> None:
    given = [call[call.index(option) + 1] for call in CALLS if option in call and call[0] != "augment"]
    assert given
    assert set(",".join(given).split(",")) <= set(registry)


def test_the_augmenter_of_the_call_is_there() -> None:
    (call,) = (call for call in CALLS if call[0] == "augment")
    assert call[call.index("--method") + 1] in AUGMENTERS


def test_every_method_has_its_line_and_every_card_is_there() -> None:
    for name in (*METHODS, *MODELS):
        assert f"`{name}`" in README
    for path in re.findall(r"\]\(((?:docs|benchmarks)/[^)#]+|LOG\.md)", README):
        assert (Path(__file__).parents[1] / path).exists(), path


def test_the_python_names_are_public_and_take_what_they_are_given() -> None:
    (block,) = blocks("python")
    called = 0
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("sfumato."):
            name = ast.unparse(node.func).removeprefix("sfumato.")
            assert name in sfumato.__all__
            signature = inspect.signature(getattr(sfumato, name))
            signature.bind(*node.args, **{keyword.arg: keyword.value for keyword in node.keywords if keyword.arg})
            open_names = {p.name for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD}
            assert {keyword.arg for keyword in node.keywords} <= open_names  # none is swallowed by **options
            called += 1
    assert called == 4


@pytest.mark.slow
def test_the_python_runs_on_a_table_with_those_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import polars

    corpus = make_corpus(120, seed=0, departments=3)
    monkeypatch.chdir(tmp_path)
    polars.DataFrame({"body": corpus.texts, "category": corpus.labels}).write_csv("tickets.csv")
    (block,) = blocks("python")
    names = {"texts": corpus.texts, "labels": corpus.labels}
    exec(compile(block, "README.md", "exec"), names)
    assert names["soft"].targets.shape == (120, 3)
    assert "kwls" in names["table"].to_markdown()
