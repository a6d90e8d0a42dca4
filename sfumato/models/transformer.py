"""Any Hugging Face encoder, by folder or hub id, with its own classification head or with pooled tokens.

Weights are read from safetensors only and no code of a model repository is run. With the encoder's own head the
folder that comes out is an ordinary Hugging Face folder: ``transformers.pipeline`` reads it without sfumato.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from sfumato.architecture import Architecture, Training
from sfumato.base import Output
from sfumato.encode import TokenEncoder
from sfumato.errors import InputError
from sfumato.models.frozen_parts import Still, check_frozen_dropout, checked_freeze, freeze_layers, frozen_parts
from sfumato.models.pooled_transformer import MODEL_TYPE, POOLINGS, PooledTransformer, load_pooled, usable_positions
from sfumato.registry import check_choice, check_range, check_whole

VERSION = 1


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Silence the reports of a new head and of a type that is not theirs, and the bars of reading and writing."""
    names = ("transformers.modeling_utils", "transformers.utils.loading_report", "transformers")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        from transformers.utils import logging as their_logging

        bar = their_logging.is_progress_bar_enabled()
        their_logging.disable_progress_bar()
        try:
            yield
        finally:
            if bar:
                their_logging.enable_progress_bar()
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@dataclass(frozen=True, eq=False)
class SubwordEncoder(TokenEncoder):
    """The encoder's own tokenizer, kept whole so that the saved folder loads without sfumato."""

    pretrained: Any = None  # transformers.PreTrainedTokenizerBase

    def save(self, folder: Path) -> None:
        """Write ``tokenizer.json`` and its configuration."""
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.pretrained.save_pretrained(folder)


def load_tokenizer(source: str | Path) -> SubwordEncoder:
    """Read the tokenizer of a folder or hub id."""
    from transformers import AutoTokenizer

    with readable(source, "tokenizer (tokenizer.json)"), quiet_loading():
        pretrained = AutoTokenizer.from_pretrained(str(source), trust_remote_code=False, use_fast=True)
    backend = getattr(pretrained, "backend_tokenizer", None)
    if backend is None:
        raise InputError(f"{source} has no fast tokenizer (tokenizer.json); sfumato needs one")
    return SubwordEncoder(backend, int(pretrained.pad_token_id or 0), pretrained)


@contextmanager
def readable(source: str | Path, what: str) -> Iterator[None]:
    """Turn the loader's errors into one sentence about the folder or id that was given."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"cannot read the {what} of {str(source)!r} ({type(error).__name__}: {reason})") from error


class TransformerClassifier(nn.Module):
    """A Hugging Face model for sequence classification; features are the inputs of its last linear layer (B, D)."""

    def __init__(self, model: Any, num_classes: int, *, still: Sequence[nn.Module] = ()) -> None:
        super().__init__()
        self.model = model
        self.still = Still(still)
        heads = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == num_classes]
        if not heads:
            raise InputError(f"{type(model).__name__} has no last linear layer of {num_classes} outputs to train")
        self.output_layer = heads[-1]
        self.positions = usable_positions(model.config)
        self._features: Tensor | None = None
        self.output_layer.register_forward_pre_hook(self._keep)

    def _keep(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._features = inputs[0]

    def train(self, mode: bool = True) -> Self:
        """Turn dropout on or off, but leave it off in the parts that stay still."""
        super().train(mode)
        self.still.keep()
        return self

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **rest: Tensor) -> Output:
        logits = self.model(input_ids=input_ids, attention_mask=attention_mask, **rest).logits
        features, self._features = self._features, None
        if features is None:
            raise RuntimeError("the last linear layer was not reached")
        if features.ndim == 3:  # heads that classify every position and pool after
            features = features[:, 0]
        return Output(logits, features)


def transformer(
    encoder: str = "",
    *,
    dropout: float | None = None,
    freeze: int | str = 0,
    pooling: str = "head",
    projection: int | None = None,
    frozen_dropout: bool = True,
) -> Architecture:
    """Fine-tune a Hugging Face encoder.

    Parameters
    ----------
    encoder : a folder, or a hub id such as ``prajjwal1/bert-tiny``; fetched only if it is a hub id
    dropout : overrides the dropout of the encoder's configuration
    freeze : number of lowest layers (embeddings first) whose weights stay as they are; ``all`` (or -1) trains the head
    pooling : the encoder's own ``head``, or one linear layer over the first token (``cls``), ``mean`` or ``max`` of all
    projection : size of a dense layer with tanh before the linear layer (LCM: 64); None has none
    frozen_dropout : False leaves the dropout of frozen layers out; with a pooling of ours and ``freeze="all"`` the
        encoder then reads each row once in a run, and not once an epoch
    """
    source = checked_source("transformer", encoder)
    freeze = checked_freeze(freeze)
    if dropout is not None:
        check_range("transformer", "dropout", dropout, 0, 1)
    check_pooling(pooling, projection)
    check_frozen_dropout(frozen_dropout, freeze)

    def build(tokens: TokenEncoder, num_classes: int) -> nn.Module:
        if pooling == "head":
            with_head = load_encoder(source, dropout, num_classes=num_classes)
            freeze_layers(with_head, freeze)
            still = () if frozen_dropout else frozen_parts(with_head.base_model)
            return TransformerClassifier(with_head, num_classes, still=still)
        bare = load_encoder(source, dropout)
        freeze_layers(bare, freeze)
        still = () if frozen_dropout else frozen_parts(bare)
        share = dropout if dropout is not None else getattr(bare.config, "hidden_dropout_prob", 0.1)
        return PooledTransformer(bare, num_classes, pooling=pooling, projection=projection, dropout=share, still=still)

    said = {} if pooling == "head" else {"pooling": pooling, "projection": projection}
    said |= {} if frozen_dropout else {"frozen_dropout": False}
    return Architecture(
        name="transformer",
        fit_encoder=lambda texts: load_tokenizer(source),
        load_encoder=load_tokenizer,
        build=build,
        training=Training(
            epochs=4, batch_size=32, lr=1e-4, max_length=128, weight_decay=0.01, warmup=0.1, schedule="linear"
        ),
        options={"encoder": str(encoder), "dropout": dropout, "freeze": freeze, **said},
        version=VERSION,
    )


def checked_source(owner: str, encoder: str) -> str | Path:
    """Return the folder of an encoder, or its hub id, which is not looked for.

    Raises
    ------
    InputError
        if nothing is given, or a path at which there is no encoder.
    """
    if not encoder:
        raise InputError(f"{owner} needs encoder=..., a folder or a hub id (--set model.encoder=PATH)")
    source: str | Path = Path(encoder) if Path(encoder).is_dir() else encoder
    looks_like_path = isinstance(source, str) and (source.startswith((".", "/", "~")) or source.count("/") > 1)
    if looks_like_path:
        raise InputError(f"no such folder: {encoder!r}; give the folder of an encoder or a hub id (owner/name)")
    if isinstance(source, Path) and not (source / "config.json").is_file():
        raise InputError(
            f"{encoder!r} is no encoder: the folder has no config.json; give the folder of one, with config.json, "
            "tokenizer.json and model.safetensors, or a hub id (owner/name)"
        )
    return source


def check_pooling(pooling: str, projection: int | None) -> None:
    """Raise for a pooling that is not known, and for a projection beside the encoder's own head."""
    check_choice("transformer", "pooling", pooling, ("head", *POOLINGS))
    if projection is None:
        return
    check_whole("transformer", "projection", projection, 1, 1_000_000)
    if pooling == "head":
        listed = ", ".join(repr(each) for each in POOLINGS)
        raise InputError(f"transformer: projection takes the place of the encoder's own head; give a pooling: {listed}")


def load_encoder(source: str | Path, dropout: float | None, *, num_classes: int | None = None) -> Any:
    """Read the encoder of a folder or hub id; with a new head where the number of classes is given."""
    from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

    labels = {} if num_classes is None else {"num_labels": num_classes}
    options = {} if num_classes is None else {"ignore_mismatched_sizes": True}
    kind = AutoModel if num_classes is None else AutoModelForSequenceClassification
    with readable(source, "encoder"), quiet_loading():
        config = AutoConfig.from_pretrained(str(source), trust_remote_code=False, **labels)
        config.problem_type = "single_label_classification"
        if dropout is not None:
            for name in ("hidden_dropout_prob", "dropout", "classifier_dropout"):
                if hasattr(config, name):
                    setattr(config, name, dropout)
        return kind.from_pretrained(
            str(source), config=config, trust_remote_code=False, use_safetensors=True, dtype=torch.float32, **options
        )


def load_network(folder: Path, num_classes: int) -> nn.Module:
    """Read a saved folder back."""
    from transformers import AutoModelForSequenceClassification

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    with readable(folder, "model"), quiet_loading():
        if config.get("model_type") == MODEL_TYPE:
            return load_pooled(folder, config, num_classes)
        model = AutoModelForSequenceClassification.from_pretrained(
            str(folder), trust_remote_code=False, use_safetensors=True, dtype=torch.float32
        )
    return TransformerClassifier(model, num_classes)
