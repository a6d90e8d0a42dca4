"""Which labels of a row are doubtful where a row may have several: given but unlikely, or missing but likely.

One judge speaks: for each label a linear classifier of n-grams, fitted without the text's fold
(`sfumato.held_out_linear`), whose logits are put through p = sigmoid(a · logit + b) with the a and b that give the
given labels the least log-loss. The keywords of KWLS, which speak in audits of one label a row, do not: how far a
word speaks for a label is defined there by what it says for the others, one of which is right. So a pair of labels
has no words here.

How far a label is doubted is the probability that it is wrong. With s the share of the rows that have the label, the
words of a row speak for it by the likelihood ratio odds(p) / odds(s). If, before a word is read, a given label is wrong
with odds rho, and as many labels are missing as are wrongly given, a missing one has odds rho · odds(s); so by Bayes'
rule the odds that it is wrong are

    given:  rho · odds(s) / odds(p)        missing:  rho · odds(p)

with rho = 1/5: the words must outweigh five to one. (odds(s) is at most 1 here, else a label that nearly all rows have
would be doubted at p = .9.) The score of a row is its greatest doubt; 1 - p, the doubt without s, ranks every row of a
rare label high whose words say little. A label is flagged where it is more probably wrong than right, and, as in
confident learning (see `sfumato.auditing.judge`): a missing one if p > 1/2 and at least the mean of p over the rows
that have the label, a given one if p < 1/2 and at most the mean over those without it.

A pair of labels a, b is confused in a row that has a and lacks b where b is likely (p > 1/2): ``rows``; ``back_rows``
are the reverse, ``together`` the rows that have both. ``error`` is how badly the two are told apart by the rows that
have one of them alone, as in `sfumato.auditing.pairs`, and so is the advice; but where most rows that have the rarer
label have the other one too, it is "add": the second label may be missing.

Shapes: N texts, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sfumato.auditing.judge import readable
from sfumato.auditing.pairs import MERGE, ONE_SIDED, REDEFINE
from sfumato.data import Examples
from sfumato.held_out_linear import held_out_logits
from sfumato.ngrams import NgramEncoder
from sfumato.split import fold_rows

if TYPE_CHECKING:
    import polars as pl

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
WRONG = 0.2  # rho, the odds that a given label is wrong, before its text is read
TINY = 1e-12
NAMED = 3  # doubts that a reason names


@dataclass(frozen=True, eq=False)
class Doubts:
    """What was found of N rows.

    Attributes
    ----------
    p : (N, C) probability of each label, by classifiers that have not seen the text
    judged : (N,) False where no other text shares a word
    doubt : (N, C) the probability that a row wrongly has, or lacks, each label
    flagged : (N, C) whether it is probably so
    """

    p: Array
    judged: Mask
    doubt: Array
    flagged: Mask

    @property
    def score(self) -> Array:
        """The greatest doubt of each row, (N,); NaN where a row is not judged."""
        return np.where(self.judged, self.doubt.max(axis=1), np.nan)


def judge_label_sets(examples: Examples, *, folds: int, seed: int) -> Doubts:
    """Judge every label of every row; ``examples`` hold at least ``folds`` different texts."""
    fold = fold_rows(examples.labels, examples.inputs, folds=folds, seed=seed)
    matrix = NgramEncoder.fit(examples.inputs).encode(examples.inputs).matrix
    logits = held_out_logits(matrix, examples.labels, examples.num_classes, fold).astype(np.float64)
    known = learnable_labels(examples.gold, fold)
    return doubts(scaled(logits, examples.gold), examples.gold, readable(matrix, fold), known)


def learnable_labels(gold: Mask, fold: NDArray[np.int64]) -> Mask:
    """Return whether each label has a row outside of each row's fold, (N, C): else nothing is known of it there."""
    inside = np.zeros((int(fold.max()) + 1, gold.shape[1]), dtype=np.int64)
    np.add.at(inside, fold, gold.astype(np.int64))
    return np.asarray(gold.sum(axis=0) > inside)[fold]


def scaled(logits: Array, gold: Mask) -> Array:
    """Return sigmoid(a · logit + b) with the a >= 0 and b that fit the given labels best, (N, C)."""
    from scipy.optimize import minimize

    from sfumato.calibration import sigmoid

    def loss(weights: Array) -> tuple[float, Array]:
        moved = weights[0] * logits + weights[1]
        off = sigmoid(moved) - gold
        value = float((np.logaddexp(0, moved) - gold * moved).mean())
        return value, np.array([(off * logits).mean(), off.mean()])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)])
    return sigmoid(found.x[0] * logits + found.x[1])


def doubts(p: Array, gold: Mask, judged: Mask, known: Mask) -> Doubts:
    """Return the doubts and the flags; the formulas are at the head of the module.

    Where nothing is ``known`` (N, C) of a label, as of one that no other text has, it is not doubted.
    """
    share = gold[judged].mean(axis=0) if judged.any() else np.zeros(p.shape[1])
    odds, usual = odds_of(p), np.minimum(odds_of(share), 1)
    wrong = WRONG * np.where(gold, usual / odds, odds)
    doubt = wrong / (1 + wrong) * known
    mean_with = mean_where(p, gold & judged[:, None], empty=1.0)
    mean_without = mean_where(p, ~gold & judged[:, None], empty=0.0)
    missing = ~gold & (p > 0.5) & (p >= mean_with) & (doubt >= 0.5)
    unlikely = gold & (p < 0.5) & (p <= mean_without) & (doubt >= 0.5)
    return Doubts(p, judged, doubt, (missing | unlikely) & judged[:, None] & known)


def odds_of(p: Array) -> Array:
    """Return p / (1 - p), finite and more than 0."""
    inside = np.clip(p, TINY, 1 - TINY)
    return np.asarray(inside / (1 - inside))


def mean_where(p: Array, mask: Mask, *, empty: float) -> Array:
    """Return the mean of each column over the rows of ``mask`` (N, C), (C,); ``empty`` where there are none."""
    rows = mask.sum(axis=0)
    return np.where(rows > 0, (p * mask).sum(axis=0) / np.maximum(rows, 1), empty)


def label_rows_frame(examples: Examples, found: Doubts, numbers: Sequence[int]) -> pl.DataFrame:
    """Return every row, the most doubtful first and those that are not judged last; labels are lists."""
    import polars as pl

    gold, score = examples.gold, found.score
    order = np.argsort(-np.where(found.judged, score, -1.0), kind="stable")
    changed = gold ^ found.flagged

    def named(labels: Mask) -> pl.Series:
        lists = [[examples.classes[k] for k in np.flatnonzero(labels[row])] for row in order]
        return pl.Series(lists, dtype=pl.List(pl.String))

    return pl.DataFrame(
        {
            "row": pl.Series([numbers[k] for k in order], dtype=pl.Int64),
            "text": [examples.inputs[k] for k in order],
            "given": named(gold),
            "suggested": named(changed),
            "score": pl.Series(score[order]).fill_nan(None),
            "flagged": np.asarray(found.flagged.any(axis=1))[order],
            "reason": [reason(examples.classes, gold[k], found, int(k)) for k in order],
        }
    )


def reason(classes: Sequence[str], gold: NDArray[np.bool_], found: Doubts, row: int) -> str:
    """Return the labels of a row that are more probably wrong than right, the greatest doubt first, in words."""
    if not found.judged[row]:
        return "not judged: no other text shares a word with it"
    order = [k for k in np.argsort(-found.doubt[row], kind="stable") if found.doubt[row, k] > 0.5]
    said = {True: "given but unlikely", False: "missing but likely"}
    parts = [f"{said[bool(gold[k])]}: {classes[k]} ({found.p[row, k]:.2f})" for k in order[:NAMED]]
    return "; ".join(parts) + (f"; and {len(order) - NAMED} more" if len(order) > NAMED else "")


def confused_in_sets(examples: Examples, found: Doubts) -> list[dict[str, Any]]:
    """Return the pairs of labels that are confused in at least one row, the most rows first."""
    gold, p = examples.gold[found.judged], found.p[found.judged]
    counts = gold.astype(np.int64)
    rows = counts.T @ (~gold & (p > 0.5))  # (C, C) has the first, lacks the second, which is likely
    flagged = counts.T @ (~gold & found.flagged[found.judged])
    together = counts.T @ counts
    size = counts.sum(axis=0)
    np.fill_diagonal(rows, 0)
    pairs = []
    for first, second in np.argwhere(np.triu(rows + rows.T)).tolist():
        a, b = (first, second) if rows[first, second] >= rows[second, first] else (second, first)
        error = set_error(p, gold, size, a, b)
        share = int(together[a, b]) / max(int(min(size[a], size[b])), 1)
        pairs.append(pair_of(examples.classes, rows, flagged, size, a, b) | told(error, share, int(together[a, b])))
    return sorted(pairs, key=lambda pair: (-pair["rows"] - pair["back_rows"], pair["label"], pair["other"]))


def pair_of(classes: Sequence[str], rows: Any, flagged: Any, size: Any, a: int, b: int) -> dict[str, Any]:
    """Return the counts of a pair, with the columns that a pair has in an audit of one label a row."""
    forth, back = int(rows[a, b]), int(rows[b, a])
    return {
        "label": classes[a],
        "other": classes[b],
        "rows": forth,
        "share": forth / max(int(size[a]), 1),
        "flagged": int(flagged[a, b]),
        "back_rows": back,
        "back_share": back / max(int(size[b]), 1),
        "back_flagged": int(flagged[b, a]),
        "direction": "one way" if forth >= ONE_SIDED * back else "both ways",
    }


def told(error: float | None, share: float, together: int) -> dict[str, Any]:
    """Return how badly two labels are told apart, how often they stand together, and the advice."""
    advice = "merge" if (error or 0) >= MERGE else "redefine" if (error or 0) >= REDEFINE else "mask"
    return {
        "error": error,
        "advice": "add" if share > 0.5 else advice,
        "words": "",
        "back_words": "",
        "together": together,
        "together_share": share,
    }


def set_error(p: Array, gold: Mask, size: NDArray[np.int64], a: int, b: int) -> float | None:
    """Return how badly a and b are told apart by the rows that have one of them alone; None if either has none."""
    only_a, only_b = gold[:, a] & ~gold[:, b], gold[:, b] & ~gold[:, a]
    if not only_a.any() or not only_b.any():
        return None
    support_a, support_b = p[:, a] / max(int(size[a]), 1), p[:, b] / max(int(size[b]), 1)
    return float(((support_b > support_a)[only_a].mean() + (support_a > support_b)[only_b].mean()) / 2)


def confusion_of(examples: Examples, found: Doubts) -> Array:
    """Return the share of the rows with each label (down) in which each label is likely (across), (C, C)."""
    gold, p = examples.gold[found.judged], found.p[found.judged]
    both = gold.T.astype(np.float64) @ (p > 0.5)
    return np.asarray(both / np.maximum(gold.sum(axis=0), 1)[:, None])


def agreement_of(examples: Examples, found: Doubts) -> dict[str, float | None]:
    """Return the share of the rows whose likely labels are exactly the given ones, and micro-F1 of the likely ones."""
    if not found.judged.any():
        return {"agreement": None, "micro_f1": None}
    gold, likely = examples.gold[found.judged], found.p[found.judged] > 0.5
    both = int((gold & likely).sum())
    f1 = 2 * both / max(int(gold.sum() + likely.sum()), 1)
    return {"agreement": float((gold == likely).all(axis=1).mean()), "micro_f1": f1}
