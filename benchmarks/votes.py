"""What training on votes is worth: distances to the votes, F1 and entropy correlation on five sets.

    SFUMATO_DATA=... python benchmarks/votes.py run results/votes --models linear textcnn     # resumes
    SFUMATO_DATA=... python benchmarks/votes.py page results/votes                            # writes docs/votes.md

A line of runs.jsonl is one run; ceilings.jsonl and differences.jsonl are made from the votes and from the predictions
of the test rows, which lie in results/votes/predictions.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import votes_page

from sfumato.calibration import softmax
from sfumato.controls import control
from sfumato.data import Examples
from sfumato.dataset import DataSet, cut_data
from sfumato.method import Method
from sfumato.methods import METHODS
from sfumato.methods.votes import vote_shares
from sfumato.metrics import distribution_scores, jensen_shannon, manhattan, row_cross_entropy
from sfumato.significance import holm, two_level_bootstrap
from sfumato.vote_noise import redrawn, split_half

LIMIT = 4000  # rows to train on (dev included), and of test
DRAWS = 20  # of the ceilings
SETS = ["chaosnli", "md_agreement", "hs_brexit", "convabuse", "hate_offensive_davidson"]
CHEAP = ["majority", "smoothing-0.1", "smoothing-matched", "votes"]
EVERY = [*CHEAP, "votes-prior-1", "votes/class-mean", "votes/shuffled"]
AGAINST = ["majority", "smoothing-0.1", "smoothing-matched", "votes/class-mean", "votes/shuffled"]
DISTANCES: dict[str, Callable[..., Any]] = {
    "cross_entropy": row_cross_entropy,
    "jensen_shannon": jensen_shannon,
    "manhattan": manhattan,
}


def voted(texts: list[str], counts: np.ndarray[Any, Any], classes: list[str]) -> Examples:
    """Return examples with votes; the hard label is the majority, of equals the first class."""
    order = np.argsort(classes)
    counts, names = counts[:, order], [classes[k] for k in order]
    labels = [names[k] for k in counts.argmax(axis=1)]
    return replace(Examples.from_labels(texts, labels, classes=names), votes=counts.astype(np.float32))


def load(name: str) -> DataSet:
    """Read a set and cut it with seed 0; without a test split of its own a fifth of the rows is test."""
    import polars as pl

    frame = pl.read_parquet(Path(os.environ["SFUMATO_DATA"]) / name / f"{name}.parquet")
    frame = frame.filter(pl.col("text").str.strip_chars() != "")
    columns = [column for column in frame.columns if column.startswith("votes_")]
    if columns:
        counts, classes = frame.select(columns).to_numpy(), [column.removeprefix("votes_") for column in columns]
    else:
        named = {"md_agreement": "offensive", "hs_brexit": "hate", "convabuse": "abusive"}[name]
        yes = [sum(v < 0 if name == "convabuse" else v > 0 for v in row) for row in frame["annotations"]]
        size = frame["annotations"].list.len().to_numpy()
        counts, classes = np.stack([size - yes, yes], axis=1), [f"not_{named}", named]
    examples = voted(frame["text"].to_list(), counts, classes)
    if frame["split"].n_unique() == 1:
        return cut_data(name, examples, limit=LIMIT)
    part = {split: examples.take(np.flatnonzero(frame["split"] == split)) for split in ("train", "test")}
    return cut_data(name, part["train"], test=part["test"], limit=LIMIT)


def method_named(name: str, train: Examples, seed: int) -> Method:
    """Return a method; ``matched`` smoothing keeps as much on the label as the votes do on average."""
    assert train.votes is not None
    gold = float(vote_shares(train.votes)[np.arange(len(train)), train.labels].mean())
    named: dict[str, Callable[[], Method]] = {
        "majority": lambda: METHODS["baseline"](),
        "smoothing-0.1": lambda: METHODS["label-smoothing"](0.1),
        "smoothing-matched": lambda: METHODS["label-smoothing"](1 - gold, mode="exclusive"),
        "votes": lambda: METHODS["votes"](),
        "votes-prior-1": lambda: METHODS["votes"](prior=1.0),
        "votes/class-mean": lambda: control(METHODS["votes"](), "class-mean", seed=seed),
        "votes/shuffled": lambda: control(METHODS["votes"](), "shuffled", seed=seed),
    }
    return named[name]()


def architecture_named(name: str) -> Any:
    """Return a model; textcnn reads 64 tokens and trains 8 epochs, as in the other tables."""
    from sfumato.models import MODELS

    built = MODELS[name]()
    if name == "textcnn":
        built = replace(built, training=replace(built.training, epochs=8, max_length=64))
    return built


def key(line: dict[str, Any]) -> str:
    """Return the name of a run."""
    return "-".join(str(line[part]) for part in ("set", "model", "method", "seed")).replace("/", "_")


def run(folder: Path, *, models: list[str], seeds: int, only: list[str], methods: list[str]) -> None:
    """Do the runs that ``folder`` does not hold yet, seed by seed."""
    done = {key(line) for line in read(folder / "runs.jsonl") if predictions(folder, line).exists()}
    sets = {name: load(name) for name in only or SETS}
    for model in models:
        for seed in range(seeds):
            for name, data in sets.items():
                for method in methods or (EVERY if model == "linear" else CHEAP):
                    settings = {"set": name, "model": model, "method": method, "seed": seed}
                    if key(settings) not in done:
                        line = one(data, settings, folder)
                        append(folder / "runs.jsonl", line)
                        print(key(line), line["seconds"], line["tempered"], flush=True)


def one(data: DataSet, settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Train, predict the test rows, keep the logits, and return the line."""
    import polars as pl

    from sfumato.environment import environment
    from sfumato.run import train_model

    started = time.perf_counter()
    train, dev = data.of_seed(settings["seed"])
    method = method_named(settings["method"], train, settings["seed"])
    architecture = architecture_named(settings["model"])
    trained = train_model(train, dev, architecture=architecture, method=method, seed=settings["seed"], threads=1)
    logits = np.asarray(trained.model.predict_logits(list(data.test.inputs)), dtype=np.float64)
    path = predictions(folder, settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    temperature = float(trained.model.temperature)
    pl.DataFrame({"logits": logits.astype(np.float32)}).write_parquet(path, metadata={"temperature": repr(temperature)})
    shares = vote_shares(data.test.votes)  # type: ignore[arg-type]
    return {
        **settings,
        "options": dict(method.options),
        "raw": distribution_scores(shares, softmax(logits)),
        "tempered": distribution_scores(shares, softmax(logits, temperature)),
        "temperature": temperature,
        "rows": [len(train), len(dev), len(data.test)],
        "seconds": round(time.perf_counter() - started, 2),
        "environment": environment(),
    }


def predictions(folder: Path, line: dict[str, Any]) -> Path:
    """Where the logits of the test rows of a run lie."""
    return folder / "predictions" / f"{key(line)}.parquet"


def probabilities(folder: Path, line: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Return the tempered predictions of a finished run, (N, C)."""
    import polars as pl

    logits = pl.read_parquet(predictions(folder, line))["logits"].to_numpy()
    return softmax(logits, line["temperature"])


def ceilings(data: DataSet) -> Iterator[dict[str, Any]]:
    """Yield what the votes, an even guess and the shares of the training rows would score on the test rows."""
    votes, pool = data.test.votes, data.train.votes
    assert votes is not None
    assert pool is not None
    shares, mean = vote_shares(votes), vote_shares(pool).mean(axis=0)
    size = {"votes": float(votes.sum(axis=1).mean()), "rows": len(votes), "train": len(data.train) + len(data.dev)}
    size["disagree"] = float((shares.max(axis=1) < 1).mean())
    size["gold"] = float(shares.max(axis=1).mean())
    halves = [split_half(votes[votes.sum(axis=1) > 1], seed=seed) for seed in range(DRAWS)]
    found = {
        "even": [distribution_scores(shares, np.full_like(shares, 1 / shares.shape[1]))],
        "class shares": [distribution_scores(shares, np.tile(mean, (len(shares), 1)))],
        "split half": [half_scores(*half) for half in halves],
        "drawn anew": [
            distribution_scores(vote_shares(redrawn(votes, seed=seed).astype(np.float32)), shares)
            for seed in range(DRAWS)
        ],
    }
    for reference, scores in found.items():
        means = {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}
        yield {"set": data.name, "reference": reference, "scores": means, **size}


def half_scores(first: Any, second: Any) -> dict[str, float]:
    """Score one half of the votes by the other; its cross-entropy with one more vote, spread as all are, against 0."""
    scores = distribution_scores(vote_shares(second), vote_shares(first))
    smoothed = row_cross_entropy(vote_shares(second), vote_shares(first, prior=1.0)).mean()
    return {**scores, "cross_entropy": float(smoothed)}


def differences(data: DataSet, lines: list[dict[str, Any]], folder: Path) -> Iterator[dict[str, Any]]:
    """Yield votes minus each other method: mean distance a row, its interval and p, corrected by Holm a model."""
    shares = vote_shares(data.test.votes)  # type: ignore[arg-type]
    for model in dict.fromkeys(line["model"] for line in lines):
        rows: dict[str, list[Any]] = {}
        for line in sorted(lines, key=lambda line: line["seed"]):
            if line["model"] == model:
                rows.setdefault(line["method"], []).append(probabilities(folder, line))
        found = []
        for against in (name for name in AGAINST if len(rows.get(name, ())) == len(rows.get("votes", ())) > 1):
            for distance, of_rows in DISTANCES.items():
                first, second = (np.stack([of_rows(shares, p) for p in rows[name]]) for name in ("votes", against))
                gap = two_level_bootstrap(first, second)
                said = {"difference": gap.difference, "low": gap.low, "high": gap.high, "p": gap.p}
                found.append(
                    {"set": data.name, "model": model, "against": against, "distance": distance}
                    | {"seeds": len(first), **said}
                )
        for each, corrected in zip(found, holm([each["p"] for each in found]), strict=True):
            yield {**each, "p_holm": corrected}


def append(path: Path, line: dict[str, Any]) -> None:
    """Add one JSON line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a file; the last one of a killed run may be cut short and is left out."""
    if not path.exists():
        return []
    return [json.loads(text) for text in path.read_text(encoding="utf-8").split("\n")[:-1]]


def page(folder: Path) -> None:
    """Make the ceilings and the differences, and write the tables into docs/votes.md."""
    lines = read(folder / "runs.jsonl")
    for name, make in {"ceilings": lambda data: ceilings(data), "differences": None}.items():
        made = []
        for each in SETS:
            data, own = load(each), [line for line in lines if line["set"] == each]
            made += list(make(data) if make else differences(data, own, folder))
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in made), encoding="utf-8")
    votes_page.write(lines, read(folder / "ceilings.jsonl"), read(folder / "differences.jsonl"))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["run", "page"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", nargs="+", default=["linear"])
    parser.add_argument("--methods", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    if options.what == "page":
        page(options.folder)
    else:
        given = {"models": options.models, "seeds": options.seeds, "only": options.only, "methods": options.methods}
        run(options.folder, **given)


if __name__ == "__main__":
    main()
