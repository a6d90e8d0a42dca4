"""What MaskLoss costs: the deletions of maskloss-elem against all of them done plainly, and the mask in a training step.

    OMP_NUM_THREADS=1 python benchmarks/maskloss.py [linear bag textcnn lstm transformer step] [--texts 400] [--length 40]

Plainly: each text without each of its words as a string, encoded, float32, batches of 64 in the order of the texts,
padded to the longest of the batch. Random weights and words (the work does not depend on them); CPU time of the process.
"""

import argparse
import os
import statistics
import time

import numpy as np
import torch

from sfumato import METHODS
from sfumato.base import Output, Supervision
from sfumato.deletions import logits_without, words_of
from sfumato.deletions.words import WORD
from sfumato.inference import to_tensors
from sfumato.method import Plan
from sfumato.model import Model
from sfumato.resolve import build_architecture
from sfumato.sigmoid_losses import SigmoidCrossEntropy

CLASSES, VOCABULARY = 50, 3000


def texts(number, length):
    generator = np.random.default_rng(0)
    shares = 1 / np.arange(1, VOCABULARY + 1)
    names = np.array([f"w{k}x" for k in range(VOCABULARY)])
    sizes = generator.integers(max(length // 2, 1), length * 3 // 2 + 1, number)
    return [" ".join(names[generator.choice(VOCABULARY, size, p=shares / shares.sum())]) for size in sizes]


def model_of(name, given):
    torch.manual_seed(0)
    if name == "transformer":
        return transformer(given)
    architecture = build_architecture(name, {})
    encoder = architecture.encoder_of(given)
    network = architecture.build(encoder, CLASSES)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    if hasattr(network, "embedding"):
        with torch.no_grad():
            network.embedding.weight[0] = 0
            if getattr(network, "ngrams", None) is not None:
                network.ngrams.weight[0] = 0
    classes = tuple(f"c{k}" for k in range(CLASSES))
    return Model(network, encoder, classes, name, max_length=architecture.training.max_length)


def transformer(given):
    from transformers import BertConfig, BertModel

    from sfumato.encode import TokenEncoder, train_tokenizer
    from sfumato.models.pooled_transformer import PooledTransformer

    encoder = train_tokenizer(given)
    config = BertConfig(
        vocab_size=encoder.vocabulary_size,
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=512,
    )
    network = PooledTransformer(BertModel(config), CLASSES, pooling="mean")
    return Model(
        network, TokenEncoder(encoder.tokenizer), tuple(f"c{k}" for k in range(CLASSES)), "transformer", max_length=128
    )


def plainly(model, given):
    shorter = [text[: m.start()] + " " + text[m.end() :] for text in given for m in WORD.finditer(text)]
    logits = []
    model.network.eval()
    with torch.inference_mode():
        for start in range(0, len(shorter), 64):
            encoded = model.encoder.encode(shorter[start : start + 64], model.max_length)
            output = model.network(**to_tensors(encoded.batch(np.arange(len(encoded))), torch.device("cpu")))
            logits.append(output.logits.numpy())
    return np.concatenate(logits)


def fast(model, given):
    words = words_of(model.encoder, given)
    return logits_without(model, words, np.arange(len(words.key)), exact=True)


def seconds(function, *arguments):
    started = time.process_time()
    found = function(*arguments)
    return time.process_time() - started, found


def deletions(name, number, length, rounds=3):
    given = texts(number, length)
    model = model_of(name, given)
    fast(model, given[:20]), plainly(model, given[:20])
    taken = [(seconds(plainly, model, given), seconds(fast, model, given)) for _ in range(rounds)]
    ratio = statistics.median(a[0] / b[0] for a, b in taken)
    plain, quick = (statistics.median(one[k][0] for one in taken) for k in (0, 1))
    off = np.abs(taken[0][0][1] - taken[0][1][1]).max()
    count = len(taken[0][0][1])
    print(
        f"| {name} | {length} | {count} | {1e6 * plain / count:.0f} | {1e6 * quick / count:.1f} | {ratio:.1f} | {off:.0e} |",
        flush=True,
    )


def loss_cost(rows, classes, pairs=300):
    """Print what the masked loss adds to a forward and backward pass of the loss alone, in microseconds."""
    labels = torch.randint(classes, (rows,))
    similar = torch.rand(rows, classes) < 0.1
    seen = Supervision(labels, torch.nn.functional.one_hot(labels, classes).float(), similar)
    masked = METHODS["maskloss-label"]("prefix::").criterion(Plan(classes, 1, 10, 1))
    plain = SigmoidCrossEntropy()
    logits = torch.randn(rows, classes, requires_grad=True)
    added, base = [], []
    for k in range(pairs):
        masked.at(k)
        taken = {}
        for which in (0, 1) if k % 2 else (1, 0):
            started = time.process_time_ns()
            (plain, masked)[which](Output(logits, logits), seen).backward()
            taken[which] = (time.process_time_ns() - started) / 1000
        added.append(taken[1] - taken[0])
        base.append(taken[0])
    print(f"| {rows} x {classes} | {statistics.median(base):.0f} | {statistics.median(added):+.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["linear", "bag", "textcnn", "lstm", "transformer", "step"])
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--lengths", type=int, nargs="*", default=[10, 40, 160])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"torch {torch.__version__}, 1 thread, fp32, load {os.getloadavg()[0]:.1f}, {options.texts} texts, {CLASSES} classes"
    )
    print(
        "| model | words a text | deletions | plainly, µs each | here, µs each | ratio | largest difference of a logit |\n|---|---|---|---|---|---|---|"
    )
    for name in options.parts:
        for length in options.lengths:
            if name != "step":
                deletions(name, options.texts if length < 100 else options.texts // 4, length)
    if "step" in options.parts:
        print("\n| rows x classes | loss alone, µs | added by the mask, µs |\n|---|---|---|")
        for rows, classes in ((32, 50), (64, 50), (64, 134)):
            loss_cost(rows, classes)


if __name__ == "__main__":
    main()
