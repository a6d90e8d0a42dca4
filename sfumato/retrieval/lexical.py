"""Search by words: BM25, the cosine of TF-IDF vectors, and the fusion of several lists of candidates.

Words are those of `sfumato.keywords`, so that Chinese and Japanese work without a segmenter. Shapes: Q questions, N
candidates, V words.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from sfumato.errors import InputError, MissingExtraError
from sfumato.keywords import Counts, Unit, count_words
from sfumato.registry import check_range, check_whole
from sfumato.retrieval.search import Top, joined, sparse_top_k
from sfumato.retrieval.sentences import composed

FUSION = 60


def counted(sentences: Sequence[str], unit: Unit) -> Counts:
    """Return the words of candidates, or raise if none has one."""
    check_list("candidates", sentences)
    counts = count_words([composed(text) for text in sentences], unit=unit)
    if not counts.vocabulary:
        raise InputError(f"none of {len(sentences)} candidates has a word to search by")
    return counts


def asked_words(questions: Sequence[str], index: BM25 | TfidfCosine) -> Any:
    """Return how often each word of an index stands in each question, CSR (Q, V)."""
    check_list("questions", questions)
    texts = [composed(text) for text in questions]
    return count_words(texts, unit=index.unit, vocabulary=index.vocabulary).matrix


def check_list(name: str, texts: Any) -> None:
    """Raise for a single text, which would be read letter by letter, and for what is no list of texts."""
    if isinstance(texts, str):
        raise InputError(f"{name} must be a list of texts, got the text {texts!r:.60}; write [text]")
    if not hasattr(texts, "__iter__"):
        raise InputError(
            f"{name} must be a list of texts, got {type(texts).__name__}; of a corpus write .sentences, of questions "
            ".texts"
        )
    other = next((k for k, text in enumerate(texts) if not isinstance(text, str)), None)
    if other is not None:
        raise InputError(f"{name} must be texts; number {other + 1} is {type(texts[other]).__name__}")


class BM25:
    """Scores by shared words, rare ones more, long sentences less (S. Robertson and H. Zaragoza, 2009).

    The variant of Lucene (C. Kamphuis, A. de Vries, L. Boytsov and J. Lin, ECIR 2020), computed by bm25s (X. H. Lù,
    2024) when the candidates are indexed: a search adds up finished scores. A word of the question counts as often
    as it stands there.

    Parameters
    ----------
    sentences : N candidates
    k1 : how soon repeats of a word stop to count
    b : how much the length of a sentence counts, 0 to 1
    unit : what a word is, see `sfumato.keywords`

    Raises
    ------
    InputError
        if there is no candidate, or none has a word
    MissingExtraError
        if bm25s is not installed
    """

    def __init__(self, sentences: Sequence[str], *, k1: float = 1.5, b: float = 0.75, unit: Unit = "auto") -> None:
        from scipy.sparse import csc_matrix

        check_range("BM25", "k1", k1, 0, 1e6)
        check_range("BM25", "b", b, 0, 1)
        self.unit, self.k1, self.b = unit, k1, b
        counts = counted(sentences, unit)
        self.vocabulary = counts.vocabulary
        scores = _bm25s_scores(counts.matrix, k1, b)
        held = (scores["data"], scores["indices"], scores["indptr"])
        self.weights = csc_matrix(held, shape=counts.matrix.shape).tocsr()  # (N, V)

    @classmethod
    def of(cls, weights: Any, vocabulary: list[str], *, k1: float, b: float, unit: Unit) -> BM25:
        """Return what was built before, from its finished scores (N, V); bm25s is not needed."""
        made = cls.__new__(cls)
        made.weights, made.vocabulary, made.k1, made.b, made.unit = weights, vocabulary, k1, b, unit
        return made

    def top_k(self, questions: Sequence[str], k: int) -> Top:
        """Return the k best candidates of each question; -1 where fewer share a word with it."""
        return sparse_top_k(asked_words(questions, self), self.columns, k)

    @cached_property
    def columns(self) -> Any:
        """The scores by words, (V, N), as a search reads them."""
        return self.weights.T.tocsr()


def _bm25s_scores(counts: Any, k1: float, b: float) -> dict[str, Any]:
    """Return the score of each word in each candidate, as CSC arrays, from counts (N, V)."""
    try:
        import bm25s
    except ModuleNotFoundError as error:
        raise MissingExtraError("BM25 needs bm25s: pip install 'sfumato[retrieval]'") from error
    times = counts.data.astype(np.int64)
    tokens = np.repeat(counts.indices, times).tolist()
    ends = np.concatenate([[0], np.cumsum(times)])[counts.indptr].tolist()
    texts = [tokens[start:stop] for start, stop in pairwise(ends)]
    found = bm25s.BM25(method="lucene", k1=k1, b=b)
    scores: dict[str, Any] = found.build_index_from_ids(list(range(counts.shape[1])), texts, show_progress=False)
    return scores


class TfidfCosine:
    """Scores by the cosine of TF-IDF vectors, ``tf * (ln((1 + N) / (1 + df)) + 1)``, as scikit-learn has them.

    Words that no candidate has count in no vector.
    """

    def __init__(self, sentences: Sequence[str], *, unit: Unit = "auto") -> None:
        from sklearn.feature_extraction.text import TfidfTransformer

        self.unit = unit
        counts = counted(sentences, unit)
        self.vocabulary = counts.vocabulary
        self.transformer = TfidfTransformer()
        self.weights = self.transformer.fit_transform(counts.matrix)  # (N, V)

    def top_k(self, questions: Sequence[str], k: int) -> Top:
        """Return the k best candidates of each question; -1 where fewer share a word with it."""
        return sparse_top_k(self.transformer.transform(asked_words(questions, self)), self.columns, k)

    @cached_property
    def columns(self) -> Any:
        """The weights by words, (V, N), as a search reads them."""
        return self.weights.T.tocsr()


def fused(*tops: Any, k: int | None = None, constant: float = FUSION, weights: Sequence[float] | None = None) -> Top:
    """Fuse lists of candidates of the same questions by reciprocal ranks.

    A candidate's score is the sum of ``1 / (60 + rank)`` over the lists that hold it (G. V. Cormack, C. L. A. Clarke
    and S. Büttcher, "Reciprocal Rank Fusion Outperforms Condorcet and Individual Rank Learning Methods", SIGIR 2009).
    Of equal scores the lower row comes first.

    Parameters
    ----------
    tops : ``(scores, index)`` or ``index``, each (Q, k')
    k : how many to return, at most as many as all lists hold; as many as the longest if not given. The lists should
        be longer than that
    constant : 60 in the paper
    weights : what the ranks of each list count; evenly if not given. A list that is much worse than another makes it
        worse at even weights: choose them on dev questions

    Raises
    ------
    InputError
        if the lists are not of the same questions, or there is not one weight above 0 for each
    """
    lists = [np.asarray(top[1] if isinstance(top, tuple) else top, dtype=np.int64) for top in tops]
    if any(index.ndim != 2 for index in lists):
        raise InputError(f"fusion needs lists (Q, k), a row a question, got {[index.shape for index in lists]}")
    if not lists or len({len(index) for index in lists}) > 1:
        raise InputError(f"fusion needs lists of the same questions, got {[len(index) for index in lists]} questions")
    check_range("fused", "constant", constant, 0, float("inf"))
    weights = weights_of(weights, len(lists))
    k = k if k is not None else max(index.shape[1] for index in lists)
    check_whole("fused", "k", k, 1)
    k = min(k, sum(index.shape[1] for index in lists))
    shares = [w / (constant + np.arange(1, index.shape[1] + 1)) for w, index in zip(weights, lists, strict=True)]
    parts = [_fused_one([index[q] for index in lists], shares, k) for q in range(len(lists[0]))]
    return joined(parts, k)


def weights_of(given: Any, lists: int) -> Sequence[float]:
    """Return a weight for each list, or raise."""
    if given is None:
        return [1.0] * lists
    weights = list(given) if isinstance(given, Sequence | np.ndarray) else []
    if len(weights) != lists or not all(isinstance(w, int | float | np.number) and 0 < w < np.inf for w in weights):
        raise InputError(f"fused: weights must be {lists} numbers above 0, one for each list, got {given!r}")
    return weights


def _fused_one(lists: list[Any], shares: list[Any], k: int) -> Top:
    index, weights = np.concatenate(lists), np.concatenate(shares)
    rows, place = np.unique(index[index >= 0], return_inverse=True)
    scores = np.bincount(place, weights=weights[index >= 0], minlength=len(rows))
    order = np.argsort(-scores, kind="stable")[:k]
    found, held = np.full((1, k), -1, dtype=np.int64), np.zeros((1, k), dtype=np.float32)
    found[0, : len(order)], held[0, : len(order)] = rows[order], scores[order]
    return Top(held, found)
