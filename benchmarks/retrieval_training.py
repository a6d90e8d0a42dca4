"""What soft targets cost in a step of a dual encoder, and how fast texts become vectors beside sentence-transformers.

python benchmarks/retrieval_training.py [FOLDER OF AN ENCODER]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("RAYON_NUM_THREADS", "1")

import sys
import time
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from sfumato.methods import METHODS
from sfumato.models import MODELS
from sfumato.retrieval import Retriever, build
from sfumato.retrieval.batches import Pairs
from sfumato.retrieval.fitting import Settings, fit_dual_encoder, training_of
from sfumato.retrieval.in_batch_targets import in_batch_targets

MODELS_TIMED = {
    "bag": {"ngrams": 1, "dim": 128, "dropout": 0.1},
    "textcnn": {"dropout": 0.1},
    "lstm": {"dropout": 0.1},
}
BATCH, STEPS, TEXTS, REPEATS = 64, 60, 512, 3


def main(encoder: str | None) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    task = build("squadshifts_amazon")
    rows = task.questions.take(range(BATCH * STEPS))
    pairs, generator = Pairs.of(rows), np.random.default_rng(0)
    batches = list(pairs.epoch(BATCH, generator))
    print(f"{len(rows):,} questions, {len(task.corpus):,} sentences, batches of {BATCH}, processor time of one thread")
    for method in ("baseline", "label-smoothing", "tfidf", "kwls"):
        targets = in_batch_targets(METHODS[method](), task.corpus, rows)
        print(
            f"  {method:16} {1000 * least(lambda made=targets: [made(b) for b in batches]) / len(batches):6.2f} ms a batch"
        )
    for name, options in MODELS_TIMED.items():
        seconds, making = steps(task, rows, name, options)
        print(f"  {name:8} step {1000 * seconds:7.1f} ms, of it kwls targets {making / seconds:6.1%}")
    if encoder:
        beside_sentence_transformers(task, encoder)


def steps(task: Any, rows: Any, name: str, options: dict[str, Any]) -> tuple[float, float]:
    """Return seconds of a step, and of them those that made targets, both of the least of three epochs."""
    architecture = MODELS.build(name, options)
    training = replace(training_of(architecture), epochs=1, max_length=64, batch_size=BATCH)
    found = []
    for _ in range(REPEATS):
        how = {"architecture": architecture, "method": METHODS["kwls"](), "settings": Settings(training=training)}
        history = fit_dual_encoder(task.corpus, rows, None, **how).history
        found.append((history.seconds / history.steps, history.making / history.steps))
    return min(found)


def beside_sentence_transformers(task: Any, encoder: str) -> None:
    """Print sentences a second of both, of the same encoder in float32, and how far their vectors are apart."""
    from sentence_transformers import SentenceTransformer

    texts = task.corpus.sentences[:TEXTS]
    ours, theirs = Retriever.from_encoder(encoder), SentenceTransformer(encoder, device="cpu")
    own = least(lambda: ours.encode_sentences(texts))
    other = least(lambda: theirs.encode(texts, batch_size=128, show_progress_bar=False))
    apart = np.abs(ours.encode_sentences(texts) - theirs.encode(texts, show_progress_bar=False)).max()
    print(f"  encoding: {TEXTS / own:.0f} sentences/s, sentence-transformers {TEXTS / other:.0f}, apart by {apart:.1e}")


def least(work: Any) -> float:
    """Return the processor time of the fastest of some repeats."""
    found = []
    for _ in range(REPEATS):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
