"""A retriever of some of a task's questions, and what it is told apart by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sfumato.architecture import Training
from sfumato.errors import InputError
from sfumato.retrieval import Corpus, Index, Questions, Task, fit
from sfumato.retrieval import training as training_module

FEW = Training(epochs=2, batch_size=8, lr=1e-2, max_length=16)
COLORS, THINGS = ("red", "blue", "green", "grey"), ("house", "car", "tree", "river", "stone", "bird")


def task(number: int = 24) -> Task:
    pairs = [(color, thing) for color in COLORS for thing in THINGS][:number]
    sentences = [f"the {color} {thing} is there" for color, thing in pairs]
    ids, rows = [str(k) for k in range(number)], np.arange(number)
    corpus = Corpus(sentences, ids, sentences, ids, rows)
    asked = [f"where is the {color} {thing}" for color, thing in pairs]
    return Task(corpus, Questions(asked, ids, list(rows[:, None]), rows))


def test_only_the_questions_that_are_given_are_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    step = training_module.DualLoop.step

    def watched(loop, batch):
        seen.extend(loop.texts.pairs.sentences[batch.questions].tolist())
        return step(loop, batch)

    monkeypatch.setattr(training_module.DualLoop, "step", watched)
    made = task()
    train, test = made.split(0.25, seed=0)
    retriever = fit(made, train, model="bag", method="baseline", dev=None, training=FEW)
    assert retriever.info["questions"] == len(train) == 18
    kept = {int(rows[0]) for rows in test.positives}
    assert len(kept) == 6
    assert not kept & set(seen)
    assert fit(made, train, model="bag", dev=0.2, training=FEW).info["questions"] < 18


def test_questions_of_another_task_are_refused() -> None:
    made = task(8)
    with pytest.raises(InputError, match="not of one task: positives name sentences 0 to 23, and the corpus has 8"):
        fit(made, task().questions, training=FEW)
    with pytest.raises(InputError, match="not of one task"):
        fit(made, dev=task().questions, training=FEW)
    with pytest.raises(InputError, match="share must be below 1"):
        fit(made, dev=1, training=FEW)


def test_a_training_that_diverges_says_so() -> None:
    with pytest.raises(InputError, match=r"training diverged: in step \d+ the loss is nan; try a learning rate below"):
        fit(task(), model="bag", method="baseline", dev=None, training=replace(FEW, lr=1e38, epochs=8))


def test_the_hash_of_a_retriever_tells_other_words_with_equal_weights(tmp_path) -> None:
    first = fit(task(), model="bag", method="baseline", dev=None, training=FEW)
    other = fit(task(), model="bag", method="baseline", dev=None, training=FEW)
    assert first.identity() == other.identity()
    longer = fit(task(12), model="bag", method="baseline", dev=None, training=FEW)
    mixed = replace(first, encoder=longer.encoder)
    assert mixed.identity() != first.identity()
    first.save(tmp_path / "one")
    assert type(first).load(tmp_path / "one").identity() == first.identity()


def test_a_retriever_is_not_written_over_an_index(tmp_path) -> None:
    Index.build(task().corpus).save(tmp_path / "folder")
    retriever = fit(task(), model="bag", method="baseline", dev=None, training=FEW)
    with pytest.raises(InputError, match=r"exists and is .*; it is not overwritten with a retriever"):
        retriever.save(tmp_path / "folder", overwrite=True)
    assert len(Index.load(tmp_path / "folder")) == 24
    retriever.save(tmp_path / "own")
    retriever.save(tmp_path / "own", overwrite=True)
