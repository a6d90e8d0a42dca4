"""The two judges of an audit, asked with the given labels or with shares of them; see `sfumato.auditing.judge`.

Shapes: N texts, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Examples
from sfumato.keywords import Counts, LabelCounts, count_words
from sfumato.methods.kwls import held_out_evidence
from sfumato.methods.noise.experts import K1, K2, B, best_steps, root_length, soft_keyword_scores, soft_linear
from sfumato.methods.noise.judged_rows import first_of, mean_of_copies, places
from sfumato.methods.noise.model import standardised
from sfumato.methods.word_evidence import Evidence
from sfumato.ngrams import NgramEncoder
from sfumato.row_squares import RowSquares
from sfumato.split import fold_rows
from sfumato.targets import Integers

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Keywords:
    """What each word says for each label; ``place`` (N,) is where a row stands among the different rows."""

    evidence: Evidence
    vocabulary: Sequence[str]
    place: Integers

    def pull(self, row: int, given: int, suggested: int) -> tuple[Integers, Array]:
        """Return the words of a row, ``(words,)``, and how far each pulls from one label to the other."""
        words, adds = self.evidence.of_row(int(self.place[row]), given)
        return words, adds[:, suggested] - adds[:, given]


class Judges:
    """A linear classifier of n-grams that has not seen a row's fold, and the keywords of the labels without the row.

    Attributes
    ----------
    fold, place : (N,) the fold of each row, and its place among the different rows, of which copies are one
    once : the first row of each different one
    keywords : what the words say; None before `given`, and where no text holds a word
    """

    def __init__(self, examples: Examples, *, folds: int, seed: int) -> None:
        self.texts, self.labels, self.C = examples.inputs, examples.labels, examples.num_classes
        self.fold = fold_rows(self.labels, self.texts, folds=folds, seed=seed)
        self.matrix = NgramEncoder.fit(self.texts).encode(self.texts).matrix
        self.squares = RowSquares(self.matrix)
        self.place = places(self.texts, self.labels)
        self.once = first_of(self.place)
        self.counts: Counts = count_words([self.texts[k] for k in self.once])
        self.keywords: Keywords | None = None
        self.steps = 0

    def given(self) -> Array:
        """Return the scores by the given labels, (2, N, C)."""
        self.steps, logits = best_steps(self.squares, self.labels, self.C, self.fold)
        if not self.counts.matrix.nnz:  # signs only
            return standardised([logits, np.zeros_like(logits)])
        labels = self.labels[self.once]
        stats = LabelCounts.of(self.counts, labels, self.C)
        evidence = held_out_evidence(self.counts, labels, stats, k1=K1, b=B, k2=K2)
        self.keywords = Keywords(evidence, self.counts.vocabulary, self.place)
        return standardised([logits, evidence.relevance(labels, root_length(self.counts))[self.place]])

    def soft(self, q: Array) -> Array:
        """Return the scores where row i has the share q_ij of label j, (2, N, C)."""
        logits = soft_linear(self.squares, q, self.fold, self.steps)
        if self.keywords is None:
            return standardised([logits, np.zeros_like(logits)])
        return standardised([logits, soft_keyword_scores(self.counts, mean_of_copies(q, self.place))[self.place]])
