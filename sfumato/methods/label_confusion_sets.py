"""LCM where a row may have several labels, or none: an experiment of ours, not of the paper (`sfumato.methods.lcm`).

Each label is a question of its own with two answers, no and yes, and LCM is asked of each, with C = 2. The distribution
of the confusion over the two answers is (1 - c, c), where the text's vector and the class vectors give

    c = sigmoid((v V_l^T) W + b)                                in (0, 1) for each label

The label, alpha times (1 - y, y), is added, and a second softmax over the two answers makes the simulated label

    s = sigmoid(alpha (2 y - 1) + 2 c - 1)

since the difference of the two answers is (alpha y + c) - (alpha (1 - y) + 1 - c). The classifier fits it by the
divergence of the two answers, averaged over the labels, with the gradient through both arguments:

    KL(s || p) = s log(s / p) + (1 - s) log((1 - s) / (1 - p)),        p = sigmoid(logits)

Where nothing is confused, c = 1/2, a label keeps sigmoid(alpha), which is label smoothing of 2 / (1 + e^alpha) for each
answer, whatever the number of labels. ``gold_mass`` is that share, so alpha = ln(gold_mass / (1 - gold_mass)).
``mixing="mix"`` takes s = (1 - w) y + w c instead. Given targets (of another method) stand in the place of y.

Shapes: B rows, C labels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from sfumato.base import Criterion, Output, Supervision, batch_mean
from sfumato.methods.label_confusion import LabelConfusion, read_feature
from sfumato.methods.lcm import LEAST_SHARE
from sfumato.sigmoid_losses import SigmoidCrossEntropy


def label_confusion(v: Tensor, V_l: Tensor, W: Tensor | None = None, b: Tensor | None = None) -> Tensor:
    """Return c, (B, C), from texts ``v (B, d)`` and class vectors ``V_l (C, d)``; ``W (C, C)``, ``b (C,)``."""
    similarity = v @ V_l.T  # (B, C)
    return (similarity if W is None or b is None else similarity @ W + b).sigmoid()


def simulated_labels(y: Tensor, c: Tensor, alpha: float) -> Tensor:
    """Return s, (B, C), from labels of 0 and 1 and the confusion."""
    return (alpha * (2 * y - 1) + 2 * c - 1).sigmoid()


def mixed_labels(y: Tensor, c: Tensor, weight: float) -> Tensor:
    """Return ``(1 - weight)`` of the labels and ``weight`` of the confusion, (B, C)."""
    return ((1 - weight) * y + weight * c).clamp(LEAST_SHARE, 1 - 2.0**-24)


def binary_divergence(s: Tensor, logits: Tensor) -> Tensor:
    """Return KL(s || sigmoid(logits)) of each label, (B, C); s may be 0 or 1."""
    entropy = torch.xlogy(s, s) + torch.xlogy(1 - s, 1 - s)
    return entropy - s * F.logsigmoid(logits) - (1 - s) * F.logsigmoid(-logits)


class LabelConfusionSets(LabelConfusion):
    """The mean divergence of the simulated labels, with the parameters of `LabelConfusion`."""

    window_pairs: Tensor
    window_outside: Tensor

    def __init__(self, num_classes: int, num_features: int, **options: Any) -> None:
        super().__init__(num_classes, num_features, **options)
        self.register_buffer("window_pairs", torch.zeros(num_classes, num_classes), persistent=False)
        self.register_buffer("window_outside", torch.zeros(2, num_classes), persistent=False)

    def terms(self, num_classes: int) -> int:
        return num_classes

    def soft_targets(self, output: Output, supervision: Supervision) -> Tensor:
        with torch.autocast(output.features.device.type, enabled=False):
            v = read_feature(self.feature, output).float()
            v = v.detach() if self.grad == "detached-features" else v
            c = label_confusion(v, self.label_encoder(self.label_embeddings), **self.confusion)
            if self.mix_weight is not None:
                return mixed_labels(supervision.targets, c, self.mix_weight)
            return simulated_labels(supervision.targets, c, self.alpha)

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        s = self.soft_targets(output, supervision)
        if self.training:
            self._note(s.detach(), supervision.labels)
        losses = binary_divergence(s, output.logits.float()).mean(dim=1)  # (B,)
        return batch_mean(losses, supervision.weights)

    def _note(self, y_s: Tensor, labels: Tensor) -> None:
        window = self.step // self.record_every
        if window != self._window:  # as in `LabelConfusion`: told before the sums begin anew
            self._finished = self.record if window > self._window else []
            self._window = window
            for part in (self.window_sum, self.window_pairs, self.window_outside):
                part.zero_()
        y = labels.to(y_s.dtype)
        self.window_sum += y.T @ (y_s * (1 - y)) + ((y_s * y).sum(dim=0)).diag()
        self.window_pairs += y.T @ (1 - y) + y.sum(dim=0).diag()
        self.window_outside += torch.stack([(y_s * (1 - y)).sum(dim=0), (1 - y).sum(dim=0)])

    @property
    def record(self) -> list[dict[str, Any]]:
        """What was fitted while training, one entry an epoch (at least ten steps), ready for JSON.

        ``from_step``: first optimizer step; ``gold_mass`` and ``other_mass``: mean s of the labels that rows have, and
        of those that they lack; ``class_mean`` (C, C): mean s of label k over the rows with j and without k, on the
        diagonal over the rows with k; ``outside`` (C,): over all rows without k. The masses stand where no row is.
        """
        total, rows = self.window_sum.double().cpu(), self.window_pairs.double().cpu()
        outside, without = self.window_outside.double().cpu()
        if not without.any() and not rows.any():
            return list(self._finished)
        gold = float(total.diagonal().sum() / rows.diagonal().sum().clamp(min=1))
        other = float(outside.sum() / without.sum().clamp(min=1))
        usual = torch.full_like(total, other).fill_diagonal_(gold)
        entry = {
            "from_step": self._window * self.record_every,
            "gold_mass": gold,
            "other_mass": other,
            "class_mean": torch.where(rows > 0, total / rows.clamp(min=1), usual).tolist(),
            "outside": torch.where(without > 0, outside / without.clamp(min=1), other).tolist(),
        }
        return [*self._finished, entry]


class SmoothedSigmoid(Criterion):
    """Sigmoid cross-entropy with the given targets, each moved by ``smoothing`` towards one half."""

    def __init__(self, smoothing: float) -> None:
        super().__init__()
        self.smoothing, self.scored = smoothing, SigmoidCrossEntropy()

    def terms(self, num_classes: int) -> int:
        return num_classes

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        softer = (1 - self.smoothing) * supervision.targets + self.smoothing / 2
        loss: Tensor = self.scored(output, supervision._replace(targets=softer))
        return loss
