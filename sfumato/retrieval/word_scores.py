"""How relevant the words make a sentence to a question: KWLS and TF-IDF where a label is a candidate sentence.

Peiyang Liu, Xiangyu Xi, Wei Ye, Shikun Zhang, "Label Smoothing for Text Mining", COLING 2022, sections 4.1 to 4.4 and
5.4. The paper defines keywords of a *label* by the texts that have it, and does not say what they are in retrieval.
Here a label is a candidate sentence, and its texts are the sentence itself and its training questions:

======================  ========================  ==================================================
letter                  classification            here
======================  ========================  ==================================================
text i                  a row                     a training question
label m                 a class                   a candidate sentence
f_{w, X_m} (F)          words of its rows         words of the sentence and of its training questions
p (C)                   number of classes         number of candidates N
N, df                   rows                      training questions
======================  ========================  ==================================================

F has as many rows as there are sentences, and each holds a few words: all of it stays sparse, and the relevance of a
batch is one product of sparse rows, (B, V) by (V, U). Nothing of Q x N is ever built.

With ``leave_one_out`` a question's own words are taken out of its sentences, which would otherwise win by them alone,
and out of the number of sentences that hold a word (Eq. 2), as with classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sfumato.errors import InputError
from sfumato.keywords import count_words
from sfumato.methods.keyword_labels import KeywordLabels
from sfumato.retrieval.batches import Pairs
from sfumato.retrieval.task import Integers

Array = NDArray[np.float64]
DENSE = 1 << 22  # cells of a batch and its words, 32 MB


class WordScores:
    """What the words of Q questions say for N sentences.

    Parameters
    ----------
    labels : the factors, ``unit``, ``leave_one_out`` and ``length_norm`` of a method of words
    sentences, questions : N and Q texts
    pairs : which sentences answer which question

    Raises
    ------
    InputError
        if no question holds a word.
    """

    def __init__(self, labels: KeywordLabels, sentences: Sequence[str], questions: Sequence[str], pairs: Pairs) -> None:
        counts = count_words([*sentences, *questions], unit=labels.unit)
        N, self.weights = len(sentences), labels.weights
        f = counts.matrix[N:].astype(np.float64)  # (Q, V)
        if not f.nnz:
            raise InputError(f"keywords: none of the {len(questions)} questions holds a word (unit={labels.unit!r})")
        answers = answered(pairs, N)
        F = sparse.csr_matrix(counts.matrix[:N].astype(np.float64) + answers.T @ f)  # (N, V)
        F.sort_indices()
        lengths = counts.lengths[N:]
        S = counts.lengths[:N] + answers.T @ lengths
        self.lengths, self.pairs = lengths, pairs
        self.divisor = divisor(labels.length_norm, lengths)
        self.text = self._text_factors(f)
        self.label = self._label_factors(F, S)
        self.change = self._leave_out(f, F, S) if labels.leave_one_out else None

    def _text_factors(self, f: Any) -> Any:
        """WIC · WIW of each word of each question, CSR (Q, V)."""
        df = np.bincount(f.indices, minlength=f.shape[1]).astype(np.float64)
        self.by_text = self.weights.text_weight(df, f.shape[0])  # Eq. 5
        data = self.weights.text_correlation(f.data.copy()) * self.by_text[f.indices]  # Eq. 6
        return sparse.csr_matrix((data, f.indices, f.indptr), shape=f.shape)

    def _label_factors(self, F: Any, S: Array) -> Any:
        """WLC · WLW of each word of each sentence, CSR (N, V)."""
        size = self.weights.label_size(S, float(S.mean()))
        rows = np.repeat(np.arange(F.shape[0]), np.diff(F.indptr))
        self.holding = np.bincount(F.indices, minlength=F.shape[1])
        self.by_label = self.weights.label_weight(self.holding, F.shape[0])  # Eq. 2
        data = self.weights.label_correlation(F.data.copy(), size[rows]) * self.by_label[F.indices]  # Eq. 3
        return sparse.csr_matrix((data, F.indices, F.indptr), shape=F.shape)

    def _leave_out(self, f: Any, F: Any, S: Array) -> Array:
        """Take each question out of its sentences; return what that changes of the relevance of its pairs, (E,).

        A word that only this question gave to a sentence is then held by one sentence less, for all candidates.
        """
        place, sentence, number = self.pairs.of_rows(np.arange(len(self.pairs)))
        sizes = np.diff(f.indptr)[place]
        pair = np.repeat(np.arange(len(place)), sizes)
        entry = np.arange(len(pair)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + f.indptr[place][pair]
        w = f.indices[entry].astype(np.int64)
        keys = np.repeat(np.arange(F.shape[0], dtype=np.int64), np.diff(F.indptr)) * F.shape[1] + F.indices
        stored = np.searchsorted(keys, sentence[pair] * F.shape[1] + w)
        left = F.data[stored] - f.data[entry]  # F of the sentence without this question
        self.text.data *= self._fewer_holders(f, entry[left == 0], F.shape[0])
        size = self.weights.label_size(S[sentence] - self.lengths[place], float(S.mean()))
        without = self.weights.label_correlation(left, size[pair]) * self.by_label[w]
        changed = self.text.data[entry] * (without - self.label.data[stored])
        change = np.zeros(len(self.pairs.sentences))
        change[number] = np.bincount(pair, weights=changed, minlength=len(place))
        return change

    def _fewer_holders(self, f: Any, gone: Integers, N: int) -> Array:
        """Return Eq. 2 without the sentences that hold a word by the question alone, as a share of it with them.

        ``gone`` are the stored words of f (Q, V), once for each such sentence; the result has one number a stored word.
        """
        fewer = np.bincount(gone, minlength=f.nnz)
        holding = self.holding[f.indices]
        usual = self.by_label[f.indices]
        less = self.weights.label_weight(np.maximum(holding - fewer, 0), N)
        return np.asarray(np.divide(less, usual, out=np.ones_like(usual), where=usual != 0))

    def relevance(self, questions: Integers, candidates: Integers) -> Array:
        """Return the relevance of U sentences, ascending, to B questions, (B, U)."""
        relevance = product(self.text, questions, self.label, candidates)  # Eq. 7
        if self.change is not None:
            place, sentence, number = self.pairs.of_rows(questions)
            column = np.minimum(np.searchsorted(candidates, sentence), len(candidates) - 1)
            inside = candidates[column] == sentence
            relevance[place[inside], column[inside]] += self.change[number[inside]]
        divisor: Any = self.divisor if np.isscalar(self.divisor) else self.divisor[questions]
        return np.asarray(relevance / divisor)


def product(left: Any, rows: Integers, right: Any, columns: Integers) -> Array:
    """Return ``left[rows] @ right[columns].T`` of CSR matrices (Q, V) and (N, V), dense (B, U).

    Of a batch only the words of its rows count, a few hundred, so a dense product of them is the smaller work: scipy's
    slices and sparse product take twice as long, most of it in checks (`benchmarks/retrieval_training.md`).
    """
    place, w, value = entries(left, rows)
    words, column = np.unique(w, return_inverse=True)
    if len(rows) * len(words) > DENSE:
        return np.asarray((left[rows] @ right[columns].T).toarray())
    first = np.zeros((len(rows), len(words)))
    first[place, column] = value
    place, w, value = entries(right, columns)
    column = np.minimum(np.searchsorted(words, w), max(len(words) - 1, 0))
    known = words[column] == w if len(words) else np.zeros(len(w), dtype=bool)
    second = np.zeros((len(columns), len(words)))
    second[place[known], column[known]] = value[known]
    return first @ second.T


def entries(matrix: Any, rows: Integers) -> tuple[Integers, Integers, Array]:
    """Return place among ``rows``, column and value of each stored number of these rows of a CSR matrix."""
    start = matrix.indptr[rows].astype(np.int64)
    sizes = matrix.indptr[rows + 1] - start
    place = np.repeat(np.arange(len(rows)), sizes)
    number = np.arange(len(place)) + np.repeat(start - np.cumsum(sizes) + sizes, sizes)
    return place, matrix.indices[number], matrix.data[number]


def answered(pairs: Pairs, num_sentences: int) -> Any:
    """Return which sentences answer which question, CSR (Q, N) of ones."""
    ones = np.ones(len(pairs.sentences))
    return sparse.csr_matrix((ones, pairs.sentences, pairs.offsets), shape=(len(pairs), num_sentences))


def divisor(length_norm: str, lengths: Array) -> Any:
    """Return what divides the relevance: a number, or one of each question, (Q, 1); see `kwls`."""
    own = np.maximum(lengths, 1)[:, None]
    known = {"corpus": float(max(lengths.mean(), 1e-12)), "document": own, "root": np.sqrt(own), "none": 1.0}
    return known[length_norm]
