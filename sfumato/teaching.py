"""A teacher judges the training rows before the student learns: out of fold, or in-sample.

Out of fold no row is judged by a model that has seen its label. Which model teaches is for the caller to say
(``fit``); nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Examples, Predictor
from sfumato.errors import InputError
from sfumato.method import Deletions, Teacher
from sfumato.split import fold_rows
from sfumato.targets import Floats

Fit = Callable[[Examples, Examples | None], Predictor]
Said = dict[str, Floats]  # of one fold: "train" (held-out rows, C) and, where there are dev rows, "dev" (M, C)
Read = Callable[[Predictor, Examples, Deletions], Callable[[Examples], Floats]]
Once = Callable[[int, Callable[[], Said]], Said]


def afresh(fold: int, judge: Callable[[], Said]) -> Said:
    """Return what a fold's teacher says, trained now."""
    return judge()


def taught(
    train: Examples,
    dev: Examples | None,
    teacher: Teacher,
    *,
    fit: Fit,
    seed: int,
    once: Once = afresh,
    read: Read | None = None,
) -> tuple[Examples, Examples | None]:
    """Return both splits with ``Examples.teacher`` filled; the given ones are unchanged.

    Parameters
    ----------
    fit : trains a teacher on some rows, with dev to choose by, and returns it
    seed : decides the folds
    once : returns what the function that it is given returns for a fold, or what that fold's teacher said before
    read : for a teacher with ``deletions``: from it and the training rows to what is to be told of any rows, (N, C)

    A dev row is judged by the mean of all folds' teachers, none of which has learned from it; what they say matters
    only where the student is trained again on train + dev.
    """
    if not teacher.folds:
        tell = teller(fit(train, dev), train, teacher, read)
        return judged(train, tell(train)), None if dev is None else judged(dev, tell(dev))
    fold = fold_rows(train.labels, train.inputs, folds=teacher.folds, seed=seed)
    own = np.zeros((len(train), train.num_classes), dtype=np.float32)
    other = np.zeros((0 if dev is None else len(dev), train.num_classes), dtype=np.float32)
    for k in range(teacher.folds):
        said = once(k, partial(judge_fold, train, dev, fold == k, fit))
        own[fold == k] = said["train"]
        if dev is not None:
            other += said["dev"] / np.float32(teacher.folds)
    return judged(train, own), None if dev is None else judged(dev, other)


def teller(model: Predictor, train: Examples, teacher: Teacher, read: Read | None) -> Callable[[Examples], Floats]:
    """Return what tells of any rows what the teacher says: its probabilities, or what ``read`` finds by deletions."""
    if teacher.deletions is None:
        return partial(as_floats, model)
    if read is None:
        raise InputError("a teacher with deletions needs a function that reads them; sfumato.run.hear_teacher has one")
    return read(model, train, teacher.deletions)


def judge_fold(train: Examples, dev: Examples | None, held_out: NDArray[np.bool_], fit: Fit) -> Said:
    """Train a teacher without the rows held out (N,) and return what it says of these and of dev."""
    model = fit(train.take(np.flatnonzero(~held_out)), dev)
    said = {"train": as_floats(model, train.take(np.flatnonzero(held_out)))}
    return said if dev is None else {**said, "dev": as_floats(model, dev)}


def as_floats(model: Predictor, examples: Examples) -> Floats:
    """Return the probabilities of the rows, (N, C) float32."""
    probabilities: Floats = np.asarray(model.predict_proba(examples.inputs), dtype=np.float32)
    return probabilities


def judged(examples: Examples, probabilities: Floats) -> Examples:
    """Return the examples with what the teacher said of them."""
    return replace(examples, teacher=probabilities)
