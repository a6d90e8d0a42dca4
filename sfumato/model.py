"""A trained classifier that stands alone: texts or images in, class names and calibrated probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from sfumato.architecture import TEXTS, refuse_other_inputs
from sfumato.calibration import sigmoid, softmax
from sfumato.errors import InputError, require_torch
from sfumato.image_source import is_image_data, read_images
from sfumato.images import Pixels, as_images
from sfumato.targets import Floats
from sfumato.thresholds import HALF, check_thresholds

if TYPE_CHECKING:
    from torch import nn

    from sfumato.architecture import Encoder
    from sfumato.evaluation import Evaluation

Inputs = Sequence[str] | Sequence[Pixels] | Pixels
BATCH = 128  # texts that a network reads at once
BLOCK = 4096  # texts encoded at a time: what a prediction holds in memory does not grow with the table


@dataclass(eq=False)
class Model:
    """A classifier with its encoder, class names and temperature.

    Attributes
    ----------
    network : the bare classifier; a method's own parameters are gone
    encoder : texts (or images) to inputs
    classes : class names, in the order of the columns
    architecture, options : the registry name of the model and the options that built it
    temperature : the logits are divided by it; folded into the last layer on saving
    folded : the temperature that is already inside the last layer (of a loaded model)
    max_length : texts are cut to so many tokens
    info : what is known of the training: rows, seed, method, dev scores, versions
    multilabel : whether a text may have several labels, or none
    thresholds : (C,), a label is predicted if its probability is higher; None is .5, and of one label a text none
    """

    network: nn.Module
    encoder: Encoder
    classes: tuple[str, ...]
    architecture: str
    options: dict[str, Any] = field(default_factory=dict)
    temperature: float = 1.0
    folded: float = 1.0
    max_length: int = 256
    info: dict[str, Any] = field(default_factory=dict)
    device: str | None = None
    multilabel: bool = False
    thresholds: NDArray[np.float64] | None = None

    @property
    def reads(self) -> str:
        """What it is asked about: "texts", or "images", as arrays or as `sfumato.image_source` reads them."""
        return str(getattr(self.encoder, "reads", TEXTS))

    def predict(self, texts: Inputs) -> list[Any]:
        """Return the most probable class of each text (or image); of a multi-label model the list of its labels."""
        if self.multilabel:
            answers = self.answers(self.predict_proba(texts))
            return [[self.classes[k] for k in np.flatnonzero(row)] for row in answers]
        return [self.classes[k] for k in self._outputs(texts)[0].argmax(axis=1)]

    def predict_proba(self, texts: Inputs) -> NDArray[np.float64]:
        """Return calibrated class probabilities, (N, C); columns in the order of ``classes``.

        Those of a multi-label model are independent: a row need not sum to 1.
        """
        return self.probabilities(self._outputs(texts)[0], self.temperature)

    def probabilities(self, logits: NDArray[Any], temperature: float = 1.0) -> NDArray[np.float64]:
        """Return the probabilities of logits (N, C): by softmax, by sigmoid where the model is multi-label."""
        return (sigmoid if self.multilabel else softmax)(logits, temperature)

    def answers(self, probabilities: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which labels a multi-label model gives at its thresholds, (N, C)."""
        thresholds = HALF if self.thresholds is None else check_thresholds(self.thresholds, len(self.classes))
        found: NDArray[np.bool_] = np.asarray(probabilities) > thresholds
        return found

    def predict_logits(self, texts: Inputs) -> Floats:
        """Return the logits before calibration, (N, C)."""
        logits: Floats = self._outputs(texts)[0] * np.float32(self.folded)
        return logits

    def features(self, texts: Inputs) -> Floats:
        """Return what the last layer reads, (N, D); for the linear model these are its logits."""
        return self._outputs(texts)[1]

    def evaluate(
        self,
        data: Any,
        *,
        text: Sequence[str] | str | None = None,
        label: Sequence[str] | str | None = None,
        bad_rows: str = "refuse",
        label_separator: str | None = None,
        task: str = "auto",
    ) -> Evaluation:
        """Measure the model on a labelled table: metrics with intervals, scores per class, confused pairs.

        A label that training never saw counts as an error. ``label_separator`` is what stands between the labels of a
        row, where a column of text holds several. ``task`` is the model's own kind, or "auto"; "single" takes brackets
        in a column of labels for parts of the names.
        """
        from sfumato.evaluation import evaluate
        from sfumato.label_columns import holds_lists
        from sfumato.table import read_table

        named = isinstance(data, str | Path) or hasattr(data, "columns") or hasattr(data, "column_names")
        known = self.info if named else {}  # a table has the columns that the model was trained on; lists have none
        text, label = text or known.get("text"), label or known.get("label")
        saved = known.get("label_separator") if label == known.get("label") else None
        if label_separator is None and saved:
            data = read_table(data, bad_rows=bad_rows)
            label_separator = None if isinstance(label, str) and holds_lists(data, label) else saved
        return evaluate(
            self, data, text=text, label=label, bad_rows=bad_rows, label_separator=label_separator, task=task
        )

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write the model folder (Hugging Face layout, safetensors and JSON only) and return its path."""
        from sfumato.folder import save_model

        return save_model(self, Path(folder), overwrite=overwrite)

    def _inputs(self, given: Inputs) -> Sequence[Any]:
        """Return the inputs after refusing what this model does not read."""
        if self.reads == TEXTS:
            refuse_other_inputs(self.architecture, TEXTS, given)
            return check_texts(cast(Sequence[str], given))
        if is_image_data(given) and not isinstance(given, tuple):
            given = read_images(given, split="test").images
        refuse_other_inputs(self.architecture, self.reads, given)
        return cast(Sequence[Any], as_images(given))

    def _outputs(self, texts: Inputs) -> tuple[Floats, Floats]:
        """Return logits (N, C) and features (N, D) of the network as it stands."""
        import torch

        from sfumato.inference import predict_outputs

        inputs = self._inputs(texts)
        device = torch.device(self.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.network.to(device)
        size = int(getattr(self.network, "predict_batch", BATCH))
        logits, features = [], []
        for start in range(0, max(len(inputs), 1), BLOCK):
            encoded = self.encoder.encode(inputs[start : start + BLOCK], self.max_length)
            if not len(encoded):
                return np.empty((0, len(self.classes)), np.float32), np.empty((0, 0), np.float32)
            output = predict_outputs(self.network, encoded, batch_size=size, device=device)
            logits.append(output.logits.numpy())
            features.append(output.features.numpy())
        return np.concatenate(logits), np.concatenate(features)


def check_texts(texts: Sequence[str]) -> list[str]:
    """Return the texts as a list after refusing one string, and anything that is not a string."""
    if isinstance(texts, str):
        raise InputError(f"expected a list of texts, got one text: {texts[:60]!r}; write [text]")
    texts = list(texts)
    for row, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise InputError(f"text {row} is not a string: {text!r} ({type(text).__name__})")
    return texts


def load(folder: str | Path) -> Model:
    """Read a model folder. Nothing in it can run code.

    Raises
    ------
    InputError
        if there is no such folder, it was not written by sfumato, or a file in it is cut off or does not fit.
    """
    require_torch("reading a model")
    from sfumato.folder import load_model

    return load_model(Path(folder))
