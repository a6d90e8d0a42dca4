"""What each word of each text says for each label, from four factors; their sum over a text is its relevance.

The factors are a method's own (`sfumato.methods.kwls`, `sfumato.methods.tfidf`); here they are put together, with a
text's own words counted for its label or not. The equations at the ends of lines are those of KWLS. Shapes: N texts,
V words, C labels, nnz stored counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sfumato.keywords import Counts, LabelCounts
from sfumato.targets import Integers

Array = NDArray[np.float64]

BLOCK = 1024  # texts at a time: what their words need stays in the processor's cache


@dataclass(frozen=True, eq=False)
class WordWeights:
    """The factors of what a word says; arrays in, arrays of the same shape out.

    Attributes
    ----------
    label_size : words of each label ``(C,)``, or of the label of each text without that text ``(N,)``, and the mean
        over the labels, to what ``label_correlation`` takes as its second argument; more than 0
    label_correlation : occurrences F of a word in a label, and the label's size, to the factor of both
    label_weight : number of labels that hold a word, and C, to the factor of the word
    text_correlation : occurrences f of a word in a text to the factor of both
    text_weight : number of texts that hold a word, and N, to the factor of the word
    """

    label_size: Callable[[Array, float], Array]
    label_correlation: Callable[[Array, Array], Array]
    label_weight: Callable[[Integers, int], Array]
    text_correlation: Callable[[Array], Array]
    text_weight: Callable[[Array, int], Array]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What each word of each text says for each label; the sum over a text's words is its relevance.

    Attributes
    ----------
    word : CSR (N, V), the factors that do not depend on the label
    label : (C, V), the factors that do, for the labels that a text does not have
    given : the same for the words of one text and its given label; None if that is no exception
    total : (N,), the sum over each text's words for its given label, where that is an exception
    """

    word: sparse.csr_matrix
    label: Array
    given: Callable[[int], Array] | None = None
    total: Array | None = None

    def relevance(self, labels: Integers, length: float | Array) -> Array:
        """Return the relevance, ``(N, C)``; ``length`` divides it: a number, or each text's own as ``(N, 1)``."""
        relevance = np.asarray(self.word @ np.ascontiguousarray(self.label.T))
        if self.total is not None:
            relevance[np.arange(len(labels)), labels] = self.total
        relevance /= length  # Eq. 7
        return relevance

    def of_row(self, row: int, label: int) -> tuple[Integers, Array]:
        """Return the words of one text and what each adds to each label, ``(words,)`` and ``(words, C)``."""
        stored = slice(self.word.indptr[row], self.word.indptr[row + 1])
        words = self.word.indices[stored]
        share = self.label[:, words].T.copy()
        if self.given is not None:
            share[:, label] = self.given(row)
        return words, self.word.data[stored, None] * share


def in_sample(counts: Counts, stats: LabelCounts, weights: WordWeights) -> Evidence:
    """Let a text's own words count for its label; ``counts`` may be of other texts with the words of ``stats``."""
    C = len(stats.S)
    word = counts.matrix.data.astype(np.float64)
    word = weights.text_correlation(word) * weights.text_weight(stats.df, stats.N)[counts.matrix.indices]  # Eq. 6
    size = weights.label_size(stats.S, float(stats.S.mean()))
    holding = (stats.F > 0).sum(axis=0)
    label = weights.label_correlation(stats.F, size[:, None]) * weights.label_weight(holding, C)  # Eq. 3
    return Evidence(_like(counts, word), label)


class LeftOut:
    """What the words of texts say once each text is taken out of its own label: of F, S and who holds a word.

    What describes the corpus and not a label stays: N, df, and the mean sizes of labels and texts.
    """

    def __init__(self, counts: Counts, labels: Integers, stats: LabelCounts, weights: WordWeights) -> None:
        C, mean_size = len(stats.S), float(stats.S.mean())
        holding = (stats.F > 0).sum(axis=0)
        by_text = weights.text_weight(stats.df, stats.N)
        self.usual = by_text * weights.label_weight(holding, C)  # (V,)
        self.less = by_text * weights.label_weight(np.maximum(holding - 1, 0), C)  # where the own label drops out
        self.size = weights.label_size(stats.S[labels] - counts.lengths, mean_size)  # (N,)
        self.F = stats.F.ravel()
        self.offset = labels * stats.F.shape[1]  # (N,), where the own label begins in F
        self.weights = weights
        self.matrix = counts.matrix

    def __call__(self, first: int, last: int) -> tuple[Array, Array]:
        """Return both factors of the words of some texts: that of the word, and that of the given label."""
        start = self.matrix.indptr
        stored, repeats = slice(start[first], start[last]), np.diff(start[first : last + 1])
        w, f = self.matrix.indices[stored].astype(np.int64), self.matrix.data[stored].astype(np.float64)
        key = np.repeat(self.offset[first:last], repeats)
        key += w
        left = self.F.take(key, mode="clip")  # no index is outside: "clip" only skips the check
        left -= f
        text = self.weights.text_correlation(f)
        word = text * self.usual.take(w, mode="clip")
        only = np.flatnonzero(left == 0)  # no other text of the label holds the word
        word[only] = text[only] * self.less[w[only]]
        return word, self.weights.label_correlation(left, np.repeat(self.size[first:last], repeats))


def held_out(counts: Counts, labels: Integers, stats: LabelCounts, weights: WordWeights) -> Evidence:
    """Take each text's own words out of F, of S and of the number of labels that hold a word (`LeftOut`)."""
    left_out, start, N = LeftOut(counts, labels, stats, weights), counts.matrix.indptr, len(labels)
    word, total = np.empty(counts.matrix.nnz), np.zeros(N)
    for first in range(0, N, BLOCK):
        last = min(first + BLOCK, N)
        words, given = left_out(first, last)
        word[start[first] : start[last]] = words
        given *= words
        filled = first + np.flatnonzero(np.diff(start[first : last + 1]))  # reduceat would repeat for an empty text
        total[filled] = np.add.reduceat(given, start[filled] - start[first]) if len(filled) else 0.0
    size = weights.label_size(stats.S, float(stats.S.mean()))
    label = weights.label_correlation(stats.F, size[:, None])
    return Evidence(_like(counts, word), label, lambda row: left_out(row, row + 1)[1], total)


def _like(counts: Counts, data: Array) -> sparse.csr_matrix:
    return sparse.csr_matrix((data, counts.matrix.indices, counts.matrix.indptr), shape=counts.matrix.shape)
