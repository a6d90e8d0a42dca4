"""Soft targets for the trainer of sentence-transformers: one loss, a table of pairs and an evaluator.

::

    loss = SoftInBatchLoss.by_method(model, questions, sentences, method="kwls")
    SentenceTransformerTrainer(model, args, train_dataset=with_rows(questions, sentences), loss=loss).train()

The trainer gives a loss the texts of a batch as token ids, and one column of labels. Here the labels are the numbers of
the rows, by which the loss finds what its method knows of them; `with_rows` writes that column. A sentence that stands
several times in a batch is one candidate and right for each of its questions, so ``BatchSamplers.NO_DUPLICATES`` is of
use (more wrong candidates in a batch) and not needed. The numbers are those of the training rows, so the loss cannot
score an ``eval_dataset`` of others: measure by `evaluator`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional as F

from sfumato.base import Criterion, Output, Supervision
from sfumato.errors import InputError, MissingExtraError
from sfumato.losses import SoftCrossEntropy
from sfumato.method import Method, Plan
from sfumato.registry import check_range
from sfumato.resolve import build_method
from sfumato.retrieval.batches import Batch, Pairs
from sfumato.retrieval.fitting import SCALE
from sfumato.retrieval.in_batch_targets import Targets, Teacher, controlled, in_batch_targets, with_answers
from sfumato.retrieval.task import Corpus, Questions, Task


@dataclass(frozen=True, eq=False)
class Rows:
    """R training pairs.

    Attributes
    ----------
    corpus : the distinct sentences
    questions : the distinct questions, each with the sentences of all its rows
    question, sentence : (R,) what each row holds
    pairs : which sentences answer which question
    """

    corpus: Corpus
    questions: Questions
    question: NDArray[np.int64]
    sentence: NDArray[np.int64]
    pairs: Pairs

    @classmethod
    def of(cls, questions: Sequence[str], sentences: Sequence[str]) -> Rows:
        """Read two columns of the same length."""
        if len(questions) != len(sentences) or not len(questions):
            raise InputError(f"a row has a question and a sentence, got {len(questions)} and {len(sentences)} of them")
        asked, question = numbered(questions)
        texts, sentence = numbered(sentences)
        order = np.argsort(question, kind="stable")
        parts = np.split(sentence[order], np.flatnonzero(np.diff(question[order])) + 1)
        positives = [np.unique(rows) for rows in parts]
        ids = [str(k) for k in range(len(texts))]
        corpus = Corpus(texts, ids, texts, ids, np.arange(len(texts)))
        first = np.array([rows[0] for rows in positives], dtype=np.int64)
        made = Questions(asked, [str(k) for k in range(len(asked))], positives, first)
        return cls(corpus, made, question, sentence, Pairs.of(made))


def numbered(texts: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the distinct texts, and the number of each text among them."""
    number: dict[str, int] = {}
    found = np.array([number.setdefault(text, len(number)) for text in texts], dtype=np.int64)
    return list(number), found


@dataclass(frozen=True, eq=False)
class MatrixTargets:
    """Targets from a matrix of your own.

    Attributes
    ----------
    matrix : (R, R) array or sparse, no number negative: how well the sentence of row j answers the question of row i
    asked, answered : (Q,) and (N,) the first row of each distinct question and sentence
    weight : share of the matrix in the target; the known answers keep the rest
    """

    matrix: Any
    asked: NDArray[np.int64]
    answered: NDArray[np.int64]
    weight: float = 0.1

    def __call__(self, batch: Batch) -> NDArray[np.float64]:
        part = self.matrix[self.asked[batch.questions]][:, self.answered[batch.candidates]]
        d = np.asarray(part.toarray() if sparse.issparse(part) else part, dtype=np.float64)
        total = d.sum(axis=1, keepdims=True)
        d = np.where(total > 0, d / np.where(total > 0, total, 1), batch.positive / batch.positive.sum(1)[:, None])
        return with_answers(d, batch, gold="mix", weight=self.weight)


class SoftInBatchLoss(nn.Module):
    """In-batch softmax of questions and sentences, fitted to soft targets over the same sentences.

    Parameters
    ----------
    model : the `SentenceTransformer` that is trained
    rows : the training pairs, see `Rows`
    targets : from a batch to its targets, see `sfumato.retrieval.in_batch_targets`
    criterion : what scores the misfit; soft cross-entropy by default
    scale : the cosines are multiplied by it before the softmax
    name : of the method, for the model card
    """

    def __init__(
        self,
        model: nn.Module,
        rows: Rows,
        targets: Targets,
        *,
        criterion: Criterion | None = None,
        scale: float = SCALE,
        name: str = "",
    ) -> None:
        super().__init__()
        check_range("SoftInBatchLoss", "scale", scale, 0, 10_000, open_low=True)
        self.model = model
        self.rows, self.targets = rows, targets
        self.criterion = SoftCrossEntropy() if criterion is None else criterion
        self.scale, self.name = scale, name
        self._first = True

    @classmethod
    def by_method(
        cls,
        model: nn.Module,
        questions: Sequence[str],
        sentences: Sequence[str],
        *,
        method: str | Method | Callable[..., Method] = "kwls",
        control: str = "",
        scale: float = SCALE,
        seed: int = 0,
        teacher: Teacher | None = None,
    ) -> SoftInBatchLoss:
        """Return the loss whose targets a method of sfumato makes from the rows of training pairs.

        Raises
        ------
        InputError
            if the columns have other lengths, or the method has no meaning in retrieval.
        """
        rows = Rows.of(questions, sentences)
        chosen = build_method(method, {})
        made = in_batch_targets(chosen, rows.corpus, rows.questions, seed=seed, teacher=teacher)
        plan = Plan(2, 0, 1, 1, seed)
        criterion = None if chosen.criterion is None else chosen.criterion(plan)
        targets = controlled(made, control, seed=seed)
        return cls(model, rows, targets, criterion=criterion, scale=scale, name=str(chosen))

    @classmethod
    def by_matrix(
        cls,
        model: nn.Module,
        questions: Sequence[str],
        sentences: Sequence[str],
        matrix: Any,
        *,
        weight: float = 0.1,
        scale: float = SCALE,
    ) -> SoftInBatchLoss:
        """Return the loss whose targets are a matrix of your own mixed with the known answers, see `MatrixTargets`.

        Raises
        ------
        InputError
            if the columns have other lengths, or the matrix another shape or a number that is no share.
        """
        rows, number = Rows.of(questions, sentences), len(questions)
        matrix = matrix.tocsr() if sparse.issparse(matrix) else np.asarray(matrix)
        if matrix.shape != (number, number):
            raise InputError(f"the matrix must have shape ({number}, {number}), a row a pair, got {matrix.shape}")
        held = matrix.data if sparse.issparse(matrix) else matrix
        if not np.isfinite(held).all():
            raise InputError("the matrix holds NaN or infinity; give shares or counts")
        if matrix.min() < 0:
            raise InputError("the matrix holds a negative number; give shares or counts")
        check_range("SoftInBatchLoss", "weight", weight, 0, 1)
        asked, answered = (np.unique(each, return_index=True)[1] for each in (rows.question, rows.sentence))
        targets = MatrixTargets(matrix, asked, answered, weight)
        return cls(model, rows, targets, scale=scale, name="matrix")

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """Return the mean loss of a batch; ``labels`` (B,) are the numbers of its rows."""
        columns = list(sentence_features)
        if len(columns) != 2:
            raise InputError(f"SoftInBatchLoss reads two columns of texts, question and sentence, got {len(columns)}")
        if labels is None:
            raise InputError("SoftInBatchLoss needs the numbers of the rows as labels; train on loss.table()")
        self._check_use(len(labels))
        vectors = [F.normalize(self.model(column)["sentence_embedding"].float(), dim=1) for column in columns]
        batch, place = self.batch(labels.detach().cpu().numpy().astype(np.int64))
        scores = self.scale * vectors[0] @ vectors[1][torch.as_tensor(place, device=vectors[1].device)].T
        targets = torch.as_tensor(self.targets(batch), dtype=torch.float32, device=scores.device)
        given = torch.as_tensor(batch.labels, device=scores.device)
        with torch.autocast(scores.device.type, enabled=False):
            loss: Tensor = self.criterion(Output(scores.float(), vectors[0]), Supervision(given, targets))
        return loss

    def _check_use(self, size: int) -> None:
        """Raise where the labels cannot be the numbers of training rows, or no batch has a wrong candidate."""
        if not torch.is_grad_enabled() and not self.model.training:
            raise InputError(
                "SoftInBatchLoss reads the numbers of its training rows, so other rows (an eval_dataset) have no loss "
                "by it; leave eval_dataset out and measure by evaluator(task, questions)"
            )
        if self._first and size == 1 and len(self.rows.sentence) > 1:
            raise InputError(
                "the wrong candidates are those of the same batch, so per_device_train_batch_size must be at least 2, "
                "got 1"
            )
        self._first = False

    def table(self) -> Any:
        """Return the training table of this loss: ``question``, ``sentence``, and as ``label`` the row's number."""
        asked, corpus = self.rows.questions.texts, self.rows.corpus.sentences
        return with_rows([asked[k] for k in self.rows.question], [corpus[k] for k in self.rows.sentence])

    def batch(self, numbers: NDArray[np.int64]) -> tuple[Batch, NDArray[np.int64]]:
        """Return some rows with their distinct sentences, and where in the batch each of these stands first, (U,)."""
        most = len(self.rows.sentence) - 1
        if len(numbers) and not 0 <= int(numbers.min()) <= int(numbers.max()) <= most:
            raise InputError(f"labels must be numbers of rows, 0 to {most}, got {numbers.tolist()[:8]}")
        drawn = self.rows.sentence[numbers]
        place = np.unique(drawn, return_index=True)[1]
        return self.rows.pairs.of_drawn(self.rows.question[numbers], drawn), place

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of the loss."""
        return {"scale": self.scale, "method": self.name}


def missing(what: str) -> MissingExtraError:
    """Return what to say where sentence-transformers is not installed, or an older one."""
    return MissingExtraError(f"{what} needs sentence-transformers 6: pip install 'sfumato[sentence-transformers]'")


def with_rows(questions: Sequence[str], sentences: Sequence[str]) -> Any:
    """Return the training table of a `SoftInBatchLoss` of these columns, in this order; `SoftInBatchLoss.table` is it.

    ``question``, ``sentence``, and as ``label`` the row's number.
    """
    if len(questions) != len(sentences):
        raise InputError(f"a row has a question and a sentence, got {len(questions)} and {len(sentences)} of them")
    try:
        from datasets import Dataset
    except ModuleNotFoundError as error:
        raise missing("a training table") from error
    columns = {"question": list(questions), "sentence": list(sentences), "label": list(range(len(questions)))}
    return Dataset.from_dict(columns)


def training_rows(task: Task, questions: Questions | None = None) -> tuple[list[str], list[str]]:
    """Return questions and their sentences, a row a pair, of a task or of some of its questions."""
    asked = task.questions if questions is None else questions
    pairs = [(text, k) for text, rows in zip(asked.texts, asked.positives, strict=True) for k in rows.tolist()]
    return [text for text, _ in pairs], [task.corpus.sentences[k] for _, k in pairs]


def evaluator(task: Task, questions: Questions | None = None, *, name: str = "sfumato", **options: Any) -> Any:
    """Return an ``InformationRetrievalEvaluator``: the questions search all candidates of the task.

    ``options`` are its own; by default its ``accuracy@k``, which is the recall@k of `sfumato.retrieval.ranking`, is at
    1, 10, 50 and 100, with mrr@10 and ndcg@10. Its own ``recall@k`` is the share of the right sentences found.
    """
    if not isinstance(task, Task) or not isinstance(questions, Questions | None):
        raise InputError(
            "evaluator needs a task and some of its questions, as task.split gives them, got "
            f"{type(task).__name__} and {type(questions).__name__}"
        )
    try:
        from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator
    except ModuleNotFoundError as error:
        raise missing("the evaluator") from error
    asked = task.questions if questions is None else questions
    ids = task.corpus.ids
    relevant = {q: {ids[k] for k in rows.tolist()} for q, rows in zip(asked.ids, asked.positives, strict=True)}
    queries: Any = dict(zip(asked.ids, asked.texts, strict=True))
    corpus: Any = dict(zip(ids, task.corpus.sentences, strict=True))
    standard = {"accuracy_at_k": [1, 10, 50, 100], "mrr_at_k": [10], "ndcg_at_k": [10], "write_csv": False}
    return InformationRetrievalEvaluator(queries, corpus, relevant, name=name, **{**standard, **options})
