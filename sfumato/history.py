"""What a training run has seen so far, and where dev was best."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from sfumato.architecture import Encoded
from sfumato.base import Objective
from sfumato.data import Examples
from sfumato.dev_choice import ACCURACY, rank

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
    """The look at dev with the highest ``rank`` by ``choose`` so far, and the objective as it was then."""

    choose: str = ACCURACY
    rank: tuple[float, ...] = ()
    epoch: float = 0.0
    state: dict[str, Any] = field(default_factory=dict)

    def offer(self, record: dict[str, float], objective: Objective) -> None:
        """Keep this look if it is better."""
        found = rank(record, self.choose)
        if not self.rank or found > self.rank:
            self.rank, self.epoch = found, record["epoch"]
            self.state = copy.deepcopy(objective.state_dict())

    def waited(self, epoch: float, patience: int | None) -> bool:
        """Whether the best look is ``patience`` epochs ago."""
        return bool(self.state) and patience is not None and epoch - self.epoch >= patience
