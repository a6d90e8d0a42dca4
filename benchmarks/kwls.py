"""KWLS soft labels from raw text, beside CountVectorizer + scipy and naive Python, on one core.

    POLARS_MAX_THREADS=1 OMP_NUM_THREADS=1 python benchmarks/kwls.py ag_news.parquet

The file has the columns `text` and `label`. The three sides split texts alike and return the same soft labels
(checked). Times are CPU seconds, rounds interleaved; the ratio is the median over the rounds.
"""

import math
import os
import sys
import time
from collections import Counter, defaultdict
from statistics import median

import numpy as np
import polars as pl
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from sfumato.calibration import best_temperature, softmax
from sfumato.data import Examples
from sfumato.keywords import LabelCounts, count_words
from sfumato.methods.kwls import held_out_evidence, in_sample_evidence, kwls, kwls_paper

K1, B, K2 = 2.0, 0.75, 2.0


def floor(texts):
    """What cannot be avoided: lower-case, split, number the words."""
    words = pl.Series(texts).str.to_lowercase().str.extract_all(r"\w+").explode()
    return words.cast(pl.Categorical(pl.Categories.random())).to_physical()


def vectorizer(texts, labels, C):
    X = CountVectorizer(token_pattern=r"(?u)\w+").fit_transform(texts).astype(np.float64)
    N = len(texts)
    F = (sparse.csr_matrix((np.ones(N), (labels, np.arange(N))), shape=(C, N)) @ X).toarray()
    S = F.sum(axis=1, keepdims=True)
    wlc = K1 * F / (F + K1 * (1 - B + B * S / S.mean()))
    wlr = wlc * (np.log(C / (F > 0).sum(axis=0)) + 1)
    wiw = np.log(N / X.getnnz(axis=0)) + 1
    X_avg = X.sum() / N
    X.data = X.data * K2 / (X.data + K2)
    ilr = (X @ (wlr * wiw).T) / X_avg
    e = np.exp(ilr - ilr.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def naive(texts, labels, C):
    import re

    split = [re.findall(r"\w+", text.lower()) for text in texts]
    N, F, df = len(texts), defaultdict(lambda: [0] * C), Counter()
    S = [0] * C
    for words, m in zip(split, labels, strict=True):
        S[m] += len(words)
        df.update(set(words))
        for w in words:
            F[w][m] += 1
    S_avg, X_avg = sum(S) / C, sum(S) / N
    K = [K1 * (1 - B + B * s / S_avg) for s in S]
    soft = []
    for words in split:
        ilr = [0.0] * C
        for w, f in Counter(words).items():
            wir = (math.log(N / df[w]) + 1) * f * K2 / (f + K2)
            wlw = math.log(C / sum(n > 0 for n in F[w])) + 1
            for m, n in enumerate(F[w]):
                ilr[m] += n * K1 / (n + K[m]) * wlw * wir
        e = [math.exp(v / X_avg) for v in ilr]
        soft.append([v / sum(e) for v in e])
    return np.array(soft)


def from_counts(counts, labels, C, *, held_out):
    stats = LabelCounts.of(counts, labels, C)
    find = held_out_evidence if held_out else in_sample_evidence
    relevance = find(counts, labels, stats, k1=K1, b=B, k2=K2).relevance(labels, float(counts.lengths.mean()))
    return softmax(relevance / (best_temperature(relevance, labels) if held_out else 1.0))


def main(path, rounds=5):
    frame = pl.read_parquet(path)
    train = Examples.from_labels(frame["text"].to_list(), frame["label"].to_list())
    texts, labels, C = train.inputs, train.labels, train.num_classes
    counts = count_words(texts)
    sides = {
        "floor: lower-case, split, number": lambda: floor(texts),
        "sfumato count_words": lambda: count_words(texts),
        "sfumato kwls-paper, from text": lambda: kwls_paper(unit="word").prepare(train).targets.dense(),
        "sfumato kwls, from text": lambda: kwls(unit="word").prepare(train).targets.dense(),
        "CountVectorizer + scipy, from text": lambda: vectorizer(texts, labels, C),
        "naive Python, from text": lambda: naive(texts, labels, C),
        "sfumato kwls-paper, from counts": lambda: from_counts(counts, labels, C, held_out=False),
        "sfumato kwls, from counts": lambda: from_counts(counts, labels, C, held_out=True),
    }
    ours = sides["sfumato kwls-paper, from text"]()
    for name in ("CountVectorizer + scipy, from text", "naive Python, from text"):
        np.testing.assert_allclose(ours, sides[name](), atol=1e-6)
    seconds = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            start = time.process_time()
            side()
            seconds[name].append(time.process_time() - start)
    print(
        f"{len(texts)} texts, {C} classes, {counts.matrix.nnz} counts, {rounds} rounds, load {os.getloadavg()[0]:.1f}\n"
    )
    print("| what | docs per CPU second: median [least, most] | x CountVectorizer + scipy | x naive |")
    print("|---|---|---|---|")
    for name, own in seconds.items():
        rate = sorted(len(texts) / s for s in own)
        ratios = [
            median(p / s for p, s in zip(seconds[peer], own, strict=True))
            for peer in ("CountVectorizer + scipy, from text", "naive Python, from text")
        ]
        print(f"| {name} | {median(rate):,.0f} [{rate[0]:,.0f}, {rate[-1]:,.0f}] | {ratios[0]:.2f} | {ratios[1]:.1f} |")


if __name__ == "__main__":
    main(sys.argv[1])
