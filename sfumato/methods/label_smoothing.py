"""Label smoothing: every row keeps most of its mass on the given label and spreads the rest evenly.

C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna, "Rethinking the Inception Architecture for Computer
Vision", CVPR 2016, section 7; levels for sentiment: "Revisiting the Role of Label Smoothing in Enhanced Text
Sentiment Classification", arXiv:2312.06522.

Three ways of writing the strength are in use, and they are not the same number:

=============  ==================  ===================
mode           share of the label  share of each other
=============  ==================  ===================
``uniform``    1 - eps + eps / C   eps / C
``exclusive``  1 - eps             eps / (C - 1)
``per-class``  1 - (C - 1) lambda  lambda
=============  ==================  ===================

The cross-entropy with these targets and KL(target || p) differ by the constant entropy of the target, so they
have the same gradient.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.method import Method
from sfumato.methods.target_loss import target_criterion
from sfumato.registry import check_choice, check_range
from sfumato.targets import DenseTargets, Floats, TableTargets

MODES = ("uniform", "exclusive", "per-class")


def gold_share(smoothing: float, num_classes: int, *, mode: str = "uniform") -> float:
    """Return the share that the given label keeps, for C classes."""
    C = num_classes
    shares = {
        "uniform": 1 - smoothing + smoothing / C,
        "exclusive": 1 - smoothing,
        "per-class": 1 - (C - 1) * smoothing,
    }
    return shares[mode]


def convert(smoothing: float, num_classes: int, *, source: str, target: str) -> float:
    """Return the strength in mode ``target`` that gives the same targets as ``smoothing`` in mode ``source``."""
    check_choice("convert", "source", source, MODES)
    check_choice("convert", "target", target, MODES)
    C = num_classes
    uniform = {"uniform": smoothing, "exclusive": smoothing * C / (C - 1), "per-class": smoothing * C}[source]
    return {"uniform": uniform, "exclusive": uniform * (C - 1) / C, "per-class": uniform / C}[target]


def check_strength(smoothing: float, num_classes: int, *, mode: str) -> None:
    """Raise unless the given label keeps at least the share of each other one; where they are equal it says nothing.

    Raises
    ------
    InputError
        if ``exclusive`` smoothing exceeds 1 - 1 / C or ``per-class`` smoothing 1 / C.
    """
    C = num_classes
    most, written = {"uniform": (1.0, "1"), "exclusive": (1 - 1 / C, "1 - 1/C"), "per-class": (1 / C, "1/C")}[mode]
    if smoothing > most + 1e-12:
        raise InputError(
            f"label-smoothing: {mode} smoothing must be at most {written} = {most:.4g} for {C} classes, "
            f"got {smoothing:g} (more would put the given label below the others)"
        )


def smoothed_table(smoothing: float, num_classes: int, *, mode: str = "uniform") -> Floats:
    """Return one target row a class, ``(C, C)``.

    ``exclusive`` takes any strength up to 1: a control keeps the gold share of its method, however small.

    Raises
    ------
    InputError
        if ``per-class`` smoothing exceeds 1 / C (`check_strength`).
    """
    C = num_classes
    if mode == "per-class":
        check_strength(smoothing, C, mode=mode)
    gold = gold_share(smoothing, C, mode=mode)
    table = np.full((C, C), (1 - gold) / max(C - 1, 1), dtype=np.float64)
    np.fill_diagonal(table, gold)
    return table.astype(np.float32)


def smoothed_sets(gold: NDArray[np.bool_], smoothing: float) -> Floats:
    """Return ``y (1 - eps) + eps / 2``, (N, C), of rows with several labels: each answer moves towards one half.

    It is the uniform mode for the two answers, yes and no, of each class.
    """
    return np.asarray(gold * (1 - smoothing) + smoothing / 2, dtype=np.float32)


def label_smoothing(
    smoothing: float = 0.1, *, mode: str = "uniform", loss: str = "ce", alpha: float = 1.0, scale: str = "none"
) -> Method:
    """Mix each one-hot label with the uniform distribution; with several labels a row, each answer with one half.

    Parameters
    ----------
    smoothing : 0 to 1 (``exclusive``: 1 - 1/C, ``per-class``: 1/C); 0 leaves the labels hard
    mode : ``uniform`` (as in torch, Keras and Hugging Face), ``exclusive`` or ``per-class``, see the module
    loss, alpha, scale : ``ce``, ``kl`` (the sentiment study), or ``auxiliary`` (LS-Classic in KWLS, Eq. 9)
    """
    check_choice("label-smoothing", "mode", mode, MODES)
    check_range("label-smoothing", "smoothing", smoothing, 0, 1)

    def smooth(examples: Examples) -> Examples:
        if examples.multilabel:
            check_mode(mode)
            return replace(examples, targets=DenseTargets(smoothed_sets(examples.gold, smoothing)))
        check_strength(smoothing, examples.num_classes, mode=mode)
        table = smoothed_table(smoothing, examples.num_classes, mode=mode)
        return replace(examples, targets=TableTargets(table, examples.labels))

    return Method(
        "label-smoothing",
        (smooth,),
        target_criterion("label-smoothing", loss, alpha, scale=scale),
        options={"smoothing": smoothing, "mode": mode, "loss": loss, "alpha": alpha, "scale": scale},
        label_only=True,
        even=True,
        replaces_targets=True,
        multilabel=loss == "ce",
    )


def check_mode(mode: str) -> None:
    """Raise for a mode that shares mass among classes: where each has a probability of its own, none is shared."""
    if mode != "uniform":
        raise InputError(
            f"label-smoothing: mode={mode!r} is for one label a row; with several, each answer moves towards one half "
            "by mode='uniform'"
        )


def baseline() -> Method:
    """Fit the given labels as they are, with cross-entropy."""
    return Method("baseline", has_targets=False, multilabel=True)
