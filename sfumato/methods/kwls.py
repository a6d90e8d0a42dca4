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

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Examples
from sfumato.errors import InputError, unknown
from sfumato.keywords import Counts, LabelCounts, Unit
from sfumato.label_sets import are_label_sets
from sfumato.method import Method
from sfumato.methods.keyword_labels import KeywordLabels
from sfumato.methods.target_loss import target_criterion
from sfumato.methods.word_evidence import Evidence, WordWeights, held_out, in_sample
from sfumato.registry import check_range
from sfumato.targets import Integers

Array = NDArray[np.float64]

READ_WORDS = ("kwls", "kwls-paper", "kwls-official", "tfidf")


def saturation(S: Array, mean_size: float, *, k1: float, b: float) -> Array:
    """K of Eq. 1, the shape of ``S``: the count at which a label of ``S`` words reaches half of k1."""
    K = k1 * (1 - b + b * S / mean_size)
    return np.maximum(K, np.finfo(np.float64).tiny)  # b = 1 and a label without words: F / (F + K) is then 0 / K = 0


def word_label_correlation(F: Array, K: Array, *, k1: float) -> Array:
    """WLC, the shape of ``F``: grows with F and saturates at k1."""
    correlation = F + K
    np.divide(F, correlation, out=correlation)  # in place: this runs on every stored count
    correlation *= k1  # Eq. 1
    return correlation


def word_label_weight(labels: Integers, C: int) -> Array:
    """WLW: 1 for a word of all C labels, 1 + ln C for a word of one; ``labels`` is the number that hold it."""
    return np.log(C / np.maximum(labels, 1)) + 1  # Eq. 2


def word_instance_correlation(f: Array, *, k2: float) -> Array:
    """WIC, the shape of ``f``: saturates at k2."""
    correlation = f + k2
    np.divide(f, correlation, out=correlation)
    correlation *= k2  # Eq. 4
    return correlation


def word_instance_weight(df: Array, N: int) -> Array:
    """WIW of each word, ``(V,)``: 1 for a word of all N texts, 1 + ln N for a word of one."""
    return np.log(N / np.maximum(df, 1)) + 1  # Eq. 5


def keyword_weights(k1: float, b: float, k2: float) -> WordWeights:
    """Return what a word says for a label by Eqs. 1-6."""
    return WordWeights(
        partial(saturation, k1=k1, b=b),
        partial(word_label_correlation, k1=k1),
        word_label_weight,
        partial(word_instance_correlation, k2=k2),
        word_instance_weight,
    )


def in_sample_evidence(
    counts: Counts, labels: Integers, stats: LabelCounts, *, k1: float, b: float, k2: float
) -> Evidence:
    """Take the equations as printed: a text's own words count for its label."""
    return in_sample(counts, stats, keyword_weights(k1, b, k2))


def held_out_evidence(
    counts: Counts, labels: Integers, stats: LabelCounts, *, k1: float, b: float, k2: float
) -> Evidence:
    """Take each text's own words out of F, of S and of the number of labels that hold a word.

    What describes the corpus and not a label stays: N, df, and the mean sizes X_avg and S_avg.
    """
    return held_out(counts, labels, stats, keyword_weights(k1, b, k2))


def kwls(
    k1: float = 2.0,
    b: float = 0.75,
    k2: float = 2.0,
    *,
    weight: float = 0.1,
    temperature: float | str = "auto",
    gold_mass: float | None = None,
    leave_one_out: bool = True,
    length_norm: str = "root",
    multiplicity: str = "types",
    unit: Unit = "auto",
    gold: str = "mix",
    on_empty: str = "uniform",
    fallback: float = 0.1,
    normalize: str = "auto",
    loss: str = "ce",
    alpha: float = 1.0,
    soft_loss: str = "mse",
    reduction: str = "mean",
    scale: str = "none",
    heads: str = "one",
) -> Method:
    """Mix each label with what the words of the *other* texts say; soft cross-entropy.

    Parameters
    ----------
    k1, b, k2 : as in the paper: saturation of a word in a label, share of the label's size, saturation in a text
    weight : share of d in the target, 0 to 1; the given label keeps the rest
    temperature : divisor of the relevance, or "auto": the least log-loss of the given label, left out of its own
        statistics; label smoothing of strength ``fallback`` where that is no better than the shares of the classes
    gold_mass : let "auto" find instead the temperature at which d keeps this mean share on the given label
    leave_one_out : take each text out of its label's statistics; "auto" needs it
    length_norm : divide the relevance by the mean length ("corpus", as the paper), by the text's own ("document"), by
        the square root of its own ("root"): words of one text repeat each other, so their sum says too much; or "none"
    multiplicity : sum over the distinct words of a text ("types") or over all of them ("tokens")
    unit : how texts become words, see `sfumato.keywords`
    gold : "mix" as ``weight`` says, "keep" d as it is, or "project" it: raise the given label to the largest share
    on_empty : d of a text without a word: "uniform", "hard" (the given label), or "raise" an error
    normalize : "softmax" (Eq. 8) or "l1" for one label a row, "sigmoid" for several; "auto" takes the first or the last
    loss : "ce", "kl", or "auxiliary" (Eq. 9) with ``alpha``, ``soft_loss``, ``reduction``, ``scale``, ``heads``, see
        `sfumato.methods.target_loss`
    """
    options = dict(locals())
    check_numbers("kwls", k1, b, k2)
    labels = KeywordLabels(
        owner="kwls",
        weights=keyword_weights(k1, b, k2),
        unit=unit,
        multiplicity=multiplicity,
        leave_one_out=leave_one_out,
        length_norm=length_norm,
        temperature=temperature,
        gold_mass=gold_mass,
        gold=gold,
        weight=weight,
        on_empty=on_empty,
        fallback=fallback,
        normalize=normalize,
    )
    criterion = target_criterion(
        "kwls", loss, alpha, soft_loss=soft_loss, reduction=reduction, scale=scale, heads=heads
    )
    return Method(
        "kwls",
        (labels,),
        criterion,
        options=options,
        title="kwls (sfumato)",
        replaces_targets=True,
        needs_texts=True,
        multilabel=loss == "ce",
    )


def kwls_paper(
    k1: float = 2.0,
    b: float = 0.75,
    k2: float = 2.0,
    alpha: float = 1.0,
    *,
    unit: Unit = "paper",
    multiplicity: str = "types",
    temperature: float | str = 1.0,
    gold_mass: float | None = None,
    leave_one_out: bool = False,
    length_norm: str = "corpus",
    gold: str = "keep",
    weight: float = 0.1,
    on_empty: str = "uniform",
    soft_loss: str = "mse",
    reduction: str = "mean",
    scale: str = "paper",
    heads: str = "one",
) -> Method:
    """Fit the label and, by a squared error of weight ``alpha``, the soft label d: Eqs. 1-9 as printed.

    Parameters
    ----------
    k1 : how much a frequent word may say for a label (Eq. 1), more than 0; the larger, the sharper d
    b : how much the size of a label counts (Eq. 1), 0 to 1
    k2 : how much a word that a text repeats may say (Eq. 4), more than 0; the larger, the sharper d
    alpha : weight of the squared error between prediction and d (Eq. 9); 0 leaves the labels hard
    unit : how texts become words, see `sfumato.keywords`; the paper's is ``text.split(" ")``
    multiplicity, temperature, gold_mass, leave_one_out, length_norm, gold, weight, on_empty : as in `kwls`, to change
        one thing of the paper at a time; ``weight`` counts with ``gold="mix"`` only
    soft_loss, reduction, scale, heads : of Eq. 9, see `sfumato.methods.target_loss`
    """
    options = dict(locals())
    check_numbers("kwls-paper", k1, b, k2)
    d = KeywordLabels(
        owner="kwls-paper",
        weights=keyword_weights(k1, b, k2),
        unit=unit,
        multiplicity=multiplicity,
        leave_one_out=leave_one_out,
        length_norm=length_norm,
        temperature=temperature,
        gold_mass=gold_mass,
        gold=gold,
        weight=weight,
        on_empty=on_empty,
    )  # Eqs. 1-8
    criterion = target_criterion(
        "kwls-paper", "auxiliary", alpha, soft_loss=soft_loss, reduction=reduction, scale=scale, heads=heads
    )  # Eq. 9
    return Method("kwls-paper", (d,), criterion, options=options, replaces_targets=True, needs_texts=True)


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

    The ``(C,)`` contributions of all words sum to ln d up to a constant; of rows with several labels, to the logit of
    d less the offset of its label. The words that tell labels apart most come first. Empty where the method fell back
    to label smoothing: then no word moved anything.
    """
    from sfumato.methods import METHODS

    if method.replace("_", "-") not in READ_WORDS:
        raise unknown("method that reads words", method, READ_WORDS)
    if not 0 <= row < len(texts):
        raise InputError(f"row must be 0 to {len(texts) - 1}, got {row}")
    chosen = METHODS.build(method, options)
    sets = len(labels) > 0 and are_label_sets(labels, "explain")
    make: Callable[..., Examples] = Examples.from_label_sets if sets else Examples.from_labels
    examples = make(texts, labels, classes=classes)
    chosen.check_labels(examples)
    return cast(KeywordLabels, chosen.transforms[0]).explain(examples, row)
