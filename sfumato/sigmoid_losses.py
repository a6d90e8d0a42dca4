"""Losses that ask about each class on its own, through a sigmoid: for multi-label data, and for MaskLoss on any."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from sfumato.base import Criterion, Output, Supervision, batch_mean


def binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """``-q log p - (1 - q) log (1 - p)`` of each row and class, ``(B, C)``, with ``p = sigmoid(logits)``."""
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none")


class SigmoidCrossEntropy(Criterion):
    """Binary cross-entropy with soft targets, the mean over the C classes and the rows of the batch."""

    def terms(self, num_classes: int) -> int:
        return num_classes

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        losses = binary_cross_entropy(output.logits, supervision.targets).mean(dim=1)  # (B,)
        return batch_mean(losses, supervision.weights)
