"""Training time of lstm and textrnn: our loop beside plain ones with the same network built from torch's own layers.

    python benchmarks/rnn.py [lstm|textrnn] [ROUNDS] [EPOCHS] [ROWS]

Needs SFUMATO_DATA (ag_news). One thread, interleaved, CPU seconds of the process (other jobs on the machine then
count less than in wall-clock seconds), after one step that is not timed. The floor, the products that the network cannot avoid at the rate of one
large matrix product, is counted first. Dev accuracy of each loop over the rounds' seeds is printed beside the times.
"""

import os
import statistics
import sys
import time
from dataclasses import replace
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from textcnn import Corpus, our_accuracy, train_ours
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from sfumato import MODELS
from sfumato.architecture import Training
from sfumato.models.lstm import open_forget_gates
from sfumato.models.word_model import SPREAD
from sfumato.train import length_batches

PADDED, PACKED, OURS = "plain, padded per batch", "plain, packed per batch", "sfumato"


class PlainRNN(nn.Module):
    """The network as one writes it with torch: nn.LSTM over the batch, packed or not, then a linear layer.

    A padded bidirectional pass starts its second direction in the padding; that is what plain loops do. Dropout draws a
    number for every number of every word.
    """

    def __init__(self, vocabulary: int, num_classes: int, options: dict[str, Any], *, both: bool, packed: bool):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, options["dim"], padding_idx=0)
        with torch.no_grad():
            self.embedding.weight[1:].uniform_(-SPREAD, SPREAD)
        self.packed, self.pooling = packed, options.get("pooling", "last")
        recurrent = nn.LSTM(options["dim"], options["hidden"], batch_first=True, bidirectional=both)
        self.recurrent = open_forget_gates(recurrent)
        self.dropout = nn.Dropout(options["dropout"])
        self.last = nn.Linear(options["hidden"] * (2 if both else 1), num_classes)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        vectors = self.dropout(self.embedding(ids))
        if self.packed:
            packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
            states, (last, _) = self.recurrent(packed)
            states = nn.utils.rnn.pad_packed_sequence(states, batch_first=True)[0] if self.pooling != "last" else None
        else:
            states, (last, _) = self.recurrent(vectors)
            if not self.recurrent.bidirectional:
                last = states[torch.arange(len(ids)), lengths - 1].unsqueeze(0)
        if self.pooling == "last":
            text = torch.cat(list(last), dim=1)
        else:
            inside = (torch.arange(states.shape[1]) < lengths.unsqueeze(1)).unsqueeze(2)
            mean = (states * inside).sum(dim=1) / lengths.unsqueeze(1)
            text = mean if self.pooling == "mean" else states.masked_fill(~inside, -torch.inf).amax(dim=1)
        return self.last(self.dropout(text))


def batch_of(encoded: Any, rows: np.ndarray) -> tuple[Tensor, Tensor]:
    ids = torch.from_numpy(encoded.batch(rows)["input_ids"])
    return ids, torch.from_numpy(np.maximum(encoded.lengths[rows], 1))


def train_plain(corpus: Corpus, options: dict[str, Any], training: Training, seed: int, **kind: bool) -> nn.Module:
    """Train as a tutorial does: shuffled rows, padded batches, Adam, hard labels, the same bound of the gradient."""
    torch.manual_seed(seed)
    network = PlainRNN(corpus.encoder.vocabulary_size, corpus.train.num_classes, options, **kind)
    optimizer = torch.optim.Adam(network.parameters(), lr=training.lr)
    labels = torch.from_numpy(corpus.train.labels)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(training.epochs):
        for rows in torch.randperm(len(labels), generator=generator).split(training.batch_size):
            optimizer.zero_grad()
            F.cross_entropy(network(*batch_of(corpus.ids, rows.numpy())), labels[rows]).backward()
            nn.utils.clip_grad_norm_(network.parameters(), training.clip)
            optimizer.step()
    return network


def plain_accuracy(network: nn.Module, corpus: Corpus) -> float:
    network.eval()
    with torch.inference_mode():
        blocks = np.array_split(np.arange(len(corpus.dev)), 10)
        guesses = torch.cat([network(*batch_of(corpus.dev_ids, rows)).argmax(dim=1) for rows in blocks])
    return float((guesses.numpy() == corpus.dev.labels).mean())


def floor_seconds(corpus: Corpus, options: dict[str, Any], directions: int) -> tuple[float, float]:
    """Return the seconds of one epoch's products at the rate of a large product, and that rate (FLOP/s).

    Forward and two products backward over the real tokens, nothing padded, four gates from vector and state.
    """
    left, right = torch.randn(2048, 640), torch.randn(640, 384)
    rates = []
    for _ in range(20):
        started = time.process_time()
        left @ right
        rates.append(2 * 2048 * 640 * 384 / (time.process_time() - started))
    rate = statistics.median(rates)
    per_token = directions * 2 * 4 * options["hidden"] * (options["dim"] + options["hidden"])
    return 3 * per_token * int(corpus.ids.lengths.sum()) / rate, rate


def columns(corpus: Corpus, training: Training) -> dict[str, int]:
    """Count the columns that each loop computes in one epoch."""
    generator = np.random.default_rng(0)
    order, size, lengths = generator.permutation(len(corpus.train)), training.batch_size, corpus.ids.lengths
    shuffled = [order[i : i + size] for i in range(0, len(order), size)]
    by_length = length_batches(lengths, size, generator, order)
    count = {OURS: by_length, PADDED: shuffled}
    real = int(lengths.sum())
    return {PACKED: real} | {k: sum(len(b) * int(lengths[b].max()) for b in batches) for k, batches in count.items()}


def main(name: str = "lstm", rounds: int = 3, epochs: int = 2, rows: int = 4000) -> None:
    """Print floor, seconds, ratios and dev accuracies."""
    torch.set_num_threads(1)
    architecture, both = MODELS[name](), name == "textrnn"
    options, own = dict(architecture.options), architecture.training
    training = Training(epochs=epochs, batch_size=own.batch_size, lr=own.lr, max_length=own.max_length)
    corpus = Corpus(rows, architecture)
    floor, rate = floor_seconds(corpus, options, 2 if both else 1)
    print(f"{name}: {rows} rows of ag_news, vocabulary {corpus.encoder.vocabulary_size}, {training}, {options}")
    print(f"torch {torch.__version__}, 1 thread, load {os.getloadavg()[0]:.1f}; product {rate / 1e9:.0f} GFLOP/s")
    print("columns an epoch:", ", ".join(f"{loop} {count}" for loop, count in columns(corpus, training).items()))
    print(f"floor: {floor * epochs:.2f} s")
    train_ours(corpus, architecture, replace(training, epochs=1, batch_size=rows), 0)  # what is paid once a process
    seconds: dict[str, list[float]] = {OURS: [], PADDED: [], PACKED: []}
    accuracies: dict[str, list[float]] = {OURS: [], PADDED: [], PACKED: []}
    for seed in range(rounds):
        for loop in seconds:
            started = time.process_time()
            if loop == OURS:
                network = train_ours(corpus, architecture, training, seed)
            else:
                network = train_plain(corpus, options, training, seed, both=both, packed=loop == PACKED)
            seconds[loop].append(time.process_time() - started)
            accuracies[loop].append((our_accuracy if loop == OURS else plain_accuracy)(network, corpus))
    for loop, taken in seconds.items():
        ratios = [theirs / ours for theirs, ours in zip(taken, seconds[OURS], strict=True)]
        spread = statistics.stdev(accuracies[loop]) if rounds > 1 else 0.0
        ratio = f"{statistics.median(ratios):5.2f} x ours ({min(ratios):.2f} to {max(ratios):.2f})"
        accuracy = f"dev accuracy {statistics.mean(accuracies[loop]):.4f} ± {spread:.4f}"
        print(f"{loop:30} {statistics.median(taken):7.2f} s  {ratio}  {accuracy}")


if __name__ == "__main__":
    main(*sys.argv[1:2], *(int(argument) for argument in sys.argv[2:]))
