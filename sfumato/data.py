"""What a run learns from: the labels are hard, the targets are soft, and every value is immutable.

Shapes: N rows, C classes. Nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError, nearest
from sfumato.images import Pixels, are_images, as_images, join_inputs, take_inputs
from sfumato.label_name import label_name, name_labels
from sfumato.targets import DenseTargets, Floats, Integers, TableTargets, Targets, one_hot

BY_CLASS = ("similar", "votes", "teacher")  # what a split may hold beside its targets, (N, C) each


@dataclass(frozen=True, eq=False)
class Examples:
    """One split of a data set.

    Attributes
    ----------
    inputs : N texts, lists of tokens, or images, (N, H, W) or (N, H, W, 3) uint8 (a list of such becomes one array)
    labels : (N,) int64, an index into ``classes``; multi-label data have (N, C) of 0 and 1, and a row may have no label
    targets : what to fit, N × C; of multi-label data, each entry is a probability of its own
    classes : the class names, in the order of the columns
    similar : (N, C) bool or None, labels that a criterion may mask (MaskLoss)
    votes : (N, C) float32 or None, how many annotators chose each class
    teacher : (N, C) float32 or None, another model's probabilities, for methods that ask for a `Teacher`
    weights : (N,) float32 with mean 1, or None
    ids : (N,) int64, the row of the user's table that each example comes from (0 = first data row)
    unseen : (N,) int64 or None, of multi-label rows: how many of a row's given labels are no class, in a dev or test
        split; each is one that was not found
    trusted : (N,) bool or None, rows whose label is known to be right
    copy : (N,) int64 or None, of rows with augmented copies: 0 for a row itself, else the number of the copy, from 1;
        a copy has the id of its row
    remarks : what a transform has to tell the user of these rows, sentences
    label_noise : (C, C) float64 or None, what a transform has found of wrong labels: the share of the rows of each
        class (down) that were given each label (across); a temperature that is fitted to such labels allows for it

    Raises
    ------
    InputError
        if a part has not N entries, the targets, ``similar``, ``votes`` or ``teacher`` have not C columns, two
        classes have the same name, or a label is no index into ``classes`` (-1 is one that training never saw, in a
        test split).
    """

    inputs: Sequence[Any]
    labels: Integers
    targets: Targets
    classes: tuple[str, ...]
    similar: NDArray[np.bool_] | None = None
    weights: Floats | None = None
    ids: Integers = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    votes: Floats | None = None
    teacher: Floats | None = None
    unseen: Integers | None = None
    copy: Integers | None = None
    remarks: tuple[str, ...] = ()
    trusted: NDArray[np.bool_] | None = None
    label_noise: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if are_images(self.inputs):
            object.__setattr__(self, "inputs", as_images(self.inputs))
        if not len(self.ids):
            object.__setattr__(self, "ids", np.arange(len(self.inputs), dtype=np.int64))
        for name in ("labels", "targets", "ids", "weights", "unseen", "copy", "trusted", *BY_CLASS):
            value = getattr(self, name)
            if value is not None and len(value) != len(self.inputs):
                raise InputError(f"{name} must have one entry per input ({len(self.inputs)}), got {len(value)}")
        if self.trusted is not None and np.asarray(self.trusted).dtype != bool:
            raise InputError(f"trusted must be True or False for each input, got {self.trusted!r:.60}")
        self._check_classes()

    def _check_classes(self) -> None:
        C = len(self.classes)
        if len(set(self.classes)) < C:
            twice = next(name for k, name in enumerate(self.classes) if name in self.classes[:k])
            raise InputError(f"classes must differ from each other, but {twice!r} is there twice")
        if self.targets.num_classes != C:
            raise InputError(f"targets must have one column a class ({C}), got {self.targets.num_classes}")
        if self.label_noise is not None and np.shape(self.label_noise) != (C, C):
            raise InputError(f"label_noise must have shape ({C}, {C}), got {np.shape(self.label_noise)}")
        for name in BY_CLASS:
            value = getattr(self, name)
            if value is not None and value.shape[1:] != (C,):
                raise InputError(f"{name} must have shape ({len(self)}, {C}), got {value.shape}")
        if self.multilabel:
            if self.labels.shape[1] != C or ((self.labels != 0) & (self.labels != 1)).any():
                raise InputError(f"labels of several a row must be 0 or 1, ({len(self)}, {C}); got {self.labels.shape}")
            return
        outside = np.flatnonzero((self.labels < -1) | (self.labels >= C))
        if len(outside):
            row, label = int(outside[0]), int(self.labels[outside[0]])
            raise InputError(f"labels must be 0 to {C - 1}, an index into classes, or -1; row {row + 1} has {label}")

    @classmethod
    def from_labels(
        cls,
        inputs: Sequence[Any] | Pixels,
        labels: Sequence[object],
        *,
        classes: Sequence[str] | None = None,
        weights: Sequence[float] | None = None,
        ids: Integers | None = None,
    ) -> Examples:
        """Build examples with one-hot targets; labels become strings (7 -> "7"), classes are sorted.

        A label that is not among the given ``classes`` is an `InputError`, and so are labels that would become one
        class by that alone, as 7 and "7" (`sfumato.label_name`).
        """
        names = name_labels(labels)
        classes = tuple(label_name(name) for name in classes) if classes is not None else tuple(sorted(set(names)))
        position = {name: k for k, name in enumerate(classes)}
        if not position.keys() >= set(names):
            row = next(i for i, name in enumerate(names) if name not in position)
            near = nearest(names[row], classes)
            raise InputError(
                f"label {names[row]!r} of row {row + 1} is no class{near}; there are: {', '.join(classes)}"
            )
        indices = np.fromiter((position[name] for name in names), dtype=np.int64, count=len(names))
        return cls(
            cast(Sequence[Any], inputs),
            indices,
            one_hot(indices, len(classes)),
            classes,
            weights=None if weights is None else mean_one(weights),
            ids=np.arange(len(names), dtype=np.int64) if ids is None else ids,
        )

    @classmethod
    def from_label_sets(
        cls,
        inputs: Sequence[Any],
        label_sets: Sequence[Sequence[object]],
        *,
        classes: Sequence[str] | None = None,
        weights: Sequence[float] | None = None,
        ids: Integers | None = None,
    ) -> Examples:
        """Build multi-label examples from the labels of each row, none or several; targets are 0 and 1.

        Labels become strings and classes are sorted, as in `from_labels`. A label that is twice in a row counts once.
        """
        flat = name_labels([label for labels in label_sets for label in labels])
        names = tuple(label_name(name) for name in classes) if classes is not None else tuple(sorted(set(flat)))
        position = {name: k for k, name in enumerate(names)}
        row_of = np.repeat(np.arange(len(label_sets)), [len(labels) for labels in label_sets])
        unknown = next((i for i, name in enumerate(flat) if name not in position), None)
        if unknown is not None:
            raise InputError(
                f"label {flat[unknown]!r} of row {row_of[unknown] + 1} is no class{nearest(flat[unknown], names)}; "
                f"there are: {', '.join(names)}"
            )
        labels = np.zeros((len(label_sets), len(names)), dtype=np.int64)
        labels[row_of, np.array([position[name] for name in flat], dtype=np.int64)] = 1
        return cls(
            inputs,
            labels,
            DenseTargets(labels.astype(np.float32)),
            names,
            weights=None if weights is None else mean_one(weights),
            ids=np.arange(len(labels), dtype=np.int64) if ids is None else ids,
        )

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def multilabel(self) -> bool:
        """Whether a row may have several labels, or none."""
        return self.labels.ndim == 2

    @property
    def gold(self) -> NDArray[np.bool_]:
        """The given labels as (N, C); a label that training never saw (-1) is nowhere."""
        if self.multilabel:
            return np.asarray(self.labels == 1)
        return np.asarray(self.labels[:, None] == np.arange(self.num_classes))

    @property
    def num_classes(self) -> int:
        """Number of classes C."""
        return len(self.classes)

    def take(self, index: Sequence[int] | Integers) -> Examples:
        """Return the rows ``index``, in that order."""
        rows = np.asarray(index, dtype=np.int64)
        return replace(
            self,
            inputs=take_inputs(self.inputs, rows),
            labels=self.labels[rows],
            targets=self.targets.take(rows),
            weights=None if self.weights is None else self.weights[rows],
            ids=self.ids[rows],
            unseen=None if self.unseen is None else self.unseen[rows],
            copy=None if self.copy is None else self.copy[rows],
            trusted=None if self.trusted is None else self.trusted[rows],
            **{name: part[rows] for name in BY_CLASS if (part := getattr(self, name)) is not None},
        )


def concatenate(first: Examples, second: Examples) -> Examples:
    """Return the rows of ``first``, then those of ``second``; a split without weights counts each row as 1.

    A split without ``unseen`` has no label that is no class, one without ``trusted`` no trusted row.

    It is an `InputError` if the classes differ, or only one has ``similar``, ``votes`` or ``teacher``.
    """
    if first.classes != second.classes:
        raise InputError(f"the two splits have different classes: {list(first.classes)} and {list(second.classes)}")
    if first.multilabel != second.multilabel:
        place = "first" if first.multilabel else "second"
        raise InputError(f"only the {place} of the two splits is multi-label; make both of one kind")
    one, other = first.targets, second.targets
    targets: Targets
    if isinstance(one, TableTargets) and isinstance(other, TableTargets) and np.array_equal(one.table, other.table):
        targets = TableTargets(one.table, np.concatenate([one.labels, other.labels]))
    else:
        targets = DenseTargets(np.concatenate([one.dense(), other.dense()]))
    unseen = None
    if first.unseen is not None or second.unseen is not None:
        counted = (np.zeros(len(s), np.int64) if s.unseen is None else s.unseen for s in (first, second))
        unseen = np.concatenate(list(counted))
    weights = None
    if first.weights is not None or second.weights is not None:
        given = (np.ones(len(s), np.float32) if s.weights is None else s.weights for s in (first, second))
        weights = mean_one(np.concatenate(list(given)))
    return Examples(
        join_inputs(first.inputs, second.inputs),
        np.concatenate([first.labels, second.labels]),
        targets,
        first.classes,
        weights=weights,
        ids=np.concatenate([first.ids, second.ids]),
        unseen=unseen,
        copy=_copy_numbers(first, second),
        trusted=_trusted_rows(first, second),
        remarks=tuple(dict.fromkeys((*first.remarks, *second.remarks))),
        label_noise=second.label_noise if first.label_noise is None else first.label_noise,
        **{name: np.concatenate(parts) for name in BY_CLASS if (parts := both(first, second, name))},
    )


def _copy_numbers(first: Examples, second: Examples) -> Integers | None:
    """Return the number of each row's copy; in a split without such numbers, each row is itself."""
    if first.copy is None and second.copy is None:
        return None
    return np.concatenate([np.zeros(len(s), np.int64) if s.copy is None else s.copy for s in (first, second)])


def _trusted_rows(first: Examples, second: Examples) -> NDArray[np.bool_] | None:
    """Return which rows are trusted; in a split that does not say, none is."""
    if first.trusted is None and second.trusted is None:
        return None
    return np.concatenate([np.zeros(len(s), bool) if s.trusted is None else s.trusted for s in (first, second)])


def both(first: Examples, second: Examples, name: str) -> list[NDArray[Any]]:
    """Return what both splits hold under ``name``, nothing if neither holds it."""
    parts = [getattr(split, name) for split in (first, second)]
    if (parts[0] is None) != (parts[1] is None):
        place, what = ("second" if parts[1] is None else "first"), f"{name} labels" if name == "similar" else name
        raise InputError(f"only one of the two splits has {what}; mark them in the {place} one too")
    return [] if parts[0] is None else parts


def mean_one(weights: Sequence[float] | NDArray[Any]) -> Floats:
    """Scale example weights to mean 1, so that a weighted mean loss keeps its size in every batch split."""
    array = np.asarray(weights, dtype=np.float64)
    if not np.isfinite(array).all() or (array < 0).any() or not array.sum() > 0:
        wrong = np.flatnonzero(~np.isfinite(array) | (array < 0))
        said = f"row {wrong[0] + 1} has {float(array[wrong[0]])}" if len(wrong) else f"all {len(array)} are 0"
        raise InputError(f"weights must be finite, not negative and not all zero; {said}")
    scaled: Floats = (array / array.mean()).astype(np.float32)
    return scaled


Transform = Callable[[Examples], Examples]
"""A step of a method before training: returns a new value, never edits the one it is given."""


class Predictor(Protocol):
    """N inputs to probabilities ``(N, C)``: a teacher, or what an audit reads."""

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.floating[Any]]:
        """Return the class probabilities of ``texts``, ``(N, C)``."""
        ...
