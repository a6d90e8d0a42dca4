"""The loss for sentence-transformers, in its own trainer."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from scipy import sparse

from sfumato.errors import InputError

pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")

from sfumato.integrations.sentence_transformers import (
    Rows,
    SoftInBatchLoss,
    evaluator,
    training_rows,
    with_rows,
)
from sfumato.retrieval.task import Corpus, Questions, Task

THINGS = ("house", "car", "tree", "river", "stone", "bird")
QUESTIONS = [f"where is the {thing}" for thing in THINGS] + ["where is the house", "what is here"]
SENTENCES = [f"the {thing} is here" for thing in THINGS] + ["a house stands there", "the car is here"]


class Words(torch.nn.Module):
    """Stands for a model: the token ids of a text are its vector."""

    def forward(self, features):
        return {"sentence_embedding": features["input_ids"]}


def batch(rows, size=4):
    generator = torch.Generator().manual_seed(1)
    vectors = torch.randn(2, len(rows), size, generator=generator)
    return [{"input_ids": vectors[0]}, {"input_ids": vectors[1]}], torch.tensor(rows)


def plain_loss(features, columns, targets, scale=20.0):
    """Mean cross-entropy over the sentences that stand first, in plain loops."""
    total, q, s = 0.0, features[0]["input_ids"].tolist(), features[1]["input_ids"].tolist()
    for i, question in enumerate(q):
        scores = [
            scale * sum(a * b for a, b in zip(question, s[j], strict=True))
            / math.hypot(*question) / math.hypot(*s[j])
            for j in columns
        ]  # fmt: skip
        partition = math.log(sum(map(math.exp, scores)))
        total -= sum(share * (score - partition) for share, score in zip(targets[i], scores, strict=True))
    return total / len(q)


def test_hard_targets_are_the_in_batch_softmax_in_plain_loops():
    loss = SoftInBatchLoss.by_method(Words(), QUESTIONS, SENTENCES, method="baseline")
    features, labels = batch([2, 4, 5])
    assert float(loss(features, labels)) == pytest.approx(plain_loss(features, [0, 1, 2], np.eye(3)), rel=1e-5)


def test_a_sentence_that_stands_twice_is_one_candidate_and_right_for_both_questions():
    loss = SoftInBatchLoss.by_method(Words(), QUESTIONS, SENTENCES, method="baseline")
    features, labels = batch([1, 7, 3])  # rows 1 and 7 hold the same sentence
    wanted = plain_loss(features, [0, 2], [[1, 0], [1, 0], [0, 1]])
    assert float(loss(features, labels)) == pytest.approx(wanted, rel=1e-5)


def test_a_question_that_stands_twice_has_both_its_sentences():
    rows = Rows.of(QUESTIONS, SENTENCES)
    assert rows.questions.positives[0].tolist() == [0, 6]
    loss = SoftInBatchLoss.by_method(Words(), QUESTIONS, SENTENCES, method="baseline")
    features, labels = batch([0, 6])
    assert float(loss(features, labels)) == pytest.approx(plain_loss(features, [0, 1], np.full((2, 2), 0.5)), rel=1e-5)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_a_matrix_of_ones_own_is_mixed_with_the_answers(kind):
    matrix = np.zeros((8, 8))
    matrix[2, [3, 4]] = 1, 3
    loss = SoftInBatchLoss.by_matrix(Words(), QUESTIONS, SENTENCES, kind(matrix), weight=0.4)
    features, labels = batch([2, 3, 4])
    targets = [[0.6, 0.1, 0.3], [0, 1, 0], [0, 0, 1]]  # a row of zeros says nothing
    assert float(loss(features, labels)) == pytest.approx(plain_loss(features, [0, 1, 2], targets), rel=1e-5)


def test_a_matrix_is_read_at_the_first_row_of_each_question_and_sentence():
    matrix = np.zeros((8, 8))
    matrix[0, [1, 3]] = 1, 3  # rows 0 and 6 ask the same; row 7 holds the sentence of row 1
    loss = SoftInBatchLoss.by_matrix(Words(), QUESTIONS, SENTENCES, matrix, weight=0.4)
    features, labels = batch([6, 7, 3])
    targets = [[0.6, 0.1, 0.3], [0, 1, 0], [0, 0, 1]]
    assert float(loss(features, labels)) == pytest.approx(plain_loss(features, [0, 1, 2], targets), rel=1e-5)


def test_soft_targets_of_words_are_not_the_hard_ones_and_have_a_gradient():
    features, labels = batch([0, 1, 2, 3])
    features[0]["input_ids"].requires_grad_()
    soft, hard = (
        SoftInBatchLoss.by_method(Words(), QUESTIONS, SENTENCES, method=method)(features, labels)
        for method in ("kwls-paper", "baseline")
    )
    assert not torch.isclose(soft, hard)
    soft.backward()
    assert torch.isfinite(features[0]["input_ids"].grad).all()


def test_what_cannot_be_used_is_refused_in_words():
    loss = SoftInBatchLoss.by_method(Words(), QUESTIONS, SENTENCES)
    features, labels = batch([0, 1])
    with pytest.raises(InputError, match="needs the numbers of the rows as labels"):
        loss(features)
    with pytest.raises(InputError, match="numbers of rows, 0 to 7"):
        loss(features, labels + 7)
    with pytest.raises(InputError, match="two columns of texts"):
        loss([*features, features[0]], labels)
    with pytest.raises(InputError, match="8 and 2 of them"):
        SoftInBatchLoss.by_method(Words(), QUESTIONS, SENTENCES[:2])
    with pytest.raises(InputError, match=r"shape \(8, 8\)"):
        SoftInBatchLoss.by_matrix(Words(), QUESTIONS, SENTENCES, np.ones((2, 2)))
    for kind in (np.asarray, sparse.csr_matrix):
        with pytest.raises(InputError, match="NaN or infinity"):
            SoftInBatchLoss.by_matrix(Words(), QUESTIONS, SENTENCES, kind(np.diag([np.nan] * 8)))
    with pytest.raises(InputError, match="negative number"):
        SoftInBatchLoss.by_matrix(Words(), QUESTIONS, SENTENCES, -np.eye(8))
    with pytest.raises(InputError, match="got 8 and 7 of them"):
        with_rows(QUESTIONS, SENTENCES[:-1])
    with pytest.raises(InputError, match=r"evaluator needs a task and some of its questions, .* got Questions and"):
        evaluator(task().questions)
    with pytest.raises(InputError, match="got Task and list"):
        evaluator(task(), QUESTIONS)


def test_rows_of_an_eval_dataset_are_refused_and_so_are_batches_of_one():
    loss = SoftInBatchLoss.by_method(Words(), QUESTIONS, SENTENCES)
    with pytest.raises(InputError, match="per_device_train_batch_size must be at least 2, got 1"):
        loss(*batch([3]))
    assert loss(*batch([0, 1])) > 0
    assert loss(*batch([3])) == 0  # a last batch of one, which has no wrong candidate
    loss.model.eval()
    with torch.no_grad(), pytest.raises(InputError, match="leave eval_dataset out and measure by evaluator"):
        loss(*batch([0, 1]))


def test_the_table_of_a_loss_has_its_rows_and_their_numbers():
    table = SoftInBatchLoss.by_method(Words(), QUESTIONS, SENTENCES).table()
    assert (list(table["question"]), list(table["sentence"])) == (QUESTIONS, SENTENCES)
    assert list(table["label"]) == list(range(8))


def task():
    ids = [str(k) for k in range(len(THINGS))]
    corpus = Corpus(SENTENCES[: len(THINGS)], ids, SENTENCES[: len(THINGS)], ids, np.arange(len(THINGS)))
    positives = [np.array([k]) for k in range(len(THINGS))]
    return Task(corpus, Questions(QUESTIONS[: len(THINGS)], ids, positives, np.arange(len(THINGS))))


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["no_duplicates", "batch_sampler"])
def test_their_trainer_trains_with_it_and_their_evaluator_measures(tiny_bert, tmp_path, sampler):
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder = Transformer(str(tiny_bert))
        model = SentenceTransformer(modules=[encoder, Pooling(32, "mean")], device="cpu")
        questions, sentences = training_rows(task())
        before = model.encode(questions)
        args = SentenceTransformerTrainingArguments(
            output_dir=str(tmp_path), num_train_epochs=2, per_device_train_batch_size=3, report_to="none",
            batch_sampler=sampler, save_strategy="no", use_cpu=True, learning_rate=1e-3, disable_tqdm=True,
        )  # fmt: skip
        loss = SoftInBatchLoss.by_method(model, questions, sentences, method="kwls")
        rows = loss.table().shuffle(seed=0)
        SentenceTransformerTrainer(model=model, args=args, train_dataset=rows, loss=loss).train()
        found = evaluator(task())(model)
    assert not np.allclose(before, model.encode(questions))
    assert found["sfumato_cosine_accuracy@10"] == 1.0
