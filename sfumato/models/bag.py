"""Bag: the mean of the vectors of a text's words and hashed word n-grams, and one linear layer.

A. Joulin, E. Grave, P. Bojanowski, T. Mikolov, "Bag of Tricks for Efficient Text Classification", EACL 2017,
sections 2 and 2.2. The n-grams share a table of ``buckets`` rows by their hash; what they are is not stored.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sfumato.architecture import Architecture, Training
from sfumato.base import Output
from sfumato.models.word_model import SPREAD, Words, check_sizes, word_architecture, word_embedding
from sfumato.registry import check_whole

VERSION = 1
PRIME = 1_000_003  # mixes the ids of an n-gram
MASK = (1 << 40) - 1  # keeps the product of a hash and the prime inside 64 bits


def hashed_ngrams(input_ids: Tensor, longest: int, buckets: int) -> Tensor:
    """Rows of the 2- to ``longest``-grams of each text in the table, (B, number); 0 where one would leave the text.

    From ids (B, L), 0 is padding. Row 0 is nobody's, the others are ``1 + hash % buckets``.
    """
    rows = []
    hashed = input_ids
    for n in range(2, longest + 1):
        if input_ids.shape[1] < n:
            break
        following = input_ids[:, n - 1 :]
        hashed = (hashed[:, :-1] * PRIME + following) & MASK
        mixed = (hashed ^ (hashed >> 15)) * 0x2C1B3C6D & MASK
        rows.append(torch.where(following != 0, 1 + (mixed ^ (mixed >> 13)) % buckets, 0))
    return torch.cat(rows, dim=1) if rows else input_ids[:, :0]


class Bag(nn.Module):
    """Word ids (B, L) to `Output`; features are the mean vector (B, dim), or the dense layer's answer (B, hidden)."""

    def __init__(
        self,
        vocabulary_size: int,
        num_classes: int,
        *,
        ngrams: int = 2,
        buckets: int = 50_000,
        hidden: int | None = None,
        dim: int = 64,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.longest = ngrams
        self.embedding = word_embedding(vocabulary_size, dim)
        self.ngrams = nn.Embedding(1 + buckets, dim, padding_idx=0) if ngrams > 1 else None
        if self.ngrams is not None:
            nn.init.uniform_(self.ngrams.weight[1:], -SPREAD, SPREAD)
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(dim, hidden) if hidden else None
        self.output_layer = nn.Linear(hidden or dim, num_classes)

    def mean(self, input_ids: Tensor) -> Tensor:
        """Mean vector of the words and n-grams of each text, (B, dim); zero for an empty one."""
        total = F.embedding_bag(input_ids, self.embedding.weight, mode="sum", padding_idx=0)
        count = (input_ids != 0).sum(dim=1)
        if self.ngrams is not None:
            rows = hashed_ngrams(input_ids, self.longest, self.ngrams.num_embeddings - 1)
            if rows.shape[1]:
                total = total + F.embedding_bag(rows, self.ngrams.weight, mode="sum", padding_idx=0)
                count = count + (rows != 0).sum(dim=1)
        return total / count.clamp(min=1).unsqueeze(1)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Output:
        features = self.dropout(self.mean(input_ids))
        if self.hidden is not None:
            features = F.relu(self.hidden(features))
        return Output(self.output_layer(features), features)


def bag(
    ngrams: int = 2,
    *,
    buckets: int = 50_000,
    hidden: int | None = None,
    dim: int | None = None,
    dropout: float = 0.5,
    vocabulary: int = 30_000,
    min_count: int = 2,
    unit: str = "word",
    vectors: str | None = None,
    tune: bool = True,
    normalize_width: bool = False,
) -> Architecture:
    """Mean of word and n-gram vectors (Chinese: of characters), and one linear layer.

    Parameters
    ----------
    ngrams : longest run of words that has a vector of its own; 1 has words alone
    buckets : rows that the n-grams share
    hidden : size of a dense layer before the last one; None has none
    dim : size of the vectors; None is 64, or that of ``vectors``
    dropout : share of the features dropped in training
    vocabulary, min_count : the most frequent words kept, and how often a word must occur (once in fewer than 200 texts)
    unit : ``word`` (Chinese: character), ``character``, or ``rjieba``: Chinese words
    vectors : file of word vectors to start from, in text format (word2vec, GloVe; also .gz)
    tune : train these vectors too; false keeps them
    normalize_width : full-width letters, digits and marks are read as half-width ones
    """
    check_sizes("bag", buckets=buckets, hidden=hidden, dropout=dropout)
    check_whole("bag", "ngrams", ngrams, 1, 5)
    words = Words("bag", dim, vocabulary, min_count, unit, vectors, tune, normalize_width)
    sizes = {"ngrams": ngrams, "buckets": buckets, "hidden": hidden, "dropout": dropout}
    training = Training(epochs=10, batch_size=128, lr=1e-2, max_length=256)
    return word_architecture(words, Bag, sizes, training=training, version=VERSION)
