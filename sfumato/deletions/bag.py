"""Deletions for ``bag``: the sum of the vectors without those of the word, and of the n-grams that touch it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sfumato.deletions.words import Words
from sfumato.models.bag import Bag, hashed_ngrams
from sfumato.targets import Floats, Integers

if TYPE_CHECKING:
    from sfumato.model import Model

ROWS = 65_536  # deletions at a time


def bag_logits(model: Model, words: Words, chosen: Integers, device: Any) -> Floats:
    """Return the logits (D, C) of the texts without each chosen word."""
    network: Any = model.network
    assert isinstance(network, Bag)
    needed, owner = np.unique(words.owner[chosen], return_inverse=True)
    total, count = sums_of_texts(network, words, needed, device)
    answers = []
    for first in range(0, len(chosen), ROWS):
        part = slice(first, first + ROWS)
        change, fewer = changes(network, words, chosen[part], device)
        own = torch.from_numpy(owner[part]).to(device)
        features = (total[own] + change) / (count[own] + fewer).clamp(min=1).unsqueeze(1)
        if network.hidden is not None:
            features = F.relu(network.hidden(features))
        answers.append(network.output_layer(features).cpu().numpy())
    return np.concatenate(answers)


def sums_of_texts(network: Bag, words: Words, needed: Integers, device: Any) -> tuple[Tensor, Tensor]:
    """Return the sum of all vectors of some whole texts, (n, dim), and their number, (n,)."""
    totals, counts = [], []
    for first in range(0, len(needed), 1024):
        part = needed[first : first + 1024]
        start, length = words.offsets[part], words.lengths[part]
        ids = gathered(words.flat, start, length, device)
        total, count = sums(network, ids)
        single = F.embedding_bag(ids, network.embedding.weight, mode="sum", padding_idx=0)
        totals.append(total + single)
        counts.append(count + (ids != 0).sum(dim=1))
    return torch.cat(totals), torch.cat(counts)


def changes(network: Bag, words: Words, chosen: Integers, device: Any) -> tuple[Tensor, Tensor]:
    """Return by how much each deletion changes the sum of the vectors, (D, dim), and their number, (D,)."""
    around = network.longest - 1
    owner, start, end = words.owner[chosen], words.start[chosen], words.end[chosen]
    first = np.maximum(start - around, words.offsets[owner])
    last = np.minimum(end + around, words.offsets[owner + 1])
    own = gathered(words.flat, start, end - start, device)
    before = gathered(words.flat, first, last - first, device)
    after = gathered(words.flat, first, last - first - (end - start), device, skip=(start - first, end - start))
    old, fewer = sums(network, before)
    new, more = sums(network, after)
    single = F.embedding_bag(own, network.embedding.weight, mode="sum", padding_idx=0)
    return new - old - single, more - fewer - (own != 0).sum(dim=1)


def sums(network: Bag, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum of the vectors of the n-grams of two and more words, (B, dim), and their number, (B,)."""
    rows = ids[:, :0]
    if network.ngrams is not None:
        rows = hashed_ngrams(ids, network.longest, network.ngrams.num_embeddings - 1)
    if network.ngrams is None or not rows.shape[1]:
        size = network.embedding.embedding_dim
        return torch.zeros(len(ids), size, device=ids.device), torch.zeros(
            len(ids), dtype=torch.long, device=ids.device
        )
    total = F.embedding_bag(rows, network.ngrams.weight, mode="sum", padding_idx=0)
    return total, (rows != 0).sum(dim=1)


def gathered(
    flat: Integers, start: Integers, length: Integers, device: Any, *, skip: tuple[Integers, Integers] | None = None
) -> Tensor:
    """Return stretches of ``flat`` as rows, (D, longest), 0 behind each; from place ``skip[0]`` on, so many later."""
    columns = np.arange(max(int(length.max(initial=0)), 1))
    places = start[:, None] + columns
    if skip is not None:
        places = places + np.where(columns >= skip[0][:, None], skip[1][:, None], 0)
    inside = columns < length[:, None]
    ids = np.where(inside, flat[np.where(inside, places, 0)], 0)
    return torch.from_numpy(ids).to(device)
