"""Soft targets over the candidates of a batch, by the methods that `sfumato.methods` has for classes.

A label is a candidate sentence, and the candidates change with every batch, so targets are made batch by batch and a
network fits them by the same criteria. Other sentences that answer a question share the mass of the given one; near
duplicates and sentences of the same words get some from the methods of words.

==========================  ===================================================================================
method                      target of a question among U candidates
==========================  ===================================================================================
baseline                    the answers, evenly
label-smoothing             the same, mixed with an even share of the U candidates
tfidf, kwls, kwls-paper     softmax of the relevance of their words (`sfumato.retrieval.word_scores`)
self-distillation-paper     what a dual encoder trained on the answers alone says of the same candidates
==========================  ===================================================================================

The controls are those of `sfumato.controls`: ``uniform`` keeps the mean mass on the answers and spreads the rest
evenly; ``shuffled`` leaves each row its own shares and gives those of the wrong candidates to others of them by
chance. ``class-mean``, the mean target of a class, is missing: a sentence has one question or two, and its mean is
the method itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.calibration import best_temperature, softmax
from sfumato.errors import InputError
from sfumato.method import Method
from sfumato.methods.keyword_labels import KeywordLabels
from sfumato.methods.label_smoothing import gold_share
from sfumato.registry import check_choice
from sfumato.retrieval.batches import Batch, Pairs
from sfumato.retrieval.task import Corpus, Questions
from sfumato.retrieval.word_scores import WordScores

Array = NDArray[np.float64]
Targets = Callable[[Batch], Array]
"""From a batch to the targets of its questions, (B, U); each row sums to 1."""

Teacher = Callable[[Batch], Array]
"""From a batch to the probabilities of its candidates, (B, U), by another model."""

IN_BATCH = ("baseline", "label-smoothing", "tfidf", "kwls", "kwls-paper", "self-distillation-paper")
IN_BATCH_CONTROLS = ("uniform", "shuffled")
TRIED = 16  # batches that a temperature is chosen on
TRIED_SIZE = 64


def hard(batch: Batch) -> Array:
    """Return the answers of each question, evenly, (B, U)."""
    return np.asarray(batch.positive / batch.positive.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Even:
    """Label smoothing: the answers, mixed with an even share of all candidates or of the others, as ``mode`` says."""

    smoothing: float
    mode: str = "uniform"

    def __call__(self, batch: Batch) -> Array:
        U = batch.positive.shape[1]
        if U < 2:
            return hard(batch)
        gold = gold_share(self.smoothing, U, mode=self.mode)
        other = (1 - gold) / (U - 1)
        return np.asarray(other + (gold - other) * hard(batch))


@dataclass(frozen=True, eq=False)
class ByWords:
    """KWLS or TF-IDF: the relevance of the candidates by their words, softened by one temperature (Eq. 8)."""

    labels: KeywordLabels
    scores: WordScores
    temperature: float

    def __call__(self, batch: Batch) -> Array:
        if np.isinf(self.temperature):
            return Even(self.labels.fallback)(batch)
        d = softmax(self.scores.relevance(batch.questions, batch.candidates), self.temperature)  # Eq. 8
        empty = self.scores.lengths[batch.questions] == 0
        if self.labels.on_empty == "hard":
            d[empty] = hard(batch)[empty]
        return with_answers(d, batch, gold=self.labels.gold, weight=self.labels.weight)


@dataclass(frozen=True, eq=False)
class ByTeacher:
    """LS-Distill: the probabilities of another model, raised to 1 / ``temperature``."""

    teacher: Teacher
    temperature: float = 1.0

    def __call__(self, batch: Batch) -> Array:
        return softmax(np.log(np.maximum(self.teacher(batch), 1e-12)), self.temperature)


def with_answers(d: Array, batch: Batch, *, gold: str, weight: float) -> Array:
    """Return the targets from d and the answers: mixed, d as it is, or d with the answers raised to its largest."""
    if gold == "project":
        raised = np.where(batch.positive, d.max(axis=1, keepdims=True), d)
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))
    weight = 1.0 if gold == "keep" else weight
    return weight * d + (1 - weight) * hard(batch)


def in_batch_targets(
    method: Method, corpus: Corpus, questions: Questions, *, seed: int = 0, teacher: Teacher | None = None
) -> Targets:
    """Return what ``method`` wants the questions to fit.

    Parameters
    ----------
    questions : those that are trained on; a batch counts among them
    seed : of the batches on which the temperature of a method of words is chosen
    teacher : what a method that distils hears

    Raises
    ------
    InputError
        for a method whose targets or loss have no meaning where the candidates change with every batch.
    """
    check_in_batch(method)
    if method.name == "baseline":
        return hard
    if method.name == "label-smoothing":
        return Even(method.options["smoothing"], method.options["mode"])
    if method.teacher is not None:
        if teacher is None:
            raise InputError(f"{method.name} needs a teacher: another dual encoder, trained on the answers alone")
        return ByTeacher(teacher, method.options["temperature"])
    labels: Any = method.transforms[0]
    pairs = Pairs.of(questions)
    scores = WordScores(labels, corpus.sentences, questions.texts, pairs)
    check_empty(labels, scores, questions)
    return ByWords(labels, scores, temperature_of(labels, scores, pairs, seed))


def check_empty(labels: KeywordLabels, scores: WordScores, questions: Questions) -> None:
    """Raise, where the method is told to, if a question has no word."""
    empty = np.flatnonzero(scores.lengths == 0)
    if len(empty) and labels.on_empty == "raise":
        raise InputError(
            f"{labels.owner}: {len(empty)} questions hold no word, the first is {questions.texts[empty[0]]!r}; leave "
            "them out, or take on_empty='hard'"
        )


def check_in_batch(method: Method) -> None:
    """Raise unless the method has in-batch targets, with the options that it was given."""
    name = method.name.partition("/")[0]
    if name not in IN_BATCH:
        raise InputError(
            f"{name} is for classes, which stay the same from batch to batch; in retrieval the candidates of each "
            f"batch are its labels. Methods of retrieval: {', '.join(IN_BATCH)}"
        )
    if name == "label-smoothing":
        check_smoothing(method.options["smoothing"], method.options["mode"])
    if method.options.get("multiplicity", "types") != "types" or method.options.get("heads", "one") != "one":
        raise InputError(f"{name}: retrieval takes multiplicity='types' and heads='one' only")
    if method.options.get("gold_mass") is not None:
        raise InputError(f"{name}: retrieval takes no gold_mass; give a temperature, or 'auto'")
    if method.options.get("normalize", "auto") not in ("auto", "softmax"):
        raise InputError(f"{name}: retrieval takes normalize='softmax' only")
    if name == "self-distillation-paper" and method.options.get("teacher") is not None:
        raise InputError(f"{name}: in retrieval the teacher is a dual encoder of the same kind; leave out teacher")


def check_smoothing(smoothing: float, mode: str) -> None:
    """Raise for label smoothing by which an answer could be worth less than a wrong candidate of a small batch."""
    if mode == "per-class":
        raise InputError(
            "label-smoothing: mode='per-class' gives each other class the same share, and a batch has another "
            "number of candidates each time; retrieval takes mode='uniform' or 'exclusive'"
        )
    if mode == "exclusive" and smoothing > 0.5:
        raise InputError(
            f"label-smoothing: in retrieval exclusive smoothing must be at most 0.5, got {smoothing:g}; a batch may "
            "have two candidates, and the wrong one would be above the answer"
        )


def temperature_of(labels: KeywordLabels, scores: WordScores, pairs: Pairs, seed: int) -> float:
    """Return the temperature of a method of words: the given one, or that of the least log-loss of the answers.

    It is chosen on batches of 64 questions, whose own words are left out of their sentences; infinity, and with it
    label smoothing of strength ``fallback``, where the words do not beat an even guess.
    """
    if not isinstance(labels.temperature, str):
        return labels.temperature
    generator = np.random.default_rng((seed, 5))
    size = min(TRIED_SIZE, len(pairs))
    tried = [pairs.batch(generator.choice(len(pairs), size, replace=False), generator) for _ in range(TRIED)]
    U = max(len(batch.candidates) for batch in tried)
    relevance = np.vstack([padded(scores.relevance(b.questions, b.candidates), U) for b in tried])
    shares = np.vstack([np.pad(hard(b), ((0, 0), (0, U - len(b.candidates)))) for b in tried])
    return float(best_temperature(relevance, shares))


def padded(relevance: Array, columns: int) -> Array:
    """Fill up to ``columns`` candidates with the least relevant one of each row, of which there are then more."""
    missing = columns - relevance.shape[1]
    return np.hstack([relevance, np.repeat(relevance.min(axis=1, keepdims=True), missing, axis=1)])


def controlled(targets: Targets, control: str, *, seed: int = 0) -> Targets:
    """Return the targets of a control; "" is the method itself."""
    if not control:
        return targets
    check_choice("retrieval", "control", control, IN_BATCH_CONTROLS)
    generator = np.random.default_rng((seed, 7))

    def without_information(batch: Batch) -> Array:
        made = targets(batch)
        return evened(made, batch) if control == "uniform" else moved(made, batch, generator)

    return without_information


def evened(targets: Array, batch: Batch) -> Array:
    """Give every question the batch's mean mass on its answers and the rest evenly to the other candidates."""
    wrong = ~batch.positive
    gold = float((targets * batch.positive).sum(axis=1).mean())
    gold_of = np.where(wrong.any(axis=1, keepdims=True), gold, 1.0)  # a question without a wrong candidate
    even = wrong / np.maximum(wrong.sum(axis=1, keepdims=True), 1)
    return np.asarray(gold_of * hard(batch) + (1 - gold_of) * even)


def moved(targets: Array, batch: Batch, generator: np.random.Generator) -> Array:
    """Give the shares of a question's wrong candidates to others of them by chance."""
    result = targets.copy()
    for row, positive in enumerate(batch.positive):
        wrong = np.flatnonzero(~positive)
        result[row, wrong] = targets[row, generator.permutation(wrong)]
    return result
