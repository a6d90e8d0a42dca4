"""Finding wrong labels: `sfumato.audit` beside cleanlab's scores, and its time beside five folds of scikit-learn.

    pip install 'cleanlab>=2.9'
    export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 POLARS_MAX_THREADS=1 SFUMATO_DATA=folder
    python benchmarks/audit.py quality [20newsgroups trec financial_phrasebank] --seeds 5 > quality.jsonl
    python benchmarks/audit.py speed --rows 100000
    python benchmarks/audit.py table quality.jsonl

cleanlab has no model of its own: its scores read the cross-validated probabilities of TfidfVectorizer +
LogisticRegression, both as scikit-learn ships them. So that score and probabilities can be told apart, cleanlab's
scores are also taken of our probabilities, and ours of scikit-learn's. A seed draws rows, noise and folds.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import polars as pl
from real_table import strip_header
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

ROWS = 6000
NOISE = 0.1
GROUP = {"20newsgroups": ".", "trec": ":"}  # what ends the name of a label's group
SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
WORD = r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+|[^\w\s]"


def read(name: str, seed: int) -> tuple[list[str], list[str], Any]:
    """Texts, labels, and which of them are wrong (made so here) or disputed (by the annotators)."""
    rng = np.random.default_rng(seed)
    frame = pl.read_parquet(Path(os.environ["SFUMATO_DATA"]) / name / f"{name}.parquet").filter(split="train")
    if name == "20newsgroups":
        frame = frame.with_columns(pl.col("text").map_elements(strip_header, return_dtype=pl.String))
    frame = frame.filter(pl.col("text").str.strip_chars() != "")
    if len(frame) > ROWS:
        frame = frame[np.sort(rng.choice(len(frame), ROWS, replace=False))]
    texts, labels = frame["text"].to_list(), frame["label"].to_list()
    if name == "financial_phrasebank":
        return texts, labels, (frame["min_agreement"] == "50").to_numpy()
    return texts, *with_noise(labels, GROUP[name], rng)


def with_noise(labels: list[str], end: str, rng: np.random.Generator) -> tuple[list[str], Any]:
    """Give a tenth of the rows another label of the same group; a label alone in its group keeps its rows."""
    names = sorted(set(labels))
    peers = {a: [b for b in names if b != a and b.split(end)[0] == a.split(end)[0]] for a in names}
    open_rows = [row for row, label in enumerate(labels) if peers[label]]
    chosen = rng.choice(open_rows, round(NOISE * len(labels)), replace=False)
    noisy = list(labels)
    for row in chosen:
        noisy[row] = peers[labels[row]][int(rng.integers(len(peers[labels[row]])))]
    return noisy, np.isin(np.arange(len(labels)), chosen)


def cross_validated(texts: list[str], y: Any, seed: int) -> Any:
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    return cross_val_predict(model, texts, y, cv=folds, method="predict_proba")


def lead(log_p: Any, y: Any) -> Any:
    """Our score of given probabilities: how far the likeliest other label is ahead of the given one."""
    rows, others = np.arange(len(y)), log_p.copy()
    others[rows, y] = -np.inf
    return others.max(axis=1) - log_p[rows, y]


def quality(name: str, seed: int) -> dict[str, Any]:
    """Precision at 100 and average precision of each score, higher is more doubtful."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    from sfumato.auditing.audit import checked_examples
    from sfumato.auditing.judge import judge

    texts, labels, wrong = read(name, seed)
    examples = checked_examples(texts, labels)
    y = examples.labels
    start = time.process_time()
    found = judge(examples, folds=5, seed=seed)
    middle = time.process_time()
    theirs = cross_validated(texts, y, seed)
    seconds = {"judge": middle - start, "cross_val_predict": time.process_time() - middle}
    ours = np.exp(found.log_p)
    ours /= ours.sum(axis=1, keepdims=True)
    scores = {"sfumato.audit": found.lead, "our score, sklearn's p": lead(np.log(np.maximum(theirs, 1e-12)), y)}
    for p, whose in ((theirs, "sklearn's p"), (ours, "our p")):
        for score in SCORES:
            scores[f"cleanlab {score}, {whose}"] = -get_label_quality_scores(y, p, method=score)
    flags = {
        "sfumato.audit": found.flagged,
        "cleanlab find_label_issues, sklearn's p": find_label_issues(y, theirs, n_jobs=1),
    }
    agreement = {"ours": float((found.suggested == y).mean()), "sklearn": float((theirs.argmax(axis=1) == y).mean())}
    return {
        "set": name,
        "seed": seed,
        "rows": len(y),
        "wrong": int(wrong.sum()),
        "scores": {
            k: [precision_at(100, v, wrong), average_precision_score(wrong, finite(v))] for k, v in scores.items()
        },
        "flagged": {k: [int(v.sum()), wrong[v].mean(), wrong[v].sum() / wrong.sum()] for k, v in flags.items()},
        "agreement": agreement,
        "cpu_seconds": seconds,
        "load": os.getloadavg()[0],
    }


def finite(scores: Any) -> Any:
    return np.nan_to_num(scores, neginf=-1e9)


def precision_at(k: int, scores: Any, wrong: Any) -> float:
    return float(wrong[np.argsort(-scores, kind="stable")[:k]].mean())


def speed(rows: int) -> dict[str, Any]:
    """Processor time of an audit from text to frames, and of five folds of the same n-grams in scikit-learn."""
    from sfumato.auditing.audit import audit

    frame = pl.read_parquet(Path(os.environ["SFUMATO_DATA"]) / "thucnews-titles" / "thucnews-titles.parquet")
    frame = frame.head(rows)
    texts, labels = frame["text"].to_list(), frame["label"].to_list()
    audit(["warm up", "the imports", "of both", "sides"] * 5, ["a", "b"] * 10, folds=2)
    start = time.process_time()
    audit(texts, labels)
    ours = time.process_time() - start
    seconds = []
    y = np.unique(labels, return_inverse=True)[1]
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(texts, y):
        start = time.process_time()
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), token_pattern=WORD, sublinear_tf=True, dtype=np.float32)
        matrix = vectorizer.fit_transform([texts[k] for k in train])
        model = LogisticRegression(max_iter=1000).fit(matrix, y[train])
        model.predict_proba(vectorizer.transform([texts[k] for k in test]))
        seconds.append(round(time.process_time() - start, 1))
    return {"rows": len(texts), "ours": round(ours, 1), "folds": seconds, "ratio": round(ours / sum(seconds), 2)}


def table(path: Path) -> None:
    """Print what `quality` wrote as Markdown, mean ± deviation over the seeds."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for name in dict.fromkeys(line["set"] for line in lines):
        own = [line for line in lines if line["set"] == name]
        print(f"\n### {name}: {len(own)} seeds, {own[0]['rows']:,} rows, {own[0]['wrong']} of them wrong or disputed\n")
        print("| score | precision at 100 | average precision |\n|---|---|---|")
        for score in own[0]["scores"]:
            print(
                f"| {score} | " + " | ".join(spread([line["scores"][score][k] for line in own]) for k in (0, 1)) + " |"
            )
        print("\n| flagged by | rows | precision | recall |\n|---|---|---|---|")
        for rule in own[0]["flagged"]:
            count, *shares = ([line["flagged"][rule][k] for line in own] for k in range(3))
            print(f"| {rule} | {mean(count):.0f} | {spread(shares[0])} | {spread(shares[1])} |")
        seconds: dict[str, list[float]] = defaultdict(list)
        for line in own:
            for what, value in (*line["cpu_seconds"].items(), *line["agreement"].items()):
                seconds[what].append(value)
        print("\n" + "; ".join(f"{what} {mean(values):.3g}" for what, values in seconds.items()))


def spread(values: list[float]) -> str:
    return f"{mean(values):.3f} ± {stdev(values) if len(values) > 1 else 0:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["quality", "speed", "table"])
    parser.add_argument("names", nargs="*", default=["20newsgroups", "trec", "financial_phrasebank"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    if options.what == "table":
        table(Path(options.names[0]))
        return
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "SFUMATO_DATA"):
        if variable not in os.environ:
            raise SystemExit(f"set {variable} first, see the head of this file")
    warnings.filterwarnings("ignore", message="The least populated class|Number of classes in training fold")
    results = (quality(name, seed) for name in options.names for seed in range(options.seeds))
    for line in [speed(options.rows)] if options.what == "speed" else results:
        print(json.dumps(line), flush=True)
        print(line.get("set", "speed"), line.get("seed", ""), "done", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
