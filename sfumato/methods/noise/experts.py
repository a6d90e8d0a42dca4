"""What two experts that have not seen a row's label say of it: a linear classifier, and the keywords of the labels.

Shapes: N texts, V words or n-grams, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

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
CELLS = 2**24  # numbers held at once
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
    matrix, N = counts.matrix, len(q)
    F = np.asarray((matrix.T @ q).T)  # (C, V)
    S = q.T @ counts.lengths  # (C,)
    df = np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.float64)
    weight = word_instance_weight(df, N)  # WIW, (V,)
    relevance = np.empty((N, len(F)))
    for rows in blocks(matrix.indptr, len(F)):
        start, stop = matrix.indptr[rows[0]], matrix.indptr[rows[-1] + 1]
        sizes = np.diff(matrix.indptr[rows[0] : rows[-1] + 2])
        w, f = matrix.indices[start:stop], matrix.data[start:stop].astype(np.float64)
        row = np.repeat(np.arange(len(rows)), sizes)
        left = np.maximum(F.T[w] - q[rows][row] * f[:, None], 0)  # (nnz, C)
        size = saturation(S - q[rows] * counts.lengths[rows, None], float(S.mean()), k1=K1, b=B)  # (rows, C)
        says = word_label_correlation(left, size[row], k1=K1)
        label_weight = np.log(len(F)) - entropy(left) + 1  # WLW, (nnz,)
        says *= (weight[w] * label_weight * word_instance_correlation(f.copy(), k2=K2))[:, None]
        total = np.zeros((len(rows), len(F)))
        filled = np.flatnonzero(sizes)
        if len(filled):
            total[filled] = np.add.reduceat(says, (np.cumsum(sizes) - sizes)[filled], axis=0)
        relevance[rows] = total
    return relevance / root_length(counts)


def entropy(counts: Array) -> Array:
    """Return the entropy of the shares of each row of (n, C), (n,); 0 for a row of zeros."""
    total = counts.sum(axis=1)
    held = np.maximum(total, TINY)
    H = np.log(held) - (counts * np.log(np.maximum(counts, TINY))).sum(axis=1) / held
    return np.where(total > TINY, H, 0.0)


def blocks(indptr: Any, C: int) -> Sequence[Any]:
    """Return runs of rows, each with about as many stored numbers x C as may be held at once."""
    most = max(1, CELLS // C)
    part = np.asarray(indptr[1:], dtype=np.int64) // most
    return np.split(np.arange(len(indptr) - 1), np.flatnonzero(np.diff(part)) + 1)
