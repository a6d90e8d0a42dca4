"""The loss of `sfumato.methods.logit_adjustment`, in a module of its own so that its options need no PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from sfumato.base import Criterion, Output, Supervision, batch_mean
from sfumato.methods.logit_adjustment import adjusted_logits


class AdjustedCrossEntropy(Criterion):
    """Cross-entropy of the given targets, ``(B, C)``, and the logits plus ``tau`` log ``class_shares (C,)``."""

    pi: Tensor

    def __init__(self, class_shares: Sequence[float], tau: float) -> None:
        super().__init__()
        self.tau = tau
        self.register_buffer("pi", torch.tensor(class_shares, dtype=torch.float32), persistent=False)

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        logits = adjusted_logits(output.logits, self.pi, self.tau)
        losses = F.cross_entropy(logits, supervision.targets, reduction="none")  # (B,)
        return batch_mean(losses, supervision.weights)
