"""RoBERTa-CNN: convolutions over the hidden states of a Hugging Face encoder, the strongest response of each filter.

N. A. Semary, W. Ahmed, K. Amin, P. Pławiak, M. Hammad, "Improving sentiment classification using a RoBERTa-based hybrid
model", Frontiers in Human Neuroscience 17, 2023; the fourth model of the LCDA paper, which gives no sizes. The head is
that of Y. Kim, EMNLP 2014 (`textcnn`), with the states of the last layer, (B, L, D), in place of word vectors. Kernels
2, 3 and 4 with 256 filters each are our choice, as the paper is silent.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sfumato.architecture import Architecture, Training
from sfumato.base import Output
from sfumato.encode import TokenEncoder
from sfumato.models.frozen_parts import check_frozen_dropout, checked_freeze, freeze_layers, frozen_parts
from sfumato.models.pooled_transformer import OverEncoder, described, description_of, fill
from sfumato.models.textcnn import check_kernels
from sfumato.models.transformer import checked_source, load_encoder, load_tokenizer, quiet_loading
from sfumato.models.word_model import check_sizes

VERSION = 1
MODEL_TYPE = "sfumato-transformer-cnn"


class TransformerCNN(OverEncoder):
    """Token ids (B, L) to `Output`; features are the strongest filter responses (B, len(kernels) * filters).

    A window must *start* at a token of the text, special tokens included, and reads zeros beyond the last one. So
    padding is never the strongest, and the answer for a text does not depend on how far its batch is padded.
    """

    def __init__(
        self,
        encoder: Any,
        num_classes: int,
        *,
        kernels: Sequence[int] = (2, 3, 4),
        filters: int = 256,
        dropout: float = 0.1,
        still: Sequence[nn.Module] = (),
    ) -> None:
        super().__init__(encoder, still)
        self.kernels, self.filters = tuple(kernels), filters
        size = int(encoder.config.hidden_size)
        self.convolutions = nn.ModuleList(nn.Conv1d(size, filters, width) for width in self.kernels)
        self.dropout = nn.Dropout(dropout)
        self.output_layer = nn.Linear(len(self.kernels) * filters, num_classes)

    def responses(self, states: Tensor, mask: Tensor) -> Tensor:
        """Strongest response of every filter: states (B, L, D) and mask (B, L) to (B, len(kernels) * filters)."""
        inside = mask.bool().unsqueeze(1)  # (B, 1, L)
        rows = states.transpose(1, 2).masked_fill(~inside, 0)  # (B, D, L)
        pooled = []
        for width, convolution in zip(self.kernels, self.convolutions, strict=True):
            scores = convolution(F.pad(rows, (0, width - 1)))  # (B, filters, L), one for each start of a window
            pooled.append(scores.masked_fill(~inside, -torch.inf).amax(dim=2))
        return F.relu(torch.cat(pooled, dim=1))  # relu and maximum commute

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **rest: Tensor) -> Output:
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        states = self.encoder(input_ids=input_ids, attention_mask=mask, **rest).last_hidden_state  # (B, L, D)
        features = self.dropout(self.responses(states, mask))
        return Output(self.output_layer(features), features)

    def description(self) -> dict[str, Any]:
        """Return what ``config.json`` must say to build this network again, ready for JSON."""
        return {
            "model_type": MODEL_TYPE,
            "kernels": list(self.kernels),
            "filters": self.filters,
            "dropout": self.dropout.p,
            "encoder": description_of(self.encoder),
        }


def transformer_cnn(
    encoder: str = "",
    *,
    kernels: Sequence[int] = (2, 3, 4),
    filters: int = 256,
    dropout: float = 0.1,
    freeze: int | str = 0,
    frozen_dropout: bool = True,
) -> Architecture:
    """Fine-tune a Hugging Face encoder below a convolutional head.

    Parameters
    ----------
    encoder : a folder, or a hub id; fetched only if it is a hub id
    kernels : widths of the filters, in tokens of the encoder
    filters : filters of each width
    dropout : share of the filter responses dropped in training; the encoder keeps its own dropout
    freeze : number of lowest layers (embeddings first) whose weights stay as they are; ``all`` (or -1) trains the head
    frozen_dropout : False leaves the dropout of frozen layers out
    """
    owner = "transformer-cnn"
    source = checked_source(owner, encoder)
    kernels = check_kernels(kernels, owner)
    check_sizes(owner, filters=filters, dropout=dropout)
    freeze = checked_freeze(freeze, owner)
    check_frozen_dropout(frozen_dropout, freeze, owner)
    sizes: dict[str, Any] = {"kernels": list(kernels), "filters": filters, "dropout": dropout}

    def build(tokens: TokenEncoder, num_classes: int) -> nn.Module:
        bare = load_encoder(source, None)
        freeze_layers(bare, freeze)
        still = () if frozen_dropout else frozen_parts(bare)
        return TransformerCNN(bare, num_classes, **sizes, still=still)

    return Architecture(
        name=owner,
        fit_encoder=lambda texts: load_tokenizer(source),
        load_encoder=load_tokenizer,
        build=build,
        training=Training(
            epochs=4, batch_size=32, lr=1e-4, max_length=128, weight_decay=0.01, warmup=0.1, schedule="linear"
        ),
        options={"encoder": str(encoder), **sizes, "freeze": freeze, "frozen_dropout": frozen_dropout},
        version=VERSION,
    )


def load_network(folder: Path, num_classes: int) -> TransformerCNN:
    """Build the network that ``config.json`` describes and fill it from ``model.safetensors``; no code is run."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    with quiet_loading():
        encoder, options = described(folder, config, ("kernels", "filters", "dropout"))
        network = TransformerCNN(encoder, num_classes, **options)
        fill(network, folder)
    return network
