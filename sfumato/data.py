"""What a run learns from: the labels are hard, the targets are soft, and every value is immutable.

Shapes: N rows, C classes. Nothing here needs torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError, nearest

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


class Targets(ABC):
    """What to fit: one distribution over the classes per row, ``(N, C)``, not always held as such."""

    @abstractmethod
    def rows(self, index: Integers) -> Floats:
        """Return the targets of the rows ``index``, ``(B, C)`` float32."""

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def num_classes(self) -> int:
        """Number of classes C."""

    @abstractmethod
    def take(self, index: Integers) -> Targets:
        """Return the targets of some rows, of the same kind."""

    def dense(self) -> Floats:
        """Return all targets, ``(N, C)`` float32."""
        return self.rows(np.arange(len(self)))


@dataclass(frozen=True, eq=False)
class DenseTargets(Targets):
    """Targets held as an array ``(N, C)``."""

    array: Floats

    def rows(self, index: Integers) -> Floats:
        return self.array[index]

    def __len__(self) -> int:
        return len(self.array)

    @property
    def num_classes(self) -> int:
        return int(self.array.shape[1])

    def take(self, index: Integers) -> DenseTargets:
        return DenseTargets(self.array[index])


@dataclass(frozen=True, eq=False)
class TableTargets(Targets):
    """Targets that depend on the label alone: one row a class, ``(C, C)``; never builds N × C by itself."""

    table: Floats
    labels: Integers

    def rows(self, index: Integers) -> Floats:
        return self.table[self.labels[index]]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_classes(self) -> int:
        return int(self.table.shape[1])

    def take(self, index: Integers) -> TableTargets:
        return TableTargets(self.table, self.labels[index])


@dataclass(frozen=True, eq=False)
class SparseTargets(Targets):
    """Targets held as a sparse matrix ``(N, C)`` plus one constant a row, spread over all classes."""

    matrix: Any  # scipy.sparse.csr_matrix (N, C)
    constant: Floats  # (N,)

    def rows(self, index: Integers) -> Floats:
        dense = self.matrix[index].toarray() + self.constant[index, None]
        return np.asarray(dense, dtype=np.float32)

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    @property
    def num_classes(self) -> int:
        return int(self.matrix.shape[1])

    def take(self, index: Integers) -> SparseTargets:
        return SparseTargets(self.matrix[index], self.constant[index])


def one_hot(labels: Integers, num_classes: int) -> TableTargets:
    """Return the hard labels as targets, without building ``(N, C)``."""
    return TableTargets(np.eye(num_classes, dtype=np.float32), np.asarray(labels, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Examples:
    """One split of a data set.

    Attributes
    ----------
    inputs : texts, or lists of tokens, N of them
    labels : (N,) int64, an index into ``classes``
    targets : what to fit, N × C
    classes : the class names, in the order of the columns
    similar : (N, C) bool or None, labels that a criterion may mask (MaskLoss)
    weights : (N,) float32 with mean 1, or None
    ids : (N,) int64, the row of the user's table that each example comes from (0 = first data row)

    Raises
    ------
    InputError
        if a part has not N entries, the targets or ``similar`` have not C columns, two classes have the same name,
        or a label is no index into ``classes`` (-1 is one that training never saw, in a test split).
    """

    inputs: Sequence[Any]
    labels: Integers
    targets: Targets
    classes: tuple[str, ...]
    similar: NDArray[np.bool_] | None = None
    weights: Floats | None = None
    ids: Integers = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def __post_init__(self) -> None:
        if not len(self.ids):
            object.__setattr__(self, "ids", np.arange(len(self.inputs), dtype=np.int64))
        for name in ("labels", "targets", "ids", "weights", "similar"):
            value = getattr(self, name)
            if value is not None and len(value) != len(self.inputs):
                raise InputError(f"{name} must have one entry per input ({len(self.inputs)}), got {len(value)}")
        self._check_classes()

    def _check_classes(self) -> None:
        C = len(self.classes)
        if len(set(self.classes)) < C:
            twice = next(name for k, name in enumerate(self.classes) if name in self.classes[:k])
            raise InputError(f"classes must differ from each other, but {twice!r} is there twice")
        if self.targets.num_classes != C:
            raise InputError(f"targets must have one column a class ({C}), got {self.targets.num_classes}")
        if self.similar is not None and self.similar.shape[1:] != (C,):
            raise InputError(f"similar must have shape ({len(self)}, {C}), got {self.similar.shape}")
        outside = np.flatnonzero((self.labels < -1) | (self.labels >= C))
        if len(outside):
            row, label = int(outside[0]), int(self.labels[outside[0]])
            raise InputError(f"labels must be 0 to {C - 1}, an index into classes, or -1; row {row + 1} has {label}")

    @classmethod
    def from_labels(
        cls,
        inputs: Sequence[Any],
        labels: Sequence[object],
        *,
        classes: Sequence[str] | None = None,
        weights: Sequence[float] | None = None,
        ids: Integers | None = None,
    ) -> Examples:
        """Build examples with one-hot targets; labels become strings (7 -> "7"), classes are sorted.

        A label that is not among the given ``classes`` is an `InputError`.
        """
        names = [str(label) for label in labels]
        classes = tuple(str(name) for name in classes) if classes is not None else tuple(sorted(set(names)))
        position = {name: k for k, name in enumerate(classes)}
        if not position.keys() >= set(names):
            row = next(i for i, name in enumerate(names) if name not in position)
            near = nearest(names[row], classes)
            raise InputError(
                f"label {names[row]!r} of row {row + 1} is no class{near}; there are: {', '.join(classes)}"
            )
        indices = np.fromiter((position[name] for name in names), dtype=np.int64, count=len(names))
        return cls(
            inputs,
            indices,
            one_hot(indices, len(classes)),
            classes,
            weights=None if weights is None else mean_one(weights),
            ids=np.arange(len(names), dtype=np.int64) if ids is None else ids,
        )

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def num_classes(self) -> int:
        """Number of classes C."""
        return len(self.classes)

    def take(self, index: Sequence[int] | Integers) -> Examples:
        """Return the rows ``index``, in that order."""
        rows = np.asarray(index, dtype=np.int64)
        return replace(
            self,
            inputs=[self.inputs[int(i)] for i in rows],
            labels=self.labels[rows],
            targets=self.targets.take(rows),
            similar=None if self.similar is None else self.similar[rows],
            weights=None if self.weights is None else self.weights[rows],
            ids=self.ids[rows],
        )


def concatenate(first: Examples, second: Examples) -> Examples:
    """Return the rows of ``first``, then those of ``second``; a split without weights counts each row as 1.

    It is an `InputError` if the classes differ, or one split has ``similar`` and the other has not.
    """
    if first.classes != second.classes:
        raise InputError(f"the two splits have different classes: {list(first.classes)} and {list(second.classes)}")
    one, other = first.targets, second.targets
    targets: Targets
    if isinstance(one, TableTargets) and isinstance(other, TableTargets) and np.array_equal(one.table, other.table):
        targets = TableTargets(one.table, np.concatenate([one.labels, other.labels]))
    else:
        targets = DenseTargets(np.concatenate([one.dense(), other.dense()]))
    weights = None
    if first.weights is not None or second.weights is not None:
        parts = (np.ones(len(s), np.float32) if s.weights is None else s.weights for s in (first, second))
        weights = mean_one(np.concatenate(list(parts)))
    if (first.similar is None) != (second.similar is None):
        place = "second" if second.similar is None else "first"
        raise InputError(f"only one of the two splits has similar labels; mark them in the {place} one too")
    marks = [split.similar for split in (first, second) if split.similar is not None]
    return Examples(
        [*first.inputs, *second.inputs],
        np.concatenate([first.labels, second.labels]),
        targets,
        first.classes,
        np.concatenate(marks) if marks else None,
        weights,
        np.concatenate([first.ids, second.ids]),
    )


def mean_one(weights: Sequence[float] | NDArray[Any]) -> Floats:
    """Scale example weights to mean 1, so that a weighted mean loss keeps its size in every batch split."""
    array = np.asarray(weights, dtype=np.float64)
    if not np.isfinite(array).all() or (array < 0).any() or not array.sum() > 0:
        wrong = np.flatnonzero(~np.isfinite(array) | (array < 0))
        bad = int(wrong[0]) if len(wrong) else 0
        shown = float(array[bad]) if len(array) else "no weight"
        raise InputError(f"weights must be finite, not negative and not all zero; row {bad + 1} has {shown}")
    scaled: Floats = (array / array.mean()).astype(np.float32)
    return scaled


def check_soft_targets(
    targets: Any, rows: int, classes: int, *, place: Callable[[int], str] = "soft targets: row {}".format
) -> Floats:
    """Return ``targets`` as float32 ``(rows, classes)`` after checking that every row is a distribution.

    Raises
    ------
    InputError
        names the first row that has the wrong shape, a NaN, a negative entry or a sum other than 1.
    """
    array = np.asarray(targets, dtype=np.float64)
    if array.shape != (rows, classes):
        raise InputError(f"soft targets must have shape ({rows}, {classes}), one row a text, got {array.shape}")
    for test, what in (
        (~np.isfinite(array).all(axis=1), "holds NaN or infinity"),
        ((array < 0).any(axis=1), "holds a negative share"),
        (np.abs(array.sum(axis=1) - 1) > 1e-3, "does not sum to 1"),
    ):
        if test.any():
            row = int(np.flatnonzero(test)[0])
            shown = np.array2string(array[row], precision=4, threshold=8)
            raise InputError(f"{place(row + 1)} {what}: {shown}")
    return array.astype(np.float32)


Transform = Callable[[Examples], Examples]
"""A step of a method before training: returns a new value, never edits the one it is given."""


class Predictor(Protocol):
    """N inputs to probabilities ``(N, C)``: a teacher, or what an audit reads."""

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.floating[Any]]:
        """Return the class probabilities of ``texts``, ``(N, C)``."""
        ...
