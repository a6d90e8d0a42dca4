"""TF-IDF label smoothing: a text moves mass to the labels that share its TF-IDF words.

The baseline LS-TFIDF of Peiyang Liu, Xiangyu Xi, Wei Ye, Shikun Zhang, "Label Smoothing for Text Mining", COLING
2022, section 5.2: "a variant of our method in which the soft label is generated based on TF-IDF". The paper says no
more, so this is a reconstruction: Eqs. 7 and 8 stay, and TF-IDF stands where Eqs. 1-6 improve on it.

========================  ==================================  =================================================
factor                    KWLS                                here
========================  ==================================  =================================================
word in label, Eq. 1      saturates at k1                     F / (S / S_avg), or the root of it (``tf="sqrt"``)
word among labels, Eq. 2  ln(C / labels that hold it) + 1     the same, or without the 1 (``label_idf="plain"``)
word in text, Eq. 4       saturates at k2                     f
word among texts, Eq. 5   ln(N / texts that hold it) + 1      ln(N / texts that hold it)
========================  ==================================  =================================================

``tf="linear", label_idf="plain"`` is TF-IDF as in textbooks, and what the paper argues against: a word of all labels
says nothing, and a word that is twice as frequent says twice as much. The defaults are what predicts the labels of
left-out texts best (docs/methods/tfidf.md). The scale of such sums is arbitrary, so there is always a temperature.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from sfumato.keywords import Unit
from sfumato.method import Method
from sfumato.methods.keyword_labels import KeywordLabels
from sfumato.methods.target_loss import target_criterion
from sfumato.methods.word_evidence import WordWeights
from sfumato.registry import check_choice
from sfumato.targets import Integers

Array = NDArray[np.float64]


def relative_size(S: Array, mean_size: float) -> Array:
    """Return the words of a label as a multiple of the mean, the shape of ``S``; more than 0."""
    return np.maximum(S / mean_size, np.finfo(np.float64).tiny)


def label_frequency(F: Array, size: Array, *, tf: str) -> Array:
    """Return TF of a word in a label, the shape of ``F``: its count as if all labels were equally large."""
    share = F / size
    return np.sqrt(share) if tf == "sqrt" else share


def label_idf_weight(labels: Integers, C: int, *, label_idf: str) -> Array:
    """Return IDF of a word among labels; ``labels`` is the number that hold it."""
    idf: Array = np.log(C / np.maximum(labels, 1))
    return idf + 1 if label_idf == "smooth" else idf


def text_idf(df: Array, N: int) -> Array:
    """Return IDF of each word among texts, ``(V,)``: 0 for a word of all texts."""
    return np.asarray(np.log(N / np.maximum(df, 1)))


def tfidf(
    weight: float = 0.1,
    *,
    tf: str = "sqrt",
    label_idf: str = "smooth",
    temperature: float | str = "auto",
    leave_one_out: bool = True,
    length_norm: str = "root",
    unit: Unit = "auto",
    fallback: float = 0.1,
    loss: str = "ce",
    alpha: float = 1.0,
    scale: str = "none",
) -> Method:
    """Mix each label with the labels that share the text's TF-IDF words; soft cross-entropy.

    Parameters
    ----------
    weight : share of the words' distribution in the target, 0 to 1; the given label keeps the rest
    tf : what a word's count in a label counts: its "sqrt", or "linear"
    label_idf : "smooth" lets words that all labels hold count 1, "plain" 0
    temperature, leave_one_out, length_norm, unit, fallback : as in `sfumato.methods.kwls.kwls`
    loss, alpha, scale : "ce", "kl" or "auxiliary" (KWLS Eq. 9), see `sfumato.methods.target_loss`
    """
    options = dict(locals())
    check_choice("tfidf", "tf", tf, ("sqrt", "linear"))
    check_choice("tfidf", "label_idf", label_idf, ("smooth", "plain"))
    weights = WordWeights(
        relative_size,
        partial(label_frequency, tf=tf),
        partial(label_idf_weight, label_idf=label_idf),
        np.asarray,  # f itself
        text_idf,
    )
    labels = KeywordLabels(
        owner="tfidf",
        weights=weights,
        unit=unit,
        leave_one_out=leave_one_out,
        length_norm=length_norm,
        temperature=temperature,
        weight=weight,
        fallback=fallback,
    )
    criterion = target_criterion("tfidf", loss, alpha, scale=scale)
    return Method("tfidf", (labels,), criterion, options=options, replaces_targets=True, needs_texts=True)
