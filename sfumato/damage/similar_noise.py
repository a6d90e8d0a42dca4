"""Labels exchanged for those of similar classes, as a classifier of the clean training rows finds them.

People mistake a class for its neighbours. Which these are is read from the labels before the damage, of train alone:
with p_i the probabilities of row i by a linear classifier of n-grams that has not seen it, class j is mistaken for
class k in proportion to the mean of p_ik over the rows of j, of which the largest ``others`` are kept. With one of them
every wrong label of a class is the same one, which is the strongest noise there is between two classes; noise of even
labels has all of them.

Shapes: N rows, C classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sfumato.calibration import softmax
from sfumato.damage.damaged import Damaged, Rows, check_labelled, check_one_label, check_values, relabelled, share_of
from sfumato.damage.text_noise import check_readable, judged_logits
from sfumato.data import Examples

OWNER = "similar-noise"
STEPS = 20  # of the classifier


def similar_noise(
    examples: Examples, *, rate: float, others: int = 2, train: Examples | None = None, seed: int
) -> Damaged:
    """Give the share ``rate`` of all rows, drawn at random, the label of a similar class.

    Parameters
    ----------
    rate : share of all rows, to the nearest row; the rows of a lower rate are among those of a higher one
    others : how many similar classes each class has
    train : the rows that say which classes are similar, for dev rows; None asks ``examples``
    seed : of the drawing

    Raises
    ------
    InputError
        as `sfumato.damage.text_noise`.
    """
    check_one_label(OWNER, examples, "another label takes the place of the given one")
    check_values(OWNER, rate=rate, others=others, seed=seed)
    check_labelled(OWNER, examples)
    check_readable(OWNER, examples, alone=train is None)
    source = examples if train is None else train
    chances = mistaken_for(judged_logits(source, None, 0, steps=STEPS), source.labels, others=others)
    generator = np.random.default_rng(seed)
    order, place = generator.permutation(len(examples)), generator.random(len(examples))
    touched = np.sort(order[: round(rate * len(examples))])
    labels = examples.labels.copy()
    reached = chances.cumsum(axis=1)[labels[touched]]  # (rows, C)
    labels[touched] = (reached <= place[touched, None] * reached[:, -1:]).sum(axis=1)
    said = f"{OWNER}: {share_of(len(touched), len(examples))} labels replaced by those of similar classes"
    return relabelled(OWNER, examples, labels, said)


def mistaken_for(logits: NDArray[np.floating], labels: Rows, *, others: int) -> NDArray[np.float64]:
    """Return the chance that a class (down) is mistaken for each other one (across), (C, C); rows sum to 1.

    A class without rows is mistaken for the first ``others`` of the others alike: it has no row to be moved.
    """
    C = logits.shape[1]
    p = softmax(logits)
    mean = np.stack([p[labels == k].mean(axis=0) if (labels == k).any() else np.full(C, 1 / C) for k in range(C)])
    np.fill_diagonal(mean, 0)
    most = np.argsort(-mean, axis=1, kind="stable")[:, : min(others, C - 1)]
    kept = np.zeros_like(mean)
    np.put_along_axis(kept, most, np.take_along_axis(mean, most, axis=1), axis=1)
    chances: NDArray[np.float64] = kept / kept.sum(axis=1, keepdims=True)
    return chances
