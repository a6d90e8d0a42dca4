"""Soft labels from words: what each word says for each label, summed, scaled and mixed with the given label.

Shapes: N texts, V words, C labels. How a word speaks for a label is the method's own: `sfumato.methods.kwls`,
`sfumato.methods.tfidf`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sfumato.calibration import best_temperature, softmax
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.keywords import Counts, LabelCounts, Unit, count_words
from sfumato.methods.keyword_scale import temperature_of_mass
from sfumato.methods.keyword_sets import explain_sets, keyword_sets
from sfumato.methods.label_smoothing import smoothed_table
from sfumato.methods.word_evidence import Evidence, WordWeights, held_out, in_sample
from sfumato.metrics import log_loss, normalised_entropy
from sfumato.registry import check_choice, check_range
from sfumato.targets import DenseTargets, Floats, Integers, TableTargets

Array = NDArray[np.float64]

TINY = float(np.finfo(np.float64).tiny)  # floor of the log-loss: a coarser one would hide how wrong keywords can be
MULTIPLICITIES = ("types", "tokens")
LENGTH_NORMS = ("root", "corpus", "document", "none")
GOLD = ("mix", "keep", "project")
NORMALIZE = ("auto", "softmax", "sigmoid", "l1")
ON_EMPTY = ("uniform", "hard", "raise")


class KeywordWarning(UserWarning):
    """The keywords of a corpus say too little, or too much, about its labels."""


@dataclass(frozen=True, kw_only=True)
class KeywordLabels:
    """A transform: the target becomes what the words of a text say, d, and by ``gold`` what the given label keeps.

    Attributes
    ----------
    owner : the method that errors and warnings name
    weights : what a word says for a label
    unit : how texts become words, see `sfumato.keywords`
    multiplicity : sum over the distinct words of a text ("types"), or over all, each as often as it stands ("tokens")
    leave_one_out : take each text out of what is known of its label
    length_norm : divide the relevance by the mean length ("corpus"), by the text's own ("document"), by the square
        root of its own ("root"), or not ("none")
    temperature : divides the relevance; "auto" takes the one with the least log-loss of the given label and, where
        that is no better than the shares of the classes, label smoothing of strength ``fallback`` instead
    gold_mass : with temperature "auto", take instead the one that leaves d this mean share on the given label
    gold : "mix" gives the given label 1 - ``weight`` and d the rest, "keep" is d itself, "project" is d with the
        given label raised to the largest share, and divided by the sum
    on_empty : the d of a text without a word: "uniform" with a warning, "hard" (the given label), or "raise"
    normalize : how relevance becomes d: "softmax", or its share of the sum ("l1"), for one label a row; "sigmoid" for
        several (`sfumato.methods.keyword_sets`); "auto" is softmax or sigmoid
    """

    owner: str
    weights: WordWeights
    unit: Unit = "auto"
    multiplicity: str = "types"
    leave_one_out: bool = True
    length_norm: str = "root"
    temperature: float | str = "auto"
    gold_mass: float | None = None
    gold: str = "mix"
    weight: float = 0.1
    on_empty: str = "uniform"
    fallback: float = 0.1
    normalize: str = "auto"

    def __post_init__(self) -> None:
        check_choice(self.owner, "multiplicity", self.multiplicity, MULTIPLICITIES)
        check_choice(self.owner, "length_norm", self.length_norm, LENGTH_NORMS)
        check_choice(self.owner, "gold", self.gold, GOLD)
        check_choice(self.owner, "on_empty", self.on_empty, ON_EMPTY)
        check_choice(self.owner, "normalize", self.normalize, NORMALIZE)
        check_range(self.owner, "weight", self.weight, 0, 1)
        check_range(self.owner, "fallback", self.fallback, 0, 1)
        self._check_scale()

    def _check_scale(self) -> None:
        if self.normalize == "l1":
            if self.temperature != "auto" or self.gold_mass is not None:
                raise InputError(
                    f"{self.owner}: temperature and gold_mass shape a softmax, normalize='l1' has none; leave them out"
                )
            return
        if not isinstance(self.temperature, str):
            check_range(self.owner, "temperature", self.temperature, 0, float("inf"), open_low=True)
        else:
            check_choice(self.owner, "temperature", self.temperature, ("auto",))
            if not self.leave_one_out:
                raise InputError(
                    f"{self.owner}: temperature='auto' needs leave_one_out=True (in-sample it fits the leak); "
                    "give a number, as temperature=1"
                )
        if self.gold_mass is not None:
            check_range(self.owner, "gold_mass", self.gold_mass, 0, 1, open_low=True)
            if not isinstance(self.temperature, str):
                raise InputError(
                    f"{self.owner}: gold_mass chooses the temperature, which must be 'auto', got {self.temperature!r}"
                )

    def __call__(self, examples: Examples) -> Examples:
        self._check_normalize(examples)
        if examples.multilabel:
            return keyword_sets(self, examples)
        labels = examples.labels
        counts, evidence, length = self.read(examples)
        relevance = evidence.relevance(labels, length)
        temperature = 1.0 if self.normalize == "l1" else self.scale(relevance, labels)
        if np.isinf(temperature):
            table = smoothed_table(self.fallback, examples.num_classes)
            return replace(examples, targets=TableTargets(table, labels))
        d = shares_of_sum(relevance) if self.normalize == "l1" else softmax(relevance, temperature)  # Eq. 8
        warn_of_extremes(d, self._fill(d, labels, counts.lengths), owner=self.owner, softmaxed=self.normalize != "l1")
        return replace(examples, targets=DenseTargets(self.with_given(d, labels)))

    def _check_normalize(self, examples: Examples) -> None:
        wanted = ("auto", "sigmoid") if examples.multilabel else ("auto", "softmax", "l1")
        if self.normalize not in wanted:
            rows = "rows of several labels" if examples.multilabel else "one label a row"
            listed = " or ".join(repr(each) for each in wanted)
            raise InputError(f"{self.owner}: normalize={self.normalize!r} is not for {rows}; give {listed}")

    def counted(self, examples: Examples) -> tuple[Counts, float | Array, WordWeights]:
        """Return the words, the length that divides the relevance of a text, and what a word says."""
        counts = count_words(examples.inputs, unit=self.unit)
        if not counts.matrix.nnz:
            raise InputError(f"keywords: none of the {len(examples)} texts holds a word (unit={self.unit!r})")
        weights = by_tokens(self.weights) if self.multiplicity == "tokens" else self.weights
        own = np.maximum(counts.lengths, 1)[:, None]
        lengths: dict[str, float | Array] = {
            "corpus": float(counts.lengths.mean()),
            "document": own,
            "root": np.sqrt(own),
            "none": 1.0,
        }
        return counts, lengths[self.length_norm], weights

    def read(self, examples: Examples) -> tuple[Counts, Evidence, float | Array]:
        """Return the words, what each says for each label, and the length that divides their sum."""
        counts, length, weights = self.counted(examples)
        stats = LabelCounts.of(counts, examples.labels, examples.num_classes)
        evidence = held_out(counts, examples.labels, stats, weights) if self.leave_one_out else None
        return counts, evidence or in_sample(counts, stats, weights), length

    def scale(self, relevance: Array, labels: Integers) -> float:
        """Return the temperature; infinity where keywords do not beat the shares of the classes."""
        if not isinstance(self.temperature, str):
            return self.temperature
        if self.gold_mass is not None:
            return temperature_of_mass(relevance, labels, self.gold_mass, owner=self.owner)
        shares = np.bincount(labels, minlength=relevance.shape[1]) / len(labels)
        temperature = best_temperature(relevance, labels)
        loss = log_loss(labels, softmax(relevance, temperature), smallest=TINY)
        prior = log_loss(labels, np.tile(shares, (len(labels), 1)), smallest=TINY)
        if loss < prior:
            return temperature
        warnings.warn(
            f"{self.owner}: keywords do not predict the labels of held-out texts (log-loss {loss:.3f}; the shares of "
            f"the classes alone give {prior:.3f}), so label smoothing {self.fallback:g} is used instead",
            KeywordWarning,
            stacklevel=2,
        )
        return float("inf")

    def _fill(self, d: Array, labels: Integers, lengths: Array) -> Integers:
        """Write the d of texts without a word into ``d`` and return those whose d stays even."""
        empty = np.flatnonzero(lengths == 0)
        if self.on_empty == "raise" and len(empty):
            raise InputError(
                f"{self.owner}: {len(empty)} texts hold no word (the first is text {empty[0] + 1}); "
                "take them out, or choose on_empty='uniform' or 'hard'"
            )
        if self.on_empty != "hard":
            return empty
        d[empty] = np.eye(d.shape[1])[labels[empty]]
        return empty[:0]

    def with_given(self, d: Array, labels: Integers) -> Floats:
        """Return the targets ``(N, C)`` from d and the given labels."""
        row = np.arange(len(labels))
        if self.gold == "project":
            raised = d.copy()
            raised[row, labels] = d.max(axis=1)
            projected: Floats = (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)
            return projected
        weight = 1.0 if self.gold == "keep" else self.weight
        target = (weight * d).astype(np.float32)
        target[row, labels] += np.float32(1 - weight)
        return target

    def explain(self, examples: Examples, row: int) -> list[tuple[str, Array]]:
        """Return what each word adds to the logits of d in one row, the most telling word first."""
        self._check_normalize(examples)
        if examples.multilabel:
            return explain_sets(self, examples, row)
        counts, evidence, length = self.read(examples)
        temperature = self.scale(evidence.relevance(examples.labels, length), examples.labels)
        if np.isinf(temperature):
            return []
        words, shares = evidence.of_row(row, int(examples.labels[row]))
        shares /= temperature * (length if isinstance(length, float) else length[row])
        order = np.argsort(-np.ptp(shares, axis=1), kind="stable")
        return [(counts.vocabulary[words[k]], shares[k]) for k in order]


def shares_of_sum(relevance: Array) -> Array:
    """Return each relevance (N, C) as its share of the row's sum; even where nothing is relevant."""
    total = relevance.sum(axis=1, keepdims=True)
    return np.where(total > 0, relevance / np.where(total > 0, total, 1), 1 / relevance.shape[1])


def by_tokens(weights: WordWeights) -> WordWeights:
    """Count what a word of a text says once for each time that it stands there."""
    return replace(weights, text_correlation=lambda f: f * weights.text_correlation(f))


def warn_of_extremes(d: Array, empty: Integers, *, owner: str, softmaxed: bool = True) -> None:
    """Warn of soft labels that say nothing: nearly one-hot, nearly even, or of the texts ``empty`` without a word."""
    # "auto" takes back what another k1 does to the size of the relevance; the paper's method has no temperature.
    softer, sharper = "a larger number for temperature, or label-smoothing", "a smaller number for temperature"
    if owner in ("kwls-paper", "kwls-official"):
        softer, sharper = "a lower k1", "a higher k1"
    if not softmaxed:
        softer = sharper = "normalize='softmax'"
    hard, even = float((d.max(axis=1) > 0.99).mean()), float(normalised_entropy(d).mean())
    messages = (
        (hard > 0.5, f"{hard:.0%} of the soft labels are nearly one-hot and add little; what helps: {softer}"),
        (even > 0.98, f"the soft labels are nearly even (entropy {even:.3f} of 1); what helps: {sharper}"),
        (len(empty) > 0, f"{len(empty)} texts hold no word (the first is text {empty[:1].sum() + 1}); their d is even"),
    )
    for holds, message in messages:
        if holds:
            warnings.warn(f"{owner}: {message}", KeywordWarning, stacklevel=3)
