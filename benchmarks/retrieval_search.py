"""Rates of exact search, of an approximate index and of BM25, beside numpy, sentence-transformers and bm25s.

    export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 POLARS_MAX_THREADS=1 SFUMATO_DATA=folder
    python benchmarks/retrieval_search.py [candidates]

Processor time, the least of three; the figures are in retrieval_search.md.
"""

import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from sfumato.retrieval import build
from sfumato.retrieval.lexical import BM25
from sfumato.retrieval.search import Approximate, top_k

QUESTIONS, SIZE, K, REPEATS = 512, 384, 100, 3


def clustered(count: int, seed: int) -> np.ndarray:
    """Return vectors of length 1 around 1,000 centres, as those of texts are rather than evenly spread."""
    centres = np.random.default_rng(0).standard_normal((1000, SIZE))
    generator = np.random.default_rng(seed)
    found = centres[generator.integers(1000, size=count)] + 0.7 * generator.standard_normal((count, SIZE))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the least processor time of three, and the result."""
    best, result = float("inf"), None
    for _ in range(REPEATS):
        start = time.process_time()
        result = work()
        best = min(best, time.process_time() - start)
    return best, result


def brute_force(queries: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """All scores at once, then a partition: what one writes in a notebook."""
    scores = queries @ matrix.T
    found = np.argpartition(-scores, K - 1, axis=1)[:, :K]
    order = np.argsort(-np.take_along_axis(scores, found, axis=1), axis=1)
    return np.take_along_axis(found, order, axis=1)


def semantic_search(queries: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Search by sentence-transformers, its own blocks."""
    import torch
    from sentence_transformers.util import dot_score
    from sentence_transformers.util import semantic_search as search

    torch.set_num_threads(1)
    found = search(torch.from_numpy(queries), torch.from_numpy(matrix), top_k=K, score_function=dot_score)
    return np.array([[hit["corpus_id"] for hit in hits] for hits in found])


def vectors(count: int) -> None:
    """Search dense vectors."""
    matrix, queries = clustered(count, 1), clustered(QUESTIONS, 2)
    taken, exact = seconds(lambda: top_k(queries, matrix, K))
    print(f"{count:,} x {SIZE}, {QUESTIONS} questions, k = {K}: top_k {QUESTIONS / taken:,.0f} questions/s")
    for name, search in (("numpy at once", brute_force), ("semantic_search", semantic_search)):
        taken, rows = seconds(lambda search=search: search(queries, matrix))
        print(f"  {name}: {QUESTIONS / taken:,.0f} questions/s; the same rows: {(rows == exact.rows).mean():.4f}")
    few = matrix[:20_000]
    start = time.process_time()
    near = Approximate(few)
    print(f"  usearch over 20,000: made in {time.process_time() - start:.1f} s", end="; ")
    warnings.simplefilter("ignore")
    taken, found = seconds(lambda: top_k(queries, few, 10, ann=near))
    full, exact = seconds(lambda: top_k(queries, few, 10))
    share = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.rows.tolist(), exact.rows.tolist(), strict=True)])
    print(f"{QUESTIONS / taken:,.0f} questions/s, exact {QUESTIONS / full:,.0f}; recall of the true 10: {share:.3f}")


def words(data: str) -> None:
    """Search by words, with the same words for both."""
    import re

    import bm25s

    task = build("squadshifts_new_wiki", data=data)
    cut = [re.findall(r"\w+", text.lower()) for text in task.corpus.sentences]
    asked = [re.findall(r"\w+", text.lower()) for text in task.questions.texts]
    hand = bm25s.BM25(method="lucene")
    hand.index(cut, show_progress=False)
    ours = BM25(task.corpus.sentences)
    print(f"BM25, {len(task.corpus):,} sentences, {len(asked):,} questions, k = {K}")
    taken, _ = seconds(lambda: ours.top_k(task.questions.texts, K))
    print(f"  ours: {len(asked) / taken:,.0f} questions/s, with cutting them into words")
    taken, _ = seconds(lambda: hand.retrieve(asked, k=K, show_progress=False))
    print(f"  bm25s.retrieve: {len(asked) / taken:,.0f} questions/s, cut before")


if __name__ == "__main__":
    vectors(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    words(os.environ["SFUMATO_DATA"])
