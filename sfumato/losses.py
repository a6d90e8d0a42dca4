"""Criteria that several papers share. All take soft targets ``(B, C)`` and average over the rows of the batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sfumato.base import Criterion, Output, Supervision, Switch, batch_mean
from sfumato.registry import check_choice


class SoftCrossEntropy(Criterion):
    """Cross-entropy with soft targets, ``-sum_c q_c log p_c``; with one-hot targets the usual one."""

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        losses = F.cross_entropy(output.logits, supervision.targets, reduction="none")  # (B,)
        return batch_mean(losses, supervision.weights)


class HardCrossEntropy(Criterion):
    """Cross-entropy with the given label, whatever the targets are."""

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        losses = F.cross_entropy(output.logits, supervision.labels, reduction="none")  # (B,)
        return batch_mean(losses, supervision.weights)


class Joining(Switch):
    """Another loss ``first``, and a method's own, ``then``, from optimizer step ``at_step`` on.

    A `Switch` in which the second part is the method, so that the targets and the controls are those of that part.
    """

    def soft_targets(self, output: Output, supervision: Supervision) -> Tensor:
        return self.then.soft_targets(output, supervision)


class OnCopies(Criterion):
    """``own`` for the augmented copies of a batch, ``plain`` for the rows themselves, by default cross-entropy."""

    def __init__(self, own: Criterion, plain: Criterion | None = None) -> None:
        super().__init__()
        self.own = own
        self.plain = SoftCrossEntropy() if plain is None else plain

    def terms(self, num_classes: int) -> int:
        return self.own.terms(num_classes)

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        copies = copies_of(supervision)
        losses = output.logits.new_zeros(())
        for criterion, chosen in ((self.plain, ~copies), (self.own, copies)):
            if chosen.any():  # the mean over some rows of the batch, back to a part of the mean over all
                losses = losses + criterion(*some_rows(output, supervision, chosen)) * chosen.float().mean()
        return losses

    def soft_targets(self, output: Output, supervision: Supervision) -> Tensor:
        learned = self.own.soft_targets(output, supervision)
        return torch.where(copies_of(supervision)[:, None], learned, supervision.targets.to(learned.dtype))


def copies_of(supervision: Supervision) -> Tensor:
    """Return which rows of a batch are augmented copies, ``(B,)``; none, if nothing says so."""
    copy = supervision.copy
    labels = supervision.labels
    return torch.zeros(len(labels), dtype=torch.bool, device=labels.device) if copy is None else copy > 0


def some_rows(output: Output, supervision: Supervision, chosen: Tensor) -> tuple[Output, Supervision]:
    """Return the rows of a batch that are ``chosen``, ``(B,)`` bool."""
    taken = (None if part is None else part[chosen] for part in supervision)
    return Output(output.logits[chosen], output.features[chosen]), Supervision(*taken)  # type: ignore[arg-type]


class KLDivergence(Criterion):
    """``KL(q || p) = CE(q, p) - H(q)``: for fixed targets the same gradient as `SoftCrossEntropy`."""

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        losses = kl_divergence(supervision.targets, output.logits)
        return batch_mean(losses, supervision.weights)


def kl_divergence(targets: Tensor, logits: Tensor) -> Tensor:
    """``KL(targets || softmax(logits))`` per row, ``(B,)``; a zero share contributes zero."""
    log_p = F.log_softmax(logits, dim=1)
    return (torch.xlogy(targets, targets) - targets * log_p).sum(dim=1)


SOFT_LOSSES = ("mse", "ce", "kl")
REDUCTIONS = ("mean", "sum")
SCALES = ("none", "sum-weights", "paper-code", "paper")


class Auxiliary(Criterion):
    """KWLS Eq. 9: cross-entropy with the hard label plus ``alpha`` times the misfit to the soft target.

    ``soft_loss`` is the misfit: ``"mse"`` the squared error of the probabilities, as in the paper, ``"ce"`` or
    ``"kl"``; each is a sum over the classes. ``reduction="mean"`` divides it by C as printed (``alpha / p``);
    ``"sum"`` does not, so that the soft term does not vanish with many classes. ``scale`` is the divisor in front:
    ``"none"``, ``"sum-weights"`` 1 + alpha, ``"paper-code"`` (1 + alpha)^2, ``"paper"`` 2 (1 + alpha)^2.
    """

    def __init__(
        self, alpha: float = 1.0, *, soft_loss: str = "mse", reduction: str = "mean", scale: str = "none"
    ) -> None:
        super().__init__()
        check_choice("Auxiliary", "soft_loss", soft_loss, SOFT_LOSSES)
        check_choice("Auxiliary", "reduction", reduction, REDUCTIONS)
        check_choice("Auxiliary", "scale", scale, SCALES)
        self.alpha = alpha
        self.soft_loss = soft_loss
        self.reduction = reduction
        divisors = (1.0, 1 + alpha, (1 + alpha) ** 2, 2 * (1 + alpha) ** 2)
        self.divisor = divisors[SCALES.index(scale)]

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        return self.score(output.logits, output.logits, supervision)

    def score(self, logits: Tensor, soft_logits: Tensor, supervision: Supervision) -> Tensor:
        """Return the loss where ``logits`` fit the labels and ``soft_logits`` the targets, both ``(B, C)``."""
        hard = F.cross_entropy(logits, supervision.labels, reduction="none")  # (B,)
        soft = self.misfit(soft_logits, supervision.targets)
        return batch_mean(hard + self.alpha * soft, supervision.weights) / self.divisor  # Eq. 9

    def misfit(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the distance of each row's prediction to its target, ``(B,)``."""
        if self.soft_loss == "mse":
            total = ((targets - logits.softmax(dim=1)) ** 2).sum(dim=1)
        elif self.soft_loss == "ce":
            total = F.cross_entropy(logits, targets, reduction="none")
        else:
            total = kl_divergence(targets, logits)
        return total / logits.shape[1] if self.reduction == "mean" else total


class TwoHeads(Criterion):
    """The loss of the KWLS authors' code: the soft target is fitted by a second output layer, on the same features.

    That layer, ``weight (C, D)`` and ``bias (C,)``, is dropped after training, so the soft target acts on the
    prediction only through the layers below. It starts as theirs: a normal of deviation 0.02 cut at two deviations.
    """

    def __init__(self, auxiliary: Auxiliary, num_classes: int, num_features: int, *, seed: int = 0) -> None:
        super().__init__()
        self.auxiliary = auxiliary
        generator = torch.Generator().manual_seed(seed)
        weight = torch.empty(num_classes, num_features)
        self.weight = nn.Parameter(nn.init.trunc_normal_(weight, std=0.02, a=-0.04, b=0.04, generator=generator))
        self.bias = nn.Parameter(torch.zeros(num_classes))

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        return self.auxiliary.score(output.logits, F.linear(output.features, self.weight, self.bias), supervision)
