"""How likely each label is for each text, by evidence that leaves the text out, and where the given one is doubtful.

Two judges speak: a linear classifier of n-grams, fitted without the text's fold (`sfumato.held_out_linear`), and the
keywords of the labels, with the text taken out of its label (`sfumato.methods.kwls`). Copies of a row, of the same text
and label, are in its fold and count as one text for the keywords, so that they do not speak for it. Both are joined to
p(k; x), the probability that k is the right label, together with a model of how labels go wrong: T_jk is the share of
the texts of class j that were given the label k (`sfumato.methods.noise`, as for the targets of `adaptive`). Both are
fitted to the rows that can be judged; a label of one text alone is suggested to nobody. Where wrong labels are seen and
the table has 300 different rows or more, the judges learn again from q, below, in place of the labels, twice, rows of
small classes drawn to their label, and p and T are fitted again to the labels that were given. (A trace of a row's own
label comes back with it: q of the others was judged by it. It is weaker after two rounds than after one.) Then, for a
row with the given label g,

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

from dataclasses import dataclass, replace
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from sfumato.auditing.judges import Judges, Keywords
from sfumato.data import Examples
from sfumato.methods.noise.expert_panel import Settings
from sfumato.methods.noise.family import Shape, fitted
from sfumato.methods.noise.judged_rows import learnable, sampled
from sfumato.methods.noise.model import NoiseModel
from sfumato.methods.noise.posterior import LEAST_ROWS, ROUNDS, SURE, Posterior, finished, settled, unclear
from sfumato.targets import Integers

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

GUARD = Settings().guard
ENOUGH = 300  # different rows: with fewer, further rounds found no more
LEAST = 0.005  # share of wrong labels: with less, T is all but the identity


@dataclass(frozen=True, eq=False)
class Judgement:
    """What was found of N rows.

    Attributes
    ----------
    log_p : (N, C) log-probability of each label, by evidence that leaves the row's own label out, but for the trace of
        it that further rounds bring back
    likeliest : (N,) the likeliest label before further rounds, so without that trace
    judged : (N,) False where nothing can be said: no other text to learn the label from, or no known word
    suggested : (N,) the likeliest label, by q if there is one; the given one where a row is not judged
    lead : (N,) ln of the odds of the score, see the module; -infinity where a row is not judged
    flagged : (N,) whether the given label is probably wrong
    keywords : what the words say
    wrong_labels : the model of wrong labels with what speaks for it, also where it is not used
    """

    log_p: Array
    likeliest: Integers
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


def judge(
    examples: Examples, *, folds: int, seed: int, rounds: int = ROUNDS, with_wrong_labels: bool = True
) -> Judgement:
    """Judge the rows; ``examples`` hold at least ``folds`` different texts.

    Parameters
    ----------
    rounds : how often the judges learn again where wrong labels are seen
    with_wrong_labels : False has every label be right: p is that of T = I, and the row is judged by it
    """
    labels = examples.labels
    judges = Judges(examples, folds=folds, seed=seed)
    z = first = judges.given()
    judged = learnable(labels, judges.fold, judges.C) & readable(judges.squares.matrix, judges.fold)
    some = judges.once[judged[judges.once]]
    some = some[sampled(len(some), seed)]
    found = wrong_labels(judges, z, some, judged, examples.classes) if with_wrong_labels else None
    model = found.model if used(found) else judges.all_right(first, some)
    likeliest = said_by(model, first).argmax(axis=1)
    for _ in range(rounds if len(judges.once) >= ENOUGH else 0):
        if used(found):
            found, z = judged_again(judges, found, some, judged)
    if used(found):
        model = found.model
    else:
        z, model = first, judges.all_right(first, some)
    return replace(concluded(said_by(model, z), judged, labels, judges.keywords, found), likeliest=likeliest)


def said_by(model: NoiseModel, z: Array) -> Array:
    """Return ln p, (N, C), of the scores z (E, N, C)."""
    return log_softmax(np.tensordot(model.a, z, axes=1) + model.b)


def wrong_labels(judges: Judges, z: Array, some: Integers, judged: Mask, classes: tuple[str, ...] = ()) -> Posterior:
    """Return the model of wrong labels that the judges' scores z (2, N, C) of some rows speak for, and q of all.

    The shares of wrong labels and of sure rows are those of the rows that are ``judged``, (N,).
    """
    labels = judges.labels
    if len(some) < LEAST_ROWS or len(np.unique(judges.fold[some])) < 2:
        none, why = judges.all_right(z, some), f"only {len(some)} different rows can be judged by others"
        return Posterior(np.empty(0), none, {}, 0.0, True, 0.0, np.empty(0), classes=classes, unclear=why)
    choice, model = fitted(judges.active_of(z, some), judges.among(some), judges.fold[some])
    model = judges.of_all(model)
    p = model.right(z[:, judged])
    why = unclear(model, p, labels[judged], guard=GUARD)
    found = Posterior(np.empty(0), model, choice.z, 0.0, bool(why), 0.0, np.empty(0), classes=classes, unclear=why)
    return with_model(replace(found, anchors=float((p.max(axis=1) > SURE).mean())), model, z, labels, judged)


def with_model(found: Posterior, model: NoiseModel, z: Array, labels: Integers, judged: Mask) -> Posterior:
    """Return what was found with a model, and with what it says of the rows by their scores z (2, N, C)."""
    q = model.posterior(z, labels)
    suspicion = 1 - q[np.arange(len(labels)), labels]
    wrong = float(suspicion[judged].mean())
    return replace(found, q=q, model=model, wrong=wrong, suspicion=suspicion)


def judged_again(judges: Judges, found: Posterior, some: Integers, judged: Mask) -> tuple[Posterior, Array]:
    """Return what is found, and the scores z (2, N, C), where the judges have learned from q in place of the labels."""
    labels = judges.labels
    q = settled(finished(found.q, labels, shrink=True, floor=0.0), labels, ~judged)
    z = judges.soft(q)
    fit = Shape(found.model.family, found.model.kappa).fit
    model = judges.of_all(fit(judges.active_of(z, some), judges.among(some)))
    return with_model(replace(found, rounds=found.rounds + 1), model, z, labels, judged), z


def used(found: Posterior | None) -> TypeGuard[Posterior]:
    """Whether rows are judged by q: wrong labels are seen, and can be told from ambiguous texts."""
    return found is not None and not found.guarded and found.wrong >= LEAST


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
    rows, likeliest = np.arange(len(labels)), log_p.argmax(axis=1)
    if found is not None and used(found):
        log_q = log_softmax(log_p + np.log(np.maximum(found.model.T.T[labels], 1e-300)))
        suggested = np.where(judged, log_q.argmax(axis=1), labels)
        lead = np.logaddexp.reduce(without(log_q, labels), axis=1) - log_q[rows, labels]
        lead = np.where(judged, lead, -np.inf)
        return Judgement(log_p, likeliest, judged, suggested, lead, suggested != labels, keywords, found)
    suggested = np.where(judged, likeliest, labels)
    given = log_p[rows, labels]
    lead = np.where(judged, without(log_p, labels).max(axis=1) - given, -np.inf)
    reach = thresholds(np.exp(given), judged, labels, log_p.shape[1])
    flagged = (suggested != labels) & (np.exp(log_p[rows, suggested]) >= reach[suggested])
    return Judgement(log_p, likeliest, judged, suggested, lead, flagged, keywords, found)


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
