"""How likely each label is for each text, by evidence that leaves the text out, and where the given one is doubtful.

Two judges speak: a linear classifier of n-grams, fitted without the text's fold (`sfumato.held_out_linear`), and the
keywords of the labels, with the text taken out of its label (`sfumato.methods.kwls`). They are joined as

    p(k; x)  proportional to  exp(a * logit_k(x) + b * relevance_k(x)),    a, b >= 0,

where a and b give the given labels the least log-loss. Copies of a row, of the same text and label, are in its fold
and count as one text for the keywords, so that they do not speak for it. The score of a row with the given label g is

    p(s; x) / (p(s; x) + p(g; x)),    s the likeliest label but g:

more than 1/2 where another label is likelier. Which rows are flagged follows C. G. Northcutt, L. Jiang, I. L. Chuang,
"Confident Learning: Estimating Uncertainty in Dataset Labels", Journal of Artificial Intelligence Research 70, 2021,
section 3.1: the threshold of a label is the mean probability of that label over the rows that were given it, and a
row is counted for another label if it reaches that label's threshold. We ask besides that this label is the likeliest
of all, so that the same label is suggested and flagged.

Shapes: N texts, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Examples
from sfumato.held_out_linear import held_out_logits
from sfumato.keywords import LabelCounts, count_words
from sfumato.methods.kwls import held_out_evidence
from sfumato.methods.word_evidence import Evidence
from sfumato.ngrams import NgramEncoder
from sfumato.split import fold_rows
from sfumato.targets import Integers

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


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


@dataclass(frozen=True, eq=False)
class Judgement:
    """What was found of N rows.

    Attributes
    ----------
    log_p : (N, C) log-probability of each label
    judged : (N,) False where nothing can be said: no other text to learn the label from, or no known word
    suggested : (N,) the likeliest label; the given one where a row is not judged
    lead : (N,) ln of p(s; x) / p(g; x), see the module; -infinity where a row is not judged
    flagged : (N,) whether the given label is probably wrong
    keywords : what the words say
    """

    log_p: Array
    judged: Mask
    suggested: Integers
    lead: Array
    flagged: Mask
    keywords: Keywords | None

    @property
    def score(self) -> Array:
        """p(s; x) / (p(s; x) + p(g; x)), (N,): equal leads are equal scores; NaN where a row is not judged."""
        return np.where(self.judged, 1 / (1 + np.exp(-np.maximum(self.lead, -700))), np.nan)


def judge(examples: Examples, *, folds: int, seed: int) -> Judgement:
    """Judge the rows; ``examples`` hold at least ``folds`` different texts."""
    texts, labels, C = examples.inputs, examples.labels, examples.num_classes
    fold = fold_rows(labels, texts, folds=folds, seed=seed)
    matrix = NgramEncoder.fit(texts).encode(texts).matrix
    logits = held_out_logits(matrix, labels, C, fold).astype(np.float64)
    keywords, relevance = keyword_evidence(examples)
    log_p = joined(logits, relevance, labels)
    judged = learnable(labels, fold, C) & readable(matrix, fold)
    return concluded(log_p, judged, labels, keywords)


def keyword_evidence(examples: Examples) -> tuple[Keywords | None, Array]:
    """Return what words say, and their sum for each row, ``(N, C)``."""
    first: dict[tuple[str, int], int] = {}
    pairs = zip(examples.inputs, examples.labels.tolist(), strict=True)
    place = np.array([first.setdefault(pair, len(first)) for pair in pairs])  # of each row among the different ones
    texts, labels = [text for text, _ in first], np.array([label for _, label in first])
    counts = count_words(texts)
    if not counts.matrix.nnz:  # signs only
        return None, np.zeros((len(examples), examples.num_classes))
    stats = LabelCounts.of(counts, labels, examples.num_classes)
    evidence = held_out_evidence(counts, labels, stats, k1=2.0, b=0.75, k2=2.0)
    relevance = evidence.relevance(labels, np.sqrt(np.maximum(counts.lengths, 1))[:, None])
    return Keywords(evidence, counts.vocabulary, place), relevance[place]


def joined(logits: Array, relevance: Array, labels: Integers) -> Array:
    """Return ``log p`` (N, C) with the two weights that fit the labels best."""
    from scipy.optimize import minimize

    parts = np.stack([part - part.mean(axis=1, keepdims=True) for part in (logits, relevance)])  # (2, N, C)
    sizes = np.maximum(parts.std(axis=(1, 2)), 1e-12)
    parts /= sizes[:, None, None]
    rows = np.arange(len(labels))
    given = parts[:, rows, labels]  # (2, N)

    def loss(weights: Array) -> tuple[float, Array]:
        log_p = log_softmax(np.tensordot(weights, parts, axes=1))
        expected = (parts * np.exp(log_p)).sum(axis=2)  # (2, N)
        return -float(log_p[rows, labels].mean()), (expected - given).mean(axis=1)

    start = sizes * [1.0, 0.1]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * 2)
    return log_softmax(np.tensordot(found.x, parts, axes=1))


def log_softmax(logits: Array) -> Array:
    """Return the logarithm of the softmax of each row."""
    lowered = logits - logits.max(axis=1, keepdims=True)
    lowered -= np.log(np.exp(lowered).sum(axis=1, keepdims=True))
    return np.asarray(lowered)


def learnable(labels: Integers, fold: Integers, C: int) -> Mask:
    """Return whether the given label of each row has a text outside of the row's fold, ``(N,)``."""
    inside = np.zeros((C, int(fold.max()) + 1), dtype=np.int64)
    np.add.at(inside, (labels, fold), 1)
    return np.asarray(inside.sum(axis=1)[labels] > inside[labels, fold])


def readable(matrix: Any, fold: Integers) -> Mask:
    """Return whether each row has an n-gram that a row of another fold has too, ``(N,)``."""
    N, V = matrix.shape
    folds = int(fold.max()) + 1
    row = np.repeat(np.arange(N), np.diff(matrix.indptr))  # of each stored n-gram
    place = fold[row] * V + matrix.indices
    inside = np.bincount(place, minlength=folds * V)  # (folds * V,)
    elsewhere = inside.reshape(folds, V).sum(axis=0)[matrix.indices] > inside[place]
    return np.bincount(row[elsewhere], minlength=N) > 0


def concluded(log_p: Array, judged: Mask, labels: Integers, keywords: Keywords | None = None) -> Judgement:
    """Suggest, rank and flag; the formulas are at the head of the module."""
    rows = np.arange(len(labels))
    suggested = np.where(judged, log_p.argmax(axis=1), labels)
    given = log_p[rows, labels]
    others = log_p.copy()
    others[rows, labels] = -np.inf
    lead = np.where(judged, others.max(axis=1) - given, -np.inf)
    reach = thresholds(np.exp(given), judged, labels, log_p.shape[1])
    flagged = (suggested != labels) & (np.exp(log_p[rows, suggested]) >= reach[suggested])
    return Judgement(log_p, judged, suggested, lead, flagged, keywords)


def thresholds(given: Array, judged: Mask, labels: Integers, C: int) -> Array:
    """Return the mean probability of each label over the rows that were given it, ``(C,)``; 1 where none is judged."""
    rows = np.bincount(labels[judged], minlength=C)
    total = np.bincount(labels[judged], weights=given[judged], minlength=C)
    return np.where(rows > 0, total / np.maximum(rows, 1), 1.0)
