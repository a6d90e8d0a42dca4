"""What LCM adds to a training step: paired ratios against the same network with soft cross-entropy.

    OMP_NUM_THREADS=1 python benchmarks/lcm.py [textcnn] [encoder] [linear-head] [--pairs 60] [--batch 64] [--fp32]

Both networks take a full step (forward, backward, clipping, fused AdamW) on the same batch, one after the other, in
an order that alternates. The ratio of each pair is taken first and the median over pairs then, so that a slow
spell of the machine meets both; time is CPU time of the process, which a busy machine disturbs
less. The row "again" runs the baseline against itself: the noise of the measurement.
"""

import argparse
import os
import platform
import statistics
import time
from contextlib import nullcontext

import torch

from sfumato import METHODS
from sfumato.base import Objective, Output
from sfumato.limits import precision
from sfumato.losses import SoftCrossEntropy
from sfumato.method import Plan
from sfumato.models.textcnn import TextCNN

LENGTH, VOCABULARY, CLASSES = 64, 20_000, 20
WARM_UP = 2  # pairs


class Encoder(torch.nn.Module):
    """Six layers of 384, the size of MiniLM, with random weights."""

    def __init__(self):
        super().__init__()
        from transformers import BertConfig, BertModel

        config = BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=384,
            num_hidden_layers=6,
            num_attention_heads=12,
            intermediate_size=1536,
        )
        self.encoder = BertModel(config)
        self.classifier = torch.nn.Linear(384, CLASSES)

    def forward(self, input_ids):
        features = self.encoder(input_ids).pooler_output
        return Output(self.classifier(features), features)


class Head(torch.nn.Module):
    """The floor: 300 given features and one linear layer, nothing else."""

    def __init__(self):
        super().__init__()
        self.register_buffer("features", torch.randn(1024, 300))
        self.classifier = torch.nn.Linear(300, CLASSES)

    def forward(self, input_ids):
        features = self.features[: len(input_ids)]
        return Output(self.classifier(features), features)


NETWORKS = {
    "textcnn": (lambda: TextCNN(VOCABULARY, CLASSES), 300),
    "encoder": (Encoder, 384),
    "linear-head": (Head, 300),
}


class Step:
    """One training step of a network with a method's criterion."""

    def __init__(self, network, method, mixed):
        torch.manual_seed(0)
        build, num_features = NETWORKS[network]
        plan = Plan(CLASSES, num_features, steps_per_epoch=20, epochs=3)
        criterion = method.criterion(plan) if method.criterion else SoftCrossEntropy()
        self.objective = Objective(build(), criterion).train()
        self.optimizer = torch.optim.AdamW(self.objective.parameters(), lr=1e-3, fused=True)
        self.mixed = mixed

    def __call__(self, batch):
        started = time.process_time()
        with torch.autocast("cpu", torch.bfloat16) if self.mixed else nullcontext():
            loss = self.objective(**batch)["loss"]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.objective.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.objective.advance()
        return time.process_time() - started


def batches(count, size):
    generator = torch.Generator().manual_seed(0)
    for _ in range(count):
        labels = torch.randint(CLASSES, (size,), generator=generator)
        ids = torch.randint(1, VOCABULARY, (size, LENGTH), generator=generator)
        yield {"input_ids": ids, "labels": labels, "targets": torch.nn.functional.one_hot(labels, CLASSES).float()}


def compare(network, method, pairs, size, mixed):
    """Return the seconds of the baseline and of ``method``, pair by pair."""
    steps = Step(network, METHODS["baseline"](), mixed), Step(network, method, mixed)
    times = []
    for number, batch in enumerate(batches(pairs + WARM_UP, size)):
        order = (0, 1) if number % 2 else (1, 0)
        taken = {which: steps[which](batch) for which in order}
        times.append((taken[0], taken[1]))
    return times[WARM_UP:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--batch", type=int, default=64, help="textcnn's own is 64, the encoder's 32")
    parser.add_argument("--fp32", action="store_true", help="no bf16 even where the processor has it")
    options = parser.parse_args()
    torch.set_num_threads(1)
    mixed = not options.fp32 and precision(torch.device("cpu")) == "bf16"
    print(f"torch {torch.__version__}, {platform.machine()}, 1 thread, {'bf16' if mixed else 'fp32'}, ", end="")
    print(
        f"load {os.getloadavg()[0]:.1f}, batch {options.batch}, length {LENGTH}, {CLASSES} classes, {options.pairs} pairs"
    )
    print("| network | method | baseline step, ms | added, ms | ratio, median | quartiles |\n|---|---|---|---|---|---|")
    for network in options.networks or NETWORKS:
        for name in ("again", "lcm"):
            method = METHODS["baseline" if name == "again" else name]()
            times = compare(network, method, options.pairs, options.batch, mixed)
            ratios = sorted(b / a for a, b in times)
            low, middle, high = statistics.quantiles(ratios, n=4)
            base = statistics.median(a for a, _ in times)
            added = statistics.median(b - a for a, b in times)
            spread = f"{middle:.3f} | {low:.3f} to {high:.3f}"
            print(f"| {network} | {name} | {1000 * base:.2f} | {1000 * added:+.2f} | {spread} |", flush=True)


if __name__ == "__main__":
    main()
