"""Training time of TextCNN: our loop beside plain ones with the same network built from torch's own layers.

    python benchmarks/textcnn.py [ROUNDS] [EPOCHS] [ROWS]

Needs SFUMATO_DATA (ag_news). One thread, interleaved, CPU seconds of the process (other jobs on the machine then
count less than in wall-clock seconds). The floor, the products that the network cannot avoid at the rate of one
large matrix product, is counted first. Dev accuracy of each loop over three seeds is printed beside the times.
"""

import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import polars
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sfumato import MODELS
from sfumato.architecture import Architecture, Training
from sfumato.base import Objective
from sfumato.data import Examples
from sfumato.encode import EncodedIds, TokenEncoder
from sfumato.inference import predict_outputs
from sfumato.losses import SoftCrossEntropy
from sfumato.models.word_model import SPREAD
from sfumato.schedule import length_batches
from sfumato.train import fit_network

CPU = torch.device("cpu")
PLAIN, MAXIMUM, OURS = "plain, padded per batch", "plain, padded to the maximum", "sfumato"


class PlainTextCNN(nn.Module):
    """Kim's network as one writes it: one Conv1d a width over the padded batch, the maximum over all windows."""

    def __init__(self, vocabulary: int, num_classes: int, kernels: list[int], filters: int, dim: int, dropout: float):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, dim, padding_idx=0)
        with torch.no_grad():
            self.embedding.weight[1:].uniform_(-SPREAD, SPREAD)
        self.convolutions = nn.ModuleList(nn.Conv1d(dim, filters, width) for width in kernels)
        self.shortest = max(kernels)
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(len(kernels) * filters, num_classes)

    def forward(self, ids: Tensor) -> Tensor:
        if ids.shape[1] < self.shortest:
            ids = F.pad(ids, (0, self.shortest - ids.shape[1]))
        vectors = self.embedding(ids).transpose(1, 2)  # (B, dim, L)
        pooled = [F.relu(convolution(vectors)).amax(dim=2) for convolution in self.convolutions]
        return self.last(self.dropout(torch.cat(pooled, dim=1)))


class Corpus:
    """The rows, encoded once: encoding is not part of what is timed."""

    def __init__(self, rows: int, architecture: Architecture) -> None:
        file = Path(os.environ["SFUMATO_DATA"]) / "ag_news" / "ag_news.parquet"
        table = polars.read_parquet(file).filter(polars.col("split") == "train").sample(rows + 1000, seed=0)
        examples = Examples.from_labels(table["text"].to_list(), table["label"].to_list())
        self.train, self.dev = examples.take(range(rows)), examples.take(range(rows, rows + 1000))
        self.encoder = architecture.fit_encoder(self.train.inputs)
        assert isinstance(self.encoder, TokenEncoder)
        length = architecture.training.max_length
        self.ids: EncodedIds = self.encoder.encode(self.train.inputs, length)
        self.dev_ids: EncodedIds = self.encoder.encode(self.dev.inputs, length)


def train_plain(corpus: Corpus, options: dict[str, Any], training: Training, seed: int, *, maximum: bool) -> nn.Module:
    """Train as a tutorial does: shuffled rows, padded batches, Adam, hard labels."""
    torch.manual_seed(seed)
    sizes = {name: options[name] for name in ("kernels", "filters", "dim", "dropout")}
    network = PlainTextCNN(corpus.encoder.vocabulary_size, corpus.train.num_classes, **sizes)
    optimizer = torch.optim.Adam(network.parameters(), lr=training.lr)
    labels = torch.from_numpy(corpus.train.labels)
    generator = torch.Generator().manual_seed(seed)
    whole = torch.from_numpy(corpus.ids.batch(np.arange(len(corpus.train)))["input_ids"]) if maximum else None
    for _ in range(training.epochs):
        for rows in torch.randperm(len(labels), generator=generator).split(training.batch_size):
            ids = torch.from_numpy(corpus.ids.batch(rows.numpy())["input_ids"]) if whole is None else whole[rows]
            optimizer.zero_grad()
            F.cross_entropy(network(ids), labels[rows]).backward()
            optimizer.step()
    return network


def train_ours(corpus: Corpus, architecture: Architecture, training: Training, seed: int) -> nn.Module:
    """Train with `fit_network`; no dev rows, as the plain loops have none."""
    torch.manual_seed(seed)
    network = architecture.build(corpus.encoder, corpus.train.num_classes)
    fit_network(Objective(network, SoftCrossEntropy()), corpus.train, corpus.ids, training, seed=seed, device="cpu")
    return network


def plain_accuracy(network: nn.Module, corpus: Corpus) -> float:
    network.eval()
    with torch.inference_mode():
        order = np.arange(len(corpus.dev))
        guesses = [
            network(torch.from_numpy(corpus.dev_ids.batch(order[i : i + 100])["input_ids"])).argmax(dim=1)
            for i in range(0, len(order), 100)
        ]
    return float((torch.cat(guesses).numpy() == corpus.dev.labels).mean())


def our_accuracy(network: nn.Module, corpus: Corpus) -> float:
    logits = predict_outputs(network, corpus.dev_ids, batch_size=100, device=CPU).logits
    return float((logits.argmax(dim=1).numpy() == corpus.dev.labels).mean())


def floor_seconds(corpus: Corpus, options: dict[str, Any], training: Training) -> tuple[float, float]:
    """Return the seconds of one epoch's products at the rate of a large product, and that rate (FLOP/s).

    Forward and two products backward over the real tokens, each width by itself, nothing padded.
    """
    left, right = torch.randn(2048, 640), torch.randn(640, 384)
    rates = []
    for _ in range(20):
        started = time.process_time()
        left @ right
        rates.append(2 * 2048 * 640 * 384 / (time.process_time() - started))
    rate = statistics.median(rates)
    per_token = 2 * sum(options["kernels"]) * options["dim"] * options["filters"]
    return 3 * per_token * int(corpus.ids.lengths.sum()) / rate, rate


def padded_tokens(corpus: Corpus, training: Training) -> dict[str, int]:
    """Count the columns that each loop computes in one epoch."""
    generator = np.random.default_rng(0)
    order, size = generator.permutation(len(corpus.train)), training.batch_size
    lengths = corpus.ids.lengths
    shuffled = [order[i : i + size] for i in range(0, len(order), size)]
    by_length = length_batches(lengths, size, generator, order)
    return {
        "real": int(lengths.sum()),
        OURS: sum(len(batch) * int(lengths[batch].max()) for batch in by_length),
        PLAIN: sum(len(batch) * int(lengths[batch].max()) for batch in shuffled),
        MAXIMUM: len(order) * int(lengths.max()),
    }


def main(rounds: int = 3, epochs: int = 2, rows: int = 4000) -> None:
    """Print floor, seconds, ratios and dev accuracies."""
    torch.set_num_threads(1)
    architecture = MODELS["textcnn"]()
    options = dict(architecture.options)
    training = Training(
        epochs=epochs,
        batch_size=architecture.training.batch_size,
        lr=architecture.training.lr,
        max_length=architecture.training.max_length,
    )
    corpus = Corpus(rows, architecture)
    floor, rate = floor_seconds(corpus, options, training)
    print(f"{rows} rows of ag_news, vocabulary {corpus.encoder.vocabulary_size}, {epochs} epochs, {training}")
    print(f"torch {torch.__version__}, 1 thread, load {os.getloadavg()[0]:.1f}; product {rate / 1e9:.0f} GFLOP/s")
    tokens = padded_tokens(corpus, training)
    print("tokens an epoch:", ", ".join(f"{name} {count}" for name, count in tokens.items()))
    print(f"floor: {floor * epochs:.2f} s")
    seconds: dict[str, list[float]] = {OURS: [], PLAIN: [], MAXIMUM: []}
    accuracies: dict[str, list[float]] = {OURS: [], PLAIN: [], MAXIMUM: []}
    for seed in range(rounds):
        for name in seconds:
            started = time.process_time()
            if name == OURS:
                network = train_ours(corpus, architecture, training, seed)
            else:
                network = train_plain(corpus, options, training, seed, maximum=name == MAXIMUM)
            seconds[name].append(time.process_time() - started)
            measure = our_accuracy if name == OURS else plain_accuracy
            accuracies[name].append(measure(network, corpus))
    for name, taken in seconds.items():
        ratios = [theirs / ours for theirs, ours in zip(taken, seconds[OURS], strict=True)]
        spread = statistics.stdev(accuracies[name]) if rounds > 1 else 0.0
        ratio = f"{statistics.median(ratios):5.2f} x ours ({min(ratios):.2f} to {max(ratios):.2f})"
        accuracy = f"dev accuracy {statistics.mean(accuracies[name]):.4f} ± {spread:.4f}"
        print(f"{name:30} {statistics.median(taken):7.2f} s  {ratio}  {accuracy}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
