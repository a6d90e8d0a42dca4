"""What a training run has seen so far, and where dev was best."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import Any

from sfumato.architecture import Encoded
from sfumato.base import Objective
from sfumato.data import Examples

Watched = tuple[Examples, Encoded]
"""Rows that are looked at on the way, and as the network reads them."""


@dataclass
class History:
    """What happened: one dict a look at dev, where dev was best (in epochs, the first is 1), and the seconds spent.

    ``resumed`` is the epoch of the checkpoint that the run went on from, 0 without one; ``last`` the state of the
    objective after the last step, if it was asked for.
    """

    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: float = 0
    seconds: float = 0.0
    steps: int = 0
    resumed: float = 0
    last: dict[str, Any] = field(default_factory=dict)


@dataclass
class Best:
    """The look with the best dev accuracy so far (ties: the lower log-loss), and the objective as it was then.

    Of multi-label data, ``accuracy`` is the micro-F1.
    """

    accuracy: float = -1.0
    log_loss: float = math.inf
    epoch: float = 0.0
    state: dict[str, Any] = field(default_factory=dict)

    def offer(self, record: dict[str, float], objective: Objective) -> None:
        """Keep this look if it is better."""
        accuracy = record["dev_micro_f1"] if "dev_micro_f1" in record else record["dev_accuracy"]
        log_loss = record["dev_log_loss"]
        if (accuracy, -log_loss) > (self.accuracy, -self.log_loss):
            self.accuracy, self.log_loss, self.epoch = accuracy, log_loss, record["epoch"]
            self.state = copy.deepcopy(objective.state_dict())

    def waited(self, epoch: float, patience: int | None) -> bool:
        """Whether the best look is ``patience`` epochs ago."""
        return bool(self.state) and patience is not None and epoch - self.epoch >= patience
