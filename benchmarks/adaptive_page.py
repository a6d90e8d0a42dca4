"""Writes the tables of docs/adaptive.md, each between its two marks, from the lines of finished runs below results/.

    python benchmarks/adaptive_page.py [results]

Won back is the share of what wrong labels cost hard labels that a method has again,

    (method - hard labels, wrong) / (hard labels, clean - hard labels, wrong),

of sums over sets and splits, so that a set on which nothing is lost does not decide. Its interval is that of 2,000
draws of the sets, with the splits of each drawn again (percentiles 2.5 and 97.5). A table whose lines are not there
is left as it stands.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "adaptive.md"
HARD, CLEAN, ORACLE = "hard labels", "", ", wrong left out"
AUTO = (HARD, "label-smoothing", "adaptive")  # what the row "auto" chooses among
DRAWS = 2000
Key = tuple[str, str, str, str]  # setting, model, set, row
Scores = dict[Key, dict[int, float]]  # split -> percent
Floats = NDArray[np.float64]


def read(path: Path, metric: str) -> Scores:
    """Return a metric of every finished run, in percent; a control is a row of its own, and so is what auto takes."""
    found: Scores = defaultdict(dict)
    right: dict[Key, dict[int, Floats]] = defaultdict(dict)
    for text in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        if line["status"] == "done":
            row = line["title"] + (f", {line['control']}" if line["control"] else "")
            key = (line["setting"], line["model"], line["data"], row)
            found[key][line["seed"]] = 100 * line["metrics"][metric]
            if "dev_right" in line:
                right[key][line["seed"]] = answers(line["dev_right"])
    return found | chosen(found, right)


def answers(text: str) -> Floats:
    """Return which dev rows were answered right, as `sfumato.measures.packed` wrote it."""
    from sfumato.measures import unpacked

    return unpacked(text).astype(np.float64)


def chosen(found: Scores, right: Mapping[Key, Mapping[int, Floats]]) -> Scores:
    """Return the rows of ``method="auto"``: in each split what dev takes, by the rule of `sfumato.automatic`."""
    from sfumato.automatic import clearly_best

    made: Scores = {}
    for setting, model, data in dict.fromkeys(key[:3] for key in right):
        those = {row: right.get((setting, model, data, row), {}) for row in AUTO}
        splits = set.intersection(*(set(each) for each in those.values()))
        taken = {k: clearly_best({row: each[k] for row, each in those.items()})[0] for k in splits}
        if taken:
            made[setting, model, data, "auto"] = {
                k: found[setting, model, data, row][k] for k, row in sorted(taken.items())
            }
    return made


def differences(scores: Scores, setting: str, model: str, row: str) -> dict[str, Floats]:
    """Return, for each set, (splits, 2): what a row has more than hard labels on the same labels, and what was lost."""
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


def drawn(found: Mapping[str, Floats], of: Callable[[list[Floats]], float], *, seed: int = 0) -> tuple[float, float]:
    """Return the interval of a figure of all sets: these are drawn again, and the splits of each."""
    random, sets = np.random.default_rng(seed), list(found.values())
    values = []
    for _ in range(DRAWS):
        parts = [sets[k] for k in random.integers(0, len(sets), len(sets))]
        values.append(of([part[random.integers(0, len(part), len(part))] for part in parts]))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def share(parts: list[Floats]) -> float:
    """Return the share won back, in percent."""
    gained, lost = np.sum([part.mean(axis=0) for part in parts], axis=0)
    return float(100 * gained / lost)


def gained(parts: list[Floats]) -> float:
    """Return the points gained on the mean of the sets."""
    return float(np.mean([part[:, 0].mean() for part in parts]))


def rows_of(scores: Scores, setting: str, model: str) -> list[str]:
    """Return the rows of a setting but for hard labels."""
    return list(dict.fromkeys(key[3] for key in scores if key[:2] == (setting, model) and key[3] != HARD))


def noise(scores: Scores) -> list[str]:
    """Return, for each model, noise and row, what is gained over hard labels and what is won back."""
    lines = [
        "| model | labels | row | points over hard labels | sets with a gain | won back |",
        "|---|---|---|--:|--:|--:|",
    ]
    settings = [s for s in dict.fromkeys(key[0] for key in scores) if s != CLEAN and not s.endswith(ORACLE)]
    for model in dict.fromkeys(key[1] for key in scores):
        for setting in settings:
            for row in [HARD + ORACLE, *rows_of(scores, setting, model)]:
                if found := differences(scores, setting, model, row):
                    better = sum(part[:, 0].mean() > 0 for part in found.values())
                    low, high = drawn(found, share)
                    won = f"{share(list(found.values())):.0f} % [{low:.0f}, {high:.0f}]"
                    points = f"{points_of(found)} | {better} of {len(found)}"
                    lines.append(f"| {model} | {setting} | {row} | {points} | {won} |")
    return lines


def points_of(found: Mapping[str, Floats]) -> str:
    """Return the points gained on the mean of the sets, with their interval."""
    low, high = drawn(found, gained)
    return f"{gained(list(found.values())):+.2f} [{low:+.2f}, {high:+.2f}]"


def each_set(scores: Scores) -> list[str]:
    """Return, for each noise and set, hard labels and what adaptive and auto gain, linear alone."""
    lines = ["| labels | set | hard labels | right labels | adaptive | auto |", "|---|---|--:|--:|--:|--:|"]
    for setting in dict.fromkeys(key[0] for key in scores):
        if setting == CLEAN or setting.endswith(ORACLE):
            continue
        own = {row: differences(scores, setting, "linear", row) for row in ("adaptive", "auto")}
        for data, part in own["adaptive"].items():
            hard = np.mean(list(scores[setting, "linear", data, HARD].values()))
            cells = [f"{each[data][:, 0].mean():+.1f}" if data in each else "" for each in own.values()]
            lines.append(f"| {setting} | {data} | {hard:.1f} | {hard + part[:, 1].mean():.1f} | {' | '.join(cells)} |")
    return lines


def clean(scores: Scores) -> list[str]:
    """Return, for each set with the labels as they were published, what each row gains, with its 95 % interval."""
    from scipy.stats import t

    rows = rows_of(scores, CLEAN, "linear")
    lines = [f"| set | hard labels | {' | '.join(rows)} |", "|---|" + "--:|" * (len(rows) + 1)]
    for data in dict.fromkeys(key[2] for key in scores):
        cells = []
        for row in rows:
            d = differences(scores, CLEAN, "linear", row).get(data)
            if d is None or len(d) < 2:
                cells.append("")
                continue
            reach = t.ppf(0.975, len(d) - 1) * d[:, 0].std(ddof=1) / np.sqrt(len(d))
            cells.append(f"{d[:, 0].mean():+.2f} ± {reach:.2f}")
        hard = np.mean(list(scores[CLEAN, "linear", data, HARD].values()))
        lines.append(f"| {data} | {hard:.1f} | {' | '.join(cells)} |")
    every = [points_of(found) if (found := differences(scores, CLEAN, "linear", row)) else "" for row in rows]
    return [*lines, f"| **all** | | {' | '.join(every)} |"]


def parts(scores: Scores) -> list[str]:
    """Return what accuracy each change of one part of adaptive costs or brings, over all sets of a setting."""
    settings = list(dict.fromkeys(key[0] for key in scores))
    rows = dict.fromkeys(key[3] for key in scores if key[3] not in ("adaptive", "auto"))
    lines = [f"| | {' | '.join(s or 'as published' for s in settings)} |", "|---|" + "--:|" * len(settings)]
    for row in rows:
        cells = []
        for setting in settings:
            found = {}
            for data in dict.fromkeys(key[2] for key in scores):
                own, whole = (scores.get((setting, "linear", data, r), {}) for r in (row, "adaptive"))
                if splits := sorted(own.keys() & whole.keys()):
                    found[data] = np.array([[own[k] - whole[k]] for k in splits])
            cells.append(points_of(found) if found else "")
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return lines


def audit(scores: Scores) -> list[str]:
    """Return the average precision of each score on each set and noise, cleanlab's best of three in one column each."""
    alone = ["audit", "audit, no model of wrong labels", "adaptive", "adaptive-fast"]
    kinds = ("raw", "joined")
    head = [*alone, *(f"cleanlab, best of three, {kind}" for kind in kinds)]
    lines = [f"| set | wrong | {' | '.join(head)} |", "|---|---|" + "--:|" * len(head)]
    for data in dict.fromkeys(key[2] for key in scores):
        for setting in dict.fromkeys(key[0] for key in scores):
            mean = {
                k[3]: float(np.mean(list(v.values()))) for k, v in scores.items() if (k[0], k[2]) == (setting, data)
            }
            best = [max((v for r, v in mean.items() if r.endswith(f", {kind}")), default=np.nan) for kind in kinds]
            values = [*(mean.get(row, np.nan) for row in alone), *best]
            lines.append(f"| {data} | {setting} | {' | '.join(f'{value:.1f}' for value in values)} |")
    return lines


TABLES: Mapping[str, tuple[str, str, Callable[[Scores], list[str]]]] = {
    "noise": ("adaptive-noise", "accuracy", noise),
    "sets": ("adaptive-noise", "accuracy", each_set),
    "clean": ("clean-check", "accuracy", clean),
    "parts": ("adaptive-parts", "accuracy", parts),
    "audit": ("audit-table", "average_precision", audit),
}


def replaced(text: str, name: str, lines: list[str]) -> str:
    """Return the page with one table between its marks."""
    begin, end = f"<!-- {name}: benchmarks/adaptive_page.py -->", f"<!-- end of {name} -->"
    before, found, rest = text.partition(begin)
    if not found:
        raise SystemExit(f"{PAGE} has no mark {begin}")
    return f"{before}{begin}\n\n" + "\n".join(lines) + f"\n\n{end}{rest.partition(end)[2]}"


def main(results: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, (folder, metric, table) in TABLES.items():
        path = results / folder / "results.jsonl"
        if path.exists():
            text = replaced(text, name, table(read(path, metric)))
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "results")
