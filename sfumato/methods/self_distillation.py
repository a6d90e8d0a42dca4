"""Self-distillation: the targets are what a teacher of the same kind, trained on the hard labels, says of each text.

Zhilu Zhang, Mert R. Sabuncu, "Self-Distillation as Instance-Specific Label Smoothing", NeurIPS 2020,
arXiv:2006.05065; LS-Distill of the KWLS paper (COLING 2022, section 5.2).

`self_distillation` lets no teacher judge a row that it has learned from: each fold of the training rows is judged by
a teacher trained on the other folds, calibrated by one temperature on dev. In-sample a teacher that has learned its
rows by heart repeats their labels, wrong ones too; `self_distillation_paper` does that, as the papers do.

The KWLS paper gives no settings for LS-Distill. We take its own loss, Eq. 9, with the teacher's probabilities in the
place of d, so that the rows of its Table 2 differ in their targets alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.method import Method, Teacher
from sfumato.methods.target_loss import target_criterion
from sfumato.registry import check_range, check_whole
from sfumato.targets import DenseTargets, Floats

SMALLEST = 1e-12  # a share below it counts as this much: its logarithm stays finite


def distilled(p: Floats, labels: np.ndarray, *, weight: float, temperature: float) -> Floats:
    """Mix each label with the teacher's ``p`` (N, C), raised to 1 / ``temperature``; rows sum to 1."""
    softer = np.maximum(p.astype(np.float64), SMALLEST) ** (1 / temperature)
    target = weight * softer / softer.sum(axis=1, keepdims=True)
    target[np.arange(len(labels)), labels] += 1 - weight
    return np.asarray(target, dtype=np.float32)


def distilled_sets(p: Floats, gold: NDArray[np.bool_], *, weight: float, temperature: float) -> Floats:
    """Mix each answer of rows with several labels with the teacher's ``p`` (N, C), its logit over ``temperature``."""
    odds = logit(np.clip(p.astype(np.float64), SMALLEST, 1 - SMALLEST))
    return np.asarray((1 - weight) * gold + weight * expit(odds / temperature), dtype=np.float32)


def _distil(examples: Examples, *, weight: float, temperature: float) -> Examples:
    if examples.teacher is None:
        raise InputError("self-distillation needs Examples.teacher, the probabilities of a trained model")
    if examples.multilabel:
        target = distilled_sets(examples.teacher, examples.gold, weight=weight, temperature=temperature)
    else:
        target = distilled(examples.teacher, examples.labels, weight=weight, temperature=temperature)
    return replace(examples, targets=DenseTargets(target))


def self_distillation(
    weight: float = 0.1,
    *,
    temperature: float = 1.0,
    folds: int = 5,
    teacher: str | None = None,
    loss: str = "ce",
) -> Method:
    """Mix each label with the judgement of a teacher that has not seen the row.

    Parameters
    ----------
    weight : share of the teacher's probabilities in the target, 0 to 1; the given label keeps the rest
    temperature : more than 1 makes the teacher's probabilities softer; it has been calibrated before
    folds : teachers, each trained without its fold; the cost of training grows by as many runs
    teacher : name of the model that teaches; None is the student's own architecture and settings
    loss : what fits the target, see `sfumato.methods.target_loss`
    """
    name = "self-distillation"
    check_range(name, "weight", weight, 0, 1)
    check_range(name, "temperature", temperature, 0, 1000, open_low=True)
    check_whole(name, "folds", folds, 2, 100)
    check_teacher(name, teacher)
    options = {"weight": weight, "temperature": temperature, "folds": folds, "teacher": teacher, "loss": loss}
    return Method(
        name,
        (partial(_distil, weight=weight, temperature=temperature),),
        target_criterion(name, loss),
        options=options,
        version=2,
        teacher=Teacher(folds=folds, model=teacher),
        replaces_targets=True,
        multilabel=loss == "ce",
    )


def self_distillation_paper(alpha: float = 1.0, *, temperature: float = 1.0, teacher: str | None = None) -> Method:
    """Fit the label and, by a squared error of weight ``alpha``, what an in-sample teacher says of the row.

    Parameters
    ----------
    alpha : weight of the squared error (Eq. 9 of the KWLS paper); 0 leaves the labels hard
    temperature : more than 1 makes the teacher's probabilities softer
    teacher : name of the model that teaches; None is the student's own architecture and settings
    """
    name = "self-distillation-paper"
    check_range(name, "alpha", alpha, 0, float("inf"))
    check_range(name, "temperature", temperature, 0, 1000, open_low=True)
    check_teacher(name, teacher)

    return Method(
        name,
        (partial(_distil, weight=1.0, temperature=temperature),),
        target_criterion(name, "auxiliary", alpha, scale="paper"),  # Eq. 9
        options={"alpha": alpha, "temperature": temperature, "teacher": teacher},
        teacher=Teacher(folds=0, model=teacher, calibrate=False),
        replaces_targets=True,
    )


def check_teacher(owner: str, teacher: object) -> None:
    """Raise unless the teacher is None or a name; whether there is such a model is looked up when it is needed."""
    if teacher is not None and not (isinstance(teacher, str) and teacher):
        raise InputError(f"{owner}: teacher must be the name of a model, as teacher='linear', or None, got {teacher!r}")
