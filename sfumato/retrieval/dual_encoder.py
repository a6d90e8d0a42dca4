"""Two towers over one kind of network: a question and a sentence become vectors, and their cosine is the score.

The towers are the networks of `sfumato.models` without their last layer; they share their weights or do not. In a
batch each question is scored against the sentences of all of them, and a criterion of `sfumato.losses` compares the
softmax of these scores with targets over the same sentences (in-batch softmax: D. Gillick, S. Kulkarni, L. Lansing
and others, "Learning Dense Representations for Entity Retrieval", CoNLL 2019, section 3.3).

Shapes: B questions, U sentences, D numbers of a vector.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sfumato.architecture import Architecture
from sfumato.base import Criterion, Output, Supervision
from sfumato.errors import InputError
from sfumato.registry import check_choice

TOWERS = ("shared", "two")
DIM = 128  # of the vectors of `linear`, which has no features of its own


class Tower(nn.Module):
    """One network without its last layer: inputs to vectors (B, D) of length 1."""

    def __init__(self, network: Any, *, projects: bool) -> None:
        super().__init__()
        if not projects:
            network.output_layer = nn.Identity()  # a retriever has no classes
        self.network = network

    def forward(self, **inputs: Tensor) -> Tensor:
        output: Output = self.network(**inputs)
        return F.normalize(output.features.float(), dim=1)


class DualEncoder(nn.Module):
    """Questions and sentences to scores (B, U): cosines times ``scale``."""

    def __init__(self, question: Tower, sentence: Tower, *, scale: float) -> None:
        super().__init__()
        self.question = question
        self.sentence = sentence
        self.scale = scale

    def forward(self, question: dict[str, Tensor], sentence: dict[str, Tensor]) -> Output:
        """Return the scores as logits, and the vectors of the questions (B, D) as features."""
        vectors = self.question(**question)
        return Output(self.scale * vectors @ self.sentence(**sentence).T, vectors)


class DualObjective(nn.Module):
    """A dual encoder and a criterion in one module; ``forward`` returns the loss of a batch."""

    def __init__(self, model: DualEncoder, criterion: Criterion) -> None:
        super().__init__()
        self.model = model
        self.criterion = criterion

    def forward(
        self, question: dict[str, Tensor], sentence: dict[str, Tensor], labels: Tensor, targets: Tensor
    ) -> Tensor:
        """Return the mean loss; ``labels`` (B,) are columns of the scores, ``targets`` (B, U)."""
        output = self.model(question, sentence)
        with torch.autocast(output.logits.device.type, enabled=False):
            loss: Tensor = self.criterion(Output(output.logits.float(), output.features), Supervision(labels, targets))
        return loss


def dual_encoder(architecture: Architecture, encoder: Any, *, towers: str, scale: float) -> DualEncoder:
    """Build the towers of an architecture; two of them start alike.

    Raises
    ------
    InputError
        for a model that has no vector of a text: an encoder with a head of its own, or one that reads images.
    """
    check_choice("retrieval", "towers", towers, TOWERS)
    question = tower(architecture, encoder)
    if towers == "shared":
        return DualEncoder(question, question, scale=scale)
    sentence = tower(architecture, encoder)
    sentence.load_state_dict(question.state_dict())
    return DualEncoder(question, sentence, scale=scale)


def tower(architecture: Architecture, encoder: Any) -> Tower:
    """Build one tower."""
    check_architecture(architecture)
    if not architecture.full_batch:
        return Tower(architecture.build(encoder, 2), projects=False)
    network: Any = architecture.build(encoder, DIM)  # the features of `linear` are its logits
    nn.init.normal_(network.output_layer.weight, std=DIM**-0.5)
    return Tower(network, projects=True)


def check_architecture(architecture: Architecture) -> None:
    """Raise unless the model has a vector of a text that a tower can use."""
    if architecture.reads != "texts":
        raise InputError(f"{architecture.name} reads {architecture.reads}; retrieval needs a model of texts")
    if architecture.name == "transformer" and architecture.options.get("pooling", "head") == "head":
        raise InputError(
            "retrieval needs a vector of a text, and pooling='head' is a classifier; give pooling='mean', 'max', 'cls'"
        )
