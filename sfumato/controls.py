"""The controls of a method: its own loss, schedule and budget of steps, with its information replaced.

Each control chooses its own length on dev within that budget, as the method does.

A method that beats the baseline may owe that to mere strength. Its controls have the strength and not the
knowledge:

``uniform``     every target keeps the method's mean gold mass (share of the given label), the rest is even
``class-mean``  every target is the mean target of the row's class: what is known of the classes, not of the text
``shuffled``    every target is that of another row of the same class

A method that makes its targets before training is controlled by one more transform. One that learns them (LCM) has
no targets to change beforehand: ``uniform`` and ``class-mean`` replay, step by step, what a finished run of the
method fitted (its ``record``), and ``shuffled`` learns on, while each text fits the target of another one.

What they are where a row may have several labels: `sfumato.multilabel_controls`. A method that masks similar labels
has controls of its own: `sfumato.mask_controls`; so has one that adds copies of the rows: `sfumato.copy_controls`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from sfumato.copy_controls import COPY_CONTROLS, before_copies, with_plain_copies
from sfumato.data import Examples, Transform
from sfumato.errors import InputError
from sfumato.mask_controls import MASK_CONTROLS, with_other_mask
from sfumato.method import CriterionFactory, Method, Plan
from sfumato.methods.label_smoothing import smoothed_table
from sfumato.multilabel_controls import alone_share, even, mean_of_labels, of_another_row
from sfumato.permutation import within_class
from sfumato.targets import Integers, TableTargets

if TYPE_CHECKING:
    from sfumato.base import Criterion

CONTROLS = ("uniform", "class-mean", "shuffled")
VERSION = 1  # raised when a control changes; added to the method's version
BLOCK = 65536  # rows of targets held at once

Record = Sequence[Mapping[str, Any]]
"""What a criterion fitted: entries of ``from_step``, ``gold_mass``, ``class_mean (C, C)``; `LabelConfusion.record`."""


def control_names(method: Method) -> tuple[str, ...]:
    """Return the names of the controls of ``method``.

    There are none without targets (baseline). One that would be the method itself is left out: where a row's target
    follows from its label alone, ``class-mean`` and ``shuffled``; where the other labels share evenly, ``uniform``.
    """
    others = (*(MASK_CONTROLS if method.masks else ()), *(COPY_CONTROLS if method.augments else ()))
    if not method.has_targets:
        return others
    return (*CONTROLS[method.even : 1 if method.label_only else None], *others)


def controls(method: Method, record: Record | None = None, *, seed: int = 0) -> dict[str, Method]:
    """Return the controls of ``method``, by name.

    Parameters
    ----------
    record : for a method that learns its targets, the record of its finished run with the same data, model and seed
    seed : decides which row's target a row gets in ``shuffled``

    Raises
    ------
    InputError
        if the method learns its targets and no record is given.
    """
    names = control_names(method)
    if names and method.needs_training and not record:
        raise InputError(
            f"the controls of {method.name} replay what it fitted: train it first and pass its record, "
            f"controls(method, record_of(criterion))"
        )
    return {name: control(method, name, record, seed=seed) for name in names}


def control(method: Method, name: str, record: Record | None = None, *, seed: int = 0) -> Method:
    """Return one control of ``method``; only ``uniform`` and ``class-mean`` of a learning method need the record."""
    if name not in control_names(method):
        listed = ", ".join(control_names(method)) or "none"
        raise InputError(f"{method.name} has no control {name!r}; it has: {listed}")
    named = replace(
        method, name=f"{method.name}/{name}", title=f"{method}/{name}", version=method.version + VERSION - 1
    )
    if name in MASK_CONTROLS:
        return replace(named, transforms=with_other_mask(method.transforms, name, seed))
    if name in COPY_CONTROLS:
        return replace(named, transforms=with_plain_copies(method.transforms))
    if method.needs_training:
        return replace(named, criterion=_without_information(method, name, record, seed))
    transforms: dict[str, Transform] = {
        "uniform": uniform,
        "class-mean": class_mean,
        "shuffled": partial(shuffled, seed=seed),
    }
    return replace(named, transforms=before_copies(method.transforms, transforms[name]))


def uniform(examples: Examples) -> Examples:
    """Give every row the split's mean gold mass on its label and the rest evenly to the others."""
    if examples.multilabel:
        return even(examples)
    means, counts = class_means(examples)
    gold = float((means.diagonal() * counts).sum() / max(counts.sum(), 1))
    return replace(
        examples,
        targets=TableTargets(smoothed_table(1 - gold, examples.num_classes, mode="exclusive"), examples.labels),
    )


def class_mean(examples: Examples) -> Examples:
    """Give every row the mean target of its class."""
    if examples.multilabel:
        return mean_of_labels(examples)
    means, _ = class_means(examples)
    return replace(examples, targets=TableTargets(means.astype(np.float32), examples.labels))


def shuffled(examples: Examples, *, seed: int = 0) -> Examples:
    """Give every row the target of another row of its class; a row alone in its class keeps its own."""
    if examples.multilabel:
        return of_another_row(examples, seed=seed)
    return replace(examples, targets=examples.targets.take(within_class(examples.labels, seed)))


def class_means(examples: Examples) -> tuple[np.ndarray[Any, np.dtype[np.float64]], Integers]:
    """Return the mean target of each class, ``(C, C)``, and the rows of each class, ``(C,)``; absent: one-hot."""
    C = examples.num_classes
    total = np.zeros((C, C))
    for start in range(0, len(examples), BLOCK):
        index = np.arange(start, min(start + BLOCK, len(examples)))
        np.add.at(total, examples.labels[index], examples.targets.rows(index))
    counts = np.bincount(examples.labels, minlength=C)
    means = np.where(counts[:, None] > 0, total / np.maximum(counts, 1)[:, None], np.eye(C))
    return means, counts


def record_of(criterion: Criterion) -> list[dict[str, Any]] | None:
    """Return what a trained criterion, or one inside it, fitted; None if it learns no targets."""
    for module in criterion.modules():
        if hasattr(module, "record"):
            record: Any = module.record
            return list(record)
    return None


def kept_own_target(criterion: Criterion, sets: Integers | None = None) -> float | None:
    """Return the share of rows that kept their own target in training, where ``shuffled`` learns; else None.

    Where rows may have several labels, ``sets`` (N, C), it is that of the rows that are alone with theirs.
    """
    for module in criterion.modules():
        if hasattr(module, "kept"):
            share: Any = module.kept
            return float(share)
    return None if sets is None else alone_share(sets)


def _without_information(method: Method, name: str, record: Record | None, seed: int) -> CriterionFactory:
    own = method.criterion
    if own is None:
        raise InputError(f"{method.name} says that it learns its targets, but has no criterion that could")
    if name != "shuffled" and not record:
        raise InputError(f"{method.name}/{name} replays what {method.name} fitted: train it first and pass its record")

    def criterion(plan: Plan) -> Criterion:
        from sfumato.control_losses import ReplayedTargets, ShuffledTargets, in_place_of

        if plan.multilabel:
            from sfumato.multilabel_control_losses import ReplayedSets, ShuffledSets

            if name == "shuffled":
                return in_place_of(own(plan), lambda learning: ShuffledSets(learning, seed=seed))
            even = name == "uniform"
            return in_place_of(own(plan), lambda _: ReplayedSets(record or (), plan.num_classes, uniform=even))
        if name == "shuffled":
            return in_place_of(own(plan), lambda learning: ShuffledTargets(learning, seed=seed))
        steps, tables = _replay(record or (), name, plan.num_classes)
        return in_place_of(own(plan), lambda learning: ReplayedTargets(steps, tables))

    return criterion


def _replay(record: Record, name: str, num_classes: int) -> tuple[list[int], list[np.ndarray[Any, Any]]]:
    steps = [int(entry["from_step"]) for entry in record]
    if name == "uniform":
        return steps, [smoothed_table(1 - float(e["gold_mass"]), num_classes, mode="exclusive") for e in record]
    return steps, [np.asarray(entry["class_mean"], dtype=np.float32) for entry in record]
