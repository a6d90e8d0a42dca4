"""From a retrieval task, a model and a method to a trained retriever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sfumato.architecture import Architecture, Training
from sfumato.base import Criterion
from sfumato.calibration import softmax
from sfumato.errors import InputError, require_torch
from sfumato.limits import check_device, fitting_length
from sfumato.method import Method, Plan
from sfumato.progress import Progress
from sfumato.registry import check_range, check_whole
from sfumato.resolve import build_architecture, build_method
from sfumato.retrieval.batches import Batch, Pairs, batches
from sfumato.retrieval.in_batch_targets import Teacher, check_in_batch, controlled, in_batch_targets
from sfumato.retrieval.retriever import Retriever
from sfumato.retrieval.task import Corpus, Questions, Task

if TYPE_CHECKING:
    from sfumato.retrieval.training import DualHistory

SCALE = 20.0  # of the cosines, as in sentence-transformers
BATCH_TRAINING = Training(epochs=10, batch_size=64, lr=3e-3, max_length=100_000)  # of `linear`, one batch elsewhere


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained retriever and what happened on the way."""

    retriever: Retriever
    history: DualHistory


def fit(
    task: Task,
    questions: Questions | None = None,
    *,
    model: str | Architecture | Callable[..., Architecture] = "bag",
    method: str | Method | Callable[..., Method] = "kwls",
    dev: Questions | float | None = 0.1,
    towers: str = "shared",
    scale: float = SCALE,
    training: Training | None = None,
    seed: int = 0,
    device: str | None = None,
    progress: Progress | None = None,
) -> Retriever:
    """Train a dual encoder on the questions of a task and return it.

    Parameters
    ----------
    task : questions and their sentences, see `sfumato.retrieval.build`
    questions : those of them to train on, where others are kept to test on, see `Task.split`; all if not given
    model : name of a model, one that is built, or a function that builds one; both towers are of it
    method : name of a method with in-batch targets, see `sfumato.retrieval.in_batch_targets`
    dev : questions that choose the epoch, or their share, cut off by passages; None trains to the end
    towers : "shared", or "two" of equal start
    scale : the cosines are multiplied by it before the softmax
    training : settings of the loop; those of the model by default

    Raises
    ------
    InputError
        for a name or an option that there is not, a model or method that has no meaning in retrieval, and too few
        questions.
    """
    require_torch("training a retriever")
    if not isinstance(questions, Questions | None):
        raise InputError(
            f"fit: questions must be some of the task's, as task.split gives them, got {type(questions).__name__}"
        )
    if not isinstance(training, Training | None):
        raise InputError(
            f"fit: training must be a Training, such as sfumato.architecture.Training(epochs=2), got {training!r:.60}"
        )
    questions, held_out = with_dev(task if questions is None else task.of(questions), dev, seed)
    architecture, chosen = build_architecture(model, {}), build_method(method, {})
    settings = Settings(towers=towers, scale=scale, training=training, seed=seed, device=device)
    return fit_dual_encoder(
        task.corpus, questions, held_out, architecture=architecture, method=chosen, settings=settings, progress=progress
    ).retriever


def with_dev(task: Task, dev: Questions | float | None, seed: int) -> tuple[Questions, Questions | None]:
    """Return the questions to train on and those that choose the epoch; ``seed`` cuts off a share of them."""
    if not isinstance(task, Task):
        raise InputError(f"fit needs a task, got {type(task).__name__}; make one by sfumato.retrieval.build(...)")
    if dev is None or isinstance(dev, Questions):
        return task.questions, None if dev is None else task.of(dev).questions
    if isinstance(dev, bool) or not isinstance(dev, float | int):
        raise InputError(f"fit: dev must be questions, a share of them such as 0.1, or None, got {dev!r}")
    check_whole("fit", "seed", seed, 0)
    return task.split(dev, seed)


@dataclass(frozen=True)
class Settings:
    """What decides a run beside the texts, the model and the method."""

    towers: str = "shared"
    scale: float = SCALE
    training: Training | None = None
    seed: int = 0
    device: str | None = None
    control: str = ""

    def __post_init__(self) -> None:
        check_range("retrieval", "scale", self.scale, 0, 10_000, open_low=True)
        check_whole("retrieval", "seed", self.seed, 0)
        check_device(self.device)


def training_of(architecture: Architecture) -> Training:
    """Return the settings that a model has by itself in retrieval."""
    return BATCH_TRAINING if architecture.full_batch else architecture.training


def fit_dual_encoder(
    corpus: Corpus,
    questions: Questions,
    dev: Questions | None,
    *,
    architecture: Architecture,
    method: Method,
    settings: Settings,
    progress: Progress | None = None,
) -> Fitted:
    """Train on ``questions``; dev questions search the whole corpus. The caller's random state is left as it was."""
    import torch

    from sfumato.retrieval.dual_encoder import check_architecture

    check_in_batch(method)
    check_architecture(architecture)
    check_sizes(questions, dev, settings.training or training_of(architecture))
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        run = DualRun(corpus, questions, dev, architecture, method, settings, progress)
        return run()


def check_sizes(questions: Questions, dev: Questions | None, training: Training) -> None:
    """Raise if no batch would have a wrong candidate, or nothing can choose the epoch."""
    if len(questions) < 2:
        raise InputError(
            f"a retriever learns to tell answers apart and needs two questions or more, got {len(questions)}"
        )
    if training.batch_size < 2:
        raise InputError("the wrong candidates are those of the same batch; batch_size must be at least 2, got 1")
    if dev is not None and not len(dev):
        raise InputError("there is no dev question to choose the epoch by; give some, or dev=None")


@dataclass(eq=False)
class DualRun:
    """One training run; the order of its steps is that of `__call__`."""

    corpus: Corpus
    questions: Questions
    dev: Questions | None
    architecture: Architecture
    method: Method
    settings: Settings
    progress: Progress | None = None

    def __call__(self) -> Fitted:
        """Train the teacher if there is one, make the targets, build the towers from the seed, train them."""
        import torch

        from sfumato.retrieval.dual_encoder import DualObjective, dual_encoder
        from sfumato.retrieval.training import train_dual_encoder

        seed, training = self.settings.seed, self.settings.training or training_of(self.architecture)
        teacher = self._teacher() if self.method.teacher is not None else None
        targets = in_batch_targets(self.method, self.corpus, self.questions, seed=seed, teacher=teacher)
        targets = controlled(targets, self.settings.control, seed=seed)
        torch.manual_seed(seed)
        encoder = self.architecture.encoder_of([*self.corpus.sentences, *self.questions.texts])
        model = dual_encoder(self.architecture, encoder, towers=self.settings.towers, scale=self.settings.scale)
        retriever = Retriever(model, encoder, self.architecture.name, dict(self.architecture.options))
        retriever.towers, retriever.device = self.settings.towers, self.settings.device
        retriever.max_length = fitting_length(model.question.network, training.max_length)
        objective = DualObjective(model, self._criterion(training))
        texts = self._texts(retriever)
        history = train_dual_encoder(
            objective,
            texts,
            targets,
            training,
            dev=self._dev(retriever, texts.sentences),
            seed=seed,
            device=torch.device(self.settings.device or ("cuda" if torch.cuda.is_available() else "cpu")),
            progress=self.progress,
        )
        model.eval()
        retriever.info = self._info(history)
        return Fitted(retriever, history)

    def _teacher(self) -> Teacher:
        """Train on the answers alone and return what that model says of the candidates of a batch."""
        from sfumato.methods.label_smoothing import baseline

        alone = replace(self, method=baseline(), settings=replace(self.settings, control=""))
        retriever = alone().retriever
        q = retriever.encode_questions(self.questions.texts)
        s = retriever.encode_sentences(self.corpus.sentences)

        def says(batch: Batch) -> Any:
            return softmax(self.settings.scale * (q[batch.questions] @ s[batch.candidates].T))

        return says

    def _criterion(self, training: Training) -> Criterion:
        from sfumato.losses import SoftCrossEntropy

        if self.method.criterion is None:
            return SoftCrossEntropy()
        steps = batches(len(self.questions), training.batch_size)
        return self.method.criterion(Plan(training.batch_size, 0, steps, training.epochs, self.settings.seed))

    def _texts(self, retriever: Retriever) -> Any:
        from sfumato.retrieval.training import Texts

        length = retriever.max_length
        sentences = retriever.encoder.encode(self.corpus.sentences, length)
        questions = retriever.encoder.encode(self.questions.texts, length)
        return Texts(sentences, questions, Pairs.of(self.questions))

    def _dev(self, retriever: Retriever, sentences: Any) -> Any:
        from sfumato.retrieval.training import DevQuestions

        if self.dev is None:
            return None
        asked = retriever.encoder.encode(self.dev.texts, retriever.max_length)
        return DevQuestions(sentences, asked, self.dev.positives)

    def _info(self, history: DualHistory) -> dict[str, Any]:
        best = history.epochs[history.best_epoch - 1] if history.epochs else {}
        scores = {name: round(value, 6) for name, value in best.items() if name.startswith("dev_")}
        return {
            "method": str(self.method),
            "seed": self.settings.seed,
            "scale": self.settings.scale,
            "questions": len(self.questions),
            "sentences": len(self.corpus),
            "epochs": len(history.epochs),
            "best_epoch": history.best_epoch,
            **scores,
        }
