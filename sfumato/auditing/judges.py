"""The two judges of an audit, asked with the given labels or with shares of them; see `sfumato.auditing.judge`.

Shapes: N texts, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Examples
from sfumato.keywords import Counts, LabelCounts
from sfumato.methods.kwls import held_out_evidence
from sfumato.methods.noise.expert_panel import Experts, Settings
from sfumato.methods.noise.experts import K1, K2, B, root_length
from sfumato.methods.noise.judged_rows import shown
from sfumato.methods.noise.model import NoiseModel, fit_none
from sfumato.methods.word_evidence import Evidence
from sfumato.targets import Integers

Array = NDArray[np.float64]
NOBODY = -50.0  # the bias of a label that is nobody's right one


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


class Judges(Experts):
    """The experts of `adaptive`, which here keep what the words say; the linear one alone where no text holds a word.

    Attributes
    ----------
    active : the labels of more than one text, or all where there are not two of those
    keywords : what the words say; None before `given`, and where no text holds a word
    """

    def __init__(self, examples: Examples, *, folds: int, seed: int) -> None:
        super().__init__(examples.inputs, examples.labels, examples.num_classes, Settings(folds=folds, seed=seed))
        if self.counts is not None and not self.counts.matrix.nnz:  # signs only
            self.counts = None
        many = shown(self.texts, self.labels, self.C)
        self.active = many if len(many) > 1 else np.arange(self.C)
        self.keywords: Keywords | None = None

    def among(self, rows: Integers) -> Integers:
        """Return the place of the given label of some rows among the active ones."""
        return np.searchsorted(self.active, self.labels[rows])

    def active_of(self, z: Array, rows: Integers) -> Array:
        """Return the scores z (E, N, C) of some rows for the active labels."""
        return z[:, rows][:, :, self.active]

    def of_all(self, model: NoiseModel) -> NoiseModel:
        """Return a model of the active labels as one of all C: the others are nobody's right label."""
        b, T = np.full(self.C, NOBODY), np.eye(self.C)
        b[self.active], T[np.ix_(self.active, self.active)] = model.b, model.T
        return replace(model, b=b, T=T)

    def all_right(self, z: Array, rows: Integers) -> NoiseModel:
        """Return the model of T = I, fitted to some rows by their scores z (E, N, C)."""
        if not len(rows):
            return NoiseModel("none", np.ones(len(z)), np.zeros(self.C), np.eye(self.C))
        return self.of_all(fit_none(self.active_of(z, rows), self.among(rows)))

    def of_keywords(self, counts: Counts) -> Array:
        labels = self.labels[self.once]
        evidence = held_out_evidence(counts, labels, LabelCounts.of(counts, labels, self.C), k1=K1, b=B, k2=K2)
        self.keywords = Keywords(evidence, counts.vocabulary, self.place)
        return evidence.relevance(labels, root_length(counts))
