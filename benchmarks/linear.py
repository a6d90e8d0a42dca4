"""Accuracy of `linear` beside TF-IDF + LinearSVC, and its time beside TF-IDF + LogisticRegression, in one run.

    export OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 SFUMATO_DATA=folder
    python benchmarks/linear.py [trec sst5 ...]
    python benchmarks/linear.py --before=checkout [trec sst5 ...]

One thread for all. Both processor time and wall-clock are printed; on a shared machine the ratio of processor times
is the one to read. Test rows are used for the last column only. With ``--before``, one whole run (choose, calibrate,
fit again, predict) on 1,000 and on 4,000 rows, with the code of an older checkout and with this one in turn, in one
process.
"""

import json
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import FeatureUnion
from sklearn.svm import LinearSVC

from sfumato.base import Objective
from sfumato.data import Examples
from sfumato.full_batch import fit_full_batch, refit_full_batch
from sfumato.losses import SoftCrossEntropy
from sfumato.models.linear import linear
from sfumato.ngrams import NgramEncoder

SETS = ("trec", "sst5", "ag_news", "20newsgroups", "thucnews-titles")
ROWS = 4000
WORD = r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+|[^\w\s]"


def body(text: str) -> str:
    """A newsgroup message without the header block, which names the class; the whole text if nothing is left."""
    after = text.partition("\n\n")[2]
    return after if after.strip() else text


def sample(texts: list[str], labels: list[str], rows: int) -> tuple[list[str], list[str], list[str], list[str]]:
    """``rows`` stratified rows and the others; a label with one row is drawn with the other such labels."""
    counts = Counter(labels)
    strata = [label if counts[label] > 1 else "" for label in labels]
    if 1 in Counter(strata).values():
        strata = None
    kept, rest, kept_labels, rest_labels = train_test_split(
        texts, labels, train_size=rows, stratify=strata, random_state=0
    )
    return kept, kept_labels, rest, rest_labels


def read(folder: Path, name: str) -> tuple[list[str], list[str], list[str], list[str]]:
    """Training texts and labels, test texts and labels, at most 4,000 of each."""
    frame = pl.read_parquet(folder / name / f"{name}.parquet")
    parts = []
    for part in ("train", "test"):
        rows = frame.filter(pl.col("split") == part)
        texts, labels = rows["text"].to_list(), rows["label"].to_list()
        texts = [body(text) for text in texts] if name == "20newsgroups" else texts
        parts += sample(texts, labels, ROWS)[:2] if len(texts) > ROWS else (texts, labels)
    return tuple(parts)


def clock() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def since(start: tuple[float, float]) -> list[float]:
    return [round(now - then, 2) for now, then in zip(clock(), start, strict=True)]


def ours(texts: list[str], labels: list[str], test: list[str]) -> tuple[list[str], dict]:
    """Vectorise, let dev choose, refit on all; the predicted labels and what was chosen."""
    start = clock()
    fitted, fitted_labels, held, held_labels = sample(texts, labels, len(texts) - len(texts) // 10)
    classes = tuple(sorted(set(labels)))
    architecture = linear()
    whole = Examples.from_labels(texts, labels, classes=classes)
    train = Examples.from_labels(fitted, fitted_labels, classes=classes)
    dev = Examples.from_labels(held, held_labels, classes=classes)
    encoder = architecture.fit_encoder(fitted)
    objective = Objective(architecture.build(encoder, len(classes)), SoftCrossEntropy())
    choice = fit_full_batch(objective, train, encoder.encode(fitted), dev, encoder.encode(held))
    chosen = since(start)
    encoder = architecture.fit_encoder(texts)
    objective = Objective(architecture.build(encoder, len(classes)), SoftCrossEntropy())
    refit_full_batch(objective, whole, encoder.encode(texts), strength=choice.strength, steps=choice.steps)
    seconds = since(start)
    with torch.no_grad():
        logits = objective.model(**encoder.encode(test).batch(np.arange(len(test)))).logits
    facts = {"features": encoder.num_features, "strength": choice.strength, "steps": choice.steps}
    facts |= {"dev": round(choice.dev_score, 4), "to_choose": chosen, "seconds": seconds}
    return [classes[k] for k in logits.argmax(dim=1)], facts | {"blocks": list(encoder.codes)}


def same_features(encoder: NgramEncoder, min_df: int) -> FeatureUnion:
    """TfidfVectorizers for the n-grams that our encoder took; where it took min_df 1, for Chinese, the words only.

    Character n-grams of scikit-learn would there run over the ideographs too, which are words already: twice the
    features that ours has.
    """
    options = {"min_df": min_df, "sublinear_tf": True, "dtype": np.float32}
    parts = [("words", TfidfVectorizer(ngram_range=(1, 2), token_pattern=WORD, **options))]
    lengths = [int(block.partition("-")[2]) for block in encoder.codes if block.startswith("characters") and min_df > 1]
    if lengths:
        characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(min(lengths), max(lengths)), **options)
        parts.append(("characters", characters))
    return FeatureUnion(parts)


def logistic(texts: list[str], labels: list[str], test: list[str], test_labels: list[str], chinese: bool) -> dict:
    vectorizer = same_features(NgramEncoder.fit(texts), 1 if chinese else 2)
    start = clock()
    matrix = vectorizer.fit_transform(texts)
    vectorised = since(start)
    peer = LogisticRegression(max_iter=1000).fit(matrix, labels)
    seconds = since(start)
    accuracy = round(peer.score(vectorizer.transform(test), test_labels), 4)
    return {"features": matrix.shape[1], "vectorise": vectorised, "seconds": seconds, "accuracy": accuracy}


def support_vectors(texts: list[str], labels: list[str], test: list[str], test_labels: list[str], unit: str) -> float:
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), analyzer=unit)
    peer = LinearSVC().fit(vectorizer.fit_transform(texts), labels)
    return round(peer.score(vectorizer.transform(test), test_labels), 4)


class Checkout:
    """The package as it is in one folder, beside that of another folder in the same process."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.modules = str(folder.resolve()), {}

    @contextmanager
    def used(self) -> Iterator[None]:
        drop_modules()
        sys.modules.update(self.modules)
        sys.path.insert(0, self.folder)
        try:
            yield
        finally:
            sys.path.remove(self.folder)
            self.modules = drop_modules()


def drop_modules() -> dict:
    """Forget the package, and return its modules."""
    names = [name for name in sys.modules if name.partition(".")[0] == "sfumato"]
    return {name: sys.modules.pop(name) for name in names}


def whole_run(texts: list[str], labels: list[str], test: list[str]) -> tuple[float, list[str]]:
    """Seconds of processor time of one run with nothing kept from before, and the predicted labels."""
    from sfumato import ngram_counts, ngrams
    from sfumato.data import Examples
    from sfumato.methods import METHODS
    from sfumato.models.linear import linear
    from sfumato.run import train_model

    for module, name in ((ngrams, "FITTED"), (ngrams, "ENCODED"), (ngram_counts, "READ")):
        if hasattr(module, name):
            setattr(module, name, type(getattr(module, name))(getattr(module, name).most))
    fitted, fitted_labels, held, held_labels = sample(texts, labels, len(texts) - len(texts) // 10)
    classes = tuple(sorted(set(labels)))
    train = Examples.from_labels(fitted, fitted_labels, classes=classes)
    dev = Examples.from_labels(held, held_labels, classes=classes)
    start = time.process_time()
    trained = train_model(train, dev, architecture=linear(), method=METHODS["baseline"](), threads=1)
    predicted = trained.model.predict(test)
    return time.process_time() - start, [str(trained.strength), str(trained.best_epoch), *predicted]


def compare_with(before: Path, names: list[str], pairs: int = 5) -> None:
    """Print the median seconds of whole runs with older code and with this, run in turn."""
    sides = [Checkout(before), Checkout(Path(__file__).parents[1])]
    for name in names:
        texts, labels, test, _ = read(Path(os.environ["SFUMATO_DATA"]), name)
        for rows in (1000, len(texts)):
            some, some_labels = (texts, labels) if rows == len(texts) else sample(texts, labels, rows)[:2]
            seconds, said = [[], []], [[], []]
            for turn in range(-1, pairs):  # the first pair warms up
                for side in (0, 1) if turn % 2 else (1, 0):
                    with sides[side].used():
                        took, said[side] = whole_run(some, some_labels, test)
                    seconds[side] += [took] if turn >= 0 else []
            ratios = [round(old / new, 2) for old, new in zip(*seconds, strict=True)]
            line = {"set": name, "rows": rows, "before": round(float(np.median(seconds[0])), 2)}
            line |= {"now": round(float(np.median(seconds[1])), 2), "ratio": float(np.median(ratios)), "ratios": ratios}
            differing = sum(old != new for old, new in zip(*said, strict=True))
            print(json.dumps(line | {"differing": differing, "load": os.getloadavg()[0]}), flush=True)


def main() -> None:
    for variable in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "SFUMATO_DATA"):
        if variable not in os.environ:
            raise SystemExit(f"set {variable} first, see the head of this file")
    torch.set_num_threads(1)
    folder = Path(os.environ["SFUMATO_DATA"])
    print(json.dumps({"machine": platform.processor() or platform.machine(), "load": os.getloadavg()}))
    names = [name for name in sys.argv[1:] if not name.startswith("--")] or SETS
    before = [name.partition("=")[2] for name in sys.argv[1:] if name.startswith("--before=")]
    if before:
        compare_with(Path(before[0]), names)
        return
    ours(["warm up the imports"] * 20, ["a", "b"] * 10, ["x"])
    for name in names:
        texts, labels, test, test_labels = read(folder, name)
        predicted, facts = ours(texts, labels, test)
        accuracy = round(float(np.mean(np.array(predicted) == np.array(test_labels))), 4)
        chinese = name.startswith("thuc")
        peer = logistic(texts, labels, test, test_labels, chinese)
        svc = {
            unit: support_vectors(texts, labels, test, test_labels, unit) for unit in ("word", "char")[: 1 + chinese]
        }
        ratio = [round(a / b, 2) for a, b in zip(facts["seconds"], peer["seconds"], strict=True)]
        line = {"set": name, "rows": len(texts), "test": len(test), "accuracy": accuracy, "svc": svc, "ratio": ratio}
        print(json.dumps(line | {"ours": facts, "logistic": peer, "load": os.getloadavg()[0]}), flush=True)


if __name__ == "__main__":
    main()
