"""The one loop for networks: batches by length, bf16 where the processor has it, the best epoch on dev.

It knows `Objective` and nothing of methods: the criterion's parameters are simply among the objective's.
"""

from __future__ import annotations

import copy
import time
import warnings
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor, nn

from sfumato.architecture import Encoded, Training
from sfumato.base import Objective, Output
from sfumato.checkpoint import Checkpoint
from sfumato.constant_part import computed_once
from sfumato.data import Examples
from sfumato.dev_choice import decided
from sfumato.history import Best, History, Watched
from sfumato.inference import dev_record, dev_scores, predict_outputs, to_tensors
from sfumato.limits import precision
from sfumato.measures import dev_measures
from sfumato.optimizer import build_optimizer
from sfumato.progress import Progress
from sfumato.schedule import learning_rate_factor, length_batches, look_steps, steps_per_epoch
from sfumato.snapshot import (
    Snapshot,
    fill_objective,
    fill_optimizer,
    named,
    objective_tensors,
    optimizer_tensors,
    random_states,
    remembered,
    remind,
    set_random_states,
)

LOOP_VERSION = 1


def supervision_of(train: Examples, index: NDArray[np.int64], device: torch.device) -> dict[str, Tensor]:
    """Return ``labels``, ``targets`` and, where there are any, ``similar``, ``weights`` and ``copy`` of some rows."""
    parts: dict[str, Any] = {"labels": train.labels[index], "targets": train.targets.rows(index)}
    for name in ("similar", "weights", "copy"):
        if getattr(train, name) is not None:
            parts[name] = getattr(train, name)[index]
    return to_tensors(parts, device)


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
        self.train, self.training = train, training
        self.choose = decided(training.choose, one_batch=False)
        self.sampling = sampling
        self.generator = np.random.default_rng((seed, 1))
        self.per_epoch = steps_per_epoch(len(train), training)
        self.total = self.per_epoch * training.epochs
        self.done = 0  # optimizer steps
        self.opened: Mapping[str, Any] = self.generator.bit_generator.state  # as it was when this epoch began
        self.waiting: deque[list[NDArray[np.int64]]] = deque()  # what is left of this epoch
        objective.to(self.device)
        self.objective = objective
        self.encoded = self.ready(encoded)
        optimizer = build_optimizer(objective, training)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: learning_rate_factor(step, self.total, training)
        )
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

    def open_epoch(self) -> None:
        """Draw the batches of the next epoch."""
        self.opened = self.generator.bit_generator.state
        self.waiting = deque(self.groups())

    def run(self, last: int, progress: Progress) -> float:
        """Take optimizer steps until ``last`` of them are taken and return their mean loss."""
        self.objective.train()
        losses = []
        while self.done < last:
            if not self.waiting:
                self.open_epoch()
            losses.append(self.step(self.waiting.popleft()))
            self.done += 1
            progress.step(losses[-1])
        return float(np.mean(losses))

    def snapshot(self) -> Snapshot:
        """Return all that the steps to come depend on, beside the settings."""
        tensors = {
            **named("objective", objective_tensors(self.objective)),
            **named("optimizer", optimizer_tensors(self.optimizer)),
            **named("random", random_states(self.device)),
        }
        place = {"done": self.done, "left": len(self.waiting), "opened": dict(self.opened)}
        return Snapshot(tensors, {"place": place, "criterion": remembered(self.objective.criterion)})

    def restore(self, snapshot: Snapshot) -> None:
        """Put the run back to where a snapshot was taken."""
        place = snapshot.facts["place"]
        fill_objective(self.objective, snapshot.part("objective"))
        remind(self.objective.criterion, snapshot.facts["criterion"])
        fill_optimizer(self.optimizer, snapshot.part("optimizer"))
        self.done = place["done"]
        self.schedule.load_state_dict({"last_epoch": self.done, "_step_count": self.done + 1, "lr_lambdas": []})
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * learning_rate_factor(self.done, self.total, self.training)
        self.generator.bit_generator.state = place["opened"]
        if self.done:
            self.open_epoch()
            while len(self.waiting) > place["left"]:
                self.waiting.popleft()
        set_random_states(snapshot.part("random"), self.device)

    def ready(self, encoded: Encoded) -> Encoded:
        """Return the rows with what a frozen encoder says of them, where it says the same at each epoch."""
        size = 4 * self.training.batch_size
        return computed_once(self.objective.model, encoded, batch_size=size, device=self.device, mixed=self.mixed)

    def answers(self, encoded: Encoded) -> Output:
        """Return what the bare classifier says of all rows, and their features."""
        size = 4 * self.training.batch_size
        return predict_outputs(self.objective.model, encoded, batch_size=size, device=self.device, mixed=self.mixed)

    def look(self, watched: Watched | None, sample: Watched | None) -> dict[str, float]:
        """Return accuracy (multi-label: micro-F1) and log-loss of the bare classifier on dev, and any curves."""
        record: dict[str, float] = {}
        if watched is not None:
            dev, output = watched[0], self.answers(watched[1])
            record |= dev_record(output.logits, dev, self.training.thresholds, self.choose)
            if sample is not None:
                record |= dev_measures(dev.labels, output.logits.numpy(), output.features.numpy())
        if sample is not None:
            logits = self.answers(sample[1]).logits
            record["train_accuracy"], record["train_loss"] = dev_scores(logits, sample[0].labels)
        return record

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
    eval_every: float = 1.0,
    checkpoint: Checkpoint | None = None,
    sample: Watched | None = None,
    keep_last: bool = False,
) -> History:
    """Train ``objective`` in place and leave it as it was at the best look at dev.

    The best is by `Training.choose`, without it the highest accuracy, then log-loss. Dev is looked at, with the bare
    classifier on hard labels, and the checkpoint written, every ``eval_every`` epochs; neither changes what is trained.
    Without dev the last step stays. ``sample`` holds training rows for the curves of `sfumato.measures`; ``keep_last``
    keeps the state of the last step in `History.last`.

    Raises
    ------
    InputError
        if ``checkpoint`` is to be resumed and is damaged, or one of another run.
    """
    started = time.perf_counter()
    loop = Loop(objective, train, encoded, training, seed=seed, device=device, sampling=sampling)
    watched = None if dev is None or dev_encoded is None else (dev, loop.ready(dev_encoded))
    sample = None if sample is None else (sample[0], loop.ready(sample[1]))
    best, history = Best(loop.choose), History()
    if checkpoint is not None:
        checkpoint = replace(checkpoint, settings={**loop_settings(loop, seed, eval_every), **checkpoint.settings})
        started -= go_on(checkpoint, loop, best, history)
    progress = progress or Progress.silent()
    with progress.running(loop.total, done=loop.done, precision=precision(loop.device)):
        for last in look_steps(loop.per_epoch, training.epochs, eval_every):
            if last <= loop.done or best.waited(loop.done / loop.per_epoch, training.patience):
                continue
            record = {"epoch": last / loop.per_epoch, "loss": loop.run(last, progress)}
            record |= loop.look(watched, sample)
            if watched is not None:
                best.offer(record, objective)
            history.epochs.append(record)
            progress.epoch(record, training.epochs)
            if checkpoint is not None:
                keep(checkpoint, loop, best, history, time.perf_counter() - started)
    if keep_last:
        history.last = copy.deepcopy(objective.state_dict())
    if best.state:
        objective.load_state_dict(best.state)
    history.best_epoch = whole(best.epoch or loop.done / loop.per_epoch)
    history.steps = loop.done
    history.seconds = time.perf_counter() - started
    return history


def whole(epoch: float) -> float:
    """Return a whole number of epochs as an integer."""
    return int(epoch) if epoch == int(epoch) else epoch


def loop_settings(loop: Loop, seed: int, eval_every: float) -> dict[str, Any]:
    """Return what decides the steps of a loop, beside model, criterion and rows."""
    return {
        "seed": seed,
        "training": loop.training.settings(),
        "eval_every": eval_every,
        "loop version": LOOP_VERSION,
        "device": loop.device.type,
        "precision": "bf16" if loop.mixed else "float32",
    }


def keep(checkpoint: Checkpoint, loop: Loop, best: Best, history: History, seconds: float) -> None:
    """Write the run as it is now."""
    taken = loop.snapshot()
    about_best = {"rank": list(best.rank), "epoch": best.epoch}
    facts = taken.facts | {"best": about_best, "history": history.epochs, "seconds": seconds}
    facts["threads"] = torch.get_num_threads()
    facts["finished"] = loop.done == loop.total or best.waited(loop.done / loop.per_epoch, loop.training.patience)
    checkpoint.write(Snapshot({**taken.tensors, **named("best", best.state)}, facts), loop.done)


def go_on(checkpoint: Checkpoint, loop: Loop, best: Best, history: History) -> float:
    """Put the run where its checkpoint is, if there is one, and return the seconds spent on it before."""
    snapshot = checkpoint.read()
    if snapshot is None:
        return 0.0
    facts = snapshot.facts
    if facts["threads"] != torch.get_num_threads():
        warnings.warn(
            f"the checkpoint was written with {facts['threads']} threads and this run has {torch.get_num_threads()}: "
            "the weights will not be those of an unbroken run to the last bit",
            stacklevel=2,
        )
    loop.restore(snapshot)
    best.rank, best.epoch = tuple(facts["best"]["rank"]), facts["best"]["epoch"]
    best.state = dict(snapshot.part("best"))
    history.epochs = list(facts["history"])
    history.resumed = facts["place"]["done"] / loop.per_epoch
    return float(facts["seconds"])
