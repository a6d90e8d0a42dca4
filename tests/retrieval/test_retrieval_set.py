"""What a run of a table trains, chooses and tests on: the same test for every seed, and a hash of all of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sfumato.retrieval import Corpus, Questions, Task
from sfumato.retrieval.retrieval_set import RetrievalSet, at_most, some_passages

PASSAGES = 40


def task() -> Task:
    """Two sentences and a question a passage; the sentence of passage 0 also answers the last question."""
    count = 2 * PASSAGES
    names = [str(k) for k in range(count)]
    passages = [f"passage {k}" for k in range(PASSAGES)]
    corpus = Corpus([f"sentence {k}" for k in names], names, passages, names[:PASSAGES], np.arange(count) // 2)
    positives = [np.array([2 * k]) for k in range(PASSAGES - 1)] + [np.array([0, count - 1])]
    asked = [f"question {k}" for k in range(PASSAGES)]
    return Task(corpus, Questions(asked, names[:PASSAGES], positives, np.arange(PASSAGES)))


def test_what_is_tested_is_the_same_for_every_seed_and_dev_is_not() -> None:
    first, again, other = (RetrievalSet.of("t", task(), None, seed=seed) for seed in (0, 0, 1))
    assert first.test.ids == other.test.ids
    assert first.dev.ids != other.dev.ids
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert sorted([*first.train.ids, *first.dev.ids, *first.test.ids]) == sorted(task().questions.ids)


@pytest.mark.parametrize("part", ["train", "dev", "test", "corpus", "test_corpus"])
def test_the_hash_depends_on_every_part(part: str) -> None:
    made = RetrievalSet.of("t", task(), None, seed=0)
    given: Any = getattr(made, part)
    key = "sentences" if part.endswith("corpus") else "texts"
    changed = replace(given, **{key: ["another", *getattr(given, key)[1:]]})
    assert replace(made, **{part: changed}).fingerprint != made.fingerprint
    assert replace(made, **{part: replace(given)}).fingerprint == made.fingerprint


def test_another_answer_is_another_hash() -> None:
    made = RetrievalSet.of("t", task(), None, seed=0)
    positives = [np.array([1]), *made.test.positives[1:]]
    assert replace(made, test=replace(made.test, positives=positives)).fingerprint != made.fingerprint


def test_another_set_is_tested_whole_and_limits_count_questions() -> None:
    other = replace(task(), questions=task().questions.take(range(7)))
    made = RetrievalSet.of("t", task(), other, seed=0)
    assert made.test.ids == other.questions.ids
    assert len(made.train) + len(made.dev) == PASSAGES
    few = RetrievalSet.of("t", task(), other, seed=0, rows=5, tested=3)
    assert (len(few.train), len(few.test), few.dev.ids) == (5, 3, made.dev.ids)


def test_some_passages_keep_the_sentences_that_answer_and_those_beside_them() -> None:
    whole = task()
    last = replace(whole, questions=whole.questions.take([PASSAGES - 1]))
    part = some_passages(last, 1)
    right = [part.corpus.sentences[k] for k in part.questions.positives[0]]
    assert right == ["sentence 0", f"sentence {2 * PASSAGES - 1}"]  # of another passage, and of its own
    assert part.corpus.sentences == ["sentence 0", f"sentence {2 * PASSAGES - 2}", f"sentence {2 * PASSAGES - 1}"]
    assert at_most(whole.questions, 5).ids == at_most(whole.questions, 5).ids
