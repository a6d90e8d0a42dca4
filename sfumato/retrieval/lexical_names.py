"""Rankings by words that a table has as rows beside the dual encoders: nothing is trained."""

from __future__ import annotations

from typing import Any

from sfumato.architecture import Architecture, Training
from sfumato.errors import InputError

LEXICAL = ("bm25", "tfidf-cosine")


def lexical(name: str) -> Architecture:
    """Return what stands for such a ranking where a table has a model."""

    def nothing(*_: Any) -> Any:
        raise InputError(f"{name} ranks by words and has nothing to train; use it as a row of a table of retrieval")

    return Architecture(name, nothing, nothing, nothing, Training(epochs=1))
