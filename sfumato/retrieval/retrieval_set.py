"""What a run of retrieval trains, chooses and tests on, and the questions that it is asked in the end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sfumato.retrieval.task import Corpus, Questions, Task

if TYPE_CHECKING:
    from sfumato.experiment import Line, Run

RETRIEVAL_VERSION = 1
"""Raised whenever the same settings train or measure a retriever differently; part of every result's key."""

DEV_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class RetrievalSet:
    """Questions to train, choose and test on.

    Attributes
    ----------
    name : what tables call it
    corpus, train, dev : the candidates that are trained with, and the questions of them
    test_corpus, test : the candidates that the test questions search; the corpus itself where its own are held out
    notes : what there is to say about it
    """

    name: str
    corpus: Corpus
    train: Questions
    dev: Questions
    test_corpus: Corpus
    test: Questions
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, name: str, task: Task, other: Task | None, *, seed: int, rows: int | None = None, tested: int | None = None
    ) -> RetrievalSet:
        """Cut dev, and without ``other`` a fifth of the questions as test, by passages; then limit the questions.

        What is tested is the same for every seed; ``seed`` draws dev.
        """
        stays, test = (task.questions, other.questions) if other else task.split(0.2, 0)
        train, dev = Task(task.corpus, stays).split(DEV_SHARE, 1000 + seed)
        searched = other.corpus if other else task.corpus
        notes = (*task.notes, *(other.notes if other else ()))
        return cls(name, task.corpus, at_most(train, rows), dev, searched, at_most(test, tested), notes)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes: none, a question has sentences."""
        return ()

    @cached_property
    def fingerprint(self) -> str:
        """A hash of every text and of which sentence answers which question."""
        digest = sha256(f"retrieval {RETRIEVAL_VERSION}".encode())
        for corpus in (self.corpus, self.test_corpus):
            digest.update("\x1e".join(corpus.sentences).encode() + b"\x1d")
        for questions in (self.train, self.dev, self.test):
            for text, positives in zip(questions.texts, questions.positives, strict=True):
                digest.update(text.encode() + b"\x1f" + positives.astype("<i8").tobytes() + b"\x1e")
            digest.update(b"\x1d")
        return digest.hexdigest()

    @cached_property
    def size(self) -> int:
        """Characters of the training questions and of all candidates, which the time of a run grows with."""
        return sum(map(len, self.train.texts)) + sum(map(len, self.corpus.sentences))

    def execute(self, run: Run, folder: Path) -> Line:
        """Train, search for the test questions, write their ranks below ``folder``, and return the result line."""
        from sfumato.retrieval.execution import execute_retrieval

        return execute_retrieval(run, self, folder)


def some_passages(task: Task, number: int) -> Task:
    """Return ``number`` of the questions, drawn the same each time, and the candidates of their passages alone."""
    questions = at_most(task.questions, number)
    corpus = task.corpus
    asked = np.isin(corpus.passage, questions.group)
    asked[np.concatenate(questions.positives)] = True
    rows = np.flatnonzero(asked)
    part = replace(
        corpus,
        sentences=[corpus.sentences[k] for k in rows],
        ids=[corpus.ids[k] for k in rows],
        passage=corpus.passage[rows],
    )
    positives = [np.searchsorted(rows, each) for each in questions.positives]
    return replace(task, corpus=part, questions=replace(questions, positives=positives))


def at_most(questions: Questions, limit: int | None) -> Questions:
    """Keep so many questions, drawn at random, the same each time."""
    if limit is None or len(questions) <= limit:
        return questions
    return questions.take(np.sort(np.random.default_rng(0).permutation(len(questions))[:limit]))
