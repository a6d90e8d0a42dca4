"""An architecture is how texts become inputs, and the network that reads them; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sfumato.dev_choice import BY
from sfumato.errors import InputError
from sfumato.images import are_images
from sfumato.registry import check_choice, check_range

if TYPE_CHECKING:
    from torch import nn


TEXTS, IMAGES = "texts", "images"  # what a model reads
THRESHOLDS = ("global", "label")
OPTIMIZERS = ("adamw", "adam", "sgd")
# of `Training`: not in the keys of runs that were made before there was a choice
LATER = ("optimizer", "momentum", "thresholds", "eval_every", "choose")


@dataclass(frozen=True)
class Training:
    """The settings of the training loop; an architecture brings its own, and the user may change each."""

    epochs: int = 10
    batch_size: int = 32
    lr: float = 1e-3
    max_length: int = 256
    weight_decay: float = 0.0
    warmup: float = 0.0  # share of the optimizer steps
    patience: int | None = None  # epochs without a better dev score before stopping; None never stops
    accumulate: int = 1  # micro-batches per optimizer step
    clip: float = 1.0  # largest gradient norm
    schedule: str = "constant"  # or "linear"
    optimizer: str = "adamw"  # or "adam", "sgd"
    momentum: float = 0.9  # of sgd
    thresholds: str | float = "global"  # of several labels: one chosen on dev, "label" chooses one a class, or given
    eval_every: float = 1.0  # epochs between two looks at dev, in the runs of comparisons and tables
    choose: str = "auto"  # by what dev chooses, `sfumato.dev_choice`: accuracy for networks, log-loss for one batch

    def __post_init__(self) -> None:
        check_choice("training", "optimizer", self.optimizer, OPTIMIZERS)
        check_range("training", "momentum", self.momentum, 0, 1)
        check_choice("training", "choose", self.choose, BY)
        check_range("training", "eval_every", self.eval_every, 0, 10_000, open_low=True)
        if isinstance(self.thresholds, str):
            check_choice("training", "thresholds", self.thresholds, THRESHOLDS)
        else:
            check_range("training", "thresholds", self.thresholds, 0, 1, open_low=True)
        if self.optimizer != "sgd" and self.momentum != Training.momentum:
            raise InputError(
                f"training: momentum={self.momentum!r} needs optimizer='sgd', got optimizer={self.optimizer!r}, which "
                "has a momentum of its own"
            )

    def settings(self) -> dict[str, Any]:
        """Return what decides a run, as plain values; an option that came later is left out at its default."""
        later = {each.name: each.default for each in fields(self) if each.name in LATER}
        return {name: value for name, value in asdict(self).items() if name not in later or value != later[name]}


class Encoded(Protocol):
    """Texts as a network reads them: row lengths for batching, and rows as arrays for a batch."""

    @property
    def lengths(self) -> np.ndarray[Any, Any]:
        """Number of tokens of each text, (N,)."""
        ...

    def __len__(self) -> int: ...

    def batch(self, index: np.ndarray[Any, Any]) -> dict[str, Any]:
        """Return the inputs of the rows ``index`` as arrays (or torch tensors), keyed by the network's argument."""
        ...


class Encoder(Protocol):
    """Turns texts into inputs; saved beside the model and loaded without running code."""

    def encode(self, texts: Sequence[str], max_length: int) -> Encoded:
        """Return the inputs of ``texts``, each cut to ``max_length`` tokens."""
        ...

    def save(self, folder: Path) -> None:
        """Write the encoder's files into ``folder``."""
        ...


@dataclass(frozen=True)
class Architecture:
    """How a registered model is made.

    Attributes
    ----------
    name, options, version : as for a method
    fit_encoder : training texts -> Encoder
    load_encoder : folder -> Encoder
    build : (encoder, number of classes) -> network returning `Output`; imports torch when called
    training : default settings of the loop
    full_batch : True if the whole split is one batch (linear)
    reads : what its inputs are, `TEXTS` or `IMAGES`
    """

    name: str
    fit_encoder: Callable[[Sequence[str]], Encoder]
    load_encoder: Callable[[Path], Encoder]
    build: Callable[[Any, int], nn.Module]
    training: Training = Training()
    options: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    full_batch: bool = False
    reads: str = TEXTS

    def check_inputs(self, inputs: Any) -> None:
        """Raise if the inputs are images and it reads texts, or the other way round."""
        refuse_other_inputs(self.name, self.reads, inputs)

    def encoder_of(self, inputs: Any) -> Encoder:
        """Return the encoder fitted on the training inputs, which must be what it reads."""
        self.check_inputs(inputs)
        return self.fit_encoder(inputs)

    def __str__(self) -> str:
        return self.name


def refuse_other_inputs(name: str, reads: str, inputs: Any) -> None:
    """Raise if the model ``name`` reads something else than what it is given."""
    given = IMAGES if are_images(inputs) else TEXTS
    if len(inputs) and given != reads:
        advice = "choose model='image-cnn'" if given == IMAGES else "choose a model of texts, as 'linear' or 'textcnn'"
        raise InputError(f"the model {name} reads {reads}, and it was given {given}; {advice}")
