"""``X X' R`` for sparse rows X, again and again: by two sparse products, or by the matrix ``X X'`` where it is cheaper.

A product of sparse rows with many columns goes to memory for each n-gram of each row, a dense one stays in the
processor's cache and its vector units: on 2,400 rows it takes 1 / 2 of the time for questions (79 n-grams a row) and
1 / 9 for long posts (395), once the matrix is made.

Shapes: N rows, V features, M columns.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from sfumato.targets import Floats

LARGEST = 4096  # rows of which the matrix is made: 64 MB
WORTH = 40  # features a row, times this, that rows may be for a dense product to be the cheaper one


class RowSquares:
    """The rows of a CSR matrix (N, V) float32, asked for ``X X' R``."""

    def __init__(self, matrix: Any) -> None:
        self.matrix, self.transposed = matrix, matrix.T.tocsr()
        N = matrix.shape[0]
        self.dense = N <= LARGEST and WORTH * matrix.nnz > N * N

    @property
    def nbytes(self) -> int:
        """Bytes of the rows, twice, and of ``X X'`` where it is used, made or not."""
        stored = int(self.matrix.data.nbytes + self.matrix.indices.nbytes)
        return 2 * stored + (4 * self.matrix.shape[0] ** 2 if self.dense else 0)

    @cached_property
    def gram(self) -> Floats:
        """``X X'``, (N, N)."""
        found: Floats = np.asarray((self.matrix @ self.transposed).toarray(), dtype=np.float32)
        return found

    @cached_property
    def largest_eigenvalue(self) -> float:
        """The largest eigenvalue of ``X' X`` by power iteration, 5 % more than found; 1 if X is empty."""
        return largest_eigenvalue(self.matrix, self.transposed)

    def times(self, R: Floats) -> Floats:
        """Return ``X X' R``, (N, M), of R (N, M)."""
        product: Floats = self.gram @ R if self.dense else self.matrix @ (self.transposed @ R)
        return product


def largest_eigenvalue(matrix: Any, transposed: Any, *, rounds: int = 12) -> float:
    """Return the largest eigenvalue of ``X' X`` by power iteration; 1 if X is empty."""
    vector = np.ones(matrix.shape[1], dtype=np.float32)  # no entry of X is negative, so it is not orthogonal
    size = 1.0
    for _ in range(rounds):
        vector /= max(float(np.linalg.norm(vector)), 1e-30)
        vector = transposed @ (matrix @ vector)
        size = float(np.linalg.norm(vector))
    return 1.05 * size or 1.0  # power iteration comes from below
