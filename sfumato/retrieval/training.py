"""The loop that trains a dual encoder: batches of questions, their sentences as candidates, the best epoch on dev.

It knows targets and a criterion, not which method they are of. Batches are drawn at random and not by length: texts
of one length beside each other would make the wrong candidates easier to tell by it.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from sfumato.architecture import Encoded, Training
from sfumato.errors import InputError
from sfumato.inference import to_tensors
from sfumato.limits import precision
from sfumato.optimizer import build_optimizer
from sfumato.progress import Progress
from sfumato.retrieval.batches import Batch, Pairs, batches
from sfumato.retrieval.dual_encoder import DualEncoder, DualObjective
from sfumato.retrieval.encoding import vectors
from sfumato.retrieval.in_batch_targets import Targets
from sfumato.retrieval.ranking import evaluate
from sfumato.retrieval.search import top_k
from sfumato.retrieval.task import Integers
from sfumato.schedule import learning_rate_factor

DEV_DEPTH = 10  # candidates of each dev question that are looked at
WATCHED = "mrr@10"  # what chooses the epoch


@dataclass(frozen=True, eq=False)
class Texts:
    """What a loop reads: sentences and questions as inputs, and the pairs of them."""

    sentences: Encoded
    questions: Encoded
    pairs: Pairs


@dataclass(frozen=True, eq=False)
class DevQuestions:
    """What the loop looks at: dev questions as inputs, their answers among the candidates ``sentences``."""

    sentences: Encoded
    questions: Encoded
    positives: Sequence[Integers]


@dataclass
class DualHistory:
    """One dict an epoch, the best of them on dev, and the optimizer steps and seconds that were spent."""

    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    steps: int = 0
    seconds: float = 0.0
    making: float = 0.0  # seconds that making targets took


class DualLoop:
    """The state of one training run."""

    def __init__(
        self,
        objective: DualObjective,
        texts: Texts,
        targets: Targets,
        training: Training,
        *,
        seed: int,
        device: torch.device,
    ) -> None:
        self.objective, self.texts, self.targets, self.training = objective.to(device), texts, targets, training
        self.device, self.mixed = device, precision(device) == "bf16"
        self.generator = np.random.default_rng((seed, 1))
        self.total = training.epochs * batches(len(texts.pairs), training.batch_size)
        stand_in: Any = objective  # has a model and a criterion, which is all that the optimizer asks for
        self.optimizer = build_optimizer(stand_in, training)
        self.done = 0
        self.making = 0.0

    def epoch(self, progress: Progress) -> float:
        """Train on every question once, but for one that would be a batch by itself, and return the mean loss."""
        self.objective.train()
        losses = []
        for batch in self.texts.pairs.epoch(self.training.batch_size, self.generator):
            losses.append(self.step(batch))
            if not np.isfinite(losses[-1]):
                raise InputError(
                    f"training diverged: in step {self.done:,} the loss is {losses[-1]}; try a learning rate below "
                    f"{self.training.lr:g}"
                )
            progress.step(losses[-1])
        return float(np.mean(losses))

    def step(self, batch: Batch) -> float:
        """Take one optimizer step."""
        started = time.perf_counter()
        targets = self.targets(batch).astype(np.float32)
        self.making += time.perf_counter() - started
        fitted = to_tensors({"labels": batch.labels, "targets": targets}, self.device)
        question = to_tensors(self.texts.questions.batch(batch.questions), self.device)
        sentence = to_tensors(self.texts.sentences.batch(batch.candidates), self.device)
        factor = learning_rate_factor(self.done, self.total, self.training)
        for group in self.optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
        with torch.autocast(self.device.type, torch.bfloat16) if self.mixed else nullcontext():
            loss = self.objective(question, sentence, **fitted)
        loss.backward()
        nn.utils.clip_grad_norm_(self.objective.parameters(), self.training.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.done += 1
        self.objective.criterion.at(self.done)
        return float(loss.detach())


def look(
    model: DualEncoder, dev: DevQuestions, training: Training, device: torch.device, *, mixed: bool = False
) -> dict[str, float]:
    """Return how well the dev questions find their sentences, as ``dev_`` metrics (recall@10 where 10 are searched).

    ``mixed``: in bf16, as training may be: it only chooses an epoch, and reads every candidate after each of them.
    """
    how: dict[str, Any] = {"batch_size": 2 * training.batch_size, "device": device, "mixed": mixed}
    sentences = vectors(model.sentence, dev.sentences, **how)
    found = top_k(vectors(model.question, dev.questions, **how), sentences, DEV_DEPTH).rows
    said = evaluate(found, dev.positives)
    return {f"dev_{name}": said[name] for name in ("recall@1", "recall@10", WATCHED) if name in said}


def train_dual_encoder(
    objective: DualObjective,
    texts: Texts,
    targets: Targets,
    training: Training,
    *,
    dev: DevQuestions | None,
    seed: int,
    device: torch.device,
    progress: Progress | None = None,
) -> DualHistory:
    """Train in place and leave the objective as it was at the best look at dev; without dev, at the end.

    Towers of which nothing learns, as an encoder that is frozen whole, stay as they are.
    """
    started, history = time.perf_counter(), DualHistory()
    if not any(parameter.requires_grad for parameter in objective.model.parameters()):
        return history
    loop = DualLoop(objective, texts, targets, training, seed=seed, device=device)
    best, state = -1.0, None
    progress = progress or Progress.silent()
    with progress.running(loop.total, precision=precision(device)):
        for epoch in range(1, training.epochs + 1):
            record = {"epoch": float(epoch), "loss": loop.epoch(progress)}
            if dev is not None:
                record |= look(objective.model, dev, training, device, mixed=loop.mixed)
                if record[f"dev_{WATCHED}"] > best:
                    best, history.best_epoch = record[f"dev_{WATCHED}"], epoch
                    state = copy.deepcopy(objective.state_dict())
            history.epochs.append(record)
            progress.epoch(record, training.epochs)
            if training.patience is not None and state is not None and epoch - history.best_epoch >= training.patience:
                break
    if state is not None:
        objective.load_state_dict(state)
    history.best_epoch = history.best_epoch or len(history.epochs)
    history.steps, history.making = loop.done, loop.making
    history.seconds = time.perf_counter() - started
    return history
