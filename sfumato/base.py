"""The two shapes every criterion and every network speaks, and the module that joins them."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Output(NamedTuple):
    """What a network returns for a batch: ``logits`` (B, C) and the ``features`` (B, D) before the last layer."""

    logits: Tensor
    features: Tensor


class Supervision(NamedTuple):
    """What a criterion may know of a batch: hard ``labels`` (B,), soft ``targets`` (B, C), and the optional rest.

    Of multi-label data, ``labels`` are (B, C) of 0 and 1, and each target is a probability of its own.
    """

    labels: Tensor
    targets: Tensor
    similar: Tensor | None = None  # (B, C) bool
    weights: Tensor | None = None  # (B,), mean 1 over the training split
    copy: Tensor | None = None  # (B,), 0 for a row itself, else the number of its augmented copy


class Criterion(nn.Module):
    """Scores a batch: ``(Output, Supervision) -> scalar``. May own parameters; they are dropped after training.

    ``step`` is the number of optimizer steps taken so far; the `Objective` sets it, ``forward`` never does.
    """

    step: int = 0

    def at(self, step: int) -> None:
        """Tell this criterion and those inside it the number of optimizer steps taken so far."""
        for module in self.modules():
            if isinstance(module, Criterion):
                module.step = step

    def terms(self, num_classes: int) -> int:
        """Return how many terms the loss of a row is the mean of; in one batch it is summed, beside the L2 penalty."""
        return 1

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        """Return the mean loss of the batch."""
        raise TypeError(f"{type(self).__name__} does not define forward")

    def soft_targets(self, output: Output, supervision: Supervision) -> Tensor:
        """Return the targets that this criterion fits, ``(B, C)``: the given ones unless it learns its own."""
        return supervision.targets


def batch_mean(losses: Tensor, weights: Tensor | None) -> Tensor:
    """Mean of row losses ``(B,)``; example weights have mean 1 over the split, so the divisor stays B.

    Dividing by B and not by the batch's weight sum keeps a batch of 8 equal to 2 × 4 accumulated.
    """
    return losses.mean() if weights is None else (losses * weights).mean()


class Switch(Criterion):
    """``first`` until optimizer step ``at_step``, ``then`` from that step on (LCM's stop, KWLS Figure 2)."""

    def __init__(self, first: Criterion, then: Criterion, *, at_step: int) -> None:
        super().__init__()
        self.first = first
        self.then = then
        self.at_step = at_step

    @property
    def current(self) -> Criterion:
        """The criterion in force at the current step."""
        return self.first if self.step < self.at_step else self.then

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        loss: Tensor = self.current(output, supervision)
        return loss

    def soft_targets(self, output: Output, supervision: Supervision) -> Tensor:
        return self.first.soft_targets(output, supervision)

    def terms(self, num_classes: int) -> int:
        return self.current.terms(num_classes)


class Objective(nn.Module):
    """A classifier and a criterion in one module: what our loop, a plain loop and an unmodified Trainer train.

    ``forward`` takes the classifier's inputs plus ``labels`` and, optionally, ``targets``, ``similar``,
    ``weights`` and ``copy``, and returns ``{"loss", "logits"}``. ``step`` counts *optimizer* steps: whoever calls the
    optimizer raises it with `advance`. The criterion runs in float32 also under autocast.
    """

    accepts_loss_kwargs = False  # the Trainer then scales accumulated micro-batch means itself
    step: Tensor

    def __init__(self, model: nn.Module, criterion: Criterion) -> None:
        super().__init__()
        self.model = model
        self.criterion = criterion
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    def advance(self, steps: int = 1) -> None:
        """Count ``steps`` optimizer steps."""
        self.step += steps

    def forward(
        self,
        labels: Tensor | None = None,
        targets: Tensor | None = None,
        similar: Tensor | None = None,
        weights: Tensor | None = None,
        copy: Tensor | None = None,
        **inputs: Any,
    ) -> dict[str, Tensor]:
        """Return ``{"loss", "logits"}``, or ``{"logits"}`` without labels."""
        output: Output = self.model(**inputs)
        output = Output(output.logits.float(), output.features.float())
        if labels is None:
            return {"logits": output.logits}
        if targets is None:
            hard = labels if labels.ndim == 2 else nn.functional.one_hot(labels, output.logits.shape[1])
            targets = hard.to(output.logits.dtype)
        self.criterion.at(int(self.step))
        with torch.autocast(output.logits.device.type, enabled=False):
            loss = self.criterion(output, Supervision(labels, targets, similar, weights, copy))
        return {"loss": loss, "logits": output.logits}
