"""What the controls of a method that learns its targets fit; `sfumato.controls` says why."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sfumato.base import Criterion, Output, Supervision, Switch, batch_mean
from sfumato.losses import Joining, OnCopies, kl_divergence
from sfumato.permutation import within_class


class ReplayedTargets(Criterion):
    """KL(table row of the label || prediction), with the table that was in force at this optimizer step.

    ``tables`` are ``(C, C)``, one row a class; the table of ``from_steps[i]`` holds until the next one begins.
    """

    tables: Tensor

    def __init__(self, from_steps: Sequence[int], tables: Sequence[np.ndarray[Any, Any]]) -> None:
        super().__init__()
        self.from_steps = list(from_steps)
        self.register_buffer("tables", torch.as_tensor(np.stack(tables), dtype=torch.float32), persistent=False)

    def soft_targets(self, output: Output, supervision: Supervision) -> Tensor:
        entry = max(bisect_right(self.from_steps, self.step) - 1, 0)
        return self.tables[entry][supervision.labels]  # (B, C)

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        losses = kl_divergence(self.soft_targets(output, supervision), output.logits.float())
        return batch_mean(losses, supervision.weights)


class ShuffledTargets(Criterion):
    """KL(learned targets of another row of the class || prediction), with the gradient through both.

    The other row is from the same batch, so a row whose class the batch holds once keeps its own target; ``kept``
    is the share of such rows so far. Small batches of many classes make this control weak.
    """

    def __init__(self, learning: Criterion, *, seed: int = 0) -> None:
        super().__init__()
        self.learning = learning
        self.seed = seed
        self._rows = self._kept = 0

    @property
    def kept(self) -> float:
        """Share of the rows so far that were alone of their class in the batch."""
        return self._kept / max(self._rows, 1)

    def soft_targets(self, output: Output, supervision: Supervision) -> Tensor:
        return self.learning.soft_targets(output, supervision)

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        labels = supervision.labels.cpu().numpy()
        other = within_class(labels, (self.seed, self.step))
        if self.training:
            self._rows += len(other)
            self._kept += int((other == np.arange(len(other))).sum())
        targets = self.soft_targets(output, supervision)
        shuffled = targets[torch.from_numpy(other).to(targets.device)]
        return batch_mean(kl_divergence(shuffled, output.logits.float()), supervision.weights)


def in_place_of(criterion: Criterion, change: Callable[[Criterion], Criterion]) -> Criterion:
    """Return ``criterion`` with the part that learns targets changed, and its schedule kept."""
    if isinstance(criterion, Joining):
        return Joining(criterion.first, in_place_of(criterion.then, change), at_step=criterion.at_step)
    if isinstance(criterion, OnCopies):
        return OnCopies(in_place_of(criterion.own, change), criterion.plain)
    if isinstance(criterion, Switch):
        return Switch(in_place_of(criterion.first, change), criterion.then, at_step=criterion.at_step)
    return change(criterion)
