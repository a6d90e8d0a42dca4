"""LSTM: one pass over the word vectors from left to right; the state after the text's last word is the text.

P. Liu, X. Qiu, X. Huang, "Recurrent Neural Network for Text Classification with Multi-Task Learning", IJCAI 2016,
section 2; LSTM-rand and LSTM-pre of the LCM paper (64-dimensional vectors and states), LSTM of the KWLS paper. The
gate of forgetting starts open: R. Jozefowicz, W. Zaremba, I. Sutskever, "An Empirical Exploration of Recurrent Network
Architectures", ICML 2015. Dropout takes the same numbers from all word vectors of a text: Y. Gal, Z. Ghahramani,
"A Theoretically Grounded Application of Dropout in Recurrent Neural Networks", NeurIPS 2016, section 4.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sfumato.architecture import Architecture, Training
from sfumato.base import Output
from sfumato.models.word_model import Words, check_sizes, word_architecture, word_embedding

VERSION = 1


def open_forget_gates(network: nn.LSTM) -> nn.LSTM:
    """Let every cell start by keeping what it holds: a bias of 1, so that the first words of a text get a gradient."""
    size = network.hidden_size
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.startswith("bias"):
                parameter.zero_()
            if name.startswith("bias_ih"):
                parameter[size : 2 * size] = 1  # input, forget, cell, output
    return network


def drop_alike(states: Tensor, dropout: nn.Dropout) -> Tensor:
    """Drop numbers of the states (B, L, H), the same ones at every word of a text: one draw a text, not one a word."""
    kept: Tensor = dropout(states.new_ones(len(states), 1, states.shape[2]))
    return states * kept


def text_lengths(input_ids: Tensor) -> Tensor:
    """Tokens of each text, (B,); an empty text is read as one token of padding."""
    return (input_ids != 0).sum(dim=1).clamp(min=1)


def states_at_the_end(states: Tensor, lengths: Tensor) -> Tensor:
    """State after the last token of each text: ``states`` (B, L, H) to (B, H).

    What a left-to-right pass holds there cannot depend on the padding, which comes after; so nothing is packed, and
    the padded pass is several times faster (`benchmarks/rnn.md`).
    """
    index = (lengths - 1).view(-1, 1, 1).expand(-1, 1, states.shape[2])
    return states.gather(1, index).squeeze(1)


class LSTMClassifier(nn.Module):
    """Word ids (B, L) to `Output`; features are the last states (B, hidden)."""

    def __init__(
        self,
        vocabulary_size: int,
        num_classes: int,
        *,
        hidden: int = 64,
        layers: int = 1,
        dim: int = 64,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.embedding = word_embedding(vocabulary_size, dim)
        between = dropout if layers > 1 else 0.0
        self.recurrent = open_forget_gates(nn.LSTM(dim, hidden, layers, batch_first=True, dropout=between))
        self.dropout = nn.Dropout(dropout)
        self.output_layer = nn.Linear(hidden, num_classes)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Output:
        vectors = drop_alike(self.embedding(input_ids), self.dropout)  # (B, L, dim)
        states, _ = self.recurrent(vectors)  # (B, L, hidden)
        features = self.dropout(states_at_the_end(states, text_lengths(input_ids)))
        return Output(self.output_layer(features), features)


def lstm(
    hidden: int = 64,
    *,
    layers: int = 1,
    dim: int | None = None,
    dropout: float = 0.5,
    vocabulary: int = 30_000,
    min_count: int = 2,
    unit: str = "word",
    vectors: str | None = None,
    tune: bool = True,
    normalize_width: bool = False,
) -> Architecture:
    """LSTM on words (Chinese: characters); the last state is classified.

    Parameters
    ----------
    hidden : size of the state
    layers : LSTMs on top of each other
    dim : size of the word vectors; None is 64, or that of ``vectors``
    dropout : share of the word vectors' numbers and of the features dropped in training
    vocabulary, min_count : the most frequent words kept, and how often a word must occur (once in fewer than 200 texts)
    unit : ``word`` (Chinese: character), ``character``, or ``rjieba``: Chinese words
    vectors : file of word vectors to start from, in text format (word2vec, GloVe; also .gz)
    tune : train these vectors too; false keeps them
    normalize_width : full-width letters, digits and marks are read as half-width ones
    """
    check_sizes("lstm", hidden=hidden, layers=layers, dropout=dropout)
    words = Words("lstm", dim, vocabulary, min_count, unit, vectors, tune, normalize_width)
    sizes = {"hidden": hidden, "layers": layers, "dropout": dropout}
    training = Training(epochs=10, batch_size=64, lr=3e-3, max_length=256)
    return word_architecture(words, LSTMClassifier, sizes, training=training, version=VERSION)
