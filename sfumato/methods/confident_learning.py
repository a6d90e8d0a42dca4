"""Confident learning: rows whose label is probably wrong are left out; a peer of `adaptive`, no soft labels.

C. G. Northcutt, L. Jiang, I. L. Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", Journal of
Artificial Intelligence Research 70, 2021, sections 3.1 and 3.2. Which rows are left out is decided by their own
library, cleanlab (prune by noise rate): as many of each pair of classes as the joint of given and right label says,
the least likely first. It needs the probabilities of a model that has not seen the rows, and there are two:

* ``raw``         softmax of the held-out logits of a linear classifier of n-grams;
* ``calibrated``  p of `adaptive`: linear classifier and keywords together, fitted through a model of wrong labels.

A row that is left out has weight 0, so a batch holds fewer rows that count. The likeliest row of a class always stays.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Examples, mean_one
from sfumato.errors import MissingExtraError
from sfumato.method import Method
from sfumato.methods.noise.expert_panel import Experts, Settings, judged_by_others
from sfumato.methods.noise.family import fitted
from sfumato.methods.noise.model import Array, softmax
from sfumato.registry import check_choice, check_whole
from sfumato.targets import Integers

NAME = "confident-learning"
PROBABILITIES = ("raw", "calibrated")


@dataclass(frozen=True)
class LeaveOut:
    """The transform: weight 0 for the rows that cleanlab flags."""

    probabilities: str
    folds: int
    seed: int

    def __call__(self, examples: Examples) -> Examples:
        p = self.held_out(judged_by_others(NAME, examples.inputs), np.asarray(examples.labels), examples.num_classes)
        out = flagged(p, examples.labels)
        if not out.any():
            return examples
        own = np.ones(len(examples)) if examples.weights is None else examples.weights.astype(np.float64)
        return replace(examples, weights=mean_one(np.where(out, 0.0, own)))

    def held_out(self, texts: list[str], labels: Integers, C: int) -> Array:
        """Return the probability of each label by models that have not seen the row, (N, C)."""
        both = self.probabilities == "calibrated"
        settings = Settings(folds=self.folds, experts="both" if both else "linear", seed=self.seed, owner=NAME)
        experts = Experts(texts, labels, C, settings)
        experts.check_words()
        if not both:
            return softmax(experts.linear())
        z, some = experts.given(), experts.fitted_rows()
        if len(np.unique(experts.fold[some])) < 2:  # no label can be judged by another row
            return softmax(z[0])
        _, model = fitted(z[:, some], labels[some], experts.fold[some])
        return model.right(z)


def flagged(p: Array, labels: Integers) -> NDArray[np.bool_]:
    """Return which rows cleanlab finds wrongly labelled, (N,), but for the likeliest of each class; p (N, C)."""
    try:
        from cleanlab.filter import find_label_issues
    except ImportError as error:
        raise MissingExtraError(f"{NAME} needs cleanlab: pip install 'sfumato[cleanlab]'") from error
    present = np.unique(labels)  # cleanlab refuses a class without rows
    shares = p[:, present] / np.maximum(p[:, present].sum(axis=1, keepdims=True), 1e-300)
    place = np.searchsorted(present, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of its own settings, which nobody here can reach
        out = np.asarray(find_label_issues(place, shares, n_jobs=1), dtype=np.bool_)
    for k in range(len(present)):
        rows = np.flatnonzero(place == k)
        out[rows[shares[rows, k].argmax()]] = False
    return out


def confident_learning(probabilities: str = "raw", *, folds: int = 5, seed: int = 0) -> Method:
    """Leave out the rows that cleanlab finds wrongly labelled; the others keep their hard labels.

    Parameters
    ----------
    probabilities : "raw" of a linear classifier, or "calibrated" as those of `adaptive`
    folds : of the models that have not seen a row
    seed : of the folds
    """
    check_choice(NAME, "probabilities", probabilities, PROBABILITIES)
    check_whole(NAME, "folds", folds, 2, 100)
    check_whole(NAME, "seed", seed, 0)
    options = {"probabilities": probabilities, "folds": folds, "seed": seed}
    made = (LeaveOut(probabilities, folds, seed),)
    version = 2 if probabilities == "calibrated" else 1
    return Method(NAME, made, options=options, has_targets=False, needs_texts=True, version=version)
