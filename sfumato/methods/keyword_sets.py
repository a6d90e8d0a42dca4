"""Soft labels from words where a row may have several labels: each class is a question of its own.

Eqs. 1-7 of KWLS stand as they are: the texts of label m are all that have m, so a text may count for several labels.
Taken out of its own statistics (leave one out), it leaves each of its labels: their counts F, their sizes S, and the
number of labels that hold a word. Eq. 8 is another: relevance is not negative, and several labels may be right, so

    d_ik = sigmoid((r_ik - mean_j r_ij) / T + c_k)

with the offsets c (C,) and, if it is "auto", the temperature T of the least mean log-loss of the given labels. The
row's mean is taken off because a text with many known words is relevant to every label. The offsets carry the shares of
the labels; without words (T infinite) d is these shares. The targets are ``(1 - weight) y + weight d``.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse
from scipy.special import expit, logit

from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.keywords import Counts, LabelCounts
from sfumato.methods.label_smoothing import smoothed_sets
from sfumato.methods.word_evidence import WordWeights, in_sample
from sfumato.targets import DenseTargets

if TYPE_CHECKING:
    from sfumato.methods.keyword_labels import KeywordLabels

Array = NDArray[np.float64]
LARGEST = 30.0  # largest offset: a label that all rows or no rows have
SHARPEST = 1e3  # largest 1 / T: words that separate all rows would want it without end


def counts_of_sets(counts: Counts, gold: NDArray[np.bool_]) -> LabelCounts:
    """Count the words of each label, over all texts that have it."""
    y = sparse.csr_matrix(gold.T.astype(np.float64))  # (C, N)
    F = np.asarray((y @ counts.matrix.astype(np.float64)).todense())
    df = np.bincount(counts.matrix.indices, minlength=len(counts.vocabulary)).astype(np.float64)
    return LabelCounts(F, np.asarray(y @ counts.lengths), df, len(gold), counts.vocabulary)


def left_out_relevance(counts: Counts, gold: NDArray[np.bool_], stats: LabelCounts, weights: WordWeights) -> Array:
    """Return the sum of what the words of each text say for each label (N, C), the text taken out of its labels."""
    C, matrix = len(stats.S), counts.matrix
    row = np.repeat(np.arange(len(gold)), np.diff(matrix.indptr))  # (nnz,)
    word, f = matrix.indices.astype(np.int64), matrix.data.astype(np.float64)
    entry, label = np.nonzero(gold[row])  # of each stored count, the labels of its text
    left = stats.F[label, word[entry]] - f[entry]
    holding = (stats.F > 0).sum(axis=0)[word] - np.bincount(entry, weights=left == 0, minlength=len(row))
    mean_size = float(stats.S.mean())
    factor = weights.text_correlation(f) * weights.text_weight(stats.df, stats.N)[word]
    factor = factor * weights.label_weight(holding.astype(np.int64), C)
    size = weights.label_size(stats.S, mean_size)
    usual = weights.label_correlation(stats.F, size[:, None])  # (C, V)
    spoken = sparse.csr_matrix((factor, matrix.indices, matrix.indptr), shape=matrix.shape)
    relevance = np.asarray(spoken @ np.ascontiguousarray(usual.T))
    own = weights.label_size(np.maximum(stats.S[label] - counts.lengths[row[entry]], 0), mean_size)
    given = factor[entry] * weights.label_correlation(left, own)
    total = np.bincount(row[entry] * C + label, weights=given, minlength=gold.size).reshape(gold.shape)
    relevance[gold] = total[gold]
    return relevance


def fitted_scale(relevance: Array, gold: NDArray[np.bool_], temperature: float | None) -> tuple[float, Array]:
    """Return 1 / T and the offsets c (C,) of the least mean log-loss; a given ``temperature`` stays."""
    y = gold.astype(np.float64)
    share = np.clip(y.mean(axis=0), 1e-12, 1 - 1e-12)
    bounds = [(0.0, SHARPEST) if temperature is None else (1 / temperature,) * 2, *[(-LARGEST, LARGEST)] * y.shape[1]]

    def loss(x: Array) -> tuple[float, Array]:
        z = x[0] * relevance + x[1:]
        value = float((np.logaddexp(0, z) - y * z).mean())
        slope = (expit(z) - y) / y.size
        return value, np.concatenate([[(slope * relevance).sum()], slope.sum(axis=0)])

    start = np.concatenate([[0.0 if temperature is None else 1 / temperature], np.clip(logit(share), -20, 20)])
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return float(found.x[0]), np.asarray(found.x[1:])


class Read(NamedTuple):
    """What the words of N texts say, (N, C), each row's mean taken off, and the 1 / T and c that fit the labels."""

    counts: Counts
    stats: LabelCounts
    weights: WordWeights
    length: float | Array
    relevance: Array
    scale: float
    offsets: Array


def read_sets(labels: KeywordLabels, examples: Examples) -> Read:
    """Read the words of the texts; a scale of 0, which is warned of, says that they do not predict the labels."""
    from sfumato.methods.keyword_labels import KeywordWarning

    check_options(labels)
    gold = examples.gold
    counts, length, weights = labels.counted(examples)
    stats = counts_of_sets(counts, gold)
    relevance = spoken(labels, counts, gold, stats, weights) / length
    relevance -= relevance.mean(axis=1, keepdims=True)
    scale, offsets = fitted_scale(relevance, gold, None if isinstance(labels.temperature, str) else labels.temperature)
    if scale <= 0:
        message = (
            f"keywords do not predict the labels of held-out texts, so label smoothing {labels.fallback:g} is used"
        )
        warnings.warn(f"{labels.owner}: {message}", KeywordWarning, stacklevel=3)
    return Read(counts, stats, weights, length, relevance, scale, offsets)


def spoken(
    labels: KeywordLabels, counts: Counts, gold: NDArray[np.bool_], stats: LabelCounts, weights: WordWeights
) -> Array:
    """Return the sum of what the words of each text say for each label, (N, C)."""
    if labels.leave_one_out:
        return left_out_relevance(counts, gold, stats, weights)
    return in_sample(counts, stats, weights).relevance(np.zeros(0, dtype=np.int64), 1.0)


def explain_sets(labels: KeywordLabels, examples: Examples, row: int) -> list[tuple[str, Array]]:
    """Return what each word adds to the logits of d in one row, (C,), the most telling word first.

    The sum over the words is the logit of d less the offset c. Each word is read as a text of its own that has the
    row's labels and length, so what one text says is the sum of what these say.
    """
    read = read_sets(labels, examples)
    own = read.counts.matrix[row]
    if read.scale <= 0 or not own.nnz:
        return []
    size = np.full(own.nnz, read.counts.lengths[row])
    apart = sparse.csr_matrix((own.data, own.indices, np.arange(own.nnz + 1)), shape=(own.nnz, own.shape[1]))
    alone = Counts(apart, read.counts.vocabulary, size)
    gold = np.repeat(examples.gold[[row]], own.nnz, axis=0)
    adds = spoken(labels, alone, gold, read.stats, read.weights)
    adds /= read.length if isinstance(read.length, float) else read.length[row]
    adds = read.scale * (adds - adds.mean(axis=1, keepdims=True))
    order = np.argsort(-np.ptp(adds, axis=1), kind="stable")
    return [(read.counts.vocabulary[own.indices[k]], adds[k]) for k in order]


def keyword_sets(labels: KeywordLabels, examples: Examples) -> Examples:
    """Return the examples with targets from words and labels, (N, C)."""
    gold = examples.gold
    counts, *_, relevance, scale, offsets = read_sets(labels, examples)
    if scale <= 0:
        return replace(examples, targets=DenseTargets(smoothed_sets(gold, labels.fallback)))
    d = expit(scale * relevance + offsets)
    empty = np.flatnonzero(counts.lengths == 0)
    if len(empty) and labels.on_empty == "raise":
        raise InputError(f"{labels.owner}: {len(empty)} texts hold no word (the first is text {empty[0] + 1})")
    if labels.on_empty == "hard":
        d[empty] = gold[empty]
    weight = 1.0 if labels.gold == "keep" else labels.weight
    return replace(examples, targets=DenseTargets(((1 - weight) * gold + weight * d).astype(np.float32)))


def check_options(labels: KeywordLabels) -> None:
    """Raise for an option that is for one label a row."""
    if labels.gold == "project":
        raise InputError(f"{labels.owner}: gold='project' is for one label a row; leave 'mix', or 'keep', for several")
    if labels.gold_mass is not None:
        raise InputError(f"{labels.owner}: gold_mass is for one label a row; give a temperature instead")
