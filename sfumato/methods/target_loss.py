"""The losses for targets that exist before training: what a method with an option ``loss`` scores them with.

============  ==========================================================================================
loss          a row's loss; p is the prediction, q its target, y its given label
============  ==========================================================================================
``ce``        cross-entropy of p and q
``kl``        KL(q || p): for fixed targets the same gradient as ``ce``, and 0 where p = q
``auxiliary`` cross-entropy with y plus ``alpha`` times a distance of p and q (KWLS, Eq. 9)
============  ==========================================================================================
"""

from __future__ import annotations

import math
from inspect import signature
from typing import TYPE_CHECKING

from sfumato.errors import InputError
from sfumato.method import CriterionFactory, Plan
from sfumato.registry import check_choice, check_range

if TYPE_CHECKING:
    from sfumato.base import Criterion

LOSSES = ("ce", "kl", "auxiliary")
SOFT_LOSSES = ("mse", "ce", "kl")
REDUCTIONS = ("mean", "sum")
SCALES = ("none", "sum-weights", "paper-code", "paper")
HEADS = ("one", "two")


def target_criterion(
    owner: str,
    loss: str = "ce",
    alpha: float = 1.0,
    *,
    soft_loss: str = "mse",
    reduction: str = "mean",
    scale: str = "none",
    heads: str = "one",
) -> CriterionFactory | None:
    """Return the factory of the criterion ``loss``; None for ``"ce"``, which is what a method has anyway.

    Parameters
    ----------
    owner : the method that errors name
    loss : see the module
    alpha, soft_loss, reduction, scale : of ``"auxiliary"``, see `sfumato.losses.Auxiliary`
    heads : of ``"auxiliary"``: ``"two"`` lets an output layer of its own fit the target, see `sfumato.losses.TwoHeads`

    Raises
    ------
    InputError
        if there is no such value, or an option of ``"auxiliary"`` is set beside another loss, which would ignore it.
    """
    check_choice(owner, "loss", loss, LOSSES)
    check_range(owner, "alpha", alpha, 0, math.inf)
    check_choice(owner, "soft_loss", soft_loss, SOFT_LOSSES)
    check_choice(owner, "reduction", reduction, REDUCTIONS)
    check_choice(owner, "scale", scale, SCALES)
    check_choice(owner, "heads", heads, HEADS)
    if loss != "auxiliary":
        refuse_unused(owner, loss, alpha=alpha, soft_loss=soft_loss, reduction=reduction, scale=scale, heads=heads)

    def divergence(plan: Plan) -> Criterion:
        from sfumato.losses import KLDivergence

        return KLDivergence()

    def auxiliary(plan: Plan) -> Criterion:
        from sfumato.losses import Auxiliary, TwoHeads

        one = Auxiliary(alpha, soft_loss=soft_loss, reduction=reduction, scale=scale)
        return one if heads == "one" else TwoHeads(one, plan.num_classes, plan.num_features, seed=plan.seed)

    return {"ce": None, "kl": divergence, "auxiliary": auxiliary}[loss]


def refuse_unused(owner: str, loss: str, **given: object) -> None:
    """Raise if an option of ``"auxiliary"`` is not at its default: no other loss looks at it."""
    defaults = signature(target_criterion).parameters
    for name, value in given.items():
        if value != defaults[name].default:
            raise InputError(f"{owner}: {name}={value!r} needs loss='auxiliary': {loss!r} has no second part to use it")
