"""The candidates of one step of training: the sentences that answer the questions of a batch.

Every question of a batch is scored against the sentences of all of them, so that the others' sentences are its wrong
answers. A sentence that several questions share stands there once, and each sentence that is known to answer a
question counts as right for it: a duplicate is never a wrong answer.

Shapes: B questions of a batch, U distinct candidates of them (at most B).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sfumato.retrieval.task import Integers, Questions


@dataclass(frozen=True, eq=False)
class Batch:
    """B questions and their U candidates.

    Attributes
    ----------
    questions : (B,) rows of the questions
    candidates : (U,) rows of the corpus, ascending, no two the same
    labels : (B,) the column of the sentence that was drawn for each question
    positive : (B, U) whether a candidate answers a question
    """

    questions: Integers
    candidates: Integers
    labels: Integers
    positive: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Which sentences answer which questions, as one flat list sorted by question.

    Attributes
    ----------
    sentences : (E,) rows of the corpus, ascending within a question
    offsets : (Q + 1,) the pairs of question i are ``offsets[i]`` to ``offsets[i + 1]``
    """

    sentences: Integers
    offsets: Integers

    @classmethod
    def of(cls, questions: Questions) -> Pairs:
        """Return the pairs of all questions."""
        return cls.from_lists(questions.positives)

    @classmethod
    def from_lists(cls, positives: Sequence[Integers]) -> Pairs:
        """Return the pairs of lists of sentences, one list a question."""
        offsets = np.zeros(len(positives) + 1, dtype=np.int64)
        np.cumsum([len(rows) for rows in positives], out=offsets[1:])
        flat = np.concatenate([*positives, np.empty(0, dtype=np.int64)]).astype(np.int64)
        return cls(flat, offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of_rows(self, index: Integers) -> tuple[Integers, Integers, Integers]:
        """Return place in ``index``, sentence and number of each pair of these questions, each ``(E',)``."""
        sizes = self.offsets[index + 1] - self.offsets[index]
        place = np.repeat(np.arange(len(index)), sizes)
        number = np.arange(len(place)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + self.offsets[index][place]
        return place, self.sentences[number], number

    def batch(self, index: Integers, generator: np.random.Generator) -> Batch:
        """Return the questions ``index`` with one of the sentences of each, drawn evenly, as the candidates."""
        sizes = self.offsets[index + 1] - self.offsets[index]
        return self.of_drawn(
            index, self.sentences[self.offsets[index] + (generator.random(len(index)) * sizes).astype(np.int64)]
        )

    def of_drawn(self, index: Integers, drawn: Integers) -> Batch:
        """Return the questions ``index`` with the sentences ``drawn`` (B,), one of each question, as the candidates."""
        candidates, labels = np.unique(drawn, return_inverse=True)
        place, sentence, _ = self.of_rows(index)
        column = np.searchsorted(candidates, sentence)
        inside = candidates[np.minimum(column, len(candidates) - 1)] == sentence
        positive = np.zeros((len(index), len(candidates)), dtype=bool)
        positive[place[inside], column[inside]] = True
        return Batch(index, candidates, labels.astype(np.int64), positive)

    def epoch(self, size: int, generator: np.random.Generator) -> Iterator[Batch]:
        """Yield all questions, shuffled, ``size`` at a time; a last batch of one, which has no wrong answer, is left.

        Questions of one sentence that fall together still stand beside the candidates of all the others.
        """
        order = generator.permutation(len(self))
        for start in range(0, len(order), size):
            if len(order) - start > 1:
                yield self.batch(order[start : start + size], generator)


def batches(questions: int, size: int) -> int:
    """Return how many batches `Pairs.epoch` yields: a last one of a single question is left out."""
    return questions // size + (questions % size > 1)
