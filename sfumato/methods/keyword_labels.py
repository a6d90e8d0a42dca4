"""Soft labels from words: what each word says for each label, summed, scaled and mixed with the given label.

Shapes: N texts, V words, C labels. How a word speaks for a label is the method's own (`sfumato.methods.kwls`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sfumato.calibration import best_temperature, softmax
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.keywords import Counts, LabelCounts, Unit, count_words
from sfumato.methods.label_smoothing import smoothed_table
from sfumato.metrics import log_loss, normalised_entropy
from sfumato.targets import DenseTargets, Integers, TableTargets

if TYPE_CHECKING:
    from sfumato.methods.kwls import Evidence

Array = NDArray[np.float64]

TINY = float(np.finfo(np.float64).tiny)  # floor of the log-loss: a coarser one would hide how wrong keywords can be


class KeywordWarning(UserWarning):
    """The keywords of a corpus say too little, or too much, about its labels."""


@dataclass(frozen=True)
class KeywordLabels:
    """A transform: the target becomes ``(1 - weight)`` of the given label and ``weight`` of the keywords' d.

    ``temperature`` divides the relevance; "auto" takes the one with the least log-loss of the given label and,
    where that is no better than the shares of the classes, label smoothing of strength ``fallback`` instead.
    """

    find: Callable[[Counts, Integers, LabelCounts], Evidence]
    unit: Unit = "auto"
    length_norm: str = "corpus"
    temperature: float | str = "auto"
    weight: float = 1.0
    fallback: float = 0.1
    owner: str = "kwls"

    def __call__(self, examples: Examples) -> Examples:
        labels = examples.labels
        counts, evidence, length = self.read(examples)
        relevance = evidence.relevance(labels, length)
        temperature = self.scale(relevance, labels)
        if np.isinf(temperature):
            table = smoothed_table(self.fallback, examples.num_classes)
            return replace(examples, targets=TableTargets(table, labels))
        d = softmax(relevance, temperature)  # Eq. 8
        warn_of_extremes(d, counts.lengths, owner=self.owner)
        target = (self.weight * d).astype(np.float32)
        target[np.arange(len(labels)), labels] += np.float32(1 - self.weight)
        return replace(examples, targets=DenseTargets(target))

    def read(self, examples: Examples) -> tuple[Counts, Evidence, float | Array]:
        """Return the words, what each says for each label, and the length that divides their sum."""
        counts = count_words(examples.inputs, unit=self.unit)
        if not counts.matrix.nnz:
            raise InputError(f"keywords: none of the {len(examples)} texts holds a word (unit={self.unit!r})")
        stats = LabelCounts.of(counts, examples.labels, examples.num_classes)
        own = np.maximum(counts.lengths, 1)[:, None]
        lengths: dict[str, float | Array] = {
            "corpus": float(counts.lengths.mean()),
            "document": own,
            "root": np.sqrt(own),
        }
        return counts, self.find(counts, examples.labels, stats), lengths[self.length_norm]

    def scale(self, relevance: Array, labels: Integers) -> float:
        """Return the temperature; infinity where keywords do not beat the shares of the classes."""
        if not isinstance(self.temperature, str):
            return self.temperature
        shares = np.bincount(labels, minlength=relevance.shape[1]) / len(labels)
        temperature = best_temperature(relevance, labels)
        loss = log_loss(labels, softmax(relevance, temperature), smallest=TINY)
        prior = log_loss(labels, np.tile(shares, (len(labels), 1)), smallest=TINY)
        if loss < prior:
            return temperature
        warnings.warn(
            f"kwls: keywords do not predict the labels of held-out texts (log-loss {loss:.3f}; the shares of the "
            f"classes alone give {prior:.3f}), so label smoothing {self.fallback:g} is used instead",
            KeywordWarning,
            stacklevel=2,
        )
        return float("inf")

    def explain(self, examples: Examples, row: int) -> list[tuple[str, Array]]:
        """Return what each word adds to the logits of d in one row, the most telling word first."""
        counts, evidence, length = self.read(examples)
        temperature = self.scale(evidence.relevance(examples.labels, length), examples.labels)
        if np.isinf(temperature):
            return []
        words, shares = evidence.of_row(row, int(examples.labels[row]))
        shares /= temperature * (length if isinstance(length, float) else length[row])
        order = np.argsort(-np.ptp(shares, axis=1), kind="stable")
        return [(counts.vocabulary[words[k]], shares[k]) for k in order]


def warn_of_extremes(d: Array, lengths: Array, *, owner: str) -> None:
    """Warn of soft labels that say nothing: nearly one-hot, nearly even, or of texts without a word."""
    # "auto" takes back what another k1 does to the size of the relevance; the paper's method has no temperature.
    softer, sharper = "a larger number for temperature, or label-smoothing", "a smaller number for temperature"
    if owner == "kwls-paper":
        softer, sharper = "a lower k1", "a higher k1"
    hard, even = float((d.max(axis=1) > 0.99).mean()), float(normalised_entropy(d).mean())
    empty = np.flatnonzero(lengths == 0)
    messages = (
        (hard > 0.5, f"{hard:.0%} of the soft labels are nearly one-hot and add little; what helps: {softer}"),
        (even > 0.98, f"the soft labels are nearly even (entropy {even:.3f} of 1); what helps: {sharper}"),
        (len(empty) > 0, f"{len(empty)} texts hold no word (the first is text {empty[:1].sum() + 1}); their d is even"),
    )
    for holds, message in messages:
        if holds:
            warnings.warn(f"{owner}: {message}", KeywordWarning, stacklevel=3)
