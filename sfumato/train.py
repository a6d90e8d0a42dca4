"""The one loop for networks: batches by length, bf16 where the processor has it, the best epoch by dev accuracy.

It knows `Objective` and nothing of methods: the criterion's parameters are simply among the objective's.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor, nn

from sfumato.architecture import Encoded, Training
from sfumato.base import Objective, Output
from sfumato.data import Examples
from sfumato.progress import Progress

LOOP_VERSION = 1
CRITERION_LR = 1e-3  # parameters of a criterion start from nothing, also where an encoder is only fine-tuned
POOL = 50  # batches sorted by length together


@dataclass
class History:
    """What happened: one dict an epoch, the best epoch (1-based) and the seconds spent."""

    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    seconds: float = 0.0
    steps: int = 0


def precision(device: torch.device) -> str:
    """Return ``"bf16"`` where the device computes it natively, else ``"no"``: without support it is slower."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "no"
    if device.type != "cpu":
        return "no"
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return "bf16" if any(getattr(torch.cpu, probe, lambda: False)() for probe in probes) else "no"


def length_batches(
    lengths: NDArray[np.int64], batch_size: int, generator: np.random.Generator, order: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """Cut the shuffled rows ``order`` into batches of similar length, in random order.

    Rows are sorted by length inside pools of 50 batches, so that little is padded and every epoch differs.
    """
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(order), POOL * batch_size):
        pool = order[start : start + POOL * batch_size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
    shuffled = generator.permutation(len(batches))
    return [batches[i] for i in shuffled]


def to_tensors(batch: dict[str, Any], device: torch.device) -> dict[str, Tensor]:
    """Turn arrays into tensors on ``device``."""
    return {name: torch.as_tensor(value).to(device) for name, value in batch.items()}


def supervision_of(train: Examples, index: NDArray[np.int64], device: torch.device) -> dict[str, Tensor]:
    """Return ``labels``, ``targets`` and, where there are any, ``similar`` and ``weights`` of some rows."""
    parts: dict[str, Any] = {"labels": train.labels[index], "targets": train.targets.rows(index)}
    if train.similar is not None:
        parts["similar"] = train.similar[index]
    if train.weights is not None:
        parts["weights"] = train.weights[index]
    return to_tensors(parts, device)


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


def parameter_groups(objective: Objective, training: Training) -> list[dict[str, Any]]:
    """Weight decay on matrices only; the criterion's own parameters learn at no less than ``CRITERION_LR``."""
    own = [p for p in objective.criterion.parameters() if p.requires_grad]
    model = [p for p in objective.model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in model if p.ndim > 1], "lr": training.lr, "weight_decay": training.weight_decay},
        {"params": [p for p in model if p.ndim <= 1], "lr": training.lr, "weight_decay": 0.0},
        {"params": own, "lr": max(training.lr, CRITERION_LR), "weight_decay": 0.0},
    ]


def learning_rate_factor(step: int, total: int, training: Training) -> float:
    """Share of the full rate at a step: a linear warm-up, then constant or linear down to zero."""
    warmup = math.ceil(training.warmup * total)
    if step < warmup:
        return (step + 1) / warmup
    if training.schedule == "constant":
        return 1.0
    return max(0.0, (total - step) / max(1, total - warmup))


def steps_per_epoch(rows: int, training: Training) -> int:
    """Optimizer steps of one pass over ``rows`` rows."""
    return math.ceil(math.ceil(rows / training.batch_size) / training.accumulate)


class Loop:
    """The state of one training run: optimizer, schedule, and the rows still to see."""

    def __init__(
        self,
        objective: Objective,
        train: Examples,
        encoded: Encoded,
        training: Training,
        *,
        seed: int,
        device: str | None,
        sampling: NDArray[np.float64] | None,
    ) -> None:
        # Accelerator() without arguments never quarrels with an earlier one of this process, of ours or of a Trainer
        self.device = Accelerator().device if device is None else torch.device(device)
        self.mixed = precision(self.device) == "bf16"
        self.train, self.encoded, self.training = train, encoded, training
        self.sampling = sampling
        self.generator = np.random.default_rng((seed, 1))
        self.total = steps_per_epoch(len(train), training) * training.epochs
        objective.to(self.device)
        groups = [group for group in parameter_groups(objective, training) if group["params"]]
        optimizer = torch.optim.AdamW(groups, fused=True)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: learning_rate_factor(step, self.total, training)
        )
        self.objective = objective
        self.optimizer = optimizer  # bare: accelerate's wrapper skips steps after another run was broken off
        self.schedule = schedule

    def rows(self) -> NDArray[np.int64]:
        """Return the rows of one epoch: all of them shuffled, or drawn with the class-balancing probabilities."""
        if self.sampling is None:
            return self.generator.permutation(len(self.train))
        return self.generator.choice(len(self.train), size=len(self.train), p=self.sampling)

    def groups(self) -> Iterator[list[NDArray[np.int64]]]:
        """Yield the micro-batches of each optimizer step."""
        batches = length_batches(self.encoded.lengths, self.training.batch_size, self.generator, self.rows())
        for start in range(0, len(batches), self.training.accumulate):
            yield batches[start : start + self.training.accumulate]

    def epoch(self, progress: Progress) -> float:
        """Take the optimizer steps of one epoch and return their mean loss."""
        self.objective.train()
        losses = []
        for micro_batches in self.groups():
            losses.append(self.step(micro_batches))
            progress.step(losses[-1])
        return float(np.mean(losses))

    def look(self, dev: Examples, encoded: Encoded) -> tuple[float, float]:
        """Return accuracy and log-loss of the bare classifier on dev."""
        size = 4 * self.training.batch_size
        output = predict_outputs(self.objective.model, encoded, batch_size=size, device=self.device, mixed=self.mixed)
        return dev_scores(output.logits, dev.labels)

    def step(self, micro_batches: list[NDArray[np.int64]]) -> float:
        """Take one optimizer step; micro-batches count by their number of rows."""
        rows = sum(len(index) for index in micro_batches)
        total = 0.0
        for index in micro_batches:
            inputs = to_tensors(self.encoded.batch(index), self.device)
            with torch.autocast(self.device.type, torch.bfloat16) if self.mixed else nullcontext():
                loss = self.objective(**inputs, **supervision_of(self.train, index, self.device))["loss"]
            loss = loss * (len(index) / rows)
            loss.backward()
            total += float(loss.detach())
        nn.utils.clip_grad_norm_(self.objective.parameters(), self.training.clip)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.objective.advance()
        return total


def fit_network(
    objective: Objective,
    train: Examples,
    encoded: Encoded,
    training: Training,
    *,
    dev: Examples | None = None,
    dev_encoded: Encoded | None = None,
    seed: int = 0,
    device: str | None = None,
    sampling: NDArray[np.float64] | None = None,
    progress: Progress | None = None,
) -> History:
    """Train ``objective`` in place and leave it at the epoch with the best dev accuracy (ties: lower log-loss).

    Without dev the last epoch stays. Dev is measured with the bare classifier on hard labels.
    """
    started = time.perf_counter()
    loop = Loop(objective, train, encoded, training, seed=seed, device=device, sampling=sampling)
    watched = None if dev is None or dev_encoded is None else (dev, dev_encoded)
    best = Best()
    history = History()
    progress = progress or Progress.silent()
    with progress.running(loop.total, precision=precision(loop.device)):
        for epoch in range(1, training.epochs + 1):
            record = {"epoch": float(epoch), "loss": loop.epoch(progress)}
            if watched is not None:
                record["dev_accuracy"], record["dev_log_loss"] = loop.look(*watched)
                best.offer(record, objective)
            history.epochs.append(record)
            progress.epoch(record, training.epochs)
            if best.state and training.patience is not None and epoch - best.epoch >= training.patience:
                break
    if best.state:
        objective.load_state_dict(best.state)
    history.best_epoch = best.epoch or len(history.epochs)
    history.steps = len(history.epochs) * steps_per_epoch(len(train), training)
    history.seconds = time.perf_counter() - started
    return history


@dataclass
class Best:
    """The epoch with the best dev accuracy so far (ties: the lower log-loss), and the objective as it was then."""

    accuracy: float = -1.0
    log_loss: float = math.inf
    epoch: int = 0
    state: dict[str, Any] = field(default_factory=dict)

    def offer(self, record: dict[str, float], objective: Objective) -> None:
        """Keep this epoch if it is better."""
        accuracy, log_loss = record["dev_accuracy"], record["dev_log_loss"]
        if (accuracy, -log_loss) > (self.accuracy, -self.log_loss):
            self.accuracy, self.log_loss, self.epoch = accuracy, log_loss, int(record["epoch"])
            self.state = copy.deepcopy(objective.state_dict())
