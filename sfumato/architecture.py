"""An architecture is how texts become inputs, and the network that reads them; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from torch import nn


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
    """

    name: str
    fit_encoder: Callable[[Sequence[str]], Encoder]
    load_encoder: Callable[[Path], Encoder]
    build: Callable[[Any, int], nn.Module]
    training: Training = Training()
    options: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    full_batch: bool = False

    def __str__(self) -> str:
        return self.name
