"""The bare classifier over all rows of a table, and how well it does on dev."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sfumato import multilabel_metrics
from sfumato.architecture import Encoded
from sfumato.base import Output
from sfumato.calibration import sigmoid
from sfumato.data import Examples
from sfumato.dev_choice import NOISE_AWARE, noise_aware_log_loss
from sfumato.thresholds import best_threshold


def to_tensors(batch: dict[str, Any], device: torch.device) -> dict[str, Tensor]:
    """Turn arrays into tensors on ``device``."""
    return {name: torch.as_tensor(value).to(device) for name, value in batch.items()}


def predict_outputs(
    model: nn.Module, encoded: Encoded, *, batch_size: int, device: torch.device, mixed: bool = False
) -> Output:
    """Run the bare classifier over all rows in evaluation mode; logits (N, C), features (N, D), on the CPU.

    In float32 unless ``mixed``: a prediction must not depend on the processor, nor on who reads the folder.
    """
    order = np.argsort(encoded.lengths, kind="stable")
    logits, features = [], []
    was_training = model.training
    model.eval()
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=mixed):
        for start in range(0, len(order), batch_size):
            output = model(**to_tensors(encoded.batch(order[start : start + batch_size]), device))
            logits.append(output.logits.float().cpu())
            features.append(output.features.float().cpu())
    model.train(was_training)
    back = torch.from_numpy(np.argsort(order, kind="stable"))
    return Output(torch.cat(logits)[back], torch.cat(features)[back])


def dev_scores(logits: Tensor, labels: NDArray[np.int64]) -> tuple[float, float]:
    """Return accuracy and log-loss of the bare classifier on dev.

    A label that training never saw (-1) is an error in the accuracy and is left out of the log-loss.
    """
    gold = torch.from_numpy(labels)
    accuracy = (logits.argmax(dim=1) == gold).float().mean().item()
    known = gold >= 0
    if not known.any():
        return accuracy, math.inf
    return accuracy, nn.functional.cross_entropy(logits[known], gold[known]).item()


def dev_record(logits: Tensor, dev: Examples, thresholds: str | float, choose: str = "") -> dict[str, float]:
    """Return how well the bare classifier does on dev, as a record of the run holds it, with what it is chosen by."""
    if dev.multilabel:
        micro_f1, log_loss = dev_answers(logits, dev.gold, thresholds)
        return {"dev_micro_f1": micro_f1, "dev_log_loss": log_loss}
    accuracy, log_loss = dev_scores(logits, dev.labels)
    record = {"dev_accuracy": accuracy, "dev_log_loss": log_loss}
    if choose == NOISE_AWARE:
        record["dev_noise_aware"] = noise_aware_log_loss(logits.numpy(), dev.labels).loss
    return record


def dev_answers(logits: Tensor, gold: NDArray[np.bool_], thresholds: str | float) -> tuple[float, float]:
    """Return micro-F1 and log-loss of the bare multi-label classifier on dev; logits and gold (N, C).

    The F1 is at the threshold that is given, or at the one of all classes that is best, where dev chooses some.
    """
    probabilities = sigmoid(logits.numpy())
    threshold = best_threshold(gold, probabilities) if isinstance(thresholds, str) else thresholds
    losses = multilabel_metrics.row_log_loss(gold, probabilities)
    return multilabel_metrics.micro_f1(gold, probabilities > threshold), float(losses.mean())
