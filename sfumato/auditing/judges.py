"""The two judges of an audit, asked with the given labels or with shares of them; see `sfumato.auditing.judge`.

Shapes: N texts, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Examples
from sfumato.keywords import Counts, LabelCounts
from sfumato.methods.kwls import held_out_evidence
from sfumato.methods.noise.expert_panel import Experts, Settings
from sfumato.methods.noise.experts import K1, K2, B, root_length
from sfumato.methods.word_evidence import Evidence
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


class Judges(Experts):
    """The experts of `adaptive`, which here keep what the words say; the linear one alone where no text holds a word.

    Attributes
    ----------
    keywords : what the words say; None before `given`, and where no text holds a word
    """

    def __init__(self, examples: Examples, *, folds: int, seed: int) -> None:
        super().__init__(examples.inputs, examples.labels, examples.num_classes, Settings(folds=folds, seed=seed))
        if self.counts is not None and not self.counts.matrix.nnz:  # signs only
            self.counts = None
        self.keywords: Keywords | None = None

    def of_keywords(self, counts: Counts) -> Array:
        labels = self.labels[self.once]
        evidence = held_out_evidence(counts, labels, LabelCounts.of(counts, labels, self.C), k1=K1, b=B, k2=K2)
        self.keywords = Keywords(evidence, counts.vocabulary, self.place)
        return evidence.relevance(labels, root_length(counts))
