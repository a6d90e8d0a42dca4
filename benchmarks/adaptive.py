"""What adaptive targets cost, beside one linear fit and beside KWLS, in seconds of processor time on one thread.

    export OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 SFUMATO_DATA=folder
    python benchmarks/adaptive.py rows        # 2,400 and all rows of thucnews-titles, 10 classes
    python benchmarks/adaptive.py classes     # 165 classes: five sets in one

A tenth of the labels is wrong (evenly), so that nothing is spared by finding none. The floor of `adaptive` is the linear
fits that its recipe asks for: 5 folds of one path and of each further round; that of `adaptive-fast` the word counts.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sfumato import ngram_counts, ngrams
from sfumato.architecture import Training
from sfumato.damage import symmetric_noise
from sfumato.data import Examples
from sfumato.datasets import load
from sfumato.keywords import count_words
from sfumato.methods import METHODS
from sfumato.methods.noise import expert_panel, family
from sfumato.methods.noise.expert_panel import Settings
from sfumato.methods.noise.experts import keyword_scores, soft_keyword_scores
from sfumato.methods.noise.posterior import posterior
from sfumato.models import MODELS
from sfumato.run import train_model

JOINED = ("trec", "reuters_r52_raw", "20newsgroups", "stackoverflow20", "ohsumed23")
ROWS_OF_EACH = 2000
ROUNDS = 4  # of adaptive-fast
VECTORISED = (ngrams.FITTED, ngrams.ENCODED, ngram_counts.READ)


@dataclass(frozen=True)
class Measured:
    """One job and its seconds of processor time."""

    name: str
    seconds: float


def timed(name: str, job: Callable[[], Any]) -> Measured:
    for kept in (expert_panel.SQUARES, expert_panel.HELD_OUT, family.FOUND, *VECTORISED):
        kept.forget()  # what the job before has found of these texts
    start = time.process_time()
    job()
    return Measured(name, time.process_time() - start)


def titles(rows: int | None) -> Examples:
    """Return so many rows of thucnews-titles, drawn at random, or all of train and test."""
    splits = load("thucnews-titles").splits
    texts = [*splits["train"].inputs, *splits["test"].inputs]
    named = [part.classes[k] for part in (splits["train"], splits["test"]) for k in part.labels]
    order = np.random.default_rng(0).permutation(len(texts))[:rows]
    return Examples.from_labels([texts[i] for i in order], [named[i] for i in order])


def many_classes() -> Examples:
    """Return 2,000 rows of each of five sets as one table, whose classes are those of all."""
    texts, labels = [], []
    for name in JOINED:
        train = load(name).splits["train"]
        order = np.random.default_rng(0).permutation(len(train))[:ROWS_OF_EACH]
        texts += [train.inputs[i] for i in order]
        labels += [f"{name}/{train.classes[train.labels[i]]}" for i in order]
    return Examples.from_labels(texts, labels)


def statistics(examples: Examples) -> None:
    """Do all that `adaptive-fast` does but the fits of its model of wrong labels."""
    counts = count_words(list(examples.inputs))
    keyword_scores(counts, examples.labels, examples.num_classes)
    q = np.full((len(examples), examples.num_classes), 0.1 / examples.num_classes)
    q[np.arange(len(examples)), examples.labels] += 0.9
    for _ in range(ROUNDS):
        soft_keyword_scores(counts, q)


def measure(title: str, clean: Examples) -> None:
    """Print a table of one set."""
    examples = symmetric_noise(clean, rate=0.1, seed=0).examples
    texts, labels, C = list(examples.inputs), examples.labels, examples.num_classes
    linear, training = MODELS.build("linear", {}), Training(epochs=30, max_length=100_000)
    fit = timed(
        "one linear fit, 30 steps",
        lambda: train_model(
            examples, None, architecture=linear, method=METHODS["baseline"](), training=training, threads=1
        ),
    )
    keywords = timed("kwls", lambda: METHODS["kwls"]().prepare(examples))
    counted = timed("adaptive-fast, its statistics", lambda: statistics(examples))
    fast = timed("adaptive-fast", lambda: posterior(texts, labels, C, Settings(experts="keywords", rounds=4)))
    once = timed("adaptive, rounds=0", lambda: posterior(texts, labels, C, Settings(rounds=0)))
    full = timed("adaptive, rounds=2", lambda: posterior(texts, labels, C, Settings(rounds=2)))
    print(f"\n{title}: {len(examples):,} rows, {C} classes\n")
    print("| | seconds | over one linear fit | over kwls |\n|---|--:|--:|--:|")
    for one in (fit, keywords, counted, fast, once, full):
        print(
            f"| {one.name} | {one.seconds:.2f} | {one.seconds / fit.seconds:.1f} | {one.seconds / keywords.seconds:.1f} |"
        )


if __name__ == "__main__":
    if sys.argv[1:] == ["rows"]:
        measure("thucnews-titles", titles(2400))
        measure("thucnews-titles", titles(None))
    elif sys.argv[1:] == ["classes"]:
        measure("five sets", many_classes())
    else:
        sys.exit(__doc__)
