"""The part of LCM that has parameters; the equations and the paper are in `sfumato.methods.lcm`.

It is a module of its own so that the options of ``lcm`` can be listed without PyTorch.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from sfumato.base import Criterion, Output, Supervision, Switch, batch_mean
from sfumato.losses import SoftCrossEntropy
from sfumato.method import Plan
from sfumato.methods import lcm
from sfumato.methods.label_smoothing import smoothed_table

SHORTEST_WINDOW = 10  # optimizer steps; where an epoch is one step (linear) a record of each would fill the memory


class LabelConfusion(Criterion):
    """KL(SLD || prediction), with the label encoder and the layer of the LCD as parameters; float32 throughout.

    The initial values are those of the authors' code: label embeddings uniform in ±0.05, weights by Glorot's
    rule, biases zero. ``targets`` are the one-hot labels unless another method has softened them before.

    ``label_embeddings`` ``(C, e)`` can be read at any time; ``record`` tells what was fitted while training.
    """

    window_sum: Tensor

    def __init__(
        self,
        num_classes: int,
        num_features: int,
        *,
        alpha: float,
        embedding_size: int | None = None,
        record_every: int = SHORTEST_WINDOW,
        seed: int = 0,
    ) -> None:
        super().__init__()
        C, d, e = num_classes, num_features, embedding_size or num_features
        generator = torch.Generator().manual_seed(seed)

        def uniform(rows: int, columns: int, bound: float) -> nn.Parameter:
            return nn.Parameter((torch.rand(rows, columns, generator=generator) * 2 - 1) * bound)

        self.alpha = alpha
        self.label_embeddings = uniform(C, e, 0.05)
        self.W_l = uniform(e, d, math.sqrt(6 / (e + d)))
        self.b_l = nn.Parameter(torch.zeros(d))
        self.W = uniform(C, C, math.sqrt(3 / C))
        self.b = nn.Parameter(torch.zeros(C))
        self.record_every = record_every
        self.register_buffer("window_sum", torch.zeros(C, C), persistent=False)
        self._window = 0
        self._finished: list[dict[str, Any]] = []

    def soft_targets(self, output: Output, supervision: Supervision) -> Tensor:
        with torch.autocast(output.features.device.type, enabled=False):
            V_l = lcm.label_vectors(self.label_embeddings, self.W_l, self.b_l)
            y_c = lcm.label_confusion_distribution(output.features.float(), V_l, self.W, self.b)
            return lcm.simulated_label_distribution(supervision.targets, y_c, self.alpha)

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        y_s = self.soft_targets(output, supervision)
        if self.training:
            self._note(y_s.detach(), supervision.labels)
        log_p = output.logits.float().log_softmax(dim=1)
        losses = (y_s * (y_s.log() - log_p)).sum(dim=1)  # (B,), loss; no share is zero, see LARGEST_ALPHA
        return batch_mean(losses, supervision.weights)

    def _note(self, y_s: Tensor, labels: Tensor) -> None:
        window = self.step // self.record_every
        if window != self._window:
            # A step count that went back is a new run with the same criterion: what it fits is told afresh.
            self._finished = self.record if window > self._window else []
            self._window = window
            self.window_sum.zero_()
        self.window_sum.index_add_(0, labels, y_s)

    @property
    def record(self) -> list[dict[str, Any]]:
        """What was fitted while training, one entry an epoch (at least ten steps), ready for JSON.

        ``from_step``: first optimizer step; ``gold_mass``: mean share of the given label; ``class_mean``: the mean
        SLD of the rows of each class, ``(C, C)`` as lists (a class without rows keeps the mean mass, the rest even).
        """
        total = self.window_sum.double().cpu()  # the rows of y_s sum to 1, so the row sums count the texts
        rows = total.sum(dim=1, keepdim=True)
        if not rows.any():
            return list(self._finished)
        gold = float(total.diagonal().sum() / rows.sum())
        even = torch.from_numpy(smoothed_table(1 - gold, len(total), mode="exclusive")).double()
        entry = {
            "from_step": self._window * self.record_every,
            "gold_mass": gold,
            "class_mean": torch.where(rows > 0, total / rows, even).tolist(),
        }
        return [*self._finished, entry]


def until(stop: float | None, plan: Plan, *, alpha: float, embedding_size: int | None) -> Criterion:
    """Return LCM, followed by cross-entropy with the given targets from epoch ``stop`` on (None: never)."""
    learning = LabelConfusion(
        plan.num_classes,
        plan.num_features,
        alpha=alpha,
        embedding_size=embedding_size,
        record_every=max(plan.steps_per_epoch, SHORTEST_WINDOW),
        seed=plan.seed,
    )
    if stop is None:
        return learning
    return Switch(learning, SoftCrossEntropy(), at_step=round(stop * plan.steps_per_epoch))
