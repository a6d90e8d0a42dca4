"""Adaptive targets: the probability that each label is the right one, given the text *and* the label written down.

Ours; no paper. The methods of the papers soften every label, also the right ones, and win back little of what wrong
labels cost. Here a model of how labels go wrong is fitted first, and a target is soft only where it speaks against the
given label. On clean labels it finds no noise and leaves them as they are.

1. *Experts.* What two judges that have not seen a row's label say of it, z (E, N, C): the logits of a linear classifier
   of n-grams, held out by folds, its length chosen by the likelihood below; and the relevance of `kwls` with the row's
   own words left out (Eq. 7 there); copies of a row count as one. Each row is centred, and each judge has deviation 1.
2. *Calibration with noise.* p_ij = softmax_j(sum_e a_e z_e,ij + b_j) is the right label, and the written one has
   P(k | x_i) = sum_j p_ij T_jk; a, b and T make the given labels likeliest (`sfumato.methods.noise.model`).
3. *Family.* T is the identity, an even share of wrong labels, or free for each pair of classes, whichever makes the
   given labels of held-out folds clearly likelier (`sfumato.methods.noise.family`).
4. *Guard.* Where fewer than 5 % of the rows have a label with p above .9 (ratings in five degrees), or more labels
   would be wrong than right (texts that say nothing), noise and honest ambiguity cannot be told apart: the labels stay
   hard, with a warning. So they do where fewer than 20 rows can be judged; a row cannot whose label no text of another
   fold has, and it keeps that label everywhere.
5. *Targets.* q_ij is proportional to p_ij T_{j, y_i}.
6. *Rounds.* The experts learn again, from q in place of the labels, and a, b and T are fitted again to the labels that
   were given, twice. (A trace of a row's own label comes back: judges who saw it made the targets of the others. It is
   several times weaker after the second round than after the first, which sees too few wrong labels; so the number is
   even.)
7. *Small classes.* With n_y rows of the given label, s = n_y / (n_y + n0) and n0 = min(20, .2 N / C), the target is
   s q + (1 - s) onehot(y). A floor, if asked for, mixes in an even share.

A model that learns from q is calibrated on dev rows whose labels are as wrong as the others; its temperature allows for
T (`sfumato.calibration.fit_noisy_temperature`).

``1 - q`` of the given label is how suspicious a row is. Its mean estimates the share of wrong labels, and is a *lower
bound* where it depends on the text which label is wrong: then the experts learn to make the same mistakes.

Rows whose label is known to be right keep it, join the likelihood as such, and show where it does depend on the text:
`sfumato.methods.noise.trusted`.

`adaptive_fast` has the second expert alone and four rounds: nothing is fitted but a, b and T.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np

from sfumato.data import Examples
from sfumato.keywords import Unit
from sfumato.method import Method
from sfumato.methods.noise.expert_panel import Settings, judged_by_others
from sfumato.methods.noise.posterior import Posterior, posterior
from sfumato.methods.noise.report import remarks
from sfumato.methods.noise.trusted import remark
from sfumato.recent import Recent
from sfumato.targets import DenseTargets

FOUND: Recent[Posterior] = Recent(2**26)


class AmbiguityWarning(UserWarning):
    """Labels stay hard, because noise and honest ambiguity cannot be told apart."""


@dataclass(frozen=True)
class Adaptive:
    """The transform of both methods: targets from the posterior of each right label."""

    owner: str
    settings: Settings

    def found(self, examples: Examples) -> Posterior:
        """Return the posterior and all there is to report; of the same rows it is found once, as controls ask again.

        With words by a function it is found each time: what a function does may change.
        """
        texts, labels, trusted = (
            judged_by_others(self.owner, examples.inputs),
            np.asarray(examples.labels),
            examples.trusted,
        )
        key = (labels.tobytes(), examples.classes, self.settings, None if trusted is None else trusted.tobytes())
        named = isinstance(self.settings.unit, str)
        kept = FOUND.find(texts, *key) if named else None
        if kept is None:
            made = posterior(texts, labels, examples.num_classes, self.settings, trusted)
            kept = replace(made, classes=examples.classes)
            if named:
                FOUND.keep(kept, kept.q.nbytes, texts, *key)
        return kept

    def __call__(self, examples: Examples) -> Examples:
        made = self.found(examples)
        if made.guarded:
            warnings.warn(
                f"{self.owner}: {made.unclear}, so wrong labels cannot be told from ambiguous texts, and the labels "
                "stay as they are; label-smoothing does not need to tell them",
                AmbiguityWarning,
                stacklevel=2,
            )
        none = [] if examples.trusted is None else ["no row is trusted"]
        told = (*examples.remarks, *remarks(made), *(none if made.trusted is None else [remark(made.trusted)]))
        wrong = None if made.guarded or made.model.family == "none" else made.model.T
        return replace(examples, targets=DenseTargets(made.q.astype(np.float32)), remarks=told, label_noise=wrong)


def adaptive(
    *,
    folds: int = 5,
    experts: str = "both",
    rounds: int | str = "auto",
    family: str = "auto",
    bias: bool = True,
    guard: float = 0.05,
    shrink: bool = True,
    floor: float = 0.0,
    unit: Unit = "auto",
    seed: int = 0,
) -> Method:
    """Fit the probability that each label is the right one, by experts and a model of wrong labels.

    Parameters
    ----------
    folds : of the linear expert, and of the choice of the family; at most as many as there are different texts
    experts : "both", "linear" or "keywords"
    rounds : how often the experts learn again from the targets; "auto" is 2, and 0 where every label is right
    family : of the wrong labels: "none", "uniform", "pairwise", or "auto" by the likelihood of held-out labels
    bias : whether p has a bias of each class
    guard : least share of sure rows; below it the labels stay hard; 0 never guards
    shrink : whether rows of small classes are drawn to their given label
    floor : share of the target that is spread evenly; .05 helps networks that learn rows by heart
    unit : how texts become words for the keywords, see `sfumato.keywords`
    seed : of the folds
    """
    options = dict(locals())
    return _method("adaptive", Settings(**options), options)


def adaptive_fast(
    *,
    rounds: int | str = 4,
    family: str = "auto",
    bias: bool = True,
    guard: float = 0.05,
    shrink: bool = True,
    floor: float = 0.0,
    unit: Unit = "auto",
    seed: int = 0,
) -> Method:
    """Do as `adaptive` by the keywords alone: no classifier is fitted.

    Parameters
    ----------
    rounds, family, bias, guard, shrink, floor, unit, seed : as of `adaptive`
    """
    options = dict(locals())
    return _method("adaptive-fast", Settings(experts="keywords", owner="adaptive-fast", **options), options)


def _method(name: str, settings: Settings, options: dict[str, object]) -> Method:
    made = (Adaptive(name, settings),)
    method = Method(name, made, options=options, replaces_targets=True, needs_texts=True)
    return replace(method, noise_aware=True, hears_trusted=True, version=2)
