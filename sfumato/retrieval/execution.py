"""From one run of retrieval to one line of results and one file of ranks."""

from __future__ import annotations

import time
import warnings
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.environment import peak_memory
from sfumato.execution import around
from sfumato.experiment import Line, Run
from sfumato.limits import precision
from sfumato.retrieval.fitting import Settings, fit_dual_encoder
from sfumato.retrieval.lexical import BM25, TfidfCosine, fused
from sfumato.retrieval.lexical_names import LEXICAL
from sfumato.retrieval.ranking import evaluate, overlap_quartiles, ranks
from sfumato.retrieval.retrieval_set import RetrievalSet
from sfumato.retrieval.search import top_k
from sfumato.retrieval.task import Corpus, Questions
from sfumato.run_files import predictions_path

DEPTH = 100  # candidates that are ranked for a question
RANKINGS = dict(zip(LEXICAL, (BM25, TfidfCosine), strict=True))


def execute_retrieval(run: Run, data: RetrievalSet, folder: Path) -> Line:
    """Train, search for the test questions, write their ranks below ``folder``, and return the result line."""
    started, stamp = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found, said = _lexical(run, data) if run.architecture.name in LEXICAL else _dense(run, data)
    write_ranks(predictions_path(folder, run.key), ranks(found, data.test.positives))
    return {
        "key": run.key,
        "status": "done",
        **run.label,
        "metrics": evaluate(found, data.test.positives) | _together(found, data),
        "overlap": overlap_quartiles(data.test, data.test_corpus, found),
        **said,
        "seconds_in_all": round(time.perf_counter() - started, 3),
        "peak_memory_mb": peak_memory(),
        "n_train": len(data.train),
        "n_dev": len(data.dev),
        "n_test": len(data.test),
        "n_candidates": len(data.test_corpus),
        "warnings": sorted({str(w.message) for w in caught if issubclass(w.category, UserWarning)}),
        "threads": 1,
        "started": stamp,
        "environment": around(),
        "settings": run.settings,
    }


def _lexical(run: Run, data: RetrievalSet) -> tuple[NDArray[np.int64], dict[str, Any]]:
    """Return the first candidates of each test question by their words, and what there is to say of it."""
    started = time.perf_counter()
    found = by_words(run.architecture.name, data.test_corpus, data.test)
    return found, {"seconds": round(time.perf_counter() - started, 3), "device": "cpu", "precision": "float32"}


@lru_cache(maxsize=2)  # for the fusion within a run; more would keep the corpora of others alive
def by_words(name: str, corpus: Corpus, questions: Questions) -> NDArray[np.int64]:
    """Return the first candidates of each question by BM25 or by the cosine of TF-IDF, (Q, depth)."""
    depth = min(DEPTH, len(corpus))
    index: NDArray[np.int64] = RANKINGS[name](corpus.sentences).top_k(questions.texts, depth).rows
    return index


def _dense(run: Run, data: RetrievalSet) -> tuple[NDArray[np.int64], dict[str, Any]]:
    """Train the towers, and return the first candidates of each test question by their vectors."""
    import torch

    previous = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        settings = Settings(training=run.training, seed=run.seed, device=run.device, control=run.control)
        done = fit_dual_encoder(
            data.corpus, data.train, data.dev, architecture=run.architecture, method=run.built, settings=settings
        )
        retriever, history = done.retriever, done.history
        candidates = retriever.encode_sentences(data.test_corpus.sentences)
        asked = retriever.encode_questions(data.test.texts)
        found = top_k(asked, candidates, min(DEPTH, len(candidates))).rows
    finally:
        torch.set_num_threads(previous)
    device = next(retriever.model.parameters()).device
    best = history.epochs[history.best_epoch - 1] if history.epochs else {}
    return found, {
        "dev": {name.removeprefix("dev_"): value for name, value in best.items() if name.startswith("dev_")},
        "steps": history.steps,
        "best_epoch": history.best_epoch,
        "epochs": len(history.epochs),
        "seconds": round(history.seconds, 3),
        "seconds_making_targets": round(history.making, 3),
        "device": str(device),
        "precision": precision(device).replace("no", "float32"),
    }


def _together(found: NDArray[np.int64], data: RetrievalSet) -> dict[str, float]:
    """Return the metrics of this ranking fused with BM25's."""
    both = fused(found, by_words("bm25", data.test_corpus, data.test), k=found.shape[1]).rows
    return {f"fused_{name}": value for name, value in evaluate(both, data.test.positives).items()}


def write_ranks(path: Path, places: NDArray[np.int64]) -> None:
    """Write, a row a test question, the place of its first right candidate; a number without end for none."""
    import polars as pl

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    pl.DataFrame({"row": np.arange(len(places)), "rank": places}).write_parquet(part)
    part.replace(path)
