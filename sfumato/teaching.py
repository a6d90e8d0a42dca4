"""A teacher judges the training rows before the student learns: out of fold, or in-sample.

Out of fold no row is judged by a model that has seen its label. Which model teaches is for the caller to say
(``fit``); nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sfumato.data import Examples, Predictor
from sfumato.method import Teacher
from sfumato.split import fold_rows
from sfumato.targets import Floats

Fit = Callable[[Examples, Examples | None], Predictor]


def taught(
    train: Examples, dev: Examples | None, teacher: Teacher, *, fit: Fit, seed: int
) -> tuple[Examples, Examples | None]:
    """Return both splits with ``Examples.teacher`` filled; the given ones are unchanged.

    Parameters
    ----------
    fit : trains a teacher on some rows, with dev to choose by, and returns it
    seed : decides the folds

    A dev row is judged by the mean of all folds' teachers, none of which has learned from it; what they say matters
    only where the student is trained again on train + dev.
    """
    if not teacher.folds:
        model = fit(train, dev)
        return judged(train, as_floats(model, train)), None if dev is None else judged(dev, as_floats(model, dev))
    fold = fold_rows(train.labels, train.inputs, folds=teacher.folds, seed=seed)
    own = np.zeros((len(train), train.num_classes), dtype=np.float32)
    other = np.zeros((0 if dev is None else len(dev), train.num_classes), dtype=np.float32)
    for k in range(teacher.folds):
        held_out = np.flatnonzero(fold == k)
        model = fit(train.take(np.flatnonzero(fold != k)), dev)
        own[held_out] = as_floats(model, train.take(held_out))
        if dev is not None:
            other += as_floats(model, dev) / np.float32(teacher.folds)
    return judged(train, own), None if dev is None else judged(dev, other)


def as_floats(model: Predictor, examples: Examples) -> Floats:
    """Return the probabilities of the rows, (N, C) float32."""
    probabilities: Floats = np.asarray(model.predict_proba(examples.inputs), dtype=np.float32)
    return probabilities


def judged(examples: Examples, probabilities: Floats) -> Examples:
    """Return the examples with what the teacher said of them."""
    return replace(examples, teacher=probabilities)
