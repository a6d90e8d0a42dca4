"""TextRNN: two LSTMs, one from each end of the text; their states together are the text.

TextRNN of the LCDA paper, whose tables do not describe it. ``pooling="last"`` lays the last state of each direction
side by side, as is usual for that name; each direction ends where the text does, not where its batch does.
M. Schuster, K. Paliwal, "Bidirectional Recurrent Neural Networks", IEEE Transactions on Signal Processing 45, 1997.
``"max"``: A. Conneau and others, "Supervised Learning of Universal Sentence Representations", EMNLP 2017, section 3.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sfumato.architecture import Architecture, Training
from sfumato.base import Output
from sfumato.models.lstm import drop_alike, open_forget_gates, states_at_the_end, text_lengths
from sfumato.models.word_model import Words, check_sizes, word_architecture, word_embedding
from sfumato.registry import check_choice

VERSION = 1
POOLINGS = ("mean", "max", "last")


def reversed_order(lengths: Tensor, columns: int) -> Tensor:
    """Return, (B, L), which token stands where each text is turned round and its padding stays behind it."""
    place = torch.arange(columns, device=lengths.device)
    turned = lengths.unsqueeze(1) - 1 - place
    return torch.where(turned >= 0, turned, place)


def turn_round(states: Tensor, order: Tensor) -> Tensor:
    """Turn each text of ``states``, (B, L, H), round; twice is the same as never."""
    return states.gather(1, order.unsqueeze(2).expand(-1, -1, states.shape[2]))


class TextRNN(nn.Module):
    """Word ids (B, L) to `Output`; features are the pooled states of both directions (B, 2 * hidden)."""

    def __init__(
        self,
        vocabulary_size: int,
        num_classes: int,
        *,
        hidden: int = 64,
        layers: int = 1,
        pooling: str = "mean",
        dim: int = 64,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.embedding = word_embedding(vocabulary_size, dim)
        sizes = [dim] + [2 * hidden] * (layers - 1)
        self.rightwards = nn.ModuleList(open_forget_gates(nn.LSTM(size, hidden, batch_first=True)) for size in sizes)
        self.leftwards = nn.ModuleList(open_forget_gates(nn.LSTM(size, hidden, batch_first=True)) for size in sizes)
        self.dropout = nn.Dropout(dropout)
        self.output_layer = nn.Linear(2 * hidden, num_classes)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Output:
        lengths = text_lengths(input_ids)
        order = reversed_order(lengths, input_ids.shape[1])
        states = self.embedding(input_ids)  # (B, L, dim)
        for rightwards, leftwards in zip(self.rightwards, self.leftwards, strict=True):
            states = drop_alike(states, self.dropout)
            right = rightwards(states)[0]  # (B, L, hidden)
            left = turn_round(leftwards(turn_round(states, order))[0], order)  # (B, L, hidden)
            states = torch.cat([right, left], dim=2)  # (B, L, 2 * hidden)
        pooled = last_of_each(states, lengths) if self.pooling == "last" else pool(states, lengths, self.pooling)
        features = self.dropout(pooled)
        return Output(self.output_layer(features), features)


def last_of_each(states: Tensor, lengths: Tensor) -> Tensor:
    """Last state of each direction, (B, L, H) to (B, H): the first half at the text's end, the other at its start."""
    half = states.shape[2] // 2
    return torch.cat([states_at_the_end(states[:, :, :half], lengths), states[:, 0, half:]], dim=1)


def pool(states: Tensor, lengths: Tensor, pooling: str) -> Tensor:
    """Maximum or mean of the states inside each text: (B, L, H) to (B, H)."""
    outside = torch.arange(states.shape[1], device=states.device) >= lengths.unsqueeze(1)  # (B, L)
    if pooling == "max":
        return states.masked_fill(outside.unsqueeze(2), -torch.inf).amax(dim=1)
    return states.masked_fill(outside.unsqueeze(2), 0).sum(dim=1) / lengths.unsqueeze(1)


def textrnn(
    hidden: int = 64,
    *,
    layers: int = 1,
    pooling: str = "mean",
    dim: int | None = None,
    dropout: float = 0.5,
    vocabulary: int = 30_000,
    min_count: int = 2,
    unit: str = "word",
    vectors: str | None = None,
    tune: bool = True,
    normalize_width: bool = False,
) -> Architecture:
    """Bidirectional LSTM on words (Chinese: characters).

    Parameters
    ----------
    hidden : size of the state of each direction
    layers : bidirectional LSTMs on top of each other
    pooling : ``mean`` or ``max`` over the words, or the ``last`` state of each direction
    dim : size of the word vectors; None is 64, or that of ``vectors``
    dropout : share of the word vectors' numbers and of the features dropped in training
    vocabulary, min_count : the most frequent words kept, and how often a word must occur (once in fewer than 200 texts)
    unit : ``word`` (Chinese: character), ``character``, or ``rjieba``: Chinese words
    vectors : file of word vectors to start from, in text format (word2vec, GloVe; also .gz)
    tune : train these vectors too; false keeps them
    normalize_width : full-width letters, digits and marks are read as half-width ones
    """
    check_sizes("textrnn", hidden=hidden, layers=layers, dropout=dropout)
    check_choice("textrnn", "pooling", pooling, POOLINGS)
    words = Words("textrnn", dim, vocabulary, min_count, unit, vectors, tune, normalize_width)
    sizes = {"hidden": hidden, "layers": layers, "pooling": pooling, "dropout": dropout}
    training = Training(epochs=10, batch_size=64, lr=3e-3, max_length=256)
    return word_architecture(words, TextRNN, sizes, training=training, version=VERSION)
