"""What dev says of a trained model: its temperature, its thresholds where rows have several labels, its scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.calibration import fit_binary_temperature, fit_noisy_temperature, fit_temperature
from sfumato.data import Examples
from sfumato.metrics import scores
from sfumato.multilabel_metrics import multilabel_scores
from sfumato.thresholds import chosen_thresholds
from sfumato.trained import Trained

ALLOWED = (
    "the temperature allows for wrong labels of dev, in the shares found in train; the log-loss of dev with its labels "
    "as they are given is therefore not the least"
)


def measure_dev(
    trained: Trained,
    dev: Examples,
    thresholds: str | float,
    label_noise: NDArray[np.float64] | None = None,
    *,
    calibrate: bool,
) -> tuple[str, ...]:
    """Give the model what dev chooses, note the dev metrics before and after calibration, and return what to say of it.

    ``label_noise`` (C, C) is what was found of wrong labels in train; dev's are taken to be wrong in the same way.
    """
    if dev.multilabel:
        measure_multilabel_dev(trained, dev, thresholds, calibrate=calibrate)
        return ()
    logits = trained.model.predict_logits(dev.inputs)
    said: tuple[str, ...] = ()
    if calibrate and contradicted(logits.argmax(axis=1), dev):  # without an error, no T is too small
        if label_noise is None or dev.votes is not None:
            trained.model.temperature = fit_temperature(logits, dev.labels, dev.votes)
        else:
            trained.model.temperature = fit_noisy_temperature(logits, dev.labels, label_noise)
            said = (ALLOWED,)
    trained.dev_raw = scores(dev.labels, trained.model.probabilities(logits))
    trained.dev = scores(dev.labels, trained.model.probabilities(logits, trained.model.temperature))
    trained.dev_predicted = logits.argmax(axis=1)
    return said


def measure_multilabel_dev(trained: Trained, dev: Examples, thresholds: str | float, *, calibrate: bool) -> None:
    """Fit the temperature, then choose thresholds of calibrated probabilities; both metrics are of these answers."""
    model, gold = trained.model, dev.gold
    logits = model.predict_logits(dev.inputs)
    if calibrate and ((logits > 0) != gold).any():
        model.temperature = fit_binary_temperature(logits, gold)
    probabilities = model.probabilities(logits, model.temperature)
    model.thresholds = chosen_thresholds(thresholds, gold, probabilities)
    trained.dev_predicted = model.answers(probabilities)
    trained.dev_raw = multilabel_scores(gold, model.probabilities(logits), trained.dev_predicted, dev.unseen)
    trained.dev = multilabel_scores(gold, probabilities, trained.dev_predicted, dev.unseen)


def contradicted(predicted: np.ndarray[Any, Any], dev: Examples) -> bool:
    """Whether a row of dev is predicted wrong, or has a vote for another class than the predicted (N,)."""
    known = dev.labels >= 0
    if dev.votes is None:
        return bool((predicted != dev.labels)[known].any())
    agreeing = dev.votes[np.arange(len(predicted)), predicted]
    return bool((agreeing < dev.votes.sum(axis=1))[known].any())
