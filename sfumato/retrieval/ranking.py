"""From the candidates that were found to numbers: recall, reciprocal ranks, nDCG, and how sure they are.

Each question has one or several right candidates (positives). Its rank is that of the first right one, from 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError
from sfumato.registry import check_whole
from sfumato.retrieval.task import Corpus, Questions
from sfumato.significance import Difference, two_level_bootstrap

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NOT_FOUND = np.iinfo(np.int64).max
RECALL_AT = (1, 10, 50, 100)
QUARTILES = 4


def ranks(index: Any, positives: Sequence[Any]) -> Integers:
    """Return the rank of the first right candidate of each question, (Q,); `NOT_FOUND` where none was found.

    Parameters
    ----------
    index : (Q, k) rows of candidates, best first, -1 for none
    positives : Q lists of right rows, none empty

    Raises
    ------
    InputError
        if there are not as many lists as questions, one is empty, or ``index`` is not (Q, k)
    """
    right = hits(index, positives)
    return np.where(right.any(axis=1), right.argmax(axis=1) + 1, NOT_FOUND) if right.size else _none(len(right))


def _none(count: int) -> Integers:
    return np.full(count, NOT_FOUND, dtype=np.int64)


def ranks_of_scores(scores: Any, positives: Sequence[Any]) -> Integers:
    """Return the rank of the best right candidate of each question, (Q,), from all scores (Q, N).

    Of equal scores the candidate of the lower row stands first, as in `top_k`: an equal candidate counts as before the
    right one only if its row is lower.
    """
    scores = np.asarray(scores)
    _checked(len(scores), positives)
    found = np.empty(len(scores), dtype=np.int64)
    for q, (row, right) in enumerate(zip(scores, positives, strict=True)):
        rows = np.sort(np.asarray(right, dtype=np.int64))
        best = rows[np.argmax(row[rows])]  # the first of the best
        found[q] = 1 + (row > row[best]).sum() + (row[:best] == row[best]).sum()
    return found


def hits(index: Any, positives: Sequence[Any]) -> NDArray[np.bool_]:
    """Return which of the candidates found are right, (Q, k)."""
    index = np.asarray(index, dtype=np.int64)
    if index.ndim != 2:
        raise InputError(f"what was found must be rows of candidates, (Q, k), got the shape {index.shape}")
    _checked(len(index), positives)
    width = max(int(index.max(initial=0)), *(int(np.max(rows)) for rows in positives), 0) + 1 if len(index) else 1
    sizes = [len(rows) for rows in positives]
    keys = np.repeat(np.arange(len(index)), sizes) * width + np.concatenate([*positives, np.empty(0, dtype=np.int64)])
    found = np.isin(np.arange(len(index))[:, None] * width + index, keys.astype(np.int64))
    return np.asarray(found & (index >= 0))


def _checked(count: int, positives: Sequence[Any]) -> None:
    if len(positives) != count:
        raise InputError(f"each question needs its right candidates, got {len(positives)} lists for {count} questions")
    empty = next((q for q, rows in enumerate(positives) if not len(rows)), None)
    if empty is not None:
        raise InputError(f"question {empty + 1} has no right candidate; leave it out")


def recall_at(found: Any, k: int) -> Floats:
    """Return 1 for each question with a right candidate among the first k, else 0; their mean is ReQA's recall@k.

    It is a share of the questions, not of their right candidates: one is enough.
    """
    check_whole("recall_at", "k", k, 1)
    return (np.asarray(found) <= k).astype(np.float64)


def mrr_at_10(found: Any) -> Floats:
    """Return ``1 / rank`` of each question, 0 where the rank is above 10; their mean is MRR@10."""
    found = np.asarray(found, dtype=np.float64)
    return np.where(found <= 10, 1 / found, 0.0)


def ndcg_at_10(index: Any, positives: Sequence[Any]) -> Floats:
    """Return the normalised discounted cumulative gain at 10 of each question, (Q,).

    K. Järvelin and J. Kekäläinen (ACM TOIS 20, 2002), for right and wrong only, with P positives::

        DCG  = sum of 1 / log2(1 + i) over the places i = 1 .. 10 that hold a positive
        IDCG = sum of 1 / log2(1 + i) over i = 1 .. min(P, 10)         nDCG = DCG / IDCG
    """
    gains = 1 / np.log2(np.arange(2, 12))
    right = hits(index, positives)[:, :10]
    ideal = np.cumsum(gains)[np.minimum([len(rows) for rows in positives], 10) - 1] if len(right) else np.ones(0)
    return np.asarray((right * gains[: right.shape[1]]).sum(axis=1) / ideal)


def per_question(top: Any, positives: Sequence[Any]) -> dict[str, Floats]:
    """Return each measure of each question, (Q,): recall@1, @10, @50, @100, mrr@10, ndcg@10.

    Recall at more than the k candidates that were searched for is left out: it is not known.
    """
    index = np.asarray(top[1] if isinstance(top, tuple) else top)
    found = ranks(index, positives)  # checks the shape
    known = [k for k in RECALL_AT if k <= index.shape[1]]
    values = {f"recall@{k}": recall_at(found, k) for k in known}
    return values | {"mrr@10": mrr_at_10(found), "ndcg@10": ndcg_at_10(index, positives)}


def evaluate(top: Any, positives: Sequence[Any]) -> dict[str, float]:
    """Return the mean of each measure over the questions; recall@k is the share of them as ReQA has it (`recall_at`).

    Parameters
    ----------
    top : ``(scores, index)`` as `top_k` returns it, or index (Q, k); mrr@10 and ndcg@10 want k of 10 or more
    positives : Q lists of right rows

    Raises
    ------
    InputError
        if there is no question, or one has no right candidate
    """
    if isinstance(positives, Questions):
        raise InputError("evaluate needs the positives of questions; write questions.positives")
    if not len(positives):
        raise InputError("there is no question to measure on")
    return {name: float(values.mean()) for name, values in per_question(top, positives).items()}


def compared(first: Any, second: Any, *, level: float = 0.95, draws: int = 2000, seed: int = 0) -> Difference:
    """Compare two ways of searching by a measure of each question: the paired bootstrap over the questions.

    Parameters
    ----------
    first, second : (Q,) of the same questions, or (S, Q) over S seeds, as `per_question` gives them
    """
    return two_level_bootstrap(np.atleast_2d(first), np.atleast_2d(second), level=level, draws=draws, seed=seed)


def overlap(questions: Questions, corpus: Corpus, *, kind: str = "jaccard", unit: Any = "auto") -> Floats:
    """Return how much of its words each question shares with a positive, the largest over them, (Q,), 0 to 1.

    "jaccard" is the shared distinct words by all of both; "containment" the shared ones by those of the question.
    """
    from sfumato.keywords import count_words
    from sfumato.registry import check_choice

    check_choice("overlap", "kind", kind, ("jaccard", "containment"))
    counts = count_words([*questions.texts, *corpus.sentences], unit=unit)
    words = counts.matrix
    words.data = np.ones_like(words.data)
    sizes = np.diff(words.indptr)
    Q = len(questions)
    rows = np.repeat(np.arange(Q), [len(own) for own in questions.positives])
    columns = Q + np.concatenate([*questions.positives, np.empty(0, dtype=np.int64)]).astype(np.int64)
    shared = np.asarray(words[rows].multiply(words[columns]).sum(axis=1)).ravel()
    whole = sizes[rows] + (sizes[columns] - shared if kind == "jaccard" else 0)
    largest = np.zeros(Q)
    np.maximum.at(largest, rows, shared / np.maximum(whole, 1))
    return largest


def overlap_quartiles(
    questions: Questions, corpus: Corpus, top: Any, *, kind: str = "jaccard", unit: Any = "auto"
) -> list[dict[str, float]]:
    """Return the measures of `evaluate` by quartile of word overlap, the lowest first, with their bounds and numbers.

    KWLS, section 5.4, guesses that models gain most where question and answer share few words; this tests it.
    Questions are cut into four equal parts in the order of `overlap`, equal ones in the order of the questions.
    """
    shares = overlap(questions, corpus, kind=kind, unit=unit)
    parts = np.array_split(np.argsort(shares, kind="stable"), QUARTILES)
    values = per_question(top, questions.positives)
    return [
        {"questions": len(rows), "from": float(shares[rows].min()), "to": float(shares[rows].max())}
        | {name: float(each[rows].mean()) for name, each in values.items()}
        for rows in parts
        if len(rows)
    ]
