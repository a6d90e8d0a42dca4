"""What two experts that have not seen a row's label say of it: a linear classifier, and the keywords of the labels.

Shapes: N texts, V words or n-grams, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from sfumato.held_out_linear import held_out_logits, held_out_path
from sfumato.keywords import Counts, LabelCounts
from sfumato.methods.kwls import (
    held_out_evidence,
    saturation,
    word_instance_correlation,
    word_instance_weight,
    word_label_correlation,
)
from sfumato.methods.noise.model import Array, fit_uniform, standardised
from sfumato.targets import Integers

K1, B, K2 = 2.0, 0.75, 2.0
STEPS = (8, 15, 30)  # of the linear classifier: few steps are much regularisation
CELLS = 2**16  # numbers held at once: half a megabyte, which stays near the processor
TINY = 1e-9  # of a count: what rounding leaves where the row's own is taken off


def best_steps(matrix: Any, labels: Integers, C: int, fold: Integers) -> tuple[int, Array]:
    """Return the length of the linear fit whose held-out logits make the given labels likeliest, and these logits."""
    path = held_out_path(matrix, labels, C, fold, steps=STEPS).astype(np.float64)
    said = [standardised([logits]) for logits in path]
    likelihood = [float(fit_uniform(z, labels).log_likelihood(z, labels).sum()) for z in said]
    best = int(np.argmax(likelihood))
    return STEPS[best], path[best].copy()  # without the others


def soft_linear(matrix: Any, q: Array, fold: Integers, steps: int) -> Array:
    """Return the held-out logits of a linear classifier that fits the shares q (N, C) of the other folds."""
    logits = held_out_logits(matrix, q.astype(np.float32), q.shape[1], fold, steps=steps, soft=True)
    return logits.astype(np.float64)


def keyword_scores(counts: Counts, labels: Integers, C: int) -> Array:
    """Return the relevance of each label with the row's own words left out, (N, C); KWLS, Eq. 7."""
    stats = LabelCounts.of(counts, labels, C)
    evidence = held_out_evidence(counts, labels, stats, k1=K1, b=B, k2=K2)
    return evidence.relevance(labels, root_length(counts))


def root_length(counts: Counts) -> Array:
    """Return the square root of the words of each text, (N, 1), which divides the relevance."""
    return np.sqrt(np.maximum(counts.lengths, 1))[:, None]


def soft_keyword_scores(counts: Counts, q: Array) -> Array:
    """Return the relevance of each label where row i has the share q_ij of label j, its own words left out, (N, C).

    F = q' X without the row's own q_i x_i. The number of labels that hold a word, of Eq. 2, is exp of the entropy of
    the word's shares in this F: as many labels as hold it evenly would have.
    """
    matrix, N, C = counts.matrix, *q.shape
    F = matrix.T @ q  # (V, C)
    S = q.T @ counts.lengths  # (C,)
    size = saturation(S - q * counts.lengths[:, None], float(S.mean()), k1=K1, b=B)  # (N, C)
    df = np.bincount(matrix.indices, minlength=len(F)).astype(np.float64)
    weight = word_instance_weight(df, N)  # WIW, (V,)
    relevance = np.empty((N, C))
    for first, last in blocks(matrix.indptr, C):
        ends = matrix.indptr[first : last + 1]
        held = slice(ends[0], ends[-1])
        w, f = matrix.indices[held], matrix.data[held].astype(np.float64)
        row = np.repeat(np.arange(first, last), np.diff(ends))
        left = picked(F, w)  # (nnz, C)
        left -= picked(q, row) * f[:, None]
        np.maximum(left, 0, out=left)
        label_weight = np.log(C) - entropy(left) + 1  # WLW, (nnz,)
        says = word_label_correlation(left, picked(size, row), k1=K1)
        parts = weight[w] * label_weight * word_instance_correlation(f, k2=K2)
        each = np.arange(len(w))
        relevance[first:last] = sparse.csr_matrix((parts, each, ends - ends[0]), (last - first, len(w))) @ says
    return relevance / root_length(counts)


def picked(table: Array, rows: Integers) -> Array:
    """Return these rows of a table; with rows that are all there, clipping spares the look at each."""
    return np.take(table, rows, axis=0, mode="clip")


def entropy(counts: Array) -> Array:
    """Return the entropy of the shares of each row of (n, C), (n,); 0 for a row of zeros."""
    ones = np.ones(counts.shape[1])  # a product with it sums short rows faster than a sum
    total = counts @ ones
    held = np.maximum(total, TINY)
    parts = np.maximum(counts, TINY)
    np.log(parts, out=parts)
    parts *= counts
    return np.where(total > TINY, np.log(held) - parts @ ones / held, 0.0)


def blocks(indptr: Any, C: int) -> Iterator[tuple[int, int]]:
    """Yield first and next-to-last of runs of rows, each with about as many stored numbers x C as are held at once."""
    most = max(1, CELLS // C)
    part = np.asarray(indptr[1:], dtype=np.int64) // most
    starts = np.flatnonzero(np.diff(part, prepend=-1))
    yield from zip(starts.tolist(), [*starts[1:].tolist(), len(part)], strict=True)
