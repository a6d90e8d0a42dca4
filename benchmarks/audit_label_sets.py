"""Finding wrong labels where a row may have several: `sfumato.audit` with known damage in real label sets.

    export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 POLARS_MAX_THREADS=1 SFUMATO_DATA=folder
    python benchmarks/audit_label_sets.py [goemotions reuters21578_modapte90] --rates 0 0.05 0.1 --seeds 3 > found.jsonl

In a share of the rows one label is damaged: lost, added, or exchanged for another one, each as often. A wrong label is
drawn from the labels of all rows, so frequent ones come more often. A seed draws rows, damage and folds.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.metrics import average_precision_score

from sfumato.auditing.label_sets import judge_label_sets
from sfumato.data import Examples

ROWS = 4000
KINDS = ("lost", "added", "exchanged")


def read(name: str, seed: int) -> Examples:
    """Rows of the training split, at most `ROWS`."""
    frame = pl.read_parquet(Path(os.environ["SFUMATO_DATA"]) / name / f"{name}.parquet").filter(split="train")
    frame = frame.filter(pl.col("text").str.strip_chars() != "")
    kept = np.sort(np.random.default_rng(seed).permutation(len(frame))[:ROWS])
    frame = frame[kept.tolist()]
    return Examples.from_label_sets(frame["text"].to_list(), frame["labels"].to_list())


def damaged(gold: Any, rate: float, rng: np.random.Generator) -> tuple[Any, Any]:
    """Return the damaged labels (N, C), and which entries are wrong."""
    spoilt, shares = gold.copy(), gold.sum(axis=0) / gold.sum()
    rows = rng.permutation(np.flatnonzero(gold.any(axis=1)))[: round(rate * len(gold))]
    for place, row in enumerate(rows):
        kind = KINDS[place % len(KINDS)]
        if kind != "added":
            spoilt[row, rng.choice(np.flatnonzero(gold[row]))] = False
        if kind != "lost":
            chance = np.where(gold[row], 0, shares)
            spoilt[row, rng.choice(len(chance), p=chance / chance.sum())] = True
    return spoilt, spoilt != gold


def measured(name: str, rate: float, seed: int) -> dict[str, Any]:
    """Judge one damaged set."""
    examples = read(name, seed)
    spoilt, wrong = damaged(examples.gold, rate, np.random.default_rng((seed, 1)))
    sets = [[examples.classes[k] for k in np.flatnonzero(row)] for row in spoilt]
    found = judge_label_sets(
        Examples.from_label_sets(examples.inputs, sets, classes=examples.classes), folds=5, seed=seed
    )
    return scores(found, spoilt, wrong) | {"data": name, "rate": rate, "seed": seed, "rows": len(examples)}


def scores(found: Any, spoilt: Any, wrong: Any) -> dict[str, Any]:
    """How many rows are flagged and, where damage is known, how well it is found."""
    flagged, rows = found.flagged.any(axis=1), wrong.any(axis=1)
    given = (found.flagged & spoilt).any(axis=1)
    shown = {"flagged": float(flagged.mean()), "flagged_given": float(given.mean())}
    if not rows.any():
        return shown
    score = np.where(found.judged, found.score, -1.0)
    order = np.argsort(-score, kind="stable")
    return shown | {
        "precision_at_100": float(rows[order[:100]].mean()),
        "average_precision": float(average_precision_score(rows, score)),
        "flagged_precision": float(rows[flagged].mean()),
        "flagged_recall": float(flagged[rows].mean()),
        "entry_precision": float(wrong[found.flagged].mean()),
    }


def main() -> None:
    """Print one line a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="*", default=["goemotions", "reuters21578_modapte90"])
    parser.add_argument("--rates", nargs="*", type=float, default=[0.0, 0.05, 0.1])
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    for name in given.data:
        for rate in given.rates:
            for seed in range(given.seeds):
                print(json.dumps(measured(name, rate, seed)), flush=True)


if __name__ == "__main__":
    main()
