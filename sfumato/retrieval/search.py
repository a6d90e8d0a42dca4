"""The k best candidates of each question: exact and in blocks, or approximate above a million candidates.

Shapes: Q questions, N candidates, D dimensions (or V words, where the vectors are sparse). Nothing here is ever Q x N.
Of equal scores the candidate of the lower row comes first.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError, MissingExtraError
from sfumato.registry import check_whole

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

BLOCK = 16_384  # candidates at a time
QUERIES = 256  # questions at a time: 16 MB of scores a block
CELLS = 1 << 24  # scores at a time where the vectors are sparse
ANN_ROWS = 1_000_000  # above it an approximate index is worth its making


class Top(NamedTuple):
    """The best candidates of each question, best first.

    Attributes
    ----------
    scores : (Q, k) float32
    rows : (Q, k) int64, rows of the candidates; -1 where fewer than k were found (the score is then 0)
    """

    scores: Floats
    rows: Integers


def top_k(queries: Any, matrix: Any, k: int, *, block: int = BLOCK, ann: Any = None) -> Top:
    """Return the ``min(k, N)`` rows of ``matrix`` with the largest dot products with each query.

    Exact, in float32, unless ``ann`` is given. Sums of products are rounded, so two candidates with equal vectors may
    differ in the last bit where they fall in different blocks.

    Parameters
    ----------
    queries, matrix : (Q, D) and (N, D), finite
    block : candidates at a time
    ann : an `Approximate` of the same matrix; or "auto", which makes one where N is above a million and usearch is
        installed, and says so as a warning

    Raises
    ------
    InputError
        if the vectors are not of one size, or hold NaN or infinity; if there is no candidate
    """
    check_whole("top_k", "k", k, 1)
    check_whole("top_k", "block", block, 1)
    if not (ann is None or isinstance(ann, Approximate) or (isinstance(ann, str) and ann == "auto")):
        raise InputError(f"top_k: ann must be None, 'auto' or an Approximate, got {ann!r:.60}")
    asked, matrix = vectors(queries, "queries"), vectors(matrix, "matrix")
    if asked.shape[1] != matrix.shape[1]:
        raise InputError(
            f"questions have vectors of {asked.shape[1]} numbers and candidates of {matrix.shape[1]}; encode both with "
            "one model"
        )
    if not len(matrix):
        raise InputError("matrix has no row: there is no candidate to search in")
    if largest(asked) * largest(matrix) * asked.shape[1] > float(np.finfo(np.float32).max):
        raise InputError(
            f"numbers up to {largest(asked):.3g} in queries and {largest(matrix):.3g} in matrix have products that "
            "float32 cannot hold; divide the vectors by their lengths"
        )
    k = min(int(k), len(matrix))
    if isinstance(ann, str):
        ann = Approximate(matrix) if len(matrix) > ANN_ROWS and has_usearch() else None
    if ann is not None:
        return _approximate(ann, asked, matrix, k)
    parts = [_exact(asked[start : start + QUERIES], matrix, k, block) for start in range(0, len(asked), QUERIES)]
    return joined(parts, k)


def vectors(given: Any, name: str) -> Floats:
    """Return (N, D) float32.

    Raises
    ------
    InputError
        if they are no rows of finite numbers
    """
    try:
        found = np.ascontiguousarray(given, dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise InputError(f"{name} must be vectors of one size, in rows ({error})") from error
    if found.ndim != 2 or not found.shape[1]:
        raise InputError(f"{name} must be vectors in rows, got the shape {found.shape}")
    if not np.isfinite(largest(found)):
        bad = np.flatnonzero(~np.isfinite(found).all(axis=1))
        raise InputError(f"{name} must hold finite numbers; row {bad[0] + 1} does not")
    return found


def largest(matrix: Floats) -> float:
    """Return the largest size of a number, NaN if one is NaN, 0 of none; nothing as large as the matrix is made."""
    return max(float(matrix.max()), -float(matrix.min())) if matrix.size else 0.0


def joined(parts: list[Top], k: int) -> Top:
    """Put the answers to blocks of questions together; with none, (0, k)."""
    scores = [np.empty((0, k), dtype=np.float32), *(part.scores for part in parts)]
    index = [np.empty((0, k), dtype=np.int64), *(part.rows for part in parts)]
    return Top(np.concatenate(scores), np.concatenate(index))


def best(scores: Floats, k: int) -> Top:
    """Return the k largest of each row of (B, N), k at most N, and their columns."""
    size = scores.shape[1]
    least = np.partition(scores, size - k, axis=1)[:, size - k : size - k + 1]  # (B, 1), the k-th largest
    inside = scores >= least
    for row in np.flatnonzero(inside.sum(axis=1) > k).tolist():  # as many as fit of those that equal the least
        equal = np.flatnonzero(scores[row] == least[row])
        inside[row, equal[k - int((scores[row] > least[row]).sum()) :]] = False
    columns = (np.flatnonzero(inside) % size).reshape(-1, k)
    found = np.take_along_axis(scores, columns, axis=1)
    order = np.argsort(-found, axis=1, kind="stable")  # columns ascend: of equal scores the lower stays first
    return Top(np.take_along_axis(found, order, axis=1), np.take_along_axis(columns, order, axis=1))


def _exact(asked: Floats, matrix: Floats, k: int, block: int) -> Top:
    first = max(block, k)
    top = best(asked @ matrix[:first].T, k)
    for start in range(first, len(matrix), block):
        scores = asked @ matrix[start : start + block].T
        # an equal one of a later row does not come in; flat, since np.nonzero of two axes takes five times as long
        rows, columns = np.divmod(np.flatnonzero(scores > top.scores[:, -1:]), scores.shape[1])
        if len(rows):
            top = _merged(top, rows, start + columns, scores[rows, columns])
    return top


def _merged(top: Top, rows: Integers, index: Integers, scores: Floats) -> Top:
    """Return the k best of each question among those it has and some more, a flat list of them."""
    changed = np.unique(rows)
    k = top.rows.shape[1]
    flat_rows = np.concatenate([np.repeat(changed, k), rows])
    flat_index = np.concatenate([top.rows[changed].ravel(), index])
    flat_scores = np.concatenate([top.scores[changed].ravel(), scores])
    order = np.lexsort((flat_index, -flat_scores, flat_rows))
    starts = np.searchsorted(flat_rows[order], changed)
    chosen = order[starts[:, None] + np.arange(k)]
    new = Top(top.scores.copy(), top.rows.copy())
    new.scores[changed], new.rows[changed] = flat_scores[chosen], flat_index[chosen]
    return new


def sparse_top_k(queries: Any, columns: Any, k: int) -> Top:
    """Return the k best of N candidates for each of ``queries`` (Q, V), both CSR with no negative number.

    ``columns`` (V, N) are the candidates by words, as a search reads them.

    A candidate without a word of the question is none: its place has the row -1 and the score 0.
    """
    check_whole("sparse_top_k", "k", k, 1)
    count = columns.shape[1]
    k, parts = min(int(k), count), []
    step = max(CELLS // max(count, 1), 1)
    for start in range(0, queries.shape[0], step):
        scores = np.asarray((queries[start : start + step] @ columns).toarray(), dtype=np.float32)
        top = best(scores, k)
        parts.append(Top(top.scores, np.where(top.scores > 0, top.rows, -1)))
    return joined(parts, k)


def has_usearch() -> bool:
    """Whether the library of the approximate index is installed."""
    from importlib.util import find_spec

    return find_spec("usearch") is not None


class Approximate:
    """An approximate index (usearch's HNSW graph) over the rows of a matrix (N, D), for `top_k`.

    It is made in memory and never written. Scores are computed again from the matrix, so they are exact; what may be
    wrong is that a better candidate is missed.

    Raises
    ------
    MissingExtraError
        if usearch is not installed
    """

    def __init__(self, matrix: Any) -> None:
        if not has_usearch():
            raise MissingExtraError("an approximate index needs usearch: pip install 'sfumato[ann]'")
        from usearch.index import Index

        self.shape = np.shape(matrix)
        self.index = Index(ndim=self.shape[1], metric="ip", dtype="f32")
        self.index.add(np.arange(self.shape[0], dtype=np.uint64), vectors(matrix, "matrix"))

    def near(self, asked: Floats, k: int) -> Integers:
        """Return rows near each query, (Q, k); -1 where the graph gave fewer."""
        found = self.index.search(asked, k)
        keys = np.asarray(found.keys).reshape(len(asked), -1).astype(np.int64)
        counts = np.atleast_1d(np.asarray(getattr(found, "counts", np.full(len(asked), keys.shape[1]))))
        given = np.full((len(asked), k), -1, dtype=np.int64)  # of a single query usearch returns those found alone
        given[:, : keys.shape[1]] = np.where(np.arange(keys.shape[1]) < counts[:, None], keys, -1)
        return given


def _approximate(ann: Approximate, asked: Floats, matrix: Floats, k: int) -> Top:
    if ann.shape != matrix.shape:
        raise InputError(f"the approximate index is of vectors {ann.shape}, and the matrix has {matrix.shape}")
    warnings.warn(f"the search in {len(matrix):,} candidates is approximate; ann=None is exact", stacklevel=3)
    parts = []
    step = max(1, min(QUERIES, CELLS // (k * matrix.shape[1])))
    for start in range(0, len(asked), step):
        part = asked[start : start + step]
        index = ann.near(part, k)
        scores = np.einsum("qd,qkd->qk", part, matrix[index], dtype=np.float32)
        scores = np.where(index >= 0, scores, -np.inf)
        order = np.lexsort((index, -scores), axis=1)
        scores, index = np.take_along_axis(scores, order, axis=1), np.take_along_axis(index, order, axis=1)
        parts.append(Top(np.where(index >= 0, scores, 0).astype(np.float32), index))
    return joined(parts, k)
