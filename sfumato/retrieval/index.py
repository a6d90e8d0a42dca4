"""An index of sentences that can be kept: by words (BM25) without PyTorch, or by the vectors of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sfumato.errors import InputError
from sfumato.registry import check_choice, check_whole
from sfumato.retrieval.lexical import BM25, check_list
from sfumato.retrieval.search import ANN_ROWS, Approximate, Floats, Top, has_usearch, joined, top_k, vectors
from sfumato.retrieval.task import Corpus


class Hit(NamedTuple):
    """A sentence that was found: its text, the passage it stands in, its id, and the score (more is better)."""

    sentence: str
    passage: str
    id: str
    score: float


@dataclass(eq=False)
class Index:
    """N sentences, ready to be searched.

    Attributes
    ----------
    corpus : the sentences and their passages
    words : the BM25 index, None where there are vectors
    vectors : (N, D) float32, None where there are words
    identity : name and hash of the model that made the vectors
    model : that model, None where it was not given: then the index cannot be searched
    model_folder : where the model was, as the index remembers it, "" if nowhere
    """

    corpus: Corpus = field(repr=False)
    words: BM25 | None = field(default=None, repr=False)
    vectors: Floats | None = field(default=None, repr=False)
    identity: dict[str, str] | None = None
    model: Any = field(default=None, repr=False)
    model_folder: str = ""
    _near: Any = field(default=None, repr=False)  # the approximate index, made once

    @classmethod
    def build(cls, corpus: Corpus, *, model: Any = None, model_folder: str | Path = "") -> Index:
        """Index the sentences of a corpus, by words or by the vectors of a model.

        Parameters
        ----------
        model : has ``encode_questions(texts)`` and ``encode_sentences(texts)``, which return (n, D), and
            ``identity()``, a dict with its name and hash; None indexes by words
        model_folder : remembered with the index, for whoever opens it

        Raises
        ------
        InputError
            if the model does not give one finite vector a sentence, or there is no corpus
        """
        if not isinstance(corpus, Corpus):
            raise InputError(
                f"an index needs a Corpus, got {type(corpus).__name__}; give the corpus of a task that build(...) makes"
            )
        if model is None:
            return cls(corpus, BM25(corpus.sentences))
        check_encodes(model)
        made = vectors(model.encode_sentences(corpus.sentences), "the vectors of the sentences")
        if len(made) != len(corpus):
            raise InputError(f"the model gave {len(made)} vectors for {len(corpus)} sentences")
        return cls(corpus, None, made, dict(model.identity()), model, str(model_folder))

    def __len__(self) -> int:
        return len(self.corpus)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write the index as a folder (safetensors, Parquet and JSON), whole or not at all, and return its path.

        Raises
        ------
        InputError
            if something is there that must stay, or nothing can be written there
        """
        from sfumato.retrieval.index_folder import save_index

        return save_index(self, Path(folder), overwrite=overwrite)

    @classmethod
    def load(cls, folder: str | Path, model: Any = None) -> Index:
        """Read the folder of an index. Nothing in it can run code.

        Parameters
        ----------
        model : the one that the index was made with; without it an index of vectors can be looked at, not searched

        Raises
        ------
        InputError
            if it is no index, a file in it is cut off, or it was made with another model: names both
        """
        from sfumato.retrieval.index_folder import load_index

        index = load_index(Path(folder))
        if model is not None:
            index.check_model(model, str(folder))
            index.model = model
        return index

    def check_model(self, model: Any, name: str = "the index") -> None:
        """Raise unless ``model`` is the one that the vectors were made with."""
        if self.identity is None:
            raise InputError(f"{name} is searched by words (BM25) and needs no model; leave the model out")
        check_encodes(model)
        given = dict(model.identity())
        if given != self.identity:
            raise InputError(
                f"{name} was made with the model {named(self.identity)} and not with {named(given)}; give that "
                "model, or make the index again with this one"
            )

    def top_k(self, questions: Sequence[str], k: int, *, ann: str | None = None) -> Top:
        """Return the scores and the rows of the k best sentences of each question, (Q, k); -1 where there are fewer.

        Parameters
        ----------
        ann : "auto" searches vectors of more than a million sentences by usearch, where it is installed: its graph is
            made at the first search, kept in memory and never written. None is exact

        Raises
        ------
        InputError
            if a question is empty, or the model is not there or gives vectors of another size
        """
        check_whole("search", "k", k, 1)
        check_choice("search", "ann", "auto" if ann is None else ann, ("auto",))
        check_list("questions", questions)
        empty = next((q for q, text in enumerate(questions) if not str(text).strip()), None)
        if empty is not None:
            raise InputError(f"question {empty + 1} is empty; give it some words")
        if self.words is not None:
            return self.words.top_k(questions, k)
        if self.model is None:
            raise InputError(
                f"the index was made with the model {named(self.identity or {})}; give it: Index.load(folder, model)"
            )
        if not len(questions):
            return joined([], min(k, len(self)))
        if ann is not None and self._near is None and len(self) > ANN_ROWS and has_usearch():
            self._near = Approximate(self.vectors)
        near = self._near if ann is not None else None
        return top_k(self.model.encode_questions(list(questions)), self.vectors, k, ann=near)

    def search(self, questions: str | Sequence[str], k: int = 10, *, ann: str | None = None) -> list[list[Hit]]:
        """Return the k best sentences of each question, best first; ``ann`` is that of `top_k`.

        By words there are fewer where fewer share a word with the question.
        """
        top = self.top_k([questions] if isinstance(questions, str) else questions, k, ann=ann)
        return [
            [self._hit(row, score) for row, score in zip(rows, scores, strict=True) if row >= 0]
            for rows, scores in zip(top.rows.tolist(), top.scores.tolist(), strict=True)
        ]

    def _hit(self, row: int, score: float) -> Hit:
        corpus = self.corpus
        passage = corpus.passages[int(np.asarray(corpus.passage)[row])]
        return Hit(corpus.sentences[row], passage, corpus.ids[row], score)


def check_encodes(model: Any) -> None:
    """Raise unless a model has what an index asks of it."""
    missing = [name for name in ("encode_questions", "encode_sentences", "identity") if not hasattr(model, name)]
    if missing:
        raise InputError(
            f"a model for an index has the methods encode_questions, encode_sentences and identity, and "
            f"{type(model).__name__} lacks {', '.join(missing)}; give a Retriever: Retriever.load(folder), or "
            "Retriever.from_encoder(folder) of an encoder of Hugging Face or sentence-transformers"
        )


def named(identity: dict[str, str]) -> str:
    """Return "lstm (sha256 0a1b2c3d…)"."""
    rest = [f"{key} {str(value)[:12]}" for key, value in identity.items() if key != "name"]
    return f"{identity.get('name', 'without a name')!r}" + (f" ({', '.join(rest)})" if rest else "")
