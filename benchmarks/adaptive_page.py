"""Writes the tables of docs/adaptive.md, between its two marks, from the lines of results/adaptive-noise.

    python benchmarks/adaptive_page.py [results/adaptive-noise/results.jsonl]

Won back is the share of what wrong labels cost hard labels that a method has again,

    (method - hard labels, wrong) / (hard labels, clean - hard labels, wrong),

of sums over sets and splits, so that a set on which nothing is lost does not decide. Its interval is that of 2,000
draws of the sets, with the splits of each drawn again (percentiles 2.5 and 97.5).
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "adaptive.md"
BEGIN, END = "<!-- tables: benchmarks/adaptive_page.py -->", "<!-- end of the tables -->"
LINES = ROOT / "results" / "adaptive-noise" / "results.jsonl"
HARD, CLEAN, ORACLE = "hard labels", "", ", wrong left out"
DRAWS = 2000
Scores = dict[tuple[str, str, str, str], dict[int, float]]  # setting, model, set, row -> split -> percent


def read(path: Path, metric: str) -> Scores:
    """Return a metric of every finished run, in percent; a control is a row of its own."""
    found: Scores = defaultdict(dict)
    for text in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        if line["status"] == "done":
            row = line["title"] + (f", {line['control']}" if line["control"] else "")
            found[line["setting"], line["model"], line["data"], row][line["seed"]] = 100 * line["metrics"][metric]
    return found


def differences(scores: Scores, setting: str, model: str, row: str) -> dict[str, np.ndarray[Any, Any]]:
    """Return, for each set, (splits, 2): what a row has more than hard labels on the same wrong labels, and what was lost."""
    found = {}
    for data in dict.fromkeys(key[2] for key in scores):
        own, wrong, right = (
            scores.get((s, model, data, r), {}) for s, r in ((setting, row), (setting, HARD), (CLEAN, HARD))
        )
        if row == HARD + ORACLE:
            own = scores.get((setting + ORACLE, model, data, HARD), {})
        splits = sorted(own.keys() & wrong.keys() & right.keys())
        if splits:
            found[data] = np.array([[own[k] - wrong[k], right[k] - wrong[k]] for k in splits])
    return found


def won_back(found: dict[str, np.ndarray[Any, Any]], *, seed: int = 0) -> tuple[float, float, float]:
    """Return the share won back over all sets and its interval."""
    random, sets = np.random.default_rng(seed), list(found.values())

    def share(parts: list[np.ndarray[Any, Any]]) -> float:
        gained, lost = np.sum([part.mean(axis=0) for part in parts], axis=0)
        return float(100 * gained / lost)

    drawn = []
    for _ in range(DRAWS):
        parts = [sets[k] for k in random.integers(0, len(sets), len(sets))]
        drawn.append(share([part[random.integers(0, len(part), len(part))] for part in parts]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return share(sets), float(low), float(high)


def noise_table(scores: Scores, setting: str, model: str) -> list[str]:
    """Return the rows of one noise and model: gain in points with its standard error over the sets, share won back."""
    rows = [HARD + ORACLE, *dict.fromkeys(key[3] for key in scores if key[:2] == (setting, model) and key[3] != HARD)]
    lines = []
    for row in rows:
        found = differences(scores, setting, model, row)
        if not found:
            continue
        gains = np.array([part[:, 0].mean() for part in found.values()])
        error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else float("nan")
        share, low, high = won_back(found)
        better = int((gains > 0).sum())
        lines.append(
            f"| {model} | {setting} | {row} | {gains.mean():+.1f} ± {error:.1f} | {better} of {len(gains)} | "
            f"{share:.0f} % [{low:.0f}, {high:.0f}] |"
        )
    return lines


def clean_table(scores: Scores, model: str) -> list[str]:
    """Return what each row gains on the labels as they were published."""
    lines = []
    for row in dict.fromkeys(key[3] for key in scores if key[:2] == (CLEAN, model) and key[3] != HARD):
        found = differences(scores, CLEAN, model, row)
        if not found:
            continue
        gains = np.array([part[:, 0].mean() for part in found.values()])
        error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else float("nan")
        lines.append(f"| {model} | clean | {row} | {gains.mean():+.2f} ± {error:.2f} | worst {gains.min():+.1f} | |")
    return lines


def main(path: Path) -> None:
    scores = read(path, "accuracy")
    settings = [s for s in dict.fromkeys(key[0] for key in scores) if s != CLEAN and not s.endswith(ORACLE)]
    lines = [
        "| model | labels | row | points over hard labels | sets with a gain | won back |",
        "|---|---|---|--:|--:|--:|",
    ]
    for model in dict.fromkeys(key[1] for key in scores):
        lines += clean_table(scores, model)
        for setting in settings:
            lines += noise_table(scores, setting, model)
    if not PAGE.exists():
        print("\n".join(lines))
        return
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else LINES)
