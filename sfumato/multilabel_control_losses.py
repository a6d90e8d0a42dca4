"""What the controls of a method that learns the targets of several labels fit; `sfumato.multilabel_controls` says why.

B rows, C classes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sfumato.base import Criterion, Output, Supervision, batch_mean
from sfumato.control_losses import ShuffledTargets
from sfumato.methods.label_confusion_sets import binary_divergence
from sfumato.multilabel_controls import label_sets
from sfumato.permutation import within_class


class ReplayedSets(Criterion):
    """The divergence from what a finished run fitted on average, entry by entry of its ``record``.

    ``uniform`` keeps its two means, of the labels that rows have and of those that they lack; else a label that the row
    has gets that label's mean, another one the mean over the row's labels of what rows with that label fitted.
    """

    means: Tensor
    outside: Tensor

    def __init__(self, record: Sequence[Mapping[str, Any]], num_classes: int, *, uniform: bool) -> None:
        super().__init__()
        self.from_steps = [int(entry["from_step"]) for entry in record]
        means, outside = [], []
        for entry in record:
            even = np.full((num_classes, num_classes), float(entry["other_mass"]))
            np.fill_diagonal(even, float(entry["gold_mass"]))
            means.append(even if uniform else np.asarray(entry["class_mean"]))
            outside.append(even[0, 1:2].repeat(num_classes) if uniform else np.asarray(entry["outside"]))
        self.register_buffer("means", torch.as_tensor(np.stack(means), dtype=torch.float32), persistent=False)
        self.register_buffer("outside", torch.as_tensor(np.stack(outside), dtype=torch.float32), persistent=False)

    def terms(self, num_classes: int) -> int:
        return num_classes

    def soft_targets(self, output: Output, supervision: Supervision) -> Tensor:
        entry = max(bisect_right(self.from_steps, self.step) - 1, 0)
        y, M = supervision.labels.float(), self.means[entry]
        counts = y.sum(dim=1, keepdim=True)
        others = y @ (M - M.diagonal().diag()) / counts.clamp(min=1)
        others = torch.where(counts > 0, others, self.outside[entry])
        return torch.where(y > 0, M.diagonal(), others)

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        losses = binary_divergence(self.soft_targets(output, supervision), output.logits.float()).mean(dim=1)
        return batch_mean(losses, supervision.weights)


class ShuffledSets(ShuffledTargets):
    """The divergence from the learned targets of another row of the batch with the same labels."""

    def terms(self, num_classes: int) -> int:
        return num_classes

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        sets = label_sets(supervision.labels.cpu().numpy())
        other = within_class(sets, (self.seed, self.step))
        if self.training:
            self._rows += len(other)
            self._kept += int((other == np.arange(len(other))).sum())
        targets = self.soft_targets(output, supervision)
        shuffled = targets[torch.from_numpy(other).to(targets.device)]
        return batch_mean(binary_divergence(shuffled, output.logits.float()).mean(dim=1), supervision.weights)
