"""MaskLoss: labels that are like the given one are left out of the loss, in some of the optimizer steps.

Sunan Liu, Changsong Dai, Ranran Zhen, Qingliang Meng, Tian Li, "MaskLoss: A Regularizing Loss by Masking Similar
Labels"; sections 3.1 to 3.3 and appendix A.3.

Every label is a question of its own, through a sigmoid, also where a row has one label: a softmax could not leave one
out (section 3.1). A label that is similar to a given one is not pushed down in the steps in which a coin of
probability ``alpha`` says so: then the classes of a group are free of each other, and in the other steps they learn to
differ. `baseline_sigmoid` is the loss without a mask, `maskloss_label` takes groups that are given (section 3.2), and
`sfumato.methods.maskloss_elem` finds them by deleting words (section 3.3).

The paper's letters: ``C`` labels, ``y`` the given ones, ``p`` the predictions, ``G`` what is similar to them (our
``similar``), ``lambda`` the coin, ``alpha`` its probability of the *full* loss. Where Eq. 3 is read differently from
its words: docs/equations-we-read-differently.md.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sfumato.confusion_groups import confusion_groups, confusion_rates
from sfumato.data import Examples
from sfumato.errors import InputError, require_torch
from sfumato.groups import Groups, given_groups, partition, same_group
from sfumato.method import CriterionFactory, Method, Plan, Teacher
from sfumato.methods.self_distillation import check_teacher
from sfumato.registry import check_choice, check_range, check_whole
from sfumato.targets import Integers

if TYPE_CHECKING:
    from torch import Tensor

    from sfumato.base import Criterion

AUTO = "auto"
GRANULARITIES = ("step", "sample", "label")
MODES = ("bernoulli", "expected")
NORMALIZE = ("C", "active")
ACTIVATIONS = ("sigmoid", "softmax")


class MaskWarning(UserWarning):
    """A mask that leaves out nothing for some labels, or too much."""


def similar_labels(gold: NDArray[np.bool_], G: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which labels of each row may be masked, (N, C): not given, but in the group of a given one.

    ``gold`` (N, C) are the given labels, ``G`` (C, C) says which two classes share a group. Eq. 3 says "k not in G(k)";
    taken by its letter no wrong label would ever be scored.
    """
    found: NDArray[np.bool_] = (gold.astype(np.float32) @ G.astype(np.float32)) > 0
    return found & ~gold


def masked_loss(losses: Tensor, similar: Tensor, coin: Tensor | float, *, normalize: str = "C") -> Tensor:
    """Return the loss of each row (B,) from those of its labels (B, C): similar ones count by the ``coin`` only.

    The coin (lambda) is 1 for the full loss, 0 for the masked one, or its mean; a number, (B, 1) or (B, C).
    ``normalize="active"`` divides by the labels that count instead of by C.
    """
    shares = 1 - similar * (1 - coin)  # lambda + (1 - lambda) [k not in G]
    total = (shares * losses).sum(dim=1)  # Eq. 3
    return total / (losses.shape[1] if normalize == "C" else shares.sum(dim=1))


@dataclass(frozen=True)
class MaskOptions:
    """How similar labels are masked; `maskloss_label` says what the options mean."""

    owner: str
    alpha: float
    granularity: str = "step"
    mode: str = "bernoulli"
    normalize: str = "C"
    activation: str = "sigmoid"

    def __post_init__(self) -> None:
        check_range(self.owner, "alpha", self.alpha, 0, 1)
        check_choice(self.owner, "granularity", self.granularity, GRANULARITIES)
        check_choice(self.owner, "mode", self.mode, MODES)
        check_choice(self.owner, "normalize", self.normalize, NORMALIZE)
        check_choice(self.owner, "activation", self.activation, ACTIVATIONS)
        if self.mode == "expected" and self.granularity != "step":
            raise InputError(f"{self.owner}: mode='expected' tosses no coin, so granularity must stay 'step'")
        if self.activation == "softmax" and self.normalize != "C":
            raise InputError(f"{self.owner}: activation='softmax' sums to one loss a row; normalize must stay 'C'")

    def refuse_softmax(self, examples: Examples) -> None:
        """Raise if rows of several labels meet a softmax, which has one answer a row."""
        if examples.multilabel and self.activation == "softmax":
            raise InputError(f"{self.owner}: activation='softmax' is for one label a row; leave 'sigmoid' for several")


def mask_criterion(options: MaskOptions) -> CriterionFactory:
    """Return the factory of the criterion."""

    def criterion(plan: Plan) -> Criterion:
        require_torch(options.owner)
        from sfumato.methods.mask_criterion import MaskedLoss

        return MaskedLoss(options, seed=plan.seed)

    return criterion


def baseline_sigmoid() -> Method:
    """Fit the given labels as they are, each through a sigmoid (Eqs. 1 and 2): what MaskLoss is compared with."""

    def criterion(plan: Plan) -> Criterion:
        require_torch("baseline-sigmoid")
        from sfumato.sigmoid_losses import SigmoidCrossEntropy

        return SigmoidCrossEntropy()

    return Method("baseline-sigmoid", criterion=criterion, has_targets=False, multilabel=True, version=2)


@dataclass(frozen=True)
class GroupMask:
    """A transform: labels in the group of a given one may be masked."""

    options: MaskOptions
    groups: str | Groups
    permuted: int | None = None  # the seed of a control in which the classes have changed their places

    def __call__(self, examples: Examples) -> Examples:
        self.options.refuse_softmax(examples)
        G = same_group(self.partition(examples))
        return replace(examples, similar=similar_labels(examples.gold, G))

    def with_random_groups(self, seed: int) -> GroupMask:
        """Return the same mask with groups of the same sizes and random members."""
        return replace(self, permuted=seed)

    def partition(self, examples: Examples) -> Integers:
        """Return the group of each class, (C,)."""
        owner = self.options.owner
        if self.groups == AUTO:
            if examples.teacher is None:
                raise InputError(f"{owner}: groups='auto' needs Examples.teacher, the probabilities of a trained model")
            rates = confusion_rates(examples.gold, examples.teacher, multilabel=examples.multilabel)
            groups = confusion_groups(rates)
        else:
            groups = partition(owner, self.groups, examples.classes)
        warn_of_groups(self.options, groups, examples.classes, chosen=self.groups != AUTO)
        return groups if self.permuted is None else other_members(groups, self.permuted)


def other_members(groups: Integers, seed: int) -> Integers:
    """Return a partition (C,) of the same sizes with random members, another one wherever there is one."""
    generator = np.random.default_rng((seed, 7))
    for _ in range(100):
        drawn = groups[generator.permutation(len(groups))]
        if not np.array_equal(same_group(drawn), same_group(groups)):
            return drawn
    return drawn


def warn_of_groups(options: MaskOptions, groups: Integers, classes: tuple[str, ...], *, chosen: bool) -> None:
    """Refuse what trains all labels to one answer; warn of classes without a group and of groups never contrasted."""
    sizes = np.bincount(groups)[groups]  # (C,), of the group of each class
    if options.alpha == 0 and (sizes == len(classes)).all():
        raise InputError(
            f"{options.owner}: all {len(classes)} classes are in one group, and alpha=0 masks every wrong label in "
            "every step, so the answer 'all labels' would cost nothing; give smaller groups, or alpha above 0"
        )
    alone = np.flatnonzero(sizes == 1)
    if len(alone) == len(classes):
        message = "no two classes are confused, so there is no group, and nothing is masked"
        warnings.warn(f"{options.owner}: {message}", MaskWarning, stacklevel=3)
    elif len(alone) and chosen:
        message = f"{len(alone)} of {len(classes)} classes are alone in their group, as {classes[alone[0]]!r}"
        warnings.warn(f"{options.owner}: {message}; nothing is masked for their rows", MaskWarning, stacklevel=3)
    if options.alpha == 0 and sizes.max() > 1:
        message = "with alpha=0 the classes of a group are never told apart by the loss"
        warnings.warn(f"{options.owner}: {message}", MaskWarning, stacklevel=3)


def maskloss_label(
    groups: str | Path | Mapping[str, Any] = AUTO,
    *,
    alpha: float = 0.5,
    granularity: str = "step",
    mode: str = "bernoulli",
    normalize: str = "C",
    activation: str = "sigmoid",
    teacher: str | None = "linear",
    folds: int = 5,
) -> Method:
    """Leave labels of the given one's group out of the loss, in a share 1 - ``alpha`` of the steps.

    Parameters
    ----------
    groups : "auto" finds them in the out-of-fold confusions of a model; else ``prefix:SEP`` (``prefix::`` for
        NUM:speed), a file (TOML or JSON: group = [labels]; CSV: label, group), a mapping in either direction, the
        name of a printed partition (trec-50, sst5, wos46985, aapd), or, in `sfumato.fit`, ``column:NAME`` of the table
    alpha : probability of the full loss: 1 is ``baseline-sigmoid``, 0 always masks
    granularity : one coin for each optimizer "step" (all its micro-batches), "sample" or "label"
    mode : "bernoulli" tosses the coin, "expected" weighs similar labels by alpha: the same mean gradient
    normalize : divide the loss of a row by "C" (Eq. 3), or by the "active" labels
    activation : "sigmoid"; "softmax" takes masked labels out of the sum below the fraction (ours)
    teacher : of "auto": the name of the model whose confusions count; None is the student's own
    folds : of "auto": models, each trained without its fold
    """
    name = "maskloss-label"
    mask = MaskOptions(name, alpha, granularity, mode, normalize, activation)
    check_whole(name, "folds", folds, 2, 100)
    check_teacher(name, teacher)
    found = AUTO if isinstance(groups, str) and groups == AUTO else given_groups(name, groups)
    options = {
        "groups": found,
        "alpha": alpha,
        "granularity": granularity,
        "mode": mode,
        "normalize": normalize,
        "activation": activation,
        "teacher": teacher,
        "folds": folds,
    }
    return Method(
        name,
        (GroupMask(mask, found),),
        mask_criterion(mask),
        options=options,
        has_targets=False,
        masks=True,
        multilabel=True,
        version=2,
        teacher=Teacher(folds=folds, model=teacher) if found == AUTO else None,
    )
