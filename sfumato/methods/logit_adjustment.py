"""Logit adjustment: the loss adds the logarithm of the class shares to the logits, and prediction does not.

A. K. Menon, S. Jayasumana, A. S. Rawat, H. Jain, A. Veit, S. Kumar, "Long-tail Learning via Logit Adjustment", ICLR
2021, arXiv:2007.07314: the logit adjusted softmax cross-entropy. A reference for unbalanced data, and no soft labels.

What the loss adds, the bare logits need not hold: they come to rank the classes as if all were equally common. The
paper's letters: ``f`` the logits, ``pi`` the class shares of the training split, ``tau`` the strength.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sfumato.errors import InputError
from sfumato.method import Method, Plan
from sfumato.registry import check_range

if TYPE_CHECKING:
    from torch import Tensor

    from sfumato.base import Criterion


def adjusted_logits(f: Tensor, pi: Tensor, tau: float) -> Tensor:
    """Return the logits ``(B, C)`` that the softmax cross-entropy of training sees; ``pi (C,)`` is positive."""
    return f + tau * pi.log()  # Eq. 10, in the exponents


def logit_adjustment(tau: float = 1.0) -> Method:
    """Add ``tau`` times the logarithm of the class shares to the logits in training; predict without.

    Parameters
    ----------
    tau : strength, 0 to 100; 0 is the baseline, 1 is right for the mean of the accuracies of the classes
    """
    check_range("logit-adjustment", "tau", tau, 0, 100)

    def criterion(plan: Plan) -> Criterion:
        from sfumato.methods.adjusted_cross_entropy import AdjustedCrossEntropy

        return AdjustedCrossEntropy(positive_shares(plan), tau)

    return Method(
        "logit-adjustment",
        criterion=criterion,
        options={"tau": tau},
        has_targets=False,
        takes_targets=True,
        helps_rare=True,
    )


def positive_shares(plan: Plan) -> tuple[float, ...]:
    """Return the class shares of the plan, of which none may be zero or left out."""
    if plan.class_shares is None:
        raise InputError(
            "logit-adjustment needs the share of each class: Plan(..., class_shares=class_shares(train)), "
            "with sfumato.method.class_shares"
        )
    if min(plan.class_shares) <= 0:
        empty = plan.class_shares.index(min(plan.class_shares)) + 1
        raise InputError(
            f"logit-adjustment needs rows of every class, but class {empty} of {plan.num_classes} has none"
        )
    return plan.class_shares
