"""Texts per second of `predict_proba` beside what users have now, in one run, on one thread.

    export OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 RAYON_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false SFUMATO_DATA=folder
    python benchmarks/predict.py [--encoder FOLDER] [--rounds 5] [--only linear]

ag_news; each model is trained, saved and loaded first. ``linear`` stands beside TfidfVectorizer + LogisticRegression,
once with words 1-2 and once with the n-grams that ours takes; ``textcnn`` beside the same network as one writes it
with torch's Conv1d, fed from the same tokenizer in batches of 128 in the order of the rows; ``transformer`` beside
``transformers.pipeline`` in batches of 32, both on the folder that we saved. Every round measures each once, in
processor time; printed are the medians of the rounds, and the median of the rounds' ratios. The floor is what no
implementation avoids: finding the tokens, and the matrix products at the rate of one large product.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from torch import nn
from torch.nn import functional as F

import sfumato
from sfumato.model import Model
from sfumato.ngrams import NgramEncoder

WORD = r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+|[^\w\s]"  # what our linear model calls a word
TRAINED, NEEDED = 4000, ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS", "SFUMATO_DATA")
Task = Callable[[], object]


def seconds(task: Task) -> float:
    start = time.process_time()
    task()
    return time.process_time() - start


def measure(tasks: dict[str, Task], rounds: int, texts: int) -> None:
    """Print texts per second of every task, and how many times as long as the first each of them takes a text.

    A task named "..., a quarter" reads only so many of the texts.
    """
    for task in tasks.values():
        task()
    share = {name: 4 if name.endswith("a quarter") else 1 for name in tasks}
    taken = [{name: share[name] * seconds(task) for name, task in tasks.items()} for _ in range(rounds)]
    first = next(iter(tasks))
    for name in tasks:
        median = statistics.median(one[name] for one in taken)
        ratios = [one[name] / one[first] for one in taken]
        line = {"what": name, "texts": texts, "seconds": round(median, 3), "per_second": round(texts / median)}
        spread = {
            "ratio": round(statistics.median(ratios), 3),
            "from": round(min(ratios), 3),
            "to": round(max(ratios), 3),
        }
        print(json.dumps(line | spread), flush=True)


def product_rate() -> float:
    """Multiplications and additions a second of one large float32 matrix product."""
    one, other = torch.rand(1024, 1024), torch.rand(1024, 1024)
    one @ other
    return 2 * 1024**3 / min(seconds(lambda: one @ other) for _ in range(5))


def saved(folder: Path, texts: list[str], labels: list[str], **options: object) -> Model:
    """Train, save and load."""
    sfumato.fit({"text": texts, "label": labels}, **options).save(folder)
    return sfumato.load(folder)


def same_ngrams(encoder: NgramEncoder) -> FeatureUnion:
    """TfidfVectorizers for the n-grams that our encoder took."""
    options = {"min_df": 2, "sublinear_tf": True, "dtype": np.float32}
    parts = [("words", TfidfVectorizer(ngram_range=(1, 2), token_pattern=WORD, **options))]
    lengths = [int(block.partition("-")[2]) for block in encoder.codes if block.startswith("characters")]
    if lengths:
        wide = (min(lengths), max(lengths))
        parts.append(("characters", TfidfVectorizer(analyzer="char_wb", ngram_range=wide, **options)))
    return FeatureUnion(parts)


def linear(folder: Path, train: list[str], labels: list[str], test: list[str], rounds: int) -> None:
    model = saved(folder, train, labels, method="baseline")
    narrow = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=1000)).fit(train, labels)
    wide = make_pipeline(same_ngrams(model.encoder), LogisticRegression(max_iter=1000)).fit(train, labels)
    encoded = model.encoder.encode(test, model.max_length).matrix
    weight = np.asarray(model.network.output_layer.weight.detach().T)
    tasks = {
        "linear": lambda: model.predict_proba(test),
        "sklearn, words 1-2": lambda: narrow.predict_proba(test),
        "sklearn, the same n-grams": lambda: wide.predict_proba(test),
        "part: our vectoriser": lambda: model.encoder.encode(test, model.max_length),
        "part: one sparse product": lambda: encoded @ weight,
    }
    print(
        json.dumps(
            {"blocks": list(model.encoder.codes), "features": encoded.shape[1], "a_text": encoded.nnz / len(test)}
        )
    )
    measure(tasks, rounds, len(test))


class PlainTextCNN(nn.Module):
    """The network of ours from torch's own layers, with our weights."""

    def __init__(self, ours: nn.Module) -> None:
        super().__init__()
        self.embedding, self.last = ours.embedding, ours.output_layer
        self.convolutions = nn.ModuleList()
        for k, width in enumerate(ours.kernels):
            layer = nn.Conv1d(ours.dim, ours.filters, width)
            layer.weight.data = ours.weights[k].data.view(width, ours.dim, ours.filters).permute(2, 1, 0).contiguous()
            layer.bias.data = ours.bias.data[k * ours.filters : (k + 1) * ours.filters].clone()
            self.convolutions.append(layer)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        ids = F.pad(ids, (0, max(0, max(c.kernel_size[0] for c in self.convolutions) - ids.shape[1])))
        vectors = self.embedding(ids).transpose(1, 2)
        return self.last(torch.cat([F.relu(layer(vectors)).amax(dim=2) for layer in self.convolutions], dim=1))


def plain_prediction(network: nn.Module, tokenizer: object, texts: list[str], max_length: int) -> np.ndarray:
    """Probabilities in the order of the rows, as one writes it."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    rows = [torch.tensor(encoding.ids) for encoding in tokenizer.encode_batch(texts)]
    found = []
    with torch.inference_mode():
        for start in range(0, len(rows), 128):
            batch = nn.utils.rnn.pad_sequence(rows[start : start + 128], batch_first=True)
            found.append(network(batch).softmax(dim=1))
    return torch.cat(found).numpy()


def textcnn(folder: Path, train: list[str], labels: list[str], test: list[str], rounds: int) -> None:
    model = saved(folder, train, labels, method="baseline", model="textcnn", epochs=3, device="cpu")
    network = model.network
    plain = PlainTextCNN(network).eval()
    ids = model.encoder.encode(test, model.max_length)
    tasks = {
        "textcnn": lambda: model.predict_proba(test),
        "plain torch": lambda: plain_prediction(plain, model.encoder.tokenizer, test, model.max_length),
        "part: tokenising": lambda: model.encoder.tokenizer.encode_batch_fast(test),
    }
    products = 2 * len(ids.flat) * sum(network.kernels) * network.dim * network.filters
    print(json.dumps({"tokens_a_text": len(ids.flat) / len(test), "floor_of_products": products / product_rate()}))
    measure(tasks, rounds, len(test))


def transformer(folder: Path, encoder: str, train: list[str], labels: list[str], test: list[str], rounds: int) -> None:
    from transformers import pipeline
    from transformers.utils import logging

    logging.set_verbosity_error()
    model = saved(
        folder,
        train[:200],
        labels[:200],
        method="baseline",
        model="transformer",
        encoder=encoder,
        epochs=1,
        device="cpu",
    )
    theirs = pipeline("text-classification", model=str(folder), device="cpu", top_k=None)
    ids = model.encoder.encode(test, model.max_length)
    network = model.network.model
    tasks = {
        "transformer": lambda: model.predict_proba(test),
        "pipeline, batches of 32": lambda: theirs(test, batch_size=32, truncation=True),
        "pipeline, one by one, a quarter": lambda: theirs(test[: len(test) // 4], truncation=True),
        "part: tokenising": lambda: model.encoder.encode(test, model.max_length),
    }
    dense = sum(p.numel() for name, p in network.named_parameters() if "layer" in name and p.ndim == 2)
    print(
        json.dumps(
            {
                "tokens_a_text": len(ids.flat) / len(test),
                "floor_of_products": 2 * dense * len(ids.flat) / product_rate(),
            }
        )
    )
    measure(tasks, rounds, len(test))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--encoder", help="folder of an encoder; without it the transformer is left out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["linear", "textcnn", "transformer"])
    parser.add_argument("--rows", type=int, default=7600)
    given = parser.parse_args()
    missing = [name for name in NEEDED if name not in os.environ]
    if missing:
        raise SystemExit(f"set {', '.join(missing)} first, see the head of this file")
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    frame = pl.read_parquet(Path(os.environ["SFUMATO_DATA"]) / "ag_news" / "ag_news.parquet")
    train = frame.filter(pl.col("split") == "train").sample(TRAINED, seed=0)
    test = frame.filter(pl.col("split") == "test").sample(given.rows, seed=0, shuffle=True)["text"].to_list()
    texts, labels = train["text"].to_list(), train["label"].to_list()
    print(json.dumps({"machine": platform.processor() or platform.machine(), "load": os.getloadavg()}))
    with tempfile.TemporaryDirectory() as folder:
        if given.only in (None, "linear"):
            linear(Path(folder, "linear"), texts, labels, test, given.rounds)
        if given.only in (None, "textcnn"):
            textcnn(Path(folder, "textcnn"), texts, labels, test, given.rounds)
        if given.encoder and given.only in (None, "transformer"):
            transformer(
                Path(folder, "transformer"), given.encoder, texts, labels, test[: given.rows // 8], given.rounds
            )
    print(json.dumps({"load": os.getloadavg()}))


if __name__ == "__main__":
    main()
