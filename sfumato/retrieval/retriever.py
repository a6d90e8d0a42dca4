"""A trained retriever that stands alone: questions and sentences in, vectors of length 1 out; their product ranks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from sfumato.errors import require_torch
from sfumato.model import BLOCK, check_texts
from sfumato.targets import Floats

if TYPE_CHECKING:
    from sfumato.architecture import Encoder
    from sfumato.retrieval.dual_encoder import DualEncoder, Tower

BATCH = 128  # texts that a tower reads at once
BESIDE_VECTORS = ("encoder", "vectors", "tune", "freeze", "dropout")  # options of the start and of the training


@dataclass(eq=False)
class Retriever:
    """A dual encoder with what turns texts into its inputs.

    Attributes
    ----------
    model : the two towers
    encoder : texts to inputs
    architecture, options : the registry name of the towers' model and the options that built it
    towers : "shared" or "two"
    max_length : texts are cut to so many tokens
    info : what is known of the training: questions, seed, method, dev scores
    device : where to compute; None is the best there is
    """

    model: DualEncoder = field(repr=False)
    encoder: Encoder = field(repr=False)
    architecture: str
    options: dict[str, Any] = field(default_factory=dict)
    towers: str = "shared"
    max_length: int = 256
    info: dict[str, Any] = field(default_factory=dict)
    device: str | None = None

    def encode_questions(self, texts: Sequence[str]) -> Floats:
        """Return the vectors of questions, (Q, D), each of length 1."""
        return self._vectors(self.model.question, texts)

    def encode_sentences(self, texts: Sequence[str]) -> Floats:
        """Return the vectors of sentences, (N, D), each of length 1."""
        return self._vectors(self.model.sentence, texts)

    def identity(self) -> dict[str, str]:
        """Return the name of the model and a hash of all that its vectors depend on: an index of it must agree."""
        options = {name: value for name, value in self.options.items() if name not in BESIDE_VECTORS}
        said = [self.architecture, self.towers, self.max_length, options]
        whole = sha256(json.dumps(said, sort_keys=True, default=str).encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            whole.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
        with TemporaryDirectory() as folder:  # what turns texts into inputs, as its files say it
            self.encoder.save(Path(folder))
            for file in sorted(Path(folder).rglob("*")):
                whole.update(file.name.encode() + (file.read_bytes() if file.is_file() else b""))
        return {"name": self.architecture, "sha256": whole.hexdigest()}

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write the folder of the retriever (safetensors and JSON only) and return its path."""
        from sfumato.retrieval.retriever_folder import save_retriever

        return save_retriever(self, Path(folder), overwrite=overwrite)

    @classmethod
    def load(cls, folder: str | Path) -> Retriever:
        """Read the folder of a retriever. Nothing in it can run code.

        Raises
        ------
        InputError
            if there is no such folder, it is of something else, or a file in it is cut off or does not fit.
        """
        require_torch("reading a retriever")
        from sfumato.retrieval.retriever_folder import load_retriever

        return load_retriever(Path(folder))

    @classmethod
    def from_encoder(
        cls, encoder: str | Path, *, pooling: str | None = None, max_length: int | None = None
    ) -> Retriever:
        """Return an encoder of Hugging Face or sentence-transformers as it is, as both towers; nothing is trained.

        Parameters
        ----------
        encoder : a folder or a hub id; fetched only if it is a hub id
        pooling : "mean", "max" or "cls", as the encoder was trained; None is what a folder of sentence-transformers
            says, else "mean"
        max_length : texts are cut to so many tokens; None is what such a folder says, else as many as the encoder can
            read, at most 512

        Raises
        ------
        InputError
            if a folder of sentence-transformers has a module or a pooling that there is none of here
        """
        require_torch("an encoder")
        from sfumato.limits import fitting_length
        from sfumato.models import MODELS
        from sfumato.retrieval.dual_encoder import dual_encoder
        from sfumato.retrieval.encoder_modules import modules_of

        own = modules_of(str(encoder), pooling)
        pooling, max_length = own.pooling or "mean", max_length or own.max_length
        architecture = MODELS.build("transformer", {"encoder": own.folder, "pooling": pooling})
        tokens = architecture.fit_encoder([])
        model = dual_encoder(architecture, tokens, towers="shared", scale=1.0).eval()
        made = cls(model, tokens, architecture.name, dict(architecture.options))
        most = getattr(model.question.network, "positions", None) or 512
        made.max_length = fitting_length(model.question.network, max_length or min(most, 512))
        return made

    def _vectors(self, tower: Tower, texts: Sequence[str]) -> Floats:
        import torch

        from sfumato.retrieval.encoding import vectors

        texts = check_texts(texts)
        device = torch.device(self.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model.to(device)
        parts = [np.empty((0, 0), np.float32)] if not texts else []
        for start in range(0, len(texts), BLOCK):
            encoded = self.encoder.encode(texts[start : start + BLOCK], self.max_length)
            parts.append(vectors(tower, encoded, batch_size=BATCH, device=device))
        return np.concatenate(parts)
