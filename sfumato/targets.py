"""What a network is asked to fit: one distribution over the classes a row, in three ways of holding them.

Shapes: N rows, C classes. Nothing here needs torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError

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


def check_label_probabilities(
    targets: Any, rows: int, classes: int, *, place: Callable[[int], str] = "soft targets: row {}".format
) -> Floats:
    """Return multi-label ``targets`` as float32 ``(rows, classes)`` after checking that each is a probability.

    Raises
    ------
    InputError
        names the first row that has the wrong shape, a NaN, or an entry outside 0 to 1.
    """
    array = np.asarray(targets, dtype=np.float64)
    if array.shape != (rows, classes):
        raise InputError(f"soft targets must have shape ({rows}, {classes}), one row a text, got {array.shape}")
    wrong = np.flatnonzero(~((array >= 0) & (array <= 1)).all(axis=1))
    if len(wrong):
        shown = np.array2string(array[wrong[0]], precision=4, threshold=8)
        raise InputError(f"{place(int(wrong[0]) + 1)} holds what is no probability, 0 to 1 for each label: {shown}")
    return array.astype(np.float32)
