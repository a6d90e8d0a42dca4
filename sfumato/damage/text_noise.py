"""Labels that are wrong where the text misleads: a weak classifier's likeliest mistakes, written down as labels.

Noise of a class or a pair of classes is the same for all texts of a class, so a model of it by a matrix is right by
construction. People mistake the texts that look like another class. P. Chen, J. Ye, G. Chen, J. Zhao, P.-A. Heng,
"Beyond Class-Conditional Assumption: A Primary Attempt to Combat Instance-Dependent Label Noise", AAAI 2021,
https://arxiv.org/abs/2012.05458, give the rows to which a network assigns the highest probability of another class
that class's label. Here the network is a linear classifier of n-grams, stopped after a few steps, that has not seen
the row (nor an equal text), and rows are ranked by how far the other class is ahead of the given one. With those
logits f and the given label y, the new label and the rank of row i are

    k_i = argmax_{k != y_i} f_ik,        d_i = f_{i, k_i} - f_{i, y_i},

and the rows with the largest d get k. Most of these the classifier had wrong; so whoever learns from them is told
what a classifier would have thought anyway.

Shapes: N rows, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sfumato.damage.damaged import (
    Damaged,
    Rows,
    check_labelled,
    check_one_label,
    check_values,
    relabelled,
    share_of,
)
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.held_out_linear import descend, held_out_logits
from sfumato.images import are_images
from sfumato.ngrams import NgramEncoder
from sfumato.row_squares import RowSquares
from sfumato.split import fold_rows
from sfumato.targets import Floats

OWNER = "text-noise"
STEPS = 5  # of the classifier: few, so that it is weak
FOLDS = 5


def text_noise(examples: Examples, *, rate: float, train: Examples | None = None, seed: int) -> Damaged:
    """Give the share ``rate`` of the rows the label that a weak held-out classifier is most drawn to.

    Parameters
    ----------
    rate : share of all rows, to the nearest row
    train : the rows that the classifier learns from, for dev rows; None has ``examples`` judge themselves by folds
    seed : of the folds; the rows of a lower rate are among those of a higher one

    Raises
    ------
    InputError
        for images, rows of several labels or with more than labels, one class, fewer than two different texts, or a
        rate out of range.
    """
    check_one_label(OWNER, examples, "another label takes the place of the given one")
    check_values(OWNER, rate=rate, seed=seed)
    check_labelled(OWNER, examples)
    check_readable(OWNER, examples, alone=train is None)
    new, ahead = drawn_to(judged_logits(examples, train, seed, steps=STEPS), examples.labels)
    wanted = round(rate * len(examples))
    touched = np.sort(np.argsort(-ahead, kind="stable")[:wanted])
    labels = examples.labels.copy()
    labels[touched] = new[touched]
    believed = int((ahead[touched] > 0).sum())
    said = f"{OWNER}: {share_of(wanted, len(examples))} labels replaced"
    return relabelled(OWNER, examples, labels, f"{said}; in {believed} of them a classifier prefers the new label")


def drawn_to(logits: Floats, labels: Rows) -> tuple[Rows, Floats]:
    """Return k, the likeliest other label of each row, and d, how far its logit is ahead of the given one's, (N,)."""
    rows = np.arange(len(labels))
    others = logits.copy()
    others[rows, labels] = -np.inf
    new = others.argmax(axis=1).astype(np.int64)
    return new, np.asarray(others[rows, new] - logits[rows, labels])


def judged_logits(examples: Examples, train: Examples | None, seed: int, *, steps: int) -> Floats:
    """Return the logits of a classifier that has not seen the row, (N, C): of ``train``, or of the other folds."""
    texts = list(examples.inputs)
    if train is None or train is examples:
        folds = min(FOLDS, len(set(texts)))
        fold = fold_rows(examples.labels, texts, folds=folds, seed=seed)
        return held_out_logits(_matrix(texts), examples.labels, examples.num_classes, fold, steps=steps)
    matrix = _matrix([*train.inputs, *texts])
    labels = np.concatenate([train.labels, examples.labels])  # the second part is not learned
    learns = np.arange(len(labels))[:, None] < len(train)  # (N, 1)
    found = descend(RowSquares(matrix), labels, examples.num_classes, learns, (steps,))
    judged: Floats = found[0, len(train) :, 0]
    return judged


def _matrix(texts: Sequence[str]) -> Any:
    return NgramEncoder.fit(texts).encode(texts).matrix


def check_readable(owner: str, examples: Examples, *, alone: bool) -> None:
    """Raise unless a classifier can read the rows and there is another label to give."""
    if are_images(examples.inputs):
        raise InputError(f"{owner} reads the words of texts, and these are images; take symmetric-noise or group-noise")
    if examples.num_classes < 2:
        raise InputError(f"{owner} needs another class to mistake a row for; there is only {examples.classes[0]!r}")
    wrong = next((i for i, text in enumerate(examples.inputs) if not isinstance(text, str)), None)
    if wrong is not None:
        raise InputError(f"{owner} reads texts, and row {wrong + 1} is {examples.inputs[wrong]!r:.60}; join the tokens")
    if alone and len(set(examples.inputs)) < 2:
        raise InputError(f"{owner} judges each text by others, and all {len(examples)} texts are the same")
