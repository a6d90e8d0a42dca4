"""The demo corpus of several labels a row: support tickets of one to three topics, whose true probabilities are known.

The story of one ticket. One to three departments are drawn, those after the first mostly neighbours of it; each tells
one or two phrases of its own list (`sfumato.corpus` has the lists and which departments are neighbours). Then every
department is a label of the ticket with a probability of its own: ``HELD`` where the ticket tells of it, ``NEAR`` where
it tells of a neighbour only, ``FAR`` elsewhere. So π is known, and a ticket may have no label.

Shapes: N tickets, C departments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sfumato.corpus import Doubles, Story, draw_phrases, make_story, neighbour_table, wordings
from sfumato.registry import check_range, check_whole
from sfumato.wording import write_ticket

TOPICS = (0.5, 0.35, 0.15)  # chances of one, two and three topics
HELD, NEAR, FAR = 0.92, 0.08, 0.01
NEIGHBOUR = 6  # times as likely as a department further off to be the next topic


@dataclass(frozen=True, eq=False)
class TopicCorpus:
    """Tickets and what their generator knows about them.

    Attributes
    ----------
    texts : N tickets
    label_sets : the labels of each, none or several
    classes : the C departments, sorted
    topics : (N, C), which departments tell phrases of the ticket: one to three
    pi : (N, C), the probability with which each department was made a label, independently of the others
    """

    texts: list[str]
    label_sets: list[list[str]]
    classes: tuple[str, ...]
    topics: NDArray[np.bool_]
    pi: Doubles

    def __len__(self) -> int:
        return len(self.texts)


def make_topic_corpus(rows: int = 1500, *, seed: int = 0, similarity: float = 0.5) -> TopicCorpus:
    """Draw ``rows`` tickets; ``similarity``, 0 to 1, says how many phrases neighbours share.

    Raises
    ------
    InputError
        for an option out of its range.
    """
    check_whole("corpus", "rows", rows, 1, 10**8)
    check_range("corpus", "similarity", similarity, 0, 1)
    departments = list(wordings()["own"])
    story = make_story(
        noise=0.0, noise_kind="uniform", imbalance=1.0, similarity=similarity, departments=len(departments)
    )
    order = np.argsort(departments)  # the story's classes are in this order
    near = neighbour_table(departments)[np.ix_(order, order)] > 0
    rng = np.random.default_rng(seed)
    topics = np.array([draw_topics(near, rng) for _ in range(int(rows))])
    pi = np.where(topics, HELD, np.where(topics @ near, NEAR, FAR))
    gold = rng.random(pi.shape) < pi
    return TopicCorpus(
        texts=[tell_topics(story, np.flatnonzero(row), rng) for row in topics],
        label_sets=[[story.classes[k] for k in np.flatnonzero(row)] for row in gold],
        classes=story.classes,
        topics=topics,
        pi=pi,
    )


def draw_topics(near: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw the topics of one ticket, (C,): the first of all alike, each further one mostly a neighbour of the first."""
    told = np.zeros(len(near), dtype=bool)
    first = int(rng.integers(len(near)))
    told[first] = True
    for _ in range(int(rng.choice(len(TOPICS), p=TOPICS))):
        chance = np.where(near[first], NEIGHBOUR, 1.0) * ~told
        told[rng.choice(len(near), p=chance / chance.sum())] = True
    return told


def tell_topics(story: Story, topics: NDArray[np.int64], rng: np.random.Generator) -> str:
    """Write a ticket of one or two phrases of each topic, in any order."""
    phrases = {m for k in topics for m in draw_phrases(story.emission[k], int(rng.integers(1, 3)), rng)}
    order = rng.permutation(sorted(phrases)).tolist()
    return write_ticket([story.phrases[m] for m in order], wordings(), rng)
