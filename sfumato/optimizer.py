"""The optimizer of the loop for networks: which parameters it moves, at which rate, and by which rule."""

from __future__ import annotations

from typing import Any

import torch

from sfumato.architecture import Training
from sfumato.base import Objective

CRITERION_LR = 1e-3  # parameters of a criterion start from nothing, also where an encoder is only fine-tuned


def parameter_groups(objective: Objective, training: Training) -> list[dict[str, Any]]:
    """Weight decay on matrices only; the criterion's own parameters learn at no less than ``CRITERION_LR``."""
    own = [p for p in objective.criterion.parameters() if p.requires_grad]
    model = [p for p in objective.model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in model if p.ndim > 1], "lr": training.lr, "weight_decay": training.weight_decay},
        {"params": [p for p in model if p.ndim <= 1], "lr": training.lr, "weight_decay": 0.0},
        {"params": own, "lr": max(training.lr, CRITERION_LR), "weight_decay": 0.0},
    ]


def build_optimizer(objective: Objective, training: Training) -> torch.optim.Optimizer:
    """Return the optimizer that ``training`` names, over all that the objective lets learn.

    Only ``adamw`` decays weights beside the gradient; ``adam`` and ``sgd`` add the decay to it.
    """
    groups = [group for group in parameter_groups(objective, training) if group["params"]]
    if training.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=training.lr, momentum=training.momentum)
    kind = torch.optim.Adam if training.optimizer == "adam" else torch.optim.AdamW
    return kind(groups, fused=True)
