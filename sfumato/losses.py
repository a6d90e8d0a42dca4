"""Criteria that several papers share. All take soft targets ``(B, C)`` and average over the rows of the batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from sfumato.base import Criterion, Output, Supervision, batch_mean
from sfumato.registry import check_choice


class SoftCrossEntropy(Criterion):
    """Cross-entropy with soft targets, ``-sum_c q_c log p_c``; with one-hot targets the usual one."""

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        losses = F.cross_entropy(output.logits, supervision.targets, reduction="none")  # (B,)
        return batch_mean(losses, supervision.weights)


class KLDivergence(Criterion):
    """``KL(q || p) = CE(q, p) - H(q)``: for fixed targets the same gradient as `SoftCrossEntropy`."""

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        losses = kl_divergence(supervision.targets, output.logits)
        return batch_mean(losses, supervision.weights)


def kl_divergence(targets: Tensor, logits: Tensor) -> Tensor:
    """``KL(targets || softmax(logits))`` per row, ``(B,)``; a zero share contributes zero."""
    log_p = F.log_softmax(logits, dim=1)
    return (torch.xlogy(targets, targets) - targets * log_p).sum(dim=1)


SCALES = ("none", "sum-weights", "paper-code", "paper")


class AuxiliaryMSE(Criterion):
    """KWLS Eq. 9: cross-entropy with the hard label plus ``alpha`` times a squared error to the soft target.

    ``reduction="mean"`` divides the squared error by C as printed (``alpha / p``); ``"sum"`` does not, so that
    the soft term does not vanish with many classes. ``scale`` is the divisor in front: ``"none"``,
    ``"sum-weights"`` 1 + alpha, ``"paper-code"`` (1 + alpha)^2, ``"paper"`` 2 (1 + alpha)^2.
    """

    def __init__(self, alpha: float = 1.0, *, reduction: str = "mean", scale: str = "none") -> None:
        super().__init__()
        check_choice("AuxiliaryMSE", "reduction", reduction, ("mean", "sum"))
        check_choice("AuxiliaryMSE", "scale", scale, SCALES)
        self.alpha = alpha
        self.reduction = reduction
        divisors = (1.0, 1 + alpha, (1 + alpha) ** 2, 2 * (1 + alpha) ** 2)
        self.divisor = divisors[SCALES.index(scale)]

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        hard = F.cross_entropy(output.logits, supervision.labels, reduction="none")  # (B,)
        squared = (supervision.targets - output.logits.softmax(dim=1)) ** 2  # (B, C)
        soft = squared.mean(dim=1) if self.reduction == "mean" else squared.sum(dim=1)
        return batch_mean(hard + self.alpha * soft, supervision.weights) / self.divisor  # Eq. 9
