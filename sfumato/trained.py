"""What one run leaves behind."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sfumato.model import Model

if TYPE_CHECKING:
    from sfumato.base import Objective


@dataclass(eq=False)
class Trained:
    """A trained model, and how it came about.

    Attributes
    ----------
    model : the classifier, which needs nothing of the method
    objective : classifier and criterion together, for those who want to see what the criterion learned
    history : one dict a look at dev
    best_epoch, steps, seconds : where dev was best, optimizer steps taken, wall-clock seconds
    resumed : the epoch of the checkpoint that the run went on from, 0 without one
    record : what a criterion with targets of its own noted per epoch (LCM), else None
    last : the state of the objective after the last step, if the measure ``last-epoch`` asked for it
    masked : of a method that masks similar labels, the share of rows with one, and the mean number of them a row
    copied : of a method that adds copies of rows, how many it made, and how many are the text of their row again
    remarks : what the method's transforms had to tell of the rows
    dev, dev_raw : dev metrics after and before calibration, empty without dev rows
    """

    model: Model
    objective: Objective
    history: list[dict[str, float]]
    best_epoch: float
    steps: int
    seconds: float
    record: Any = None
    dev: dict[str, float] = field(default_factory=dict)
    dev_raw: dict[str, float] = field(default_factory=dict)
    dev_predicted: Any = None  # (n_dev,) predicted class indices
    strength: float = 0.0  # of the L2 penalty that dev chose (linear)
    resumed: float = 0.0
    refitted: bool = False  # trained again on train + dev after dev was measured (linear)
    last: dict[str, Any] = field(default_factory=dict)
    masked: dict[str, float] | None = None
    copied: dict[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def last_logits(self, texts: Sequence[str]) -> NDArray[np.floating[Any]]:
        """Return the logits (N, C) with the weights of the last step; the model is left with those of the best."""
        best = copy.deepcopy(self.objective.state_dict())
        self.objective.load_state_dict(self.last)
        try:
            return self.model.predict_logits(texts)
        finally:
            self.objective.load_state_dict(best)
