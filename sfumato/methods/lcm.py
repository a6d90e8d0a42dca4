"""LCM replaces each one-hot label by a distribution that is learned with the classifier, from text and labels.

B. Guo, S. Han, X. Han, H. Huang, T. Lu, "Label Confusion Learning to Enhance Text Classification Models", AAAI
2021, arXiv:2012.04987, section "LCM-based Classification Model"; the early stop is Figure 3b.

A label encoder gives every class a vector. The dot products of a text's vector with the class vectors become the
label confusion distribution (LCD); the label, ``alpha`` times its one-hot vector, is added to it, and a second
softmax makes the simulated label distribution (SLD), which the classifier fits by KL divergence. The gradient
flows through both arguments of the KL: it is all that trains the label encoder. Prediction never uses LCM.

The paper's letters: ``v`` the text's vector v^(i), our *features*; ``V_l`` the class vectors V^(l); ``W``, ``b``
the layer of the LCD; ``y_t`` the one-hot label, our *targets*; ``y_c`` the LCD; ``y_s`` the SLD; ``alpha``. The
equations are not numbered; the names at the lines' ends are the paper's left-hand sides.

With a uniform LCD the SLD is label smoothing whose strength grows with the number of classes C, so a fixed alpha
is not one strength: `lcm` takes the mass that the label shall keep, `lcm_paper` takes alpha.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from sfumato.errors import InputError, require_torch
from sfumato.method import Method, Plan
from sfumato.registry import check_range

if TYPE_CHECKING:
    from torch import Tensor

    from sfumato.base import Criterion

LARGEST_ALPHA = 50.0  # beyond about 85 a share underflows in float32 and the gradient of s log s is not a number


def label_vectors(L: Tensor, W_l: Tensor, b_l: Tensor) -> Tensor:
    """Return the class vectors ``(C, d)`` from the label embeddings ``L (C, e)``: one dense layer with tanh."""
    return (L @ W_l + b_l).tanh()  # V^(l)


def label_confusion_distribution(v: Tensor, V_l: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """Return the LCD ``(B, C)`` of texts ``v (B, d)`` and class vectors ``V_l (C, d)``; ``W (C, C)``, ``b (C,)``."""
    similarity = v @ V_l.T  # (B, C)
    return (similarity @ W + b).softmax(dim=1)  # y^(c)


def simulated_label_distribution(y_t: Tensor, y_c: Tensor, alpha: float) -> Tensor:
    """Return the SLD ``(B, C)``, from one-hot labels and the LCD, both ``(B, C)``."""
    return (alpha * y_t + y_c).softmax(dim=1)  # y^(s)


def label_mass(alpha: float, num_classes: int) -> float:
    """Return the share that the given label keeps under a uniform LCD."""
    return 1 / (1 + (num_classes - 1) * math.exp(-alpha))


def alpha_for(mass: float, num_classes: int) -> float:
    """Return the alpha with which the given label keeps the share ``mass`` under a uniform LCD.

    Raises
    ------
    InputError
        if the mass is not above 1 / C: the given label would not stand out.
    """
    if not 1 / num_classes < mass:
        least = f"1/C = {1 / num_classes:.4g}"
        raise InputError(f"lcm: gold_mass must be more than {least} for {num_classes} classes, got {mass:g}")
    return math.log(mass * (num_classes - 1) / (1 - mass))


def equivalent_smoothing(alpha: float, num_classes: int) -> float:
    """Return the strength of uniform label smoothing that equals the SLD under a uniform LCD."""
    return num_classes / (math.exp(alpha) + num_classes - 1)


def lcm(gold_mass: float = 0.9, *, stop: float | None = None, embedding_size: int | None = None) -> Method:
    """Learn the targets, with alpha set from the mass that the label shall keep.

    Parameters
    ----------
    gold_mass : share of the given label under a uniform LCD, more than 1 / C and less than 1
    stop : epochs after which plain cross-entropy takes over; None never stops (``linear``: optimizer steps)
    embedding_size : length e of a label embedding; None is the length of the text's vector
    """
    check_range("lcm", "gold_mass", gold_mass, 0, 0.999999, open_low=True)
    options = {"gold_mass": gold_mass, "stop": stop, "embedding_size": embedding_size}
    return _learning("lcm", lambda num_classes: alpha_for(gold_mass, num_classes), options)


def lcm_paper(alpha: float = 4.0, *, stop: float | None = None, embedding_size: int | None = None) -> Method:
    """Learn the targets with the paper's alpha, whatever the number of classes.

    Parameters
    ----------
    alpha : weight of the given label, more than 0; only above 1 is it sure to keep the largest share
    stop : epochs after which plain cross-entropy takes over; None never stops (``linear``: optimizer steps)
    embedding_size : length e of a label embedding; None is the length of the text's vector
    """
    check_range("lcm-paper", "alpha", alpha, 0, LARGEST_ALPHA, open_low=True)
    options = {"alpha": alpha, "stop": stop, "embedding_size": embedding_size}
    return _learning("lcm-paper", lambda num_classes: alpha, options)


def _learning(name: str, alpha_of: Callable[[int], float], options: dict[str, float | int | None]) -> Method:
    stop, embedding_size = options["stop"], options["embedding_size"]
    if stop is not None:
        check_range(name, "stop", stop, 0, math.inf)
    if embedding_size is not None and (not isinstance(embedding_size, int) or embedding_size < 1):
        raise InputError(f"{name}: embedding_size must be a whole number of at least 1, got {embedding_size!r}")

    def criterion(plan: Plan) -> Criterion:
        require_torch(name)
        from sfumato.methods.label_confusion import until

        return until(stop, plan, alpha=alpha_of(plan.num_classes), embedding_size=embedding_size)

    return Method(name, criterion=criterion, options=options, needs_training=True)
