"""Deletions for ``lstm`` and ``textrnn``: each direction goes on from the state that it had before the word.

A left-to-right pass over the whole text leaves the states before every word; without the word, only what follows it is
read again, half of the text on average, by the LSTM of torch: it is one fused kernel, and steps of our own that share
the products of a word with the first layer took as long as reading the whole text by it. The other direction is the
same on texts turned round. A second layer of ``textrnn`` reads both directions, so nothing of it is known before; such
a model goes the plain way. D deletions, T tokens, H numbers of a state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from sfumato.deletions.textcnn import blocks
from sfumato.deletions.words import Words
from sfumato.models.lstm import LSTMClassifier
from sfumato.targets import Floats, Integers

if TYPE_CHECKING:
    from sfumato.model import Model

TOKENS = 8192  # read side by side


def recurrent_logits(model: Model, words: Words, chosen: Integers, device: Any) -> Floats:
    """Return the logits (D, C) of the texts without each chosen word."""
    network: Any = model.network
    order = np.argsort(words.lengths[words.owner[chosen]], kind="stable")
    answers = np.empty((len(chosen), len(model.classes)), dtype=np.float32)
    for part in blocks(words, chosen, order):
        cut = Cut.of(words, chosen[part])
        if isinstance(network, LSTMClassifier):
            features = read_without(network.recurrent, network.embedding, cut, "last", device)
        else:
            right, left = network.rightwards[0], network.leftwards[0]
            ways = ((right, cut), (left, cut.turned()))
            features = torch.cat(
                [read_without(way, network.embedding, c, network.pooling, device) for way, c in ways], 1
            )
        answers[part] = network.output_layer(features).cpu().numpy()
    return answers


@dataclass(frozen=True, eq=False)
class Cut:
    """Some texts and the words to delete from them.

    Attributes
    ----------
    flat : (T + 1,) token ids of the texts after each other, then one of padding, which is what an empty text is read as
    offsets : (B + 1,) text b is ``flat[offsets[b]:offsets[b + 1]]``
    owner : (D,) the text of each deletion
    start, end : (D,) the tokens that are deleted, ``flat[start:end]``
    """

    flat: Integers
    offsets: Integers
    owner: Integers
    start: Integers
    end: Integers

    @classmethod
    def of(cls, words: Words, chosen: Integers) -> Cut:
        """Take the texts of the chosen words."""
        needed, owner = np.unique(words.owner[chosen], return_inverse=True)
        lengths = words.lengths[needed]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        place = np.arange(offsets[-1]) + np.repeat(words.offsets[needed] - offsets[:-1], lengths)
        moved = offsets[owner] - words.offsets[words.owner[chosen]]
        flat = np.append(words.flat[place], 0)
        return cls(flat, offsets, owner, words.start[chosen] + moved, words.end[chosen] + moved)

    def turned(self) -> Cut:
        """Return the texts turned round."""
        both = np.repeat(
            self.offsets[:-1] + self.offsets[1:], np.diff(self.offsets)
        )  # start + end of each token's text
        flat = np.append(self.flat[both - 1 - np.arange(len(both))], 0)
        around = self.offsets[self.owner] + self.offsets[self.owner + 1]
        return Cut(flat, self.offsets, self.owner, around - self.end, around - self.start)


class States:
    """What some rows of a pass hold: (layers, rows, H) states and cells, and the pooled outputs so far (rows, H)."""

    def __init__(self, hidden: Tensor, cells: Tensor, pooled: Tensor) -> None:
        self.parts = (hidden, cells, pooled)

    @classmethod
    def empty(cls, network: nn.LSTM, rows: int, pooling: str, device: Any) -> States:
        """Return the states before the first token."""
        shape = (network.num_layers, rows, network.hidden_size)
        pooled = torch.full(shape[1:], -torch.inf if pooling == "max" else 0.0, device=device)
        return cls(torch.zeros(shape, device=device), torch.zeros(shape, device=device), pooled)

    def take(self, rows: Tensor) -> States:
        """Return a copy of some rows."""
        hidden, cells, pooled = self.parts
        return States(hidden[:, rows], cells[:, rows], pooled[rows])

    def put(self, rows: Tensor, other: States, number: int) -> None:
        """Set some rows to the first ``number`` of another."""
        for mine, its in zip(self.parts[:2], other.parts[:2], strict=True):
            mine[:, rows] = its[:, :number]
        self.parts[2][rows] = other.parts[2][:number]


def read_without(network: nn.LSTM, embedding: nn.Embedding, cut: Cut, pooling: str, device: Any) -> Tensor:
    """Return the pooled outputs of one direction over each text without its word, (D, H)."""
    flat = torch.from_numpy(cut.flat).to(device)
    weights = network.all_weights[0]
    gates = embedding(flat) @ weights[0].T + (weights[2] + weights[3])  # (T + 1, 4 H)
    lengths = np.diff(cut.offsets)
    before = States.empty(network, len(cut.flat), pooling, device)  # of each token
    fill(before, network, gates, cut.offsets[:-1], lengths, pooling)
    left = cut.offsets[cut.owner + 1] - cut.end
    number = lengths[cut.owner] - (cut.end - cut.start)
    first, left = np.where(number > 0, cut.end, len(cut.flat) - 1), np.where(number > 0, left, 1)
    pooled = torch.empty(len(cut.owner), network.hidden_size, device=device)
    order, done = np.argsort(-left, kind="stable"), 0
    while done < len(order):
        rows = order[done : done + max(TOKENS // max(int(left[order[done]]), 1), 1)]
        states = before.take(torch.from_numpy(cut.start[rows]).to(device))
        columns = np.arange(left[rows[0]])
        places = np.where(columns < left[rows, None], first[rows, None] + columns, len(cut.flat) - 1)
        vectors = embedding(torch.from_numpy(cut.flat[places]).to(device))
        pooled[torch.from_numpy(rows).to(device)] = finish(
            network, vectors, torch.from_numpy(left[rows]), states, pooling
        )
        done += len(rows)
    if pooling == "mean":
        pooled /= torch.from_numpy(np.maximum(number, 1)).to(device).unsqueeze(1)
    return pooled


def finish(network: nn.LSTM, vectors: Tensor, left: Tensor, states: States, pooling: str) -> Tensor:
    """Read the vectors (R, L, dim), ``left`` (R,) of each row, from ``states`` on; return the pooled outputs (R, H)."""
    hidden, cells, pooled = states.parts
    if not vectors.shape[1]:
        return hidden[-1] if pooling == "last" else pooled
    outputs: Tensor = network(vectors, (hidden, cells))[0]  # (R, L, H)
    left = left.to(outputs.device).unsqueeze(1)
    if pooling == "last":
        last = outputs[torch.arange(len(left)), (left[:, 0] - 1).clamp(min=0)]
        return torch.where(left > 0, last, hidden[-1])
    outside = (torch.arange(outputs.shape[1], device=outputs.device) >= left).unsqueeze(2)
    if pooling == "mean":
        return pooled + outputs.masked_fill_(outside, 0).sum(dim=1)
    return torch.maximum(pooled, outputs.masked_fill_(outside, -torch.inf).amax(dim=1))


def fill(before: States, network: nn.LSTM, gates: Tensor, first: Integers, left: Integers, pooling: str) -> None:
    """Read ``left`` (B,) tokens from ``first`` (B,) on, and keep in ``before`` what each one is read from.

    ``gates`` (T, 4 H) is what a token adds to those of the first layer.
    """
    order = np.argsort(-left, kind="stable")
    places = torch.from_numpy(first[order]).to(gates.device)
    states = States.empty(network, len(order), pooling, gates.device)
    hidden, cells, pooled = states.parts
    running = len(order) - np.searchsorted(np.sort(left), np.arange(left.max(initial=0)), side="right")
    for k, number in enumerate(running.tolist()):
        place = places[:number] + k
        before.put(place, states, number)
        step(network, gates[place], hidden[:, :number], cells[:, :number])
        if pooling == "mean":
            pooled[:number] += hidden[-1, :number]
        elif pooling == "max":
            torch.maximum(pooled[:number], hidden[-1, :number], out=pooled[:number])


def step(network: nn.LSTM, gates: Tensor, hidden: Tensor, cells: Tensor) -> None:
    """Read one token in place; ``gates`` (R, 4 H) is what it adds to those of the first layer."""
    H = network.hidden_size
    for layer in range(network.num_layers):
        weights = network.all_weights[layer]
        if layer:
            gates = hidden[layer - 1] @ weights[0].T + (weights[2] + weights[3])
        gates = torch.addmm(gates, hidden[layer], weights[1].T)
        opened, new, shown = gates[:, : 2 * H].sigmoid(), gates[:, 2 * H : 3 * H].tanh(), gates[:, 3 * H :].sigmoid()
        cells[layer].mul_(opened[:, H:]).addcmul_(opened[:, :H], new)
        torch.mul(shown, cells[layer].tanh(), out=hidden[layer])
