"""Keyword-based label smoothing: a text moves mass to the labels whose keywords it holds.

Peiyang Liu, Xiangyu Xi, Wei Ye, Shikun Zhang, "Label Smoothing for Text Mining", COLING 2022; sections 4.1 to 4.5.

A word is a keyword of a label if it is frequent in the label's texts and rare in other labels (Eqs. 1-3), and
of a text if it is frequent in the text and rare in other texts (Eqs. 4-6). Texts and labels that share keywords
are relevant to each other (Eq. 7), and the relevance becomes a distribution over the labels (Eq. 8), which the
network fits beside the given label (Eq. 9). `kwls_paper` is that; `kwls` takes a text's own words out of its
label first, and sets the scale of the relevance by how well it then predicts the label.

Letters: N texts, C labels (the paper's p), V words, F[m, w] occurrences of w in label m (f_{w, X_m}), f[i, w] in
text i. Where we read the equations differently from their words: docs/equations-we-read-differently.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sfumato.data import Examples
from sfumato.errors import InputError, unknown
from sfumato.keywords import Counts, LabelCounts, Unit
from sfumato.method import Method, Plan
from sfumato.methods.keyword_labels import KeywordLabels
from sfumato.registry import check_choice, check_range
from sfumato.targets import Integers

if TYPE_CHECKING:
    from sfumato.base import Criterion

Array = NDArray[np.float64]


def saturation(S: Array, mean_size: float, *, k1: float, b: float) -> Array:
    """K of Eq. 1, the shape of ``S``: the count at which a label of ``S`` words reaches half of k1."""
    return k1 * (1 - b + b * S / mean_size)


def word_label_correlation(F: Array, K: Array, *, k1: float) -> Array:
    """WLC, the shape of ``F``: grows with F and saturates at k1."""
    return np.asarray(F * k1 / np.maximum(F + K, np.finfo(F.dtype).tiny))  # Eq. 1; F = K = 0 gives 0


def word_label_weight(labels: Array, C: int) -> Array:
    """WLW: 1 for a word of all C labels, 1 + ln C for a word of one; ``labels`` is the number that hold it."""
    return np.log(C / np.maximum(labels, 1)) + 1  # Eq. 2


def word_label_relevance(stats: LabelCounts, *, k1: float, b: float) -> Array:
    """WLR of each label and word, ``(C, V)``; 0 where the label never holds the word."""
    K = saturation(stats.S, float(stats.S.mean()), k1=k1, b=b)
    return word_label_correlation(stats.F, K[:, None], k1=k1) * word_label_weight(
        (stats.F > 0).sum(axis=0), len(stats.S)
    )  # Eq. 3


def word_instance_correlation(f: Array, *, k2: float) -> Array:
    """WIC, the shape of ``f``: saturates at k2."""
    return f * k2 / (f + k2)  # Eq. 4


def word_instance_weight(df: Array, N: int) -> Array:
    """WIW of each word, ``(V,)``: 1 for a word of all N texts, 1 + ln N for a word of one."""
    return np.log(N / np.maximum(df, 1)) + 1  # Eq. 5


def word_instance_relevance(counts: Any, df: Array, N: int, *, k2: float) -> Any:
    """WIR of each text and word, CSR ``(N, V)`` in the order of ``counts``."""
    f = counts.data.astype(np.float64)
    data = word_instance_correlation(f, k2=k2) * word_instance_weight(df, N)[counts.indices]  # Eq. 6
    return sparse.csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape)


def instance_label_relevance(wir: Any, wlr: Array, mean_length: float | Array) -> Array:
    """ILR of each text and label, ``(N, C)``: a sum over the distinct words, since WIC counts the repeats."""
    return np.asarray(wir @ wlr.T) / mean_length  # Eq. 7


@dataclass(frozen=True, eq=False)
class Evidence:
    """What each word of each text says for each label; Eq. 7 sums it.

    Attributes
    ----------
    word : CSR (N, V), the factors that do not depend on the label
    label : (C, V), the factors that do, for the labels that a text does not have
    given : (nnz,), the same for the text's given label, in the order of ``word.data``; None if it is no exception
    """

    word: Any
    label: Array
    given: Array | None = None

    def relevance(self, labels: Integers, length: float | Array) -> Array:
        """ILR, ``(N, C)``; ``length`` is the mean length, or each text's own as ``(N, 1)``."""
        relevance = instance_label_relevance(self.word, self.label, length)
        if self.given is not None:
            N = len(labels)
            row = np.repeat(np.arange(N), np.diff(self.word.indptr))
            total = np.bincount(row, weights=self.word.data * self.given, minlength=N)[:, None]
            relevance[np.arange(N), labels] = (total / length)[:, 0]
        return relevance

    def of_row(self, row: int, label: int) -> tuple[Integers, Array]:
        """Return the words of one text and what each adds to each label, ``(words,)`` and ``(words, C)``."""
        stored = slice(self.word.indptr[row], self.word.indptr[row + 1])
        words = self.word.indices[stored]
        share = self.label[:, words].T.copy()
        if self.given is not None:
            share[:, label] = self.given[stored]
        return words, self.word.data[stored, None] * share


def in_sample_evidence(
    counts: Counts, labels: Integers, stats: LabelCounts, *, k1: float, b: float, k2: float
) -> Evidence:
    """Take the equations as printed: a text's own words count for its label."""
    wir = word_instance_relevance(counts.matrix, stats.df, stats.N, k2=k2)
    return Evidence(wir, word_label_relevance(stats, k1=k1, b=b))


def held_out_evidence(
    counts: Counts, labels: Integers, stats: LabelCounts, *, k1: float, b: float, k2: float
) -> Evidence:
    """Take each text's own words out of F, of S and of the number of labels that hold a word.

    What describes the corpus and not a label stays: N, df, and the mean sizes X_avg and S_avg.
    """
    word = word_instance_relevance(counts.matrix, stats.df, stats.N, k2=k2)
    w, f = word.indices, counts.matrix.data.astype(np.float64)
    C, V = stats.F.shape
    repeats = np.diff(word.indptr)
    left = stats.F.ravel()[np.repeat(labels * V, repeats) + w] - f
    holding = (stats.F > 0).sum(axis=0)
    weight = word_label_weight(np.arange(C + 1), C)  # of a word that 0, 1, ..., C labels hold
    word.data *= weight[holding][w]
    only = np.flatnonzero(left == 0)  # no other text of the label holds the word
    word.data[only] *= (weight[holding - 1] / weight[holding])[w[only]]
    mean_size = float(stats.S.mean())
    K = saturation(stats.S, mean_size, k1=k1, b=b)
    K_left = saturation(stats.S[labels] - counts.lengths, mean_size, k1=k1, b=b)
    return Evidence(
        word,
        word_label_correlation(stats.F, K[:, None], k1=k1),
        word_label_correlation(left, np.repeat(K_left, repeats), k1=k1),
    )


def kwls(
    k1: float = 2.0,
    b: float = 0.75,
    k2: float = 2.0,
    *,
    weight: float = 0.1,
    temperature: float | str = "auto",
    leave_one_out: bool = True,
    length_norm: str = "root",
    unit: Unit = "auto",
    fallback: float = 0.1,
) -> Method:
    """Mix each label with what the words of the *other* texts say; soft cross-entropy.

    Parameters
    ----------
    k1, b, k2 : as in the paper: saturation of a word in a label, share of the label's size, saturation in a text
    weight : share of d in the target, 0 to 1; the given label keeps the rest
    temperature : divisor of the relevance, or "auto": the least log-loss of the given label, left out of its own
        statistics; label smoothing of strength ``fallback`` where that is no better than the shares of the classes
    leave_one_out : take each text out of its label's statistics; "auto" needs it
    length_norm : divide the relevance by the mean length ("corpus", as the paper), by the text's own ("document"), or
        by the square root of its own ("root"): words of one text repeat each other, so their sum says too much
    unit : how texts become words, see `sfumato.keywords`
    """
    check_numbers("kwls", k1, b, k2)
    check_range("kwls", "weight", weight, 0, 1)
    check_range("kwls", "fallback", fallback, 0, 1)
    check_choice("kwls", "length_norm", length_norm, ("root", "corpus", "document"))
    if isinstance(temperature, str):
        check_choice("kwls", "temperature", temperature, ("auto",))
        if not leave_one_out:
            raise InputError(
                "kwls: temperature='auto' needs leave_one_out=True (in-sample it fits the leak); "
                "give a number, as temperature=1"
            )
    else:
        check_range("kwls", "temperature", temperature, 0, float("inf"), open_low=True)
    settings: dict[str, Any] = {
        "k1": k1,
        "b": b,
        "k2": k2,
        "weight": weight,
        "temperature": temperature,
        "leave_one_out": leave_one_out,
        "length_norm": length_norm,
        "unit": unit,
        "fallback": fallback,
    }
    find = partial(held_out_evidence if leave_one_out else in_sample_evidence, k1=k1, b=b, k2=k2)
    labels = KeywordLabels(find, unit, length_norm, temperature, weight, fallback)
    return Method("kwls", (labels,), options=settings, title="kwls (sfumato)")


def kwls_paper(
    k1: float = 2.0, b: float = 0.75, k2: float = 2.0, alpha: float = 1.0, *, unit: Unit = "paper"
) -> Method:
    """Fit the label and, by a squared error of weight ``alpha``, the soft label d: Eqs. 1-9 as printed.

    Parameters
    ----------
    k1 : how much a frequent word may say for a label (Eq. 1), more than 0; the larger, the sharper d
    b : how much the size of a label counts (Eq. 1), 0 to 1
    k2 : how much a word that a text repeats may say (Eq. 4), more than 0; the larger, the sharper d
    alpha : weight of the squared error between prediction and d (Eq. 9); 0 leaves the labels hard
    unit : how texts become words, see `sfumato.keywords`; the paper's is ``text.split(" ")``
    """
    check_numbers("kwls-paper", k1, b, k2)
    check_range("kwls-paper", "alpha", alpha, 0, float("inf"))

    def criterion(plan: Plan) -> Criterion:
        from sfumato.losses import Auxiliary

        return Auxiliary(alpha, reduction="mean", scale="paper")  # Eq. 9

    find = partial(in_sample_evidence, k1=k1, b=b, k2=k2)
    d = KeywordLabels(find, unit, temperature=1.0, owner="kwls-paper")  # Eqs. 1-8
    return Method("kwls-paper", (d,), criterion, options={"k1": k1, "b": b, "k2": k2, "alpha": alpha, "unit": unit})


def check_numbers(owner: str, k1: float, b: float, k2: float) -> None:
    """Raise unless k1 and k2 are positive (at 0 every d is even) and b is a share."""
    check_range(owner, "k1", k1, 0, float("inf"), open_low=True)
    check_range(owner, "b", b, 0, 1)
    check_range(owner, "k2", k2, 0, float("inf"), open_low=True)


def explain_row(
    texts: Sequence[Any],
    labels: Sequence[object],
    classes: Sequence[str] | None,
    row: int,
    *,
    method: str = "kwls",
    **options: Any,
) -> list[tuple[str, Array]]:
    """Return the words of text ``row`` (0 is the first) and what each adds to the logits of its soft label d.

    The ``(C,)`` contributions of all words sum to ln d up to a constant; the words that tell labels apart most come
    first. Empty where kwls fell back to label smoothing: then no word moved anything.
    """
    methods = {"kwls": kwls, "kwls-paper": kwls_paper}
    if method not in methods:
        raise unknown("method that reads words", method, methods)
    if not 0 <= row < len(texts):
        raise InputError(f"row must be 0 to {len(texts) - 1}, got {row}")
    built: Method = methods[method](**options)  # type: ignore[operator]
    transform = cast(KeywordLabels, built.transforms[0])
    return transform.explain(Examples.from_labels(texts, labels, classes=classes), row)
