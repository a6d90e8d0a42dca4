"""How likely each label is for each text, by evidence that leaves the text out, and where the given one is doubtful.

Two judges speak: a linear classifier of n-grams, fitted without the text's fold (`sfumato.held_out_linear`), and the
keywords of the labels, with the text taken out of its label (`sfumato.methods.kwls`). Copies of a row, of the same text
and label, are in its fold and count as one text for the keywords, so that they do not speak for it. Both are joined to
p(k; x), the probability that k is the right label, together with a model of how labels go wrong: T_jk is the share of
the texts of class j that were given the label k (`sfumato.methods.noise`, as for the targets of `adaptive` without
further rounds). Then, for a row with the given label g,

    q(k; x, g)  proportional to  p(k; x) T_kg,

the label q is largest for is suggested, the row is flagged where that is not g, and its score is 1 - q(g; x, g).

Where held-out labels speak for no wrong ones, or for less than half a percent, or fewer than 5 % of the rows are sure
or more labels would be wrong than right, so that wrong labels cannot be told from ambiguous texts, q is not used, and p
is that of T = I. The likeliest label by p is then suggested, the score is

    p(s; x) / (p(s; x) + p(g; x)),    s the likeliest label but g:

more than 1/2 where another label is likelier, and which rows are flagged follows C. G. Northcutt, L. Jiang, I. L.
Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", Journal of Artificial Intelligence Research 70,
2021, section 3.1: the threshold of a label is the mean probability of that label over the rows that were given it, and
a row is counted for another label if it reaches that label's threshold. We ask besides that this label is the likeliest
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
from sfumato.keywords import LabelCounts, count_words
from sfumato.methods.kwls import held_out_evidence
from sfumato.methods.noise.expert_panel import Settings
from sfumato.methods.noise.experts import best_steps
from sfumato.methods.noise.family import fitted
from sfumato.methods.noise.judged_rows import first_of, learnable, places, sampled
from sfumato.methods.noise.model import fit_none, standardised
from sfumato.methods.noise.posterior import SURE, Posterior, unclear
from sfumato.methods.word_evidence import Evidence
from sfumato.ngrams import NgramEncoder
from sfumato.split import fold_rows
from sfumato.targets import Integers

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

GUARD = Settings().guard
LEAST = 0.005  # share of wrong labels: with less, T is all but the identity


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
    log_p : (N, C) log-probability of each label, by evidence that leaves the row's own label out
    judged : (N,) False where nothing can be said: no other text to learn the label from, or no known word
    suggested : (N,) the likeliest label, by q if there is one; the given one where a row is not judged
    lead : (N,) ln of the odds of the score, see the module; -infinity where a row is not judged
    flagged : (N,) whether the given label is probably wrong
    keywords : what the words say
    wrong_labels : the model of wrong labels with what speaks for it, also where it is not used
    """

    log_p: Array
    judged: Mask
    suggested: Integers
    lead: Array
    flagged: Mask
    keywords: Keywords | None
    wrong_labels: Posterior | None = None

    @property
    def score(self) -> Array:
        """From 0 to 1, (N,), see the module: equal leads are equal scores; NaN where a row is not judged."""
        return np.where(self.judged, 1 / (1 + np.exp(-np.maximum(self.lead, -700))), np.nan)


def judge(examples: Examples, *, folds: int, seed: int) -> Judgement:
    """Judge the rows; ``examples`` hold at least ``folds`` different texts."""
    texts, labels, C = examples.inputs, examples.labels, examples.num_classes
    fold = fold_rows(labels, texts, folds=folds, seed=seed)
    matrix = NgramEncoder.fit(texts).encode(texts).matrix
    _, logits = best_steps(matrix, labels, C, fold)
    place = places(texts, labels)
    keywords, relevance = keyword_evidence(examples, place)
    z = standardised([logits, relevance])
    once = first_of(place)
    some = once[sampled(len(once), seed)]
    judged = learnable(labels, fold, C) & readable(matrix, fold)
    found = wrong_labels(z, labels, fold, some, judged, examples.classes)
    model = found.model if used(found) else fit_none(z[:, some], labels[some])
    return concluded(log_softmax(np.tensordot(model.a, z, axes=1) + model.b), judged, labels, keywords, found)


def wrong_labels(
    z: Array, labels: Integers, fold: Integers, some: Integers, judged: Mask, classes: tuple[str, ...] = ()
) -> Posterior:
    """Return the model of wrong labels that the judges' scores z (2, N, C) of some rows speak for, and q of all.

    The shares of wrong labels and of sure rows are those of the rows that are ``judged``, (N,).
    """
    choice, model = fitted(z[:, some], labels[some], fold[some])
    p, q = model.right(z), model.posterior(z, labels)
    why = unclear(model, p, labels, guard=GUARD)
    suspicion = 1 - q[np.arange(len(labels)), labels]
    wrong = float(suspicion[judged].mean()) if judged.any() else 0.0
    anchors = float((p[judged].max(axis=1) > SURE).mean()) if judged.any() else 0.0
    return Posterior(q, model, choice.z, anchors, bool(why), wrong, suspicion, classes=classes, unclear=why)


def used(found: Posterior | None) -> bool:
    """Whether rows are judged by q: wrong labels are seen, and can be told from ambiguous texts."""
    return found is not None and not found.guarded and found.wrong >= LEAST


def keyword_evidence(examples: Examples, place: Integers) -> tuple[Keywords | None, Array]:
    """Return what words say, and their sum for each row, ``(N, C)``; ``place`` is that of `places`."""
    once = first_of(place)
    texts, labels = [examples.inputs[k] for k in once], examples.labels[once]
    counts = count_words(texts)
    if not counts.matrix.nnz:  # signs only
        return None, np.zeros((len(examples), examples.num_classes))
    stats = LabelCounts.of(counts, labels, examples.num_classes)
    evidence = held_out_evidence(counts, labels, stats, k1=2.0, b=0.75, k2=2.0)
    relevance = evidence.relevance(labels, np.sqrt(np.maximum(counts.lengths, 1))[:, None])
    return Keywords(evidence, counts.vocabulary, place), relevance[place]


def log_softmax(logits: Array) -> Array:
    """Return the logarithm of the softmax of each row."""
    lowered = logits - logits.max(axis=1, keepdims=True)
    lowered -= np.log(np.exp(lowered).sum(axis=1, keepdims=True))
    return np.asarray(lowered)


def readable(matrix: Any, fold: Integers) -> Mask:
    """Return whether each row has an n-gram that a row of another fold has too, ``(N,)``."""
    N, V = matrix.shape
    folds = int(fold.max()) + 1
    row = np.repeat(np.arange(N), np.diff(matrix.indptr))  # of each stored n-gram
    place = fold[row] * V + matrix.indices
    inside = np.bincount(place, minlength=folds * V)  # (folds * V,)
    elsewhere = inside.reshape(folds, V).sum(axis=0)[matrix.indices] > inside[place]
    return np.bincount(row[elsewhere], minlength=N) > 0


def concluded(
    log_p: Array, judged: Mask, labels: Integers, keywords: Keywords | None = None, found: Posterior | None = None
) -> Judgement:
    """Suggest, rank and flag; the formulas are at the head of the module."""
    rows = np.arange(len(labels))
    if found is not None and used(found):
        log_q = log_softmax(log_p + np.log(np.maximum(found.model.T.T[labels], 1e-300)))
        suggested = np.where(judged, log_q.argmax(axis=1), labels)
        lead = np.logaddexp.reduce(without(log_q, labels), axis=1) - log_q[rows, labels]
        return Judgement(
            log_p, judged, suggested, np.where(judged, lead, -np.inf), suggested != labels, keywords, found
        )
    suggested = np.where(judged, log_p.argmax(axis=1), labels)
    given = log_p[rows, labels]
    lead = np.where(judged, without(log_p, labels).max(axis=1) - given, -np.inf)
    reach = thresholds(np.exp(given), judged, labels, log_p.shape[1])
    flagged = (suggested != labels) & (np.exp(log_p[rows, suggested]) >= reach[suggested])
    return Judgement(log_p, judged, suggested, lead, flagged, keywords, found)


def without(logs: Array, labels: Integers) -> Array:
    """Return the logarithms (N, C) with -infinity for the given label of each row."""
    others = logs.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    return others


def thresholds(given: Array, judged: Mask, labels: Integers, C: int) -> Array:
    """Return the mean probability of each label over the rows that were given it, ``(C,)``; 1 where none is judged."""
    rows = np.bincount(labels[judged], minlength=C)
    total = np.bincount(labels[judged], weights=given[judged], minlength=C)
    return np.where(rows > 0, total / np.maximum(rows, 1), 1.0)
