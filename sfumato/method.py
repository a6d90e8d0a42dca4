"""A method is two things: what the network is asked to fit, and how the misfit is scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Examples, Transform
from sfumato.errors import InputError
from sfumato.images import are_images
from sfumato.targets import TableTargets

if TYPE_CHECKING:
    from sfumato.base import Criterion

BLOCK = 65536  # rows of targets held at once


@dataclass(frozen=True)
class Plan:
    """What a criterion is told before training: sizes, and the length of the run in optimizer steps.

    ``class_shares`` (C,) are those of the training split, see `class_shares`; only some criteria need them.
    ``multilabel`` tells that each class is a question of its own, so that logits go through a sigmoid.
    """

    num_classes: int
    num_features: int
    steps_per_epoch: int
    epochs: float
    seed: int = 0
    class_shares: tuple[float, ...] | None = None
    multilabel: bool = False


def class_shares(train: Examples, sampling: NDArray[np.floating[Any]] | None = None) -> tuple[float, ...]:
    """Return the mean target, (C,), of what training sees, as shares of 1, all 0 where no row has a label."""
    mean = mean_target(train, sampling)
    return tuple((mean / (mean.sum() or 1.0)).tolist())


def mean_target(train: Examples, sampling: NDArray[np.floating[Any]] | None = None) -> NDArray[np.float64]:
    """Return the mean target, (C,), of what training sees: rows count by their weights and by ``sampling`` (N,).

    With hard labels these are the shares of the rows that have each class.
    """
    counts = np.ones(len(train)) if train.weights is None else train.weights.astype(np.float64)
    counts = counts if sampling is None else counts * sampling
    if isinstance(train.targets, TableTargets):
        totals = np.bincount(train.targets.labels, weights=counts, minlength=train.num_classes) @ train.targets.table
    else:
        blocks = (np.arange(start, min(start + BLOCK, len(train))) for start in range(0, len(train), BLOCK))
        totals = np.sum([counts[rows] @ train.targets.rows(rows) for rows in blocks], axis=0)
    return np.asarray(totals / counts.sum())


@dataclass(frozen=True)
class Deletions:
    """What is read off a teacher by deleting words, in place of its probabilities; `sfumato.methods.maskloss_elem`.

    Attributes
    ----------
    source : the training rows whose words are deleted: "correct", "incorrect" or "all"
    decide : what a correct row is: each probability on its label's side of one half ("threshold"), or "argmax"
    unit : "word", or "token" of the model
    delete : "one" occurrence at a time, or "all_occurrences" in the text
    min_count : how many deletions of a word must show a drop before it counts
    """

    source: str = "correct"
    decide: str = "threshold"
    unit: str = "word"
    delete: str = "one"
    min_count: int = 1


@dataclass(frozen=True)
class Teacher:
    """Another model that a method wants to hear before its transforms, as `Examples.teacher`.

    Attributes
    ----------
    folds : a row is judged by a model that has not seen it: one of so many folds; 0 lets one model judge its own rows
    model : the architecture or its name; None is that of the student
    calibrate : divide the teacher's logits by a temperature fitted on rows that it did not see
    method : the `Method` that trains it; None is the hard labels
    deletions : ask not for its probabilities but for how far the words of a text hold each class up; needs folds=0
    """

    folds: int = 5
    model: Any = None
    calibrate: bool = True
    method: Any = None
    deletions: Deletions | None = None

    def settings(self) -> dict[str, Any]:
        """Return what decides the teacher's answers, as plain values; what came later is left out at its default."""
        said = {"folds": self.folds, "model": str(self.model), "calibrate": self.calibrate}
        method = {} if self.method is None else {"method": [self.method.name, self.method.version]}
        deleted = {} if self.deletions is None else {"deletions": asdict(self.deletions)}
        return {**said, **method, **deleted}


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
    label_only : True if a row's target follows from its label alone: ``class-mean`` and ``shuffled`` are itself
    even : True if the labels other than the given one share evenly (label smoothing): ``uniform`` is itself
    title : what tables and cards print
    needs_votes : True if it cannot do without `Examples.votes`
    needs_texts : True if it reads the words of the inputs, which images have not
    teacher : the model that must speak before the transforms (self-distillation), trained on hard labels
    takes_targets : True if the criterion works on given targets as on one-hot labels (LCM), so that a user's own may
        stand in their place
    replaces_targets : True if a transform makes the targets from the labels and drops those that stood there before
    multilabel : True if it is defined for rows of several labels too
    masks : True if a transform marks the similar labels that its criterion leaves out (MaskLoss)
    augments : True if a transform adds copies of the rows (AEDA); such a step may have ``with_seed(seed)``, the step of
        a run with that seed, and must have ``plain()``, the one that adds the plain texts again
    noise_aware : True if its targets allow for wrong labels, so that dev must allow for them too, where it chooses by a
        loss (`sfumato.dev_choice`)
    hears_trusted : True if it learns more from rows whose label is known to be right, `Examples.trusted`
    helps_rare : True if it favours rare classes on purpose
    notes : sentences that a user should read before training
    """

    name: str
    transforms: tuple[Transform, ...] = ()
    criterion: CriterionFactory | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    has_targets: bool = True
    needs_training: bool = False
    label_only: bool = False
    even: bool = False
    title: str = ""
    needs_votes: bool = False
    needs_texts: bool = False
    teacher: Teacher | None = None
    takes_targets: bool = False
    replaces_targets: bool = False
    multilabel: bool = False
    masks: bool = False
    augments: bool = False
    noise_aware: bool = False
    helps_rare: bool = False
    hears_trusted: bool = False
    notes: tuple[str, ...] = ()

    def prepare(self, train: Examples, *, seed: int = 0) -> Examples:
        """Apply the transforms to the training split and return the new one; ``train`` is unchanged.

        ``seed`` is that of the run, for the steps that draw (``with_seed``); the others do not hear it.

        Raises
        ------
        InputError
            if the method has a teacher that has not spoken (``train.teacher`` is None), or reads words and the inputs
            are images.
        """
        self.check_inputs(train.inputs)
        self.check_labels(train)
        if self.teacher is not None and train.teacher is None:
            raise InputError(
                f"{self.name} needs Examples.teacher, the probabilities of a trained model; fit() adds them"
            )
        for transform in self.transforms:
            seeded: Callable[[int], Transform] | None = getattr(transform, "with_seed", None)
            train = (transform if seeded is None else seeded(seed))(train)
        return train

    def check_inputs(self, inputs: Any) -> None:
        """Raise if the method reads words and the inputs are images."""
        if self.needs_texts and are_images(inputs):
            raise InputError(
                f"{self.name} reads the words of texts, and these are images; use a method that does without words, "
                "as label-smoothing, self-distillation or lcm"
            )

    def ignored(self, examples: Examples) -> list[str]:
        """Return a sentence on what the rows hold and this method does not use, if anything."""
        if self.hears_trusted or examples.trusted is None or not examples.trusted.any():
            return []
        n = int(examples.trusted.sum())
        return [f"{self.name} takes the {n} trusted rows as it takes the others; adaptive and adaptive-fast use them"]

    def check_labels(self, examples: Examples) -> None:
        """Raise if rows have several labels and the method is defined for one."""
        if examples.multilabel and not self.multilabel:
            raise InputError(
                f"{self.name} is defined for one label a row, and these rows have several; use a method for "
                "multi-label data, as baseline, label-smoothing, kwls or maskloss-label"
            )

    def __str__(self) -> str:
        return self.title or self.name


def combine(*methods: Method) -> Method:
    """Join methods: the transforms in order, and at most one criterion of its own.

    Copies of rows are added after all else, whatever the order given: targets are made from the rows themselves, and a
    copy has those of its row. Made the other way round, statistics that leave a row out would meet it in its copies.

    Raises
    ------
    InputError
        if two of them bring a criterion of their own, two want a teacher, two add copies, or one drops the targets of
        one before.
    """
    if not methods:
        raise InputError("combine needs at least one method")
    teachers = _at_most_one([method for method in methods if method.teacher is not None], "both want a teacher")
    own = _at_most_one([method for method in methods if method.criterion is not None], "both bring a loss of their own")
    makers = _at_most_one(
        [method for method in methods if method.replaces_targets],
        "both make the targets from the labels, so nothing of the first would be left",
    )
    adding = _at_most_one([method for method in methods if method.augments], "both add copies of the rows")
    in_order = [*(method for method in methods if not method.augments), *adding]
    joined = Method(
        name="+".join(method.name for method in methods),
        transforms=tuple(step for method in in_order for step in method.transforms),
        criterion=own[0].criterion if own else None,
        options={f"{method.name}.{key}": value for method in methods for key, value in method.options.items()},
        version=sum(method.version for method in methods),
        has_targets=any(method.has_targets for method in methods),
        needs_training=any(method.needs_training for method in methods),
        label_only=all(method.label_only or not method.has_targets for method in methods),
        even=all(method.even or not method.has_targets for method in methods),
        needs_votes=any(method.needs_votes for method in methods),
        needs_texts=any(method.needs_texts for method in methods),
        teacher=teachers[0].teacher if teachers else None,
        takes_targets=any(method.takes_targets for method in own),
        replaces_targets=bool(makers),
        multilabel=all(method.multilabel for method in methods),
        masks=any(method.masks for method in methods),
        augments=bool(adding),
        noise_aware=any(method.noise_aware for method in methods),
        helps_rare=any(method.helps_rare for method in methods),
        hears_trusted=any(method.hears_trusted for method in methods),
        notes=(*(note for method in methods for note in method.notes), *_drowned(methods)),
    )
    return replace(joined, title=" + ".join(str(method) for method in methods))


def _drowned(methods: Sequence[Method]) -> list[str]:
    """Return the warning for methods that work against each other on rare classes with wrong labels."""
    against = [next((m.name for m in methods if getattr(m, flag)), "") for flag in ("noise_aware", "helps_rare")]
    if not all(against):
        return []
    return [
        f"{against[0]} distrusts rows of a rare class that is drowned by wrong labels of the others, and {against[1]} "
        "then favours what little is left: compare with each of them alone"
    ]


def _at_most_one(methods: list[Method], what: str) -> list[Method]:
    """Return the methods that do something, which only one of those that are combined can."""
    if len(methods) > 1:
        raise InputError(f"{methods[0].name} and {methods[1].name} {what}; combine at most one of them")
    return methods
