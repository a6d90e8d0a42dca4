"""What a retrieval task is made of: candidate sentences, questions, and which candidates answer each question.

The task is that of ReQA (A. Ahmad, N. Constant, Y. Yang and D. Cer: "ReQA: An Evaluation for End-to-End Answer
Retrieval Models", MRQA 2019): among the sentences of all passages find one that holds the answer.

Shapes: N candidate sentences, P passages, Q questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError
from sfumato.registry import check_range

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Corpus:
    """N distinct candidate sentences.

    Attributes
    ----------
    sentences : N texts, no two the same
    ids : N distinct ids
    passages : P texts that the sentences stand in; the sentences themselves where a source has no passages
    passage_ids : P distinct ids
    passage : (N,) the passage in which each sentence stands first, 0 to P - 1
    titles : P titles of the articles that the passages are parts of, "" where one has none; empty for no titles
    """

    sentences: list[str]
    ids: list[str]
    passages: list[str]
    passage_ids: list[str]
    passage: Integers
    titles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not len(self.sentences) == len(self.ids) == len(self.passage):
            sizes = f"{len(self.sentences)} sentences, {len(self.ids)} ids and {len(self.passage)} places"
            raise InputError(f"a corpus needs an id and a passage for each sentence, got {sizes}")
        if len(self.passages) != len(self.passage_ids) or len(self.titles) not in (0, len(self.passages)):
            sizes = f"{len(self.passages)} passages, {len(self.passage_ids)} ids and {len(self.titles)} titles"
            raise InputError(f"a corpus needs an id for each passage, and titles for all or none, got {sizes}")

    def __len__(self) -> int:
        return len(self.sentences)


@dataclass(frozen=True, eq=False)
class Questions:
    """Q distinct questions.

    Attributes
    ----------
    texts, ids : Q texts and Q distinct ids
    positives : Q ascending lists of the rows of the corpus that answer each; none is empty
    group : (Q,) the passage that each was asked about
    """

    texts: list[str]
    ids: list[str]
    positives: list[Integers]
    group: Integers

    def __post_init__(self) -> None:
        if not len(self.texts) == len(self.ids) == len(self.positives) == len(self.group):
            sizes = f"{len(self.texts)} texts, {len(self.ids)} ids, {len(self.positives)} and {len(self.group)}"
            raise InputError(f"questions need an id, positives and a passage each, got {sizes}")

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, index: Sequence[int] | NDArray[Any]) -> Questions:
        """Return the questions at the places ``index``, in that order."""
        chosen = np.asarray(index, dtype=np.int64).tolist()
        return Questions(
            [self.texts[k] for k in chosen],
            [self.ids[k] for k in chosen],
            [self.positives[k] for k in chosen],
            self.group[chosen],
        )


@dataclass(frozen=True, eq=False)
class Task:
    """Questions and the corpus they are asked of; ``notes`` say in sentences what ``counts`` says in numbers."""

    corpus: Corpus
    questions: Questions
    notes: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)

    def split(self, share: float, seed: int) -> tuple[Questions, Questions]:
        """Return the questions that stay and those that are cut off, both in their order; the corpus stays whole.

        All questions about a passage, and about the passages of one article (title), go to one side; so do
        passages that share a question or a positive sentence, so that no positive of one side is one of the other's.

        Parameters
        ----------
        share : of the questions to cut off, above 0 and below 1; groups are drawn until it is reached, and one that
            would overshoot it by more than it lacks is passed over
        seed : of the drawing

        Raises
        ------
        InputError
            if the share is out of range, or all questions belong together
        """
        check_range("split", "share", share, 0, 1, open_low=True)
        together = connected(self.corpus, self.questions)
        members = [np.flatnonzero(together == k) for k in range(int(together.max(initial=-1)) + 1)]
        if len(members) < 2:
            raise InputError(
                f"{len(self.questions)} questions cannot be split: all are about one article, or about passages that "
                "share questions or sentences; give other questions to test on (fit needs none with dev=None)"
            )
        wanted = min(max(share * len(self.questions), 1), len(self.questions) - 1)
        order = np.random.default_rng(seed).permutation(len(members)).tolist()
        chosen = _drawn(order, [len(rows) for rows in members], wanted)
        cut = np.sort(np.concatenate([members[k] for k in chosen]))
        rest = np.setdiff1d(np.arange(len(self.questions)), cut, assume_unique=True)
        return self.questions.take(rest), self.questions.take(cut)


def connected(corpus: Corpus, questions: Questions) -> Integers:
    """Return the number of the group of each question, (Q,): joined by article, passage or positive.

    A question that was asked of several passages is one question here; its group joins the passages of its positives.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    Q, N = len(questions), len(corpus)
    articles: dict[str, int] = {}
    names = [title or f"\0{k}" for k, title in enumerate(corpus.titles)] or [
        str(k) for k in range(len(corpus.passages))
    ]
    article = np.array([articles.setdefault(name, len(articles)) for name in names], dtype=np.int64)
    sizes = [len(rows) for rows in questions.positives]
    answering = np.concatenate([*questions.positives, np.empty(0, dtype=np.int64)])
    # nodes: questions, then sentences, then articles
    left = np.concatenate([np.repeat(np.arange(Q), sizes), np.arange(Q)])
    right = np.concatenate([Q + answering, Q + N + article[questions.group]])
    size = Q + N + len(articles)
    links = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    found = connected_components(links, directed=False)[1][:Q]
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def _drawn(order: list[int], sizes: list[int], wanted: float) -> list[int]:
    """Return the groups that are cut off; never none and never all."""
    chosen: list[int] = []
    lacking = wanted
    for k in order:
        if lacking > 0 and sizes[k] <= 2 * lacking and len(chosen) < len(sizes) - 1:
            chosen.append(k)
            lacking -= sizes[k]
    return chosen or [min(order, key=lambda k: sizes[k])]
