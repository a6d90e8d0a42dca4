"""TextCNN: parallel convolutions over word vectors, the strongest response of each filter, one linear layer.

Y. Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP 2014. The LCM paper uses kernels 3, 10
and 25 with 100 filters each, 64-dimensional word vectors and a dense layer of 64: ``textcnn_lcm()`` below.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sfumato.architecture import Architecture, Training
from sfumato.base import Output
from sfumato.errors import InputError
from sfumato.models.word_model import Words, check_sizes, word_architecture, word_embedding
from sfumato.registry import check_whole

VERSION = 2

WASTE = 1.4  # largest share of extra products accepted for computing all widths in one matrix product


def window_scores(vectors: Tensor, matrix: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """Lay the word vectors of each window side by side and multiply.

    From ``vectors`` (B, L + k - 1, dim), ``matrix`` (k * dim, F) and ``inside`` (B, L) to windows (B, L, k * dim)
    and scores (B, L, F); windows that start beyond the text score -inf.
    """
    length = inside.shape[1]
    windows = torch.cat([vectors[:, j : j + length] for j in range(vectors.shape[1] - length + 1)], dim=2)
    return windows, (windows @ matrix).masked_fill_(~inside.unsqueeze(2), -torch.inf)


class StrongestWindow(torch.autograd.Function):
    """Maximum of the window scores over L, whose gradient visits only the windows that won.

    Each filter has one strongest window a text, so B * F rows are added up instead of two dense products over
    B * L windows: `benchmarks/textcnn.md`. Of equal scores one window gets the gradient.
    """

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, matrix: Tensor, inside: Tensor) -> Tensor:
        """Return the strongest scores, (B, F)."""
        windows, scores = window_scores(vectors, matrix, inside)
        best, position = scores.max(dim=1)  # (B, F)
        ctx.save_for_backward(windows, matrix, position)
        ctx.dim = vectors.shape[2]
        return best

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """Return the gradients of vectors and matrix."""
        windows, matrix, position = ctx.saved_tensors
        B, L, size = windows.shape
        filters = matrix.shape[1]
        shares = gradients[0].to(matrix.dtype)
        row = position + L * torch.arange(B, device=position.device).unsqueeze(1)  # (B, F), into the B * L windows
        flat = windows.reshape(B * L, size).to(matrix.dtype)
        for_matrix = F.embedding_bag(row.T.contiguous(), flat, per_sample_weights=shares.T.contiguous(), mode="sum")
        live = shares.flatten().nonzero().squeeze(1)  # dropout and the rectifier leave about a third
        rows, order = row.flatten()[live].sort()
        live = live[order]
        starts = torch.searchsorted(rows, torch.arange(B * L, device=rows.device))
        for_windows = F.embedding_bag(
            live % filters, matrix.T.contiguous(), starts, per_sample_weights=shares.flatten()[live], mode="sum"
        ).view(B, L, -1, ctx.dim)
        for_vectors = for_windows.new_zeros(B, L + for_windows.shape[2] - 1, ctx.dim)
        for j in range(for_windows.shape[2]):
            for_vectors[:, j : j + L] += for_windows[:, :, j]
        return for_vectors, for_matrix.T, None


def strongest(vectors: Tensor, matrix: Tensor, inside: Tensor) -> Tensor:
    """Strongest score of each filter, (B, F)."""
    if torch.is_grad_enabled():
        best: Tensor = StrongestWindow.apply(vectors, matrix, inside)  # type: ignore[no-untyped-call]
        return best
    return window_scores(vectors, matrix, inside)[1].amax(dim=1)


class TextCNN(nn.Module):
    """Word ids (B, L) to `Output`; features are the pooled filter responses (B, len(kernels) * filters).

    A filter of width k is a (k * dim, filters) matrix that reads k word vectors laid side by side, so a
    convolution is one matrix product. Narrow filters are padded with zeros to the widest one where that costs
    little, so that all widths share one product. A window must *start* inside the text; what it reads beyond
    the end is zero. The answer for a text therefore does not depend on how far its batch is padded.
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_classes: int,
        *,
        kernels: Sequence[int] = (2, 3, 4),
        filters: int = 100,
        hidden: int | None = None,
        dim: int = 64,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.kernels = tuple(kernels)
        self.filters = filters
        self.dim = dim
        self.embedding = word_embedding(vocabulary_size, dim)
        self.weights = nn.ParameterList(self._initial(width) for width in self.kernels)  # each (k * dim, filters)
        self.bias = nn.Parameter(torch.zeros(len(self.kernels) * filters))
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(len(self.bias), hidden) if hidden else None
        self.output_layer = nn.Linear(hidden or len(self.bias), num_classes)
        share_product = max(self.kernels) * len(self.kernels) <= WASTE * sum(self.kernels)
        self.groups = [self.kernels] if share_product else [(width,) for width in self.kernels]

    def _initial(self, width: int) -> Tensor:
        """Uniform in ±1/sqrt(k * dim), as torch initialises a convolution."""
        bound = (width * self.dim) ** -0.5
        return torch.empty(width * self.dim, self.filters).uniform_(-bound, bound)

    def responses(self, input_ids: Tensor) -> Tensor:
        """Strongest response of every filter, (B, len(kernels) * filters)."""
        length = input_ids.shape[1]
        inside = input_ids != 0  # (B, L)
        inside[:, 0] = True  # an empty text keeps one window, of zeros
        padded = F.pad(input_ids, (0, max(self.kernels) - 1))
        vectors = self.embedding(padded)  # (B, L + max k - 1, dim)
        pooled, first = [], 0
        for group in self.groups:
            width = max(group)
            near = vectors[:, : length + width - 1]
            matrices = [F.pad(self.weights[first + i], (0, 0, 0, (width - k) * self.dim)) for i, k in enumerate(group)]
            pooled.append(strongest(near, torch.cat(matrices, dim=1), inside))  # (B, len(group) * filters)
            first += len(group)
        return F.relu(torch.cat(pooled, dim=1) + self.bias)  # relu and maximum commute; this is the smaller work

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Output:
        features = self.dropout(self.responses(input_ids))
        if self.hidden is not None:
            features = F.relu(self.hidden(features))
        return Output(self.output_layer(features), features)


def textcnn(
    kernels: Sequence[int] = (2, 3, 4),
    *,
    filters: int = 100,
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
    """TextCNN on words (Chinese: characters).

    Parameters
    ----------
    kernels : widths of the filters, in tokens
    filters : filters of each width
    hidden : size of a dense layer before the last one; None has none
    dim : size of the word vectors; None is 64, or that of ``vectors``
    dropout : share of the features dropped in training
    vocabulary, min_count : the most frequent words kept, and how often a word must occur (once in fewer than 200 texts)
    unit : ``word`` (Chinese: character), ``character``, or ``rjieba``: Chinese words
    vectors : file of word vectors to start from, in text format (word2vec, GloVe; also .gz)
    tune : train these vectors too; false keeps them
    normalize_width : full-width letters, digits and marks are read as half-width ones
    """
    kernels = check_kernels(kernels)
    check_sizes("textcnn", filters=filters, hidden=hidden, dropout=dropout)
    words = Words("textcnn", dim, vocabulary, min_count, unit, vectors, tune, normalize_width)
    sizes = {"kernels": list(kernels), "filters": filters, "hidden": hidden, "dropout": dropout}
    training = Training(epochs=10, batch_size=64, lr=3e-3, max_length=256)
    return word_architecture(words, TextCNN, sizes, training=training, version=VERSION)


def check_kernels(kernels: Any, owner: str = "textcnn") -> tuple[int, ...]:
    """Return the widths as a tuple of whole numbers; a single number is one width."""
    widths = tuple(kernels) if isinstance(kernels, Sequence) and not isinstance(kernels, str) else (kernels,)
    if not widths:
        raise InputError(f"{owner}: kernels must have at least one width, got none")
    for width in widths:
        check_whole(owner, "kernels", width, 1, 1000)
    return tuple(int(width) for width in widths)


def textcnn_lcm() -> Architecture:
    """TextCNN with the sizes of the LCM paper: kernels 3, 10, 25 × 100 filters, 64-dimensional, a dense 64."""
    return textcnn((3, 10, 25), filters=100, hidden=64, dim=64, dropout=0.0)
