"""The half without PyTorch: nothing of it loads torch, and a missing extra names its command."""

import subprocess
import sys

import pytest

from sfumato.errors import MissingExtraError
from sfumato.retrieval import build
from sfumato.retrieval.lexical import BM25
from sfumato.retrieval.search import Approximate

SEARCH = """
import sys
from pathlib import Path
from sfumato.retrieval import build
from sfumato.retrieval.index import Index
from sfumato.retrieval.ranking import evaluate
task = build({"question": ["who?", "where?"], "sentence": ["the mayor who leads", "where it lies"]})
index = Index.load(Index.build(task.corpus).save(Path(sys.argv[1]) / "index"))
assert evaluate(index.top_k(task.questions.texts, 2), task.questions.positives)["recall@1"] == 1
print(*sys.modules)
"""


@pytest.mark.slow
def test_building_searching_and_measuring_load_no_torch(tmp_path: object) -> None:
    command = [sys.executable, "-c", SEARCH, str(tmp_path)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "bm25s" in loaded
    assert not {"torch", "transformers", "accelerate"} & set(loaded)


def test_a_missing_extra_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sentencex", "bm25s"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr("sfumato.retrieval.search.has_usearch", lambda: False)
    passage = {"context": ["It is so."], "question": ["so?"], "answers_text": ["so"], "answers_start": ["6"]}
    with pytest.raises(MissingExtraError, match=r"sentencex: pip install 'sfumato\[retrieval\]'"):
        build(passage)
    with pytest.raises(MissingExtraError, match=r"bm25s: pip install 'sfumato\[retrieval\]'"):
        BM25(["a cat"])
    with pytest.raises(MissingExtraError, match=r"usearch: pip install 'sfumato\[ann\]'"):
        Approximate([[1.0]])
    pairs = build({"question": ["so?"], "sentence": ["It is so."]})
    assert len(pairs.corpus) == 1  # what needs no segmenter works without
