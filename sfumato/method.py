"""A method is two things: what the network is asked to fit, and how the misfit is scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sfumato.data import Examples, Transform
from sfumato.errors import InputError

if TYPE_CHECKING:
    from sfumato.base import Criterion


@dataclass(frozen=True)
class Plan:
    """What a criterion is told before training: sizes and the length of the run, in optimizer steps."""

    num_classes: int
    num_features: int
    steps_per_epoch: int
    epochs: float
    seed: int = 0


CriterionFactory = Callable[[Plan], "Criterion"]


@dataclass(frozen=True)
class Method:
    """A frozen pair: transforms of the training split, and a factory of the criterion.

    Attributes
    ----------
    name : the registry name, or the user's own
    transforms : applied in order to the training split, never to dev or test
    criterion : builds the criterion (imports torch only when called); None is soft cross-entropy
    options : the options that built it, for records
    version : raised whenever results change; part of every result's key
    has_targets : False if there is nothing for ``soften`` to return (the labels stay hard)
    needs_training : True if the targets exist only after training a model (LCM)
    label_only : True if a row's target follows from its label alone (label smoothing): its controls are itself
    title : what tables and cards print
    """

    name: str
    transforms: tuple[Transform, ...] = ()
    criterion: CriterionFactory | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    has_targets: bool = True
    needs_training: bool = False
    label_only: bool = False
    title: str = ""

    def prepare(self, train: Examples) -> Examples:
        """Apply the transforms to the training split and return the new one; ``train`` is unchanged."""
        for transform in self.transforms:
            train = transform(train)
        return train

    def __str__(self) -> str:
        return self.title or self.name


def combine(*methods: Method) -> Method:
    """Join methods: the transforms in order, and at most one criterion of its own.

    Raises
    ------
    InputError
        if two of them bring a criterion of their own.
    """
    if not methods:
        raise InputError("combine needs at least one method")
    own = [method for method in methods if method.criterion is not None]
    if len(own) > 1:
        raise InputError(f"{own[0].name} and {own[1].name} both bring a loss of their own; combine at most one of them")
    joined = Method(
        name="+".join(method.name for method in methods),
        transforms=tuple(step for method in methods for step in method.transforms),
        criterion=own[0].criterion if own else None,
        options={f"{method.name}.{key}": value for method in methods for key, value in method.options.items()},
        version=sum(method.version for method in methods),
        has_targets=any(method.has_targets for method in methods),
        needs_training=any(method.needs_training for method in methods),
        label_only=all(method.label_only or not method.has_targets for method in methods),
    )
    return replace(joined, title=" + ".join(str(method) for method in methods))
