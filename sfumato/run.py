"""One run: from a split, an architecture and a method to a trained, calibrated model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from sfumato.architecture import Architecture, Encoded, Training
from sfumato.balance import balanced
from sfumato.controls import record_of
from sfumato.data import Examples, concatenate, mean_one
from sfumato.deletions import word_drops
from sfumato.dev_choice import decided
from sfumato.errors import require_torch
from sfumato.kept_teacher import heard_once
from sfumato.label_kinds import refuse_one_label_only
from sfumato.limits import check_device, fitting_length
from sfumato.mask_controls import mask_coverage
from sfumato.measured_dev import measure_dev
from sfumato.measures import checked_measures, measures_of_one_batch, sampled_rows
from sfumato.method import Method, Plan, Teacher, class_shares, mean_target
from sfumato.methods.augmented import inputs_once, unchanged_copies
from sfumato.model import Model
from sfumato.output_bias import start_at_shares
from sfumato.registry import check_whole
from sfumato.resolve import build_architecture
from sfumato.run_settings import run_settings
from sfumato.teaching import Once, Read, afresh, taught
from sfumato.thresholds import given_thresholds
from sfumato.trained import Trained

if TYPE_CHECKING:
    from sfumato.base import Objective
    from sfumato.checkpoint import Checkpoint
    from sfumato.progress import Progress


def train_model(
    train: Examples,
    dev: Examples | None,
    *,
    architecture: Architecture,
    method: Method,
    training: Training | None = None,
    seed: int = 0,
    device: str | None = None,
    threads: int | None = None,
    calibrate: bool = True,
    refit: bool = True,
    balance: str = "none",
    progress: Progress | None = None,
    eval_every: float = 1.0,
    checkpoint: Checkpoint | None = None,
    measures: Sequence[str] = (),
) -> Trained:
    """Run one method with one architecture on one split.

    The caller's random state is left as it was; the same seed gives the same numbers on the same machine.

    Parameters
    ----------
    dev : chooses the epoch (or the strength) and the temperature; None trains to the end and does not calibrate
    refit : the linear model is trained again on train + dev with what dev chose
    eval_every : epochs between two looks at dev, and between two checkpoints
    checkpoint : where the run is kept while it trains, and gone on from; the linear model takes seconds and keeps none
    measures : what is noted on the way, see `sfumato.measures`; it changes nothing that is trained
    """
    require_torch("training")
    if train.weights is not None:
        train = replace(train, weights=mean_one(train.weights))  # a part of a split has another mean
    import torch

    training = training or architecture.training
    check_device(device)
    measures = checked_measures("train_model", measures)
    refuse_one_label_only(train, dev, balance=balance, measures=measures, choose=training.choose)
    if architecture.full_batch:
        measures = measures_of_one_batch(architecture.name, measures)
    if threads is not None:
        check_whole("fit", "threads", threads, 1, 4096)
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    previous = torch.get_num_threads()
    try:
        if threads:
            torch.set_num_threads(threads)
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            settings = (training, seed, device, balance, progress, eval_every, checkpoint, measures)
            run = Run(train, dev, architecture, method, *settings)
            return run(calibrate=calibrate, refit=refit)
    finally:
        torch.set_num_threads(previous)


def hear_teacher(
    train: Examples,
    dev: Examples | None,
    teacher: Teacher,
    *,
    architecture: Architecture,
    training: Training | None = None,
    seed: int = 0,
    device: str | None = None,
    threads: int | None = None,
    balance: str = "none",
    once: Once = afresh,
    read: Read = word_drops,
) -> tuple[Examples, Examples | None]:
    """Train the teacher that a method asks for and return both splits with ``Examples.teacher`` filled.

    A teacher of another architecture has that one's own training settings. It is not refitted on dev rows.
    """
    own = teacher.model is None
    chosen = architecture if own else build_architecture(teacher.model, {})

    def fit(rows: Examples, watched: Examples | None) -> Model:
        return train_model(
            rows,
            watched,
            architecture=chosen,
            method=teacher.method or Method("baseline", has_targets=False, multilabel=True),
            calibrate=teacher.calibrate,
            refit=False,
            training=training if own else None,
            seed=seed,
            device=device,
            threads=threads,
            balance=balance,
        ).model

    return taught(train, dev, teacher, fit=fit, seed=seed, once=once, read=read)


@dataclass(eq=False)
class Run:
    """One training run; the order of its steps is that of `__call__`."""

    train: Examples
    dev: Examples | None
    architecture: Architecture
    method: Method
    training: Training
    seed: int
    device: str | None
    balance: str
    progress: Progress | None
    eval_every: float = 1.0
    checkpoint: Checkpoint | None = None
    measures: tuple[str, ...] = ()
    masked: dict[str, float] | None = None  # how much the method masks, once it is prepared
    copied: dict[str, int] = field(default_factory=dict)  # copies of rows, and those that are their text again
    remarks: tuple[str, ...] = ()  # of the transforms, on the rows they were given last
    label_noise: Any = None  # (C, C), what the transforms found of wrong labels

    def __call__(self, *, calibrate: bool, refit: bool) -> Trained:
        """Train, then measure dev, then, for one batch, train again on all rows with what dev chose."""
        started = time.perf_counter()
        said: tuple[str, ...] = ()
        self.method.check_inputs(self.train.inputs)
        if self.method.teacher is not None and self.train.teacher is None:
            self.train, self.dev = self._taught(self.method.teacher)
        trained = self._fit_full_batch() if self.architecture.full_batch else self._fit_batches()
        if self.dev is not None:
            said = measure_dev(trained, self.dev, self.training.thresholds, self.label_noise, calibrate=calibrate)
            if self.architecture.full_batch and refit:
                trained = self._refit(trained, self.dev)
        trained.record = record_of(trained.objective.criterion)
        trained.masked, trained.copied, trained.remarks = self.masked, self.copied, (*self.remarks, *said)
        trained.seconds = time.perf_counter() - started
        return trained

    def _taught(self, teacher: Teacher) -> tuple[Examples, Examples | None]:
        """Return train and dev with what a teacher says of them, trained on hard labels with the same seed."""
        hear = partial(
            hear_teacher,
            self.train,
            self.dev,
            teacher,
            architecture=self.architecture,
            training=self.training,
            seed=self.seed,
            device=self.device,
            balance=self.balance,
        )
        return heard_once(self._kept(), self.train, self.dev, hear, self.progress)

    def _assemble(self, prepared: Examples, sampling: np.ndarray[Any, Any] | None = None) -> tuple[Objective, Model]:
        """Fit the encoder, build network and criterion from the seed."""
        import torch

        from sfumato.base import Objective
        from sfumato.losses import SoftCrossEntropy
        from sfumato.schedule import steps_per_epoch
        from sfumato.sigmoid_losses import SigmoidCrossEntropy

        torch.manual_seed(self.seed)
        encoder = self.architecture.encoder_of(inputs_once(prepared))
        network = self.architecture.build(encoder, prepared.num_classes)
        steps = 1 if self.architecture.full_batch else steps_per_epoch(len(prepared), self.training)
        shares = class_shares(prepared, sampling)
        C, D = prepared.num_classes, feature_size(network)
        plan = Plan(C, D, steps, self.training.epochs, self.seed, shares, prepared.multilabel)
        plain = SigmoidCrossEntropy if prepared.multilabel else SoftCrossEntropy
        criterion = plain() if self.method.criterion is None else self.method.criterion(plan)
        if not self.architecture.full_batch and (prepared.multilabel or criterion.terms(C) > 1):
            start_at_shares(network, mean_target(prepared, sampling), len(prepared))
        model = Model(network, encoder, prepared.classes, self.architecture.name, dict(self.architecture.options))
        model.max_length, model.device = fitting_length(network, self.training.max_length), self.device
        if prepared.multilabel:
            model.multilabel = True
            model.thresholds = given_thresholds(self.training.thresholds, prepared.num_classes)
        self.masked = None if prepared.similar is None else mask_coverage(prepared.similar)
        self.copied = self.copied or unchanged_copies(prepared)  # of the rows that dev is not among
        self.remarks, self.label_noise = prepared.remarks, prepared.label_noise
        return Objective(network, criterion), model

    def _fit_batches(self) -> Trained:
        from sfumato.train import fit_network

        train, sampling = balanced(self.method.prepare(self.train, seed=self.seed), self.balance)
        objective, model = self._assemble(train, sampling)
        length = model.max_length
        done = fit_network(
            objective,
            train,
            model.encoder.encode(train.inputs, length),
            self.training,
            dev=self.dev,
            dev_encoded=None if self.dev is None else model.encoder.encode(self.dev.inputs, length),
            seed=self.seed,
            device=self.device,
            sampling=sampling,
            progress=self.progress,
            eval_every=self.eval_every,
            checkpoint=self._kept(),
            sample=self._sample(model) if "curves" in self.measures else None,
            keep_last="last-epoch" in self.measures,
        )
        facts = (done.epochs, done.best_epoch, done.steps, done.seconds)
        return Trained(model, objective, *facts, resumed=done.resumed, last=done.last)

    def _sample(self, model: Model) -> tuple[Examples, Encoded]:
        """Return some of the given training rows, the same for every method with this seed."""
        sample = self.train.take(sampled_rows(len(self.train), self.seed))
        return sample, model.encoder.encode(sample.inputs, model.max_length)

    def _kept(self) -> Checkpoint | None:
        """Return the checkpoint with all that decides this run beside its loop."""
        if self.checkpoint is None:
            return None
        settings = run_settings(self.train, self.dev, self.architecture, self.method, self.balance)
        settings |= {"measures": list(self.measures)} if self.measures else {}
        return replace(self.checkpoint, settings={"seed": self.seed, "training": self.training.settings(), **settings})

    def _fit_full_batch(self) -> Trained:
        """Let dev choose strength and length; without dev, take the usual ones."""
        from sfumato.full_batch import fit_full_batch, refit_full_batch

        train = self._whole(self.train)
        objective, model = self._assemble(train)
        encoded = model.encoder.encode(train.inputs, model.max_length)
        if self.dev is None:
            refit_full_batch(objective, train, encoded, steps=self.training.epochs, seed=self.seed)
            return Trained(model, objective, [], 0, int(objective.step), 0.0)
        dev_encoded = model.encoder.encode(self.dev.inputs, model.max_length)
        how: dict[str, Any] = {"max_steps": self.training.epochs, "thresholds": self.training.thresholds}
        how["choose"] = decided(self.training.choose, one_batch=True, noise_aware=self.method.noise_aware)
        how |= {"seed": self.seed, "report": None if self.progress is None else self.progress.look}
        fit = fit_full_batch(objective, train, encoded, self.dev, dev_encoded, **how)
        objective.load_state_dict(fit.state)
        trained = Trained(model, objective, fit.history, fit.steps, fit.steps, 0.0)
        trained.strength = fit.strength
        return trained

    def _refit(self, chosen: Trained, dev: Examples) -> Trained:
        """Train on train + dev with the strength, the length and the temperature that dev chose."""
        from sfumato.full_batch import refit_full_batch

        # a label that training never saw cannot be learned
        seen = dev if dev.multilabel else dev.take(np.flatnonzero(dev.labels >= 0))
        every = self._whole(concatenate(self.train, seen))
        objective, model = self._assemble(every)
        encoded = model.encoder.encode(every.inputs, model.max_length)
        refit_full_batch(objective, every, encoded, strength=chosen.strength, steps=chosen.steps, seed=self.seed)
        model.temperature, model.thresholds = chosen.model.temperature, chosen.model.thresholds
        return replace(chosen, model=model, objective=objective, refitted=True)

    def _whole(self, examples: Examples) -> Examples:
        """Return the prepared split; in one batch, a balancing sampler is the weights it would realise."""
        balance = "weights" if self.balance == "sampler" else self.balance
        return balanced(self.method.prepare(examples, seed=self.seed), balance)[0]


def feature_size(network: Any) -> int:
    """Return D, the number of features that the criterion will see."""
    return int(getattr(network, "num_features", 0) or network.output_layer.in_features)
