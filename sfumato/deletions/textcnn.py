"""Deletions for ``textcnn``: of the windows that do not touch the word, the maxima to its left and right are known.

A filter of width w is the sum of w products, one for each of its places with the word vector there. These products
are computed once for each token of a text; a window that closes over the gap is then a sum of w known vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sfumato.deletions.bag import gathered
from sfumato.deletions.words import Words
from sfumato.models.textcnn import TextCNN
from sfumato.targets import Floats, Integers

if TYPE_CHECKING:
    from sfumato.model import Model

TOKENS = 2048  # of the texts read at a time: their products stay small enough for the processor's cache
DELETIONS = 4096


def textcnn_logits(model: Model, words: Words, chosen: Integers, device: Any) -> Floats:
    """Return the logits (D, C) of the texts without each chosen word."""
    network: Any = model.network
    assert isinstance(network, TextCNN)
    order = np.argsort(words.lengths[words.owner[chosen]], kind="stable")
    answers = np.empty((len(chosen), len(model.classes)), dtype=np.float32)
    for part in blocks(words, chosen, order):
        responses = strongest_without(network, words, chosen[part], device)
        features = F.relu(responses + network.bias)
        if network.hidden is not None:
            features = F.relu(network.hidden(features))
        answers[part] = network.output_layer(features).cpu().numpy()
    return answers


def blocks(words: Words, chosen: Integers, order: Integers) -> list[Integers]:
    """Cut the deletions, by the length of their texts, into parts of about `TOKENS` tokens of text."""
    owner = words.owner[chosen[order]]
    fresh = np.concatenate([[True], owner[1:] != owner[:-1]])
    tokens = np.cumsum(np.where(fresh, words.lengths[owner] + 1, 0))
    part = np.maximum(tokens // TOKENS, np.arange(len(order)) // DELETIONS)
    border = np.flatnonzero(np.diff(np.maximum.accumulate(part))) + 1
    return np.split(order, border)


def strongest_without(network: TextCNN, words: Words, chosen: Integers, device: Any) -> Tensor:
    """Return the strongest score of every filter in each text without its word, (D, filters), before the bias."""
    needed, owner = np.unique(words.owner[chosen], return_inverse=True)
    lengths = words.lengths[needed]
    ids = gathered(words.flat, words.offsets[needed], lengths, device)  # (B, L)
    vectors = network.embedding(ids)
    at = words.start[chosen] - words.offsets[words.owner[chosen]]
    cut = [torch.from_numpy(part).to(device) for part in (owner, at, words.end[chosen] - words.start[chosen])]
    long = torch.from_numpy(lengths).to(device)
    pooled, first = [], 0
    for group in network.groups:
        width, members = max(group), list(network.weights)[first : first + len(group)]
        matrices = [
            F.pad(member, (0, 0, 0, (width - k) * network.dim)) for k, member in zip(group, members, strict=True)
        ]
        pooled.append(strongest_of_group(vectors, torch.cat(matrices, dim=1), long, width, *cut))
        first += len(group)
    return torch.cat(pooled, dim=1)


def strongest_of_group(
    vectors: Tensor, matrix: Tensor, lengths: Tensor, width: int, owner: Tensor, at: Tensor, size: Tensor
) -> Tensor:
    """Return the strongest scores (D, F) of filters of one width; deletion d takes tokens at..at+size of text owner.

    ``vectors`` (B, L, dim), ``matrix`` (width * dim, F), ``lengths`` (B,).
    """
    B, L, dim = vectors.shape
    filters = matrix.shape[1]
    split = matrix.view(width, dim, filters).transpose(0, 1).reshape(dim, width * filters)
    padded = F.pad(vectors, (0, 0, 0, width))  # what lies behind the text is zero
    products = (padded.view(-1, dim) @ split).view(B, L + width, width, filters)
    scores = products[:, :L, 0].clone()
    for j in range(1, width):
        scores += products[:, j : j + L, j]
    left, right = maxima(scores, lengths)
    rows = L + width
    row = owner * (L + 1)
    best = torch.maximum(left[row + (at - width + 1).clamp(min=0)], right[row + at + size])
    if width > 1:
        offset = torch.arange(1, width, device=at.device).view(1, -1, 1)  # windows that begin before the word
        step = torch.arange(width, device=at.device)
        start = at.view(-1, 1, 1) - offset  # (D, width - 1, 1)
        place = start + step + torch.where(step < offset, 0, size.view(-1, 1, 1))  # (D, width - 1, width)
        place = torch.where(place < lengths[owner].view(-1, 1, 1), place, L)  # row L is zero
        parts = (owner.view(-1, 1, 1) * rows + place) * width + step
        products[0, L + 1, 0] = -torch.inf  # a row that no window reads, for windows that there are not
        parts = torch.where(start < 0, (L + 1) * width, parts).flatten(0, 1)
        closed = F.embedding_bag(parts, products.view(-1, filters), mode="sum").view(len(at), width - 1, filters)
        best = torch.maximum(best, closed.amax(dim=1))
    return best.masked_fill_((lengths[owner] == size).unsqueeze(1), 0)  # an empty text has one window, of zeros


def maxima(scores: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Return the maximum over the windows before each place, and from it on: (B * (L + 1), F) from scores (B, L, F)."""
    B, L, filters = scores.shape
    left = scores.new_full((B, L + 1, filters), -torch.inf)
    right = scores.new_full((B, L + 1, filters), -torch.inf)
    outside = torch.arange(L, device=scores.device) >= lengths.unsqueeze(1)
    scores.masked_fill_(outside.unsqueeze(2), -torch.inf)
    for place in range(L):  # `torch.cummax` keeps places too, and takes several times as long
        torch.maximum(left[:, place], scores[:, place], out=left[:, place + 1])
        back = L - 1 - place
        torch.maximum(right[:, back + 1], scores[:, back], out=right[:, back])
    return left.flatten(0, 1), right.flatten(0, 1)
