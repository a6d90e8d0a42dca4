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
is not one strength: `lcm` takes the mass that the label shall keep, `lcm_paper` takes alpha. What `lcm` is where a row
may have several labels stands in `sfumato.methods.label_confusion_sets`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sfumato.errors import InputError, require_torch
from sfumato.method import Method, Plan
from sfumato.methods.lcm_options import checked_options
from sfumato.registry import check_range

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from torch import Tensor

    from sfumato.base import Criterion

EXPERIMENTAL = (
    "lcm of several labels a row is an experiment of ours, not of the paper; docs/multi-label.md says what it does and "
    "what came of it"
)


class ExperimentalWarning(UserWarning):
    """A definition that is tried here and in no paper."""


LARGEST_ALPHA = 50.0  # beyond about 85 a share underflows in float32 and the gradient of s log s is not a number
LARGEST_MASS = 0.999999  # alpha is infinite at 1
LEAST_SHARE = 2.0**-126  # smallest normal float32; see LARGEST_ALPHA, here for a mixture


def label_vectors(L: Tensor, W_l: Tensor, b_l: Tensor) -> Tensor:
    """Return the class vectors ``(C, d)`` from the label embeddings ``L (C, e)``: one dense layer with tanh."""
    return (L @ W_l + b_l).tanh()  # V^(l)


def attended_label_vectors(L: Tensor) -> Tensor:
    """Return the class vectors ``(C, d)`` as means of the embeddings ``L (C, d)``, weighted by their dot products."""
    return (L @ L.T).softmax(dim=1) @ L  # V^(l)


def label_confusion_distribution(v: Tensor, V_l: Tensor, W: Tensor | None = None, b: Tensor | None = None) -> Tensor:
    """Return the LCD ``(B, C)`` of texts ``v (B, d)`` and class vectors ``V_l (C, d)``; ``W (C, C)``, ``b (C,)``.

    Without ``W`` and ``b`` the dot products go straight into the softmax, as in the authors' self-attention variant.
    """
    similarity = v @ V_l.T  # (B, C)
    return (similarity if W is None or b is None else similarity @ W + b).softmax(dim=1)  # y^(c)


def simulated_label_distribution(y_t: Tensor, y_c: Tensor, alpha: float) -> Tensor:
    """Return the SLD ``(B, C)``, from one-hot labels and the LCD, both ``(B, C)``."""
    return (alpha * y_t + y_c).softmax(dim=1)  # y^(s)


def mixed_label_distribution(y_t: Tensor, y_c: Tensor, weight: float) -> Tensor:
    """Return ``(1 - weight)`` of the label and ``weight`` of the LCD, ``(B, C)``: ours, in place of the second softmax.

    The softmax holds the share of the label in a band that narrows as C grows; here it can reach 1 whatever C is.
    """
    return ((1 - weight) * y_t + weight * y_c).clamp(min=LEAST_SHARE)


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
        raise InputError(f"gold_mass must be more than {least} for {num_classes} classes, got {mass:g}")
    return math.log(mass * (num_classes - 1) / (1 - mass))


def equivalent_smoothing(alpha: float, num_classes: int) -> float:
    """Return the strength of uniform label smoothing that equals the SLD under a uniform LCD."""
    return num_classes / (math.exp(alpha) + num_classes - 1)


def lcm(
    gold_mass: float = 0.9,
    *,
    stop: float | None = None,
    stop_step: int | None = None,
    after: str = "ce",
    label_encoder: str | Callable[..., Any] = "mlp",
    embedding_size: int | None = None,
    init: str | ArrayLike = "keras",
    feature: str | Callable[..., Any] = "pooled",
    grad: str = "both",
    mixing: str = "softmax",
    mix_weight: float | None = None,
) -> Method:
    """Learn the targets, with alpha set from the mass that the label shall keep.

    Parameters
    ----------
    gold_mass : share of the given label under a uniform LCD, more than 1 / C and less than 1
    stop : epochs after which plain cross-entropy takes over; None never stops (``linear``: optimizer steps)
    stop_step : the same in optimizer steps; one of the two
    after : loss after the stop, "ce" or "ls" (label smoothing of 0.1, as in the authors' code)
    label_encoder : "mlp" (as in the paper's experiments), "lstm" or "bilstm" over the classes in their order,
        "attention" (needs ``embedding_size`` None), a torch module from (C, e) to (C, d), or a function of C and d that
        returns one
    embedding_size : length e of a label embedding; None is the length d of the text's vector
    init : label embeddings at the start: "keras" (uniform in ±0.05), "normal" (deviation 1), or an array (C, e)
    feature : the text's vector: "pooled" (what the last layer reads), "logits", or a function of `sfumato.base.Output`
        that returns (B, d)
    grad : "both" arguments of the divergence, or "detached-features": LCM then does not train the text encoder
    mixing : how label and LCD become the target: "softmax", or "mix" for a weighted mean
    mix_weight : share of the LCD in a "mix"; None lets the label keep ``gold_mass`` under a uniform LCD
    """
    check_range("lcm", "gold_mass", gold_mass, 0, LARGEST_MASS, open_low=True)
    options = {
        "gold_mass": gold_mass,
        "stop": stop,
        "stop_step": stop_step,
        "after": after,
        "label_encoder": label_encoder,
        "embedding_size": embedding_size,
        "init": init,
        "feature": feature,
        "grad": grad,
        "mixing": mixing,
        "mix_weight": mix_weight,
    }
    return _learning("lcm", lambda num_classes: alpha_for(gold_mass, num_classes), options)


def lcm_paper(
    alpha: float = 4.0,
    *,
    stop: float | None = None,
    stop_step: int | None = None,
    after: str = "ce",
    label_encoder: str | Callable[..., Any] = "mlp",
    embedding_size: int | None = None,
    init: str | ArrayLike = "keras",
    feature: str | Callable[..., Any] = "pooled",
    grad: str = "both",
    mixing: str = "softmax",
    mix_weight: float | None = None,
) -> Method:
    """Learn the targets with the paper's alpha, whatever the number of classes.

    The options not named here are those of ``lcm``.

    Parameters
    ----------
    alpha : weight of the given label, more than 0; only above 1 is it sure to keep the largest share
    stop : epochs after which plain cross-entropy takes over; None never stops (``linear``: optimizer steps)
    embedding_size : length e of a label embedding; None is the length d of the text's vector
    """
    check_range("lcm-paper", "alpha", alpha, 0, LARGEST_ALPHA, open_low=True)
    options = {
        "alpha": alpha,
        "stop": stop,
        "stop_step": stop_step,
        "after": after,
        "label_encoder": label_encoder,
        "embedding_size": embedding_size,
        "init": init,
        "feature": feature,
        "grad": grad,
        "mixing": mixing,
        "mix_weight": mix_weight,
    }
    return _learning("lcm-paper", lambda num_classes: alpha, options)


def _learning(name: str, alpha_of: Callable[[int], float], options: dict[str, Any]) -> Method:
    options = checked_options(name, options)

    several = name == "lcm"  # the paper knows one label a row

    def criterion(plan: Plan) -> Criterion:
        require_torch(name)
        from sfumato.methods.label_confusion import until

        if plan.multilabel:
            warnings.warn(EXPERIMENTAL, ExperimentalWarning, stacklevel=2)
        return until(plan, alpha_of(2 if plan.multilabel else plan.num_classes), options)

    return Method(
        name, criterion=criterion, options=options, needs_training=True, takes_targets=True, multilabel=several
    )
