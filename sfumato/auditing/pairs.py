"""Which two labels are confused with each other, how far, in which direction, and what to do about it.

For two labels a and b, ``rows`` are those given a for which b is the likeliest label, ``back_rows`` the reverse; a
is the one that loses more rows. ``error`` says how badly the two can be told apart, whatever their sizes: the mean,
over the two labels, of the share of its rows for which the other label is better supported, that is
``p(b; x) / size(b) > p(a; x) / size(a)``. Guessing has 0.5. The advice follows from it:

=========  ==================  ===================================================================================
merge      error >= 1/3        the texts hardly tell the labels apart: make one of them, or collect texts that do
redefine   error >= 1/10       many texts lie on the border: write down what separates the two, and label those again
mask       less                the labels are told apart; where rows are confused, hide the other label in the loss
=========  ==================  ===================================================================================
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sfumato.auditing.judge import Judgement
from sfumato.auditing.words import Speaking
from sfumato.data import Examples
from sfumato.targets import Integers

MERGE, REDEFINE = 1 / 3, 1 / 10
ONE_SIDED = 2  # times as many rows one way as the other


class ConfusedLabels(NamedTuple):
    """A pair of labels; the columns are explained at the head of the module, ``share`` is of the label's rows."""

    label: str
    other: str
    rows: int
    share: float
    flagged: int
    back_rows: int
    back_share: float
    back_flagged: int
    error: float
    direction: str
    advice: str
    words: str
    back_words: str


def confused_labels(examples: Examples, found: Judgement, speaking: Speaking) -> list[ConfusedLabels]:
    """Return the pairs with at least one row, the most rows first."""
    labels, C = examples.labels[found.judged], examples.num_classes
    suggested, flagged = found.suggested[found.judged], found.flagged[found.judged]
    rows = counted(labels, suggested, C)
    sure = counted(labels[flagged], suggested[flagged], C)
    np.fill_diagonal(rows, 0)
    size = np.bincount(labels, minlength=C)
    support = found.log_p[found.judged] - np.log(np.maximum(size, 1))
    pairs = []
    for first, second in np.argwhere(np.triu(rows + rows.T)).tolist():
        a, b = (first, second) if rows[first, second] >= rows[second, first] else (second, first)
        pairs.append(described(examples, speaking, rows, sure, size, a, b, pair_error(support, labels, a, b)))
    return sorted(pairs, key=lambda pair: (-pair.rows - pair.back_rows, pair.label, pair.other))


def counted(labels: Integers, suggested: Integers, C: int) -> NDArray[np.int64]:
    """Return the number of rows of each given (down) and suggested label (across), ``(C, C)``."""
    return np.bincount(labels * C + suggested, minlength=C * C).reshape(C, C).astype(np.int64)


def pair_error(support: NDArray[np.float64], labels: Integers, a: int, b: int) -> float:
    """Return how badly two labels are told apart, 0 to 1; ``support`` (N, C) is free of the labels' sizes."""
    lead = support[:, b] - support[:, a]
    return float(((lead[labels == a] > 0).mean() + (lead[labels == b] < 0).mean()) / 2)


def described(
    examples: Examples, speaking: Speaking, rows: Any, sure: Any, size: Any, a: int, b: int, error: float
) -> ConfusedLabels:
    """Put the numbers of a pair into words."""
    names, forth, back = examples.classes, int(rows[a, b]), int(rows[b, a])
    return ConfusedLabels(
        names[a],
        names[b],
        forth,
        forth / max(int(size[a]), 1),
        int(sure[a, b]),
        back,
        back / max(int(size[b]), 1),
        int(sure[b, a]),
        error,
        "one way" if forth >= ONE_SIDED * back else "both ways",
        "merge" if error >= MERGE else "redefine" if error >= REDEFINE else "mask",
        ", ".join(speaking.of_pair(a, b)),
        ", ".join(speaking.of_pair(b, a)),
    )
