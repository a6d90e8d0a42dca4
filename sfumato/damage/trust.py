"""The reverse of damage: some rows whose label somebody has looked at, so that it is right and known to be.

Shapes: N rows, C classes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sfumato.damage.damaged import (
    Damaged,
    Rows,
    check_labelled,
    check_labels_alone,
    check_one_label,
    check_values,
    share_of,
)
from sfumato.data import Examples, mean_one
from sfumato.errors import InputError
from sfumato.targets import one_hot

OWNER = "trust"


def trust(examples: Examples, *, rows: int, weight: float = 1.0, right: Rows | None = None, seed: int) -> Damaged:
    """Give ``rows`` rows, drawn at random, their right label back, and mark them as trusted.

    Parameters
    ----------
    rows : how many; fewer of them are a part of more
    weight : what a trusted row counts in the loss, at least 1; 10 is as if it stood there ten times
    right : (N,) the right labels; None is that the given ones are right. In a list of steps, those of before the first
    seed : of the drawing

    Raises
    ------
    InputError
        if there are fewer rows, a number is out of range, or the right label of a row is no class any more; for rows
        of several labels, or with soft targets.
    """
    check_one_label(OWNER, examples, "a row is trusted whole")
    check_values(OWNER, rows=rows, weight=weight, seed=seed)
    check_labelled(OWNER, examples)
    check_labels_alone(OWNER, examples)
    if rows > len(examples):
        raise InputError(f"{OWNER}: rows must be at most {len(examples)}, the rows that there are, got {rows!r}")
    chosen = np.sort(np.random.default_rng(seed).permutation(len(examples))[:rows])
    trusted = np.zeros(len(examples), dtype=bool)
    trusted[chosen] = True
    labels = np.where(trusted, examples.labels if right is None else right, examples.labels)
    if (labels < 0).any():
        raise InputError(
            f"{OWNER}: the right label of {int((labels < 0).sum())} rows is a class that was left out; put "
            "class-subset before the noise"
        )
    mended = np.flatnonzero(labels != examples.labels)
    marked = replace(examples, labels=labels, targets=one_hot(labels, examples.num_classes), trusted=trusted)
    if weight != 1:
        given = np.ones(len(examples)) if examples.weights is None else examples.weights
        marked = replace(marked, weights=mean_one(np.where(trusted, weight * given, given)))
    said = f"{OWNER}: {share_of(rows, len(examples))} rows are trusted, {len(mended)} of them had another label"
    return Damaged(marked, mended, said)
