"""What MaskLoss costs: the deletions of maskloss-elem against all of them done plainly, and the mask in a training step.

    OMP_NUM_THREADS=1 python benchmarks/maskloss.py [linear bag textcnn lstm textrnn transformer step]
        [--words 4000] [--encoder FOLDER]

Plainly: each text without each of its words as a string, float32, batches of 64 in the order of the texts, padded to the
longest of the batch; encoded batch by batch, or all of them at once. What the library remembers of texts that it has
read is forgotten before each measurement. Real texts from the folder SFUMATO_DATA, random weights; CPU time
of the process, in pairs.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

import numpy as np
import polars
import torch

from sfumato import METHODS, ngram_counts, ngrams
from sfumato.base import Output, Supervision
from sfumato.deletions import logits_without, words_of
from sfumato.deletions.words import WORD
from sfumato.inference import to_tensors
from sfumato.method import Plan
from sfumato.model import Model
from sfumato.models.textcnn import TextCNN
from sfumato.resolve import build_architecture
from sfumato.sigmoid_losses import SigmoidCrossEntropy

CLASSES = 50
SETS = ("trec", "ag_news", "reuters21578_modapte90")  # 10, 40 and 130 words a text


def real_texts(name, words):
    """Return the first training texts of a data set that hold so many words together."""
    frame = polars.read_parquet(Path(os.environ["SFUMATO_DATA"]) / name / f"{name}.parquet")
    found, number = [], 0
    for text in frame.filter(frame["split"] == "train")["text"].to_list():
        found.append(text)
        number += len(WORD.findall(text))
        if number > words:
            return found
    return found


def forget():
    for memory in (ngrams.ENCODED, ngrams.FITTED, ngram_counts.READ):
        memory.__init__(memory.most)


def model_of(name, given, folder=None):
    torch.manual_seed(0)
    if name == "transformer":
        return transformer(given, folder)
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


def transformer(given, folder):
    from transformers import AutoModel, BertConfig, BertModel

    from sfumato.encode import TokenEncoder, train_tokenizer
    from sfumato.models.pooled_transformer import PooledTransformer

    classes = tuple(f"c{k}" for k in range(CLASSES))
    if folder:
        encoder, inner = TokenEncoder.load(Path(folder)), AutoModel.from_pretrained(folder)
    else:
        encoder = train_tokenizer(given)
        sizes = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 512}
        inner = BertModel(BertConfig(vocab_size=encoder.vocabulary_size, **sizes))
    return Model(PooledTransformer(inner, CLASSES, pooling="mean"), encoder, classes, "transformer", max_length=128)


def plainly(model, given, at_once):
    shorter = [text[: m.start()] + " " + text[m.end() :] for text in given for m in WORD.finditer(text)]
    whole = model.encoder.encode(shorter, model.max_length) if at_once else None
    logits = []
    model.network.eval()
    with torch.inference_mode():
        for start in range(0, len(shorter), 64):
            rows = np.arange(start, min(start + 64, len(shorter)))
            encoded = whole
            if encoded is None:
                encoded, rows = model.encoder.encode(shorter[start : start + 64], model.max_length), rows - start
            output = model.network(**to_tensors(encoded.batch(rows), torch.device("cpu")))
            logits.append(output.logits.numpy())
    return np.concatenate(logits)


def fast(model, given):
    words = words_of(model.encoder, given)
    return logits_without(model, words, np.arange(len(words.key)), exact=True)


def seconds(function, *arguments):
    forget()
    started = time.process_time()
    found = function(*arguments)
    return time.process_time() - started, found


def deletions(name, source, words, folder, rounds=3):
    given = real_texts(source, words // (8 if name == "transformer" else 1))
    model = model_of(name, given, folder)
    fast(model, given[:4]), plainly(model, given[:4], True)
    taken = []
    for k in range(rounds):
        works = [(plainly, model, given, False), (plainly, model, given, True), (fast, model, given)]
        order = (0, 1, 2) if k % 2 else (2, 1, 0)
        found = {which: seconds(*works[which]) for which in order}
        taken.append([found[which] for which in range(3)])
    count = len(taken[0][0][1])
    each = [1e6 * statistics.median(one[k][0] for one in taken) / count for k in range(3)]
    ratios = [sorted(one[k][0] / one[2][0] for one in taken) for k in range(2)]
    off = np.abs(taken[0][0][1] - taken[0][2][1]).max()
    shown = " | ".join(f"{r[rounds // 2]:.1f} ({r[0]:.1f} to {r[-1]:.1f})" for r in ratios)
    print(
        f"| {name} | {source} | {count:,} | {each[0]:.0f} | {each[1]:.0f} | {each[2]:.1f} | {shown} | {off:.0e} |",
        flush=True,
    )


def token_shares(source, words, folder):
    """Print how many tokens an encoder is given plainly, and in how many the distinct rows differ."""
    from sfumato.deletions.plain import rows_without, shortened

    given = real_texts(source, words * 3)
    model = model_of("transformer", given[:4] if folder else given, folder)
    read = words_of(model.encoder, given)
    rows = [shortened(row, model) for row in rows_without(read, np.arange(len(read.key)), every=False)]
    lengths = np.array([len(row) for row in rows])
    padded = sum(len(part) * part.max() for part in np.split(lengths, np.arange(64, len(lengths), 64)))
    distinct = sum(map(len, {row.tobytes(): row for row in rows}.values()))
    print(
        f"| {source} | {len(rows):,} | {padded / lengths.sum():.2f} | {distinct / lengths.sum():.2f} | {padded / distinct:.2f} |",
        flush=True,
    )


def step_cost(rows, classes, length=64, pairs=60):
    """Print what the mask adds to a training step of textcnn: the same network and rows, two losses, in pairs."""
    torch.manual_seed(0)
    ids = torch.randint(2, 20_000, (rows, length))
    labels = torch.randint(classes, (rows,))
    seen = Supervision(labels, torch.nn.functional.one_hot(labels, classes).float(), torch.rand(rows, classes) < 0.1)
    network = TextCNN(20_000, classes).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    masked = METHODS["maskloss-label"]("prefix::").criterion(Plan(classes, 1, 10, 1))
    ratios, base = [], []
    for k in range(pairs + 5):
        masked.at(k)
        taken = {}
        for which in (0, 1) if k % 2 else (1, 0):
            started = time.process_time_ns()
            optimizer.zero_grad()
            (masked if which else SigmoidCrossEntropy())(network(ids), seen).backward()
            optimizer.step()
            taken[which] = (time.process_time_ns() - started) / 1e6
        if k >= 5:
            ratios.append(taken[1] / taken[0])
            base.append(taken[0])
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(
        f"| {rows} x {classes} | {statistics.median(base):.1f} | {middle:.3f} | {low:.3f} to {high:.3f} |", flush=True
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
    parser.add_argument(
        "parts", nargs="*", default=["linear", "bag", "textcnn", "lstm", "textrnn", "transformer", "step"]
    )
    parser.add_argument("--words", type=int, default=4000)
    parser.add_argument(
        "--encoder", help="folder of a Hugging Face encoder; without it, a random one of 2 layers of 128"
    )
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, 1 thread, fp32, load {os.getloadavg()[0]:.1f}, {CLASSES} classes\n")
    print("| model | texts | deletions | batch by batch, µs each | encoded at once, µs each | here, µs each |", end="")
    print(" ratio to the first | ratio to the second | largest difference of a logit |\n|" + "---|" * 9)
    for name in options.parts:
        for source in SETS if name not in ("step", "transformer") else SETS[:2] if name == "transformer" else ():
            deletions(name, source, options.words, options.encoder, options.rounds)
    if "transformer" in options.parts:
        print(
            "\n| texts | deletions | padded / tokens | distinct / tokens | most that can be gained |\n"
            + "|---" * 5
            + "|"
        )
        for source in SETS:
            token_shares(source, options.words, options.encoder)
    if "step" in options.parts:
        print("\n| rows x classes | step with BCE, ms | ratio, median | quartiles |\n|---|---|---|---|")
        for rows, classes in ((32, 20), (32, 50), (64, 20), (64, 50)):
            step_cost(rows, classes)
        print("\n| rows x classes | loss alone, µs | added by the mask, µs |\n|---|---|---|")
        for rows, classes in ((32, 50), (64, 50), (64, 134)):
            loss_cost(rows, classes)


if __name__ == "__main__":
    main()
