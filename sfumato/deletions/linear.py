"""Deletions for ``linear``: only the n-grams that touch the word change, and the length of the row.

The logits of a row are ``S / sqrt(Q) + b``; S is the sum over its n-grams of ``a W`` and Q that of ``a ** 2``,
where ``a = (1 + ln tf) w``. A deletion changes a few counts tf. D deletions, V n-grams, C classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sfumato.deletions.words import Words
from sfumato.ngram_counts import Reading, count_matrix
from sfumato.ngrams import NgramEncoder
from sfumato.targets import Floats, Integers

if TYPE_CHECKING:
    from sfumato.model import Model

ROWS = 16_384  # deletions at a time


def linear_logits(model: Model, words: Words, chosen: Integers, device: Any) -> Floats:
    """Return the logits (D, C) of the texts without each chosen word."""
    layer: Any = model.network.output_layer
    weight = layer.weight.detach().cpu().numpy().T  # (V, C)
    bias = layer.bias.detach().cpu().numpy()
    changes = Changes(model.encoder, words)
    S, Q, left = changes.whole(weight)
    answers = []
    for first in range(0, len(chosen), ROWS):
        part = chosen[first : first + ROWS]
        delta, square, count = changes.of(part)
        owner = words.owner[part]
        length = np.sqrt(np.maximum(Q[owner] + square, np.finfo(np.float64).tiny))
        length[left[owner] + count <= 0] = np.inf  # no n-gram is left: the row is empty
        answers.append((S[owner] + delta @ weight) / length[:, None] + bias)
    return np.concatenate(answers).astype(np.float32)


class Changes:
    """The n-gram counts of texts, and how they change when a word is deleted."""

    def __init__(self, encoder: Any, words: Words) -> None:
        assert isinstance(encoder, NgramEncoder)
        assert words.tokens is not None
        self.encoder, self.words, self.tokens = encoder, words, words.tokens
        self.reading = Reading(words.tokens, encoder.vocabulary, encoder.alphabet)
        self.starts = np.cumsum([0, *(len(codes) for codes in encoder.codes.values())])
        self.letters = self.letters_of_kinds()
        self.context = max((int(block[6:]) for block in encoder.codes if block.startswith("words")), default=1) - 1
        self.line, self.first, self.place = self.spaced()
        self.counts = self.counts_of_texts()
        owner = np.repeat(np.arange(len(words)), np.diff(self.counts.indptr)).astype(np.int64)
        self.known = owner * encoder.num_features + self.counts.indices  # sorted

    def whole(self, weight: Floats) -> tuple[Floats, NDArray[np.float64], Integers]:
        """Return S (N, C), Q (N,) and the number of n-grams (N,) of the whole texts."""
        a = sparse.csr_matrix(
            ((1 + np.log(self.counts.data)) * self.encoder.weights[self.counts.indices], *self.shape_of(self.counts)),
            shape=self.counts.shape,
        )
        return a @ weight, np.asarray(a.multiply(a).sum(axis=1)).ravel().astype(np.float64), np.diff(self.counts.indptr)

    @staticmethod
    def shape_of(matrix: Any) -> tuple[Any, Any]:
        """Return the columns and row borders of a CSR matrix."""
        return matrix.indices, matrix.indptr

    def letters_of_kinds(self) -> Any:
        """Return how often each kind of token holds each character n-gram, CSR (K, V), or None without such."""
        K, V = len(self.tokens.kinds), self.encoder.num_features
        rows, columns = [], []
        for start, (block, codes) in zip(self.starts, self.encoder.codes.items(), strict=False):
            if not block.startswith("words"):
                kind, code = self.reading.occurrences(block)
                known, place = look_up(code, codes)
                rows.append(kind[known])
                columns.append(start + place[known])
        return count_matrix(np.concatenate(rows), np.concatenate(columns), (K, V)) if rows else None

    def counts_of_texts(self) -> Any:
        """Return how often each whole text holds each n-gram, CSR (N, V) with sorted indices."""
        N, rows, columns = len(self.words), [], []
        owner = np.repeat(np.arange(N), self.words.lengths)
        for start, (block, codes) in zip(self.starts, self.encoder.codes.items(), strict=False):
            if block.startswith("words"):
                n = int(block[6:])
                begin = self.place if n == 1 else np.concatenate([self.first, self.place])
                texts = owner if n == 1 else np.concatenate([np.arange(N), owner])
                code, whole = self.code(begin[:, None] + np.arange(n), n)
                known, place = look_up(code, codes)
                rows.append(texts[known & whole])
                columns.append(start + place[known & whole])
        counts = count_matrix(np.concatenate(rows), np.concatenate(columns), (N, self.encoder.num_features))
        if self.letters is not None:
            kinds = count_matrix(owner, self.words.flat, (N, len(self.tokens.kinds)))
            counts = (counts + kinds @ self.letters).tocsr()
        counts.sort_indices()
        return counts

    def spaced(self) -> tuple[Integers, Integers, Integers]:
        """Return all texts in one line, each after its start and between zeros, and where starts and tokens stand."""
        gap = self.context + 1
        lengths = self.words.lengths
        first = gap + np.cumsum(lengths + gap + 1) - (lengths + gap + 1)  # of each start
        line = np.zeros(int((lengths + gap + 1).sum()) + 2 * gap, dtype=np.int64)
        line[first] = self.reading.start
        owner = np.repeat(np.arange(len(lengths)), lengths)
        place = first[owner] + 1 + np.arange(len(owner)) - self.words.offsets[owner]
        line[place] = self.reading.words
        return line, first, place

    def of(self, chosen: Integers) -> tuple[Any, NDArray[np.float64], Integers]:
        """Return the change of ``a`` (D, V), of Q (D,) and of the number of n-grams (D,)."""
        V = self.encoder.num_features
        changed = self.change_of_counts(chosen)
        row = np.repeat(np.arange(len(chosen)), np.diff(changed.indptr)).astype(np.int64)
        key = self.words.owner[chosen][row] * V + changed.indices
        found, place = look_up(key, self.known)
        before = np.where(found, self.counts.data[place], 0).astype(np.float64)
        after = np.round(before + changed.data)
        weights = self.encoder.weights[changed.indices].astype(np.float64)
        old, new = (np.where(tf > 0, 1 + np.log(np.maximum(tf, 1)), 0) * weights for tf in (before, after))
        delta = sparse.csr_matrix(((new - old).astype(np.float32), *self.shape_of(changed)), shape=changed.shape)
        size = len(chosen)
        square = np.bincount(row, weights=new**2 - old**2, minlength=size)
        count = np.bincount(row, weights=(after > 0).astype(float) - (before > 0), minlength=size)
        return delta, np.asarray(square, dtype=np.float64), count.astype(np.int64)

    def change_of_counts(self, chosen: Integers) -> Any:
        """Return by how much each deletion changes each count, CSR (D, V)."""
        position = self.place[self.words.start[chosen]]
        rows, columns, signs = [], [], []
        for start, (block, codes) in zip(self.starts, self.encoder.codes.items(), strict=False):
            if not block.startswith("words"):
                continue
            n = int(block[6:])
            for offset in range(n):  # the runs that hold the token, and those that close over its gap
                around = position[:, None] + np.arange(-offset, n - offset)
                runs = [(-1.0, around)]
                if offset:
                    closed = around + (np.arange(n) >= offset)
                    runs.append((1.0, closed))
                for sign, where in runs:
                    code, whole = self.code(where, n)
                    known, place = look_up(code, codes)
                    known &= whole
                    rows.append(np.flatnonzero(known))
                    columns.append(start + place[known])
                    signs.append(np.full(int(known.sum()), sign))
        shape = (len(chosen), self.encoder.num_features)
        parts = (np.concatenate(signs), (np.concatenate(rows), np.concatenate(columns)))
        changed = sparse.coo_matrix(parts, shape=shape).tocsr()
        if self.letters is not None:
            changed = changed - self.letters[self.words.flat[self.words.start[chosen]]]
        changed.sum_duplicates()
        changed.eliminate_zeros()
        return changed

    def code(self, where: Integers, n: int) -> tuple[Integers, NDArray[np.bool_]]:
        """Return the code of the run at some places (D, n), and whether all of it is known and in the text."""
        digits = self.line[where]
        code = np.zeros(len(where), dtype=np.int64)
        for k in range(n):
            code = code * (self.reading.start + 1) + digits[:, k]
        return code, np.asarray((digits > 0).all(axis=1))


def look_up(wanted: Integers, known: Integers) -> tuple[NDArray[np.bool_], Integers]:
    """Return whether each number is among the sorted ``known``, and where."""
    if not len(known):
        return np.zeros(len(wanted), dtype=bool), np.zeros(len(wanted), dtype=np.int64)
    place = np.searchsorted(known, wanted).clip(max=len(known) - 1)
    return known[place] == wanted, place
