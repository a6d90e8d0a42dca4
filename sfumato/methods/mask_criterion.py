"""The criterion of MaskLoss; the equations and the paper are in `sfumato.methods.maskloss`."""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato.base import Criterion, Output, Supervision, batch_mean
from sfumato.errors import InputError
from sfumato.methods.maskloss import MaskOptions, masked_loss
from sfumato.sigmoid_losses import binary_cross_entropy


class MaskedLoss(Criterion):
    """Binary cross-entropy in which similar labels count when the coin of this optimizer step says so.

    The coin is drawn anew from seed and step whenever it is asked for, and nothing else is remembered: all
    micro-batches of a step, and the step after a restart, have the same one. With a coin for each row, rows at the same
    place of two micro-batches share theirs.
    """

    def __init__(self, options: MaskOptions, *, seed: int = 0) -> None:
        super().__init__()
        self.options, self.seed = options, seed

    def terms(self, num_classes: int) -> int:
        return num_classes if self.options.activation == "sigmoid" else 1

    def coin(self, rows: int, num_classes: int) -> Tensor | float:
        """Return lambda of this step: a number, (B, 1) or (B, C); its mean where no coin is tossed."""
        if self.options.mode == "expected" or self.options.alpha in (0, 1):
            return float(self.options.alpha)
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + self.step) % 2**63)
        shape = {"step": (1,), "sample": (rows, 1), "label": (rows, num_classes)}[self.options.granularity]
        tossed = (torch.rand(shape, generator=generator) < self.options.alpha).float()
        return float(tossed) if self.options.granularity == "step" else tossed

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        if supervision.similar is None:
            raise InputError(
                f"{self.options.owner} needs Examples.similar, the labels that may be masked; prepare() it"
            )
        logits = output.logits.float()
        coin = self.coin(*logits.shape)
        coin = coin.to(logits.device) if isinstance(coin, Tensor) else coin
        return batch_mean(self.row_losses(logits, supervision, coin), supervision.weights)

    def row_losses(self, logits: Tensor, supervision: Supervision, coin: Tensor | float) -> Tensor:
        """Return the loss of each row, (B,)."""
        similar, targets = supervision.similar, supervision.targets
        assert similar is not None
        if self.options.activation == "softmax":
            return self.softmax_losses(logits, targets, similar, coin)
        losses = binary_cross_entropy(logits, targets)
        if isinstance(coin, float) and coin == 1 and self.options.normalize == "C":
            return losses.mean(dim=1)
        return masked_loss(losses, similar, coin, normalize=self.options.normalize)

    def softmax_losses(self, logits: Tensor, targets: Tensor, similar: Tensor, coin: Tensor | float) -> Tensor:
        """Return the cross-entropy (B,) without the masked classes below the fraction; with a mean coin, both mixed."""
        if isinstance(coin, float):
            full = partial_cross_entropy(logits, targets, torch.zeros_like(similar))
            return coin * full + (1 - coin) * partial_cross_entropy(logits, targets, similar)
        return partial_cross_entropy(logits, targets, similar & (coin == 0))


def partial_cross_entropy(logits: Tensor, targets: Tensor, masked: Tensor) -> Tensor:
    """Return the cross-entropy (B,) over the classes that are not masked; the share of a masked one is left out."""
    log_p = logits.masked_fill(masked, -torch.inf).log_softmax(dim=1)
    return -(targets * log_p.masked_fill(masked, 0)).sum(dim=1)
