"""Sparse rows times themselves, ``K = X X'``: all that gradient descent from zero weights needs to know of them.

Every step from zero adds to the weights a combination of the rows, so that they are ``X' A`` at any time, and what a
step needs are the rows' logits ``X X' A``. Two sparse products give them; where the rows are few and long, K is made
once and one dense product gives them. N rows, V features, C classes.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

MOST_ROWS = 4000  # K holds 4 bytes for each pair of rows
FREQUENT = 1 / 32  # share of the rows from which on a column counts as dense in the making of K
NUMBER, CLASS = 2.0, 0.13  # ns of a sparse product for each stored number, and for each of it and class
PAIR, PAIR_CLASS = 0.65, 0.03  # ns of a dense product for each number of K, at few classes and for each class
MAKE_SPARSE, MAKE_DENSE = 15.0, 0.033  # ns of the making of K for each pair of stored numbers, and for N * N * columns


class SparseRows:
    """A scipy CSR matrix (N, V) float32, ready for products with dense tensors.

    torch's sum of table rows is two to three times as fast as its product with a sparse matrix (benchmarks/linear.md).
    """

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix
        parts = (matrix.indices, matrix.indptr.astype(matrix.indices.dtype, copy=False), matrix.data)
        self.columns, self.starts, self.values = (torch.from_numpy(part) for part in parts)

    def __matmul__(self, dense: Tensor) -> Tensor:
        """Return the product with ``dense``, (N, C) from (V, C)."""
        return F.embedding_bag(
            self.columns, dense, self.starts, mode="sum", per_sample_weights=self.values, include_last_offset=True
        )


class RowProducts:
    """The products that a descent on N rows needs, from a scipy CSR ``matrix`` (N, V) float32.

    ``weights`` (N,) are those of the rows. ``classes`` and ``steps`` say how wide the products will be and how many,
    which decides whether K is worth making; without them it is not made.
    """

    def __init__(self, matrix: Any, weights: Tensor | None = None, *, classes: int = 1, steps: int = 0) -> None:
        self.weights = weights
        self.rows, self.columns = SparseRows(matrix), SparseRows(matrix.T.tocsr())  # (N, V), (V, N)
        self.gram = gram(self.columns.matrix) if gram_pays(self.columns.matrix, classes, steps) else None
        self.own: Tensor | None = None  # (N, 1)
        self.shared_rows, self.shared_columns = self.rows, self.columns
        lone = np.diff(self.columns.starts.numpy()) == 1
        if self.gram is None and lone.any():
            self._leave_out(lone)

    def _leave_out(self, lone: NDArray[np.bool_]) -> None:
        """Take the columns of a single row out: such a one adds only to that row's product with itself."""
        columns = self.columns.matrix
        single, shared = columns[np.flatnonzero(lone)], columns[np.flatnonzero(~lone)]
        own = np.bincount(single.indices, weights=single.data.astype(np.float64) ** 2, minlength=len(self))
        self.own = torch.from_numpy(own.astype(np.float32))[:, None]
        self.shared_rows, self.shared_columns = SparseRows(shared.T.tocsr()), SparseRows(shared)

    def __len__(self) -> int:
        return int(self.rows.matrix.shape[0])

    def to_weights(self, combination: Tensor) -> Tensor:
        """Return ``X' A``, (V, C) from (N, C)."""
        return self.columns @ combination

    def through(self, combination: Tensor) -> Tensor:
        """Return ``X X' A``, (N, C) from (N, C)."""
        if self.gram is not None:
            return self.gram @ combination
        product = self.shared_rows @ (self.shared_columns @ combination)
        return product if self.own is None else product.addcmul_(self.own, combination)

    @cached_property
    def largest(self) -> float:
        """The largest eigenvalue of ``X' diag(weights) X / N``, by power iteration."""
        rows, columns = self.rows.matrix, self.columns.matrix
        weights = np.float32(1) if self.weights is None else self.weights.numpy()
        vector = np.full(rows.shape[1], rows.shape[1] ** -0.5, dtype=np.float32)
        size = 0.0  # rows are not negative, so the start is not orthogonal to what is looked for
        for _ in range(20):
            vector = columns @ (rows @ vector * weights)
            size = float(np.linalg.norm(vector))
            if not size:
                return 1.0  # no row holds a known n-gram; any step will do
            vector /= np.float32(size)
        return size / len(self)


def gram_pays(columns: Any, classes: int, steps: int) -> bool:
    """Whether so many steps with K, and its making, take less time than with sparse products; columns (V, N)."""
    N = columns.shape[1]
    if N > MOST_ROWS:
        return False
    held = np.diff(columns.indptr).astype(np.float64)  # rows of each column
    frequent = held > FREQUENT * N
    making = MAKE_SPARSE * np.square(held[~frequent]).sum() + MAKE_DENSE * N**2 * frequent.sum()
    sparse = 2 * columns.nnz * (NUMBER + CLASS * classes)
    return bool(making < steps * (sparse - N**2 * max(PAIR, PAIR_CLASS * classes)))


def gram(columns: Any) -> Tensor:
    """Return ``K = X X'``, (N, N) from CSR columns (V, N): frequent columns by a dense product, the others sparse."""
    frequent = np.diff(columns.indptr) > FREQUENT * columns.shape[1]
    rare, dense = columns[np.flatnonzero(~frequent)], torch.from_numpy(columns[np.flatnonzero(frequent)].toarray())
    return torch.from_numpy((rare.T.tocsr() @ rare).toarray()).addmm_(dense.T, dense)
