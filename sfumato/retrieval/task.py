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
        refuse_twice("sentences", self.ids)
        if len(self.passage) and not 0 <= np.min(self.passage) <= np.max(self.passage) < len(self.passages):
            raise InputError(
                f"passage must say in which of the {len(self.passages)} passages each sentence stands, from 0 on, got "
                f"{np.min(self.passage)} to {np.max(self.passage)}"
            )

    def __len__(self) -> int:
        return len(self.sentences)

    def __repr__(self) -> str:
        return f"Corpus({len(self):,} sentences of {len(self.passages):,} passages)"


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
        refuse_twice("questions", self.ids)
        if not ascending(self.positives):
            wrong = next(k for k, rows in enumerate(self.positives) if not ascending([rows]))
            raise InputError(
                f"the question {self.texts[wrong]!r:.60} needs rows of the corpus that answer it, ascending and each "
                f"once, got {list(self.positives[wrong])}"
            )

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        return f"Questions({len(self):,})"

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

    def __post_init__(self) -> None:
        named = [("positives", np.concatenate([*self.questions.positives, [0]]), len(self.corpus), "sentences")]
        named.append(("group", np.append(self.questions.group, 0), len(self.corpus.passages), "passages"))
        for name, rows, number, what in named:
            if not 0 <= rows.min() <= rows.max() < number:
                raise InputError(
                    f"questions and corpus are not of one task: {name} name {what} {rows.min():.0f} to "
                    f"{rows.max():.0f}, and the corpus has {number}"
                )

    def of(self, questions: Questions) -> Task:
        """Return some of the questions, as `split` gives them, with the whole corpus."""
        return Task(self.corpus, questions)

    def split(self, share: float, seed: int = 0) -> tuple[Questions, Questions]:
        """Return the questions that stay and those that are cut off, both in their order; the corpus stays whole.

        All questions about a passage, and about the passages of one article (title), go to one side; so do
        passages that share a question or a positive sentence, so that no positive of one side is one of the other's.

        Parameters
        ----------
        share : of the questions to cut off, above 0 and below 1, and no number of them; groups are drawn until it is
            reached, and one that would overshoot it by more than it lacks is passed over
        seed : of the drawing

        Raises
        ------
        InputError
            if the share is out of range, or all questions belong together
        """
        check_range("split", "share", share, 0, 1, open_low=True)
        if share == 1:
            raise InputError("split: share must be below 1, such as 0.1; no question would be left")
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


def ascending(lists: Sequence[Integers]) -> bool:
    """Whether every list has a number, and each number is above the one before it in its list."""
    sizes = np.array([len(rows) for rows in lists], dtype=np.int64)
    if not sizes.all():
        return False
    steps = np.diff(np.concatenate([*lists, np.empty(0, dtype=np.int64)]))
    steps[np.cumsum(sizes)[:-1] - 1] = 1  # from one list to the next
    return bool((steps > 0).all())


def refuse_twice(what: str, ids: Sequence[str]) -> None:
    """Raise if two of some things have one id."""
    if len(set(ids)) < len(ids):
        seen: set[str] = set()
        twice = next(name for name in ids if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise InputError(f"two {what} have the id {twice!r}; give each its own")


def connected(corpus: Corpus, questions: Questions) -> Integers:
    """Return the number of the group of each question, (Q,): joined by article, passage or positive.

    A question that was asked of several passages is one question here, and joins the passages of its positives.
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
    left = np.concatenate([np.repeat(np.arange(Q), sizes), np.arange(Q), Q + answering])
    right = np.concatenate(
        [Q + answering, Q + N + article[questions.group], Q + N + article[corpus.passage[answering]]]
    )
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
