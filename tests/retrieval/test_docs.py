"""The Python of docs/retrieval.md runs, and its table of counts is what is built."""

import re
from pathlib import Path

import pytest

from sfumato.retrieval import build

PAGE = (Path(__file__).parents[2] / "docs" / "retrieval.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.data
def test_the_examples_run_in_order(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    monkeypatch.setenv("SFUMATO_DATA", str(data_folder.absolute()))
    monkeypatch.chdir(tmp_path)
    assert "train-v1.1.json" in PAGE
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    known: dict[str, object] = {}
    exec(code.replace("train-v1.1.json", "squad_xquad_en"), known)
    assert "1,185 questions, 1,159 candidate sentences of 240 passages" in capsys.readouterr().out
    assert len(known["test"]) > 200  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("name", ["squadshifts_new_wiki", "squad2_dev_half", "squad_xquad_en"])
def test_the_table_has_the_counts_of_what_is_built(name: str, data_folder: Path) -> None:
    columns = ("questions", "sentences", "passages", "crossing_answers", "duplicate_sentences", "duplicate_questions")
    counts = build(name, data=data_folder).counts
    cells = " | ".join(f"{counts[column]:,}" for column in columns)
    assert f"| `{name}` | {cells} |" in PAGE
