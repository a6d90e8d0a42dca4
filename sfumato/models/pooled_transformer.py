"""A Hugging Face encoder without its head: pooled tokens, an optional dense layer with tanh, one linear layer.

``pooling="cls"`` with ``projection=64`` is BERT of the LCM paper: "a dense layer with 64 units to decrease the
dimension of the text representation". The mean is that of N. Reimers, I. Gurevych, "Sentence-BERT", EMNLP 2019.

No class of transformers is this network, so its folder names a type of its own, which ``transformers.pipeline``
refuses rather than read without the last layers. The encoder's configuration stands inside ``config.json``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from sfumato.base import Output
from sfumato.errors import InputError
from sfumato.models.frozen_parts import Still
from sfumato.models.recent_states import RecentStates, Weights

POOLINGS = ("cls", "mean", "max")
MODEL_TYPE = "sfumato-transformer"
STATES = RecentStates()
NOT_SAVED = ("_name_or_path", "auto_map")  # a path of the machine that trained, and a reference to code


def pool_tokens(states: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """First token, mean or maximum of all tokens: (B, L, D) to (B, D); ``mask`` (B, L) is 0 at the padding, else 1."""
    inside = mask.unsqueeze(2).bool()
    if pooling == "cls":
        first = mask.argmax(dim=1)  # not 0 where a tokenizer pads on the left
        return states[torch.arange(len(states), device=states.device), first]
    if pooling == "max":
        return states.masked_fill(~inside, torch.finfo(states.dtype).min).amax(dim=1)
    return states.masked_fill(~inside, 0).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)


def usable_positions(config: Any) -> int | None:
    """Return how many tokens the encoder can read, special ones included; None if its positions have no end."""
    positions = getattr(config, "max_position_embeddings", None)
    if not isinstance(positions, int) or positions <= 0:
        return None
    counts_from_padding = config.model_type in {"roberta", "xlm-roberta", "camembert", "xlm-roberta-xl"}
    return positions - int(config.pad_token_id or 0) - 1 if counts_from_padding else positions


class OverEncoder(nn.Module):
    """A classifier over the hidden states of an encoder, whose own pooler is left out."""

    def __init__(self, encoder: Any, still: Sequence[nn.Module] = ()) -> None:
        super().__init__()
        if isinstance(getattr(encoder, "pooler", None), nn.Module):
            encoder.pooler = None  # it would be saved and never trained
        self.encoder = encoder
        self.still = Still(still)
        self.positions = usable_positions(encoder.config)

    def train(self, mode: bool = True) -> Self:
        """Turn dropout on or off, but leave it off in the parts that stay still."""
        super().train(mode)
        self.still.keep()
        return self


class PooledTransformer(OverEncoder):
    """Token ids (B, L) to `Output`; features are the pooled states (B, D), or their projection (B, projection)."""

    def __init__(
        self,
        encoder: Any,
        num_classes: int,
        *,
        pooling: str,
        projection: int | None = None,
        dropout: float = 0.1,
        still: Sequence[nn.Module] = (),
    ) -> None:
        super().__init__(encoder, still)
        self.pooling = pooling
        self.weights = Weights(self.encoder)
        self.dropout = nn.Dropout(dropout)
        size = int(encoder.config.hidden_size)
        self.projection = nn.Linear(size, projection) if projection else None
        self.output_layer = nn.Linear(projection or size, num_classes)

    def pooled(self, input_ids: Tensor, attention_mask: Tensor | None = None, **rest: Tensor) -> Tensor:
        """Return the pooled states, (B, D)."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask

        def read() -> Tensor:
            states = self.encoder(input_ids=input_ids, attention_mask=mask, **rest).last_hidden_state  # (B, L, D)
            return pool_tokens(states, mask, self.pooling)

        if torch.is_grad_enabled() or not self.still.holds(self.encoder):
            return read()
        named = " ".join([self.weights.digest(), self.pooling, *rest])
        return STATES.of(named, [input_ids, mask, *rest.values()], read)

    def constant_part(self, **inputs: Tensor) -> dict[str, Tensor] | None:
        """Return what `forward` may be given in place of ``inputs`` at each epoch; None if it changes in training."""
        return {"pooled": self.pooled(**inputs)} if self.still.holds(self.encoder) else None

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        pooled: Tensor | None = None,
        **rest: Tensor,
    ) -> Output:
        if pooled is None:
            if input_ids is None:
                raise TypeError("PooledTransformer needs input_ids, or the pooled states")
            pooled = self.pooled(input_ids, attention_mask, **rest)
        features = self.dropout(pooled)
        if self.projection is not None:
            features = torch.tanh(self.projection(features))
        return Output(self.output_layer(features), features)

    def description(self) -> dict[str, Any]:
        """Return what ``config.json`` must say to build this network again, ready for JSON."""
        return {
            "model_type": MODEL_TYPE,
            "pooling": self.pooling,
            "projection": None if self.projection is None else self.projection.out_features,
            "dropout": self.dropout.p,
            "encoder": description_of(self.encoder),
        }


def description_of(encoder: Any) -> dict[str, Any]:
    """Return the configuration of an encoder as `described` reads it, ready for JSON."""
    config = json.loads(encoder.config.to_json_string(use_diff=False))
    return {name: value for name, value in config.items() if name not in NOT_SAVED}


def load_pooled(folder: Path, config: dict[str, Any], num_classes: int) -> PooledTransformer:
    """Build the network that ``config.json`` describes and fill it from ``model.safetensors``; no code is run."""
    encoder, options = described(folder, config, ("pooling", "projection", "dropout"))
    network = PooledTransformer(encoder, num_classes, **options)
    fill(network, folder)
    return network


def described(folder: Path, config: dict[str, Any], names: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    """Return the encoder that ``config.json`` describes, without its weights, and the options ``names`` beside it."""
    from transformers import AutoConfig, AutoModel

    path = folder / "config.json"
    try:
        encoder = dict(config["encoder"])
        inner = AutoModel.from_config(
            AutoConfig.for_model(encoder.pop("model_type"), **encoder), trust_remote_code=False, dtype=torch.float32
        )
        return inner, {name: config[name] for name in names}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} does not describe an encoder ({error}); the model folder is damaged") from error


def fill(network: nn.Module, folder: Path) -> None:
    """Give the network the parameters of ``model.safetensors``."""
    try:
        network.load_state_dict(load_file(folder / "model.safetensors"))
    except (RuntimeError, SafetensorError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        weights, path = folder / "model.safetensors", folder / "config.json"
        raise InputError(f"{weights} does not fit {path}: {reason}") from error
