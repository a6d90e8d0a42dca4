"""Writes the tables of docs/adaptive.md, each between its two marks, from the lines of finished runs below results/.

    python benchmarks/adaptive_page.py [results]

What won back is, and how its interval is made: `won_back.py`. A table whose lines are not there is left as it stands.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from won_back import CLEAN, HARD, Gains, Runs, beside, both, common, gains, points, read, won_back

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "adaptive.md"


def noise(runs: Runs) -> list[str]:
    """Return, for each model, noise and row, what is gained over hard labels, what adaptive has more, what is won back."""
    lines = [
        "| model | labels | row | sets (splits) | over hard labels | adaptive has more | won back | without any one set |",
        "|---|---|---|--:|--:|--:|--:|--:|",
    ]
    for model in dict.fromkeys(key[1] for key in runs.scores if not key[1].startswith("linear, ")):
        each = {setting: gains(runs.scores, setting, model) for setting in runs.settings()}
        for setting, rows in ({"30 %, both": both(runs.scores, model)} | each).items():
            for row in [row for row, found in rows.items() if found]:
                cells = [
                    f"{len(rows[row])} ({sum(map(len, rows[row].values()))})",
                    *differences(runs, setting, rows, row),
                ]
                lines.append(
                    f"| {model} | {setting} | {row} | {' | '.join(cells)} | {won_back([*rows[row].values()])} |"
                )
    return lines


def differences(runs: Runs, setting: str, rows: Gains, row: str) -> tuple[str, str]:
    """Return what a row has more than hard labels, and adaptive more than the row, in points with their intervals."""
    found, whole = rows[row], rows.get("adaptive", {})
    more = {data: whole[data] - part for data, part in found.items() if data in whole and row != "adaptive"}
    return points(runs, setting, found), points(runs, setting, more) if more else ""


def each_set(runs: Runs) -> list[str]:
    """Return, for each noise and set, hard labels and what label smoothing, adaptive and auto gain; linear alone."""
    rows = ("label-smoothing", "adaptive", "auto")
    lines = [f"| labels | set | hard labels | right labels | {' | '.join(rows)} |", "|---|---|--:|--:|--:|--:|--:|"]
    for setting in runs.settings():
        own = gains(runs.scores, setting, "linear")
        for data, part in own.get("adaptive", {}).items():
            hard = common(runs.scores, setting, "linear", data)
            cells = [points(runs, setting, {data: own[row][data]}) if row in own else "" for row in rows]
            lines.append(f"| {setting} | {data} | {hard:.1f} | {hard + part[:, 1].mean():.1f} | {' | '.join(cells)} |")
    return lines


def clean(runs: Runs) -> list[str]:
    """Return, for each set with the labels as they were published, what each row gains, with its 95 % interval."""
    own = gains(runs.scores, CLEAN, "linear")
    rows = list(own)
    lines = [f"| set | hard labels | {' | '.join(rows)} |", "|---|" + "--:|" * (len(rows) + 1)]
    for data in own.get("adaptive", {}):
        cells = [points(runs, CLEAN, {data: own[row][data]}) for row in rows]
        hard = common(runs.scores, CLEAN, "linear", data)
        lines.append(f"| {data} | {hard:.1f} | {' | '.join(cells)} |")
    return [*lines, f"| **all** | | {' | '.join(points(runs, CLEAN, own[row]) for row in rows)} |"]


def parts(runs: Runs) -> list[str]:
    """Return what accuracy each change of one part of adaptive costs or brings, over all sets of a setting."""
    settings = list(dict.fromkeys(key[0] for key in runs.scores))
    rows = dict.fromkeys(key[3] for key in runs.scores if key[3] not in ("adaptive", "auto"))
    lines = [f"| | {' | '.join(s or 'as published' for s in settings)} |", "|---|" + "--:|" * len(settings)]
    for row in rows:
        cells = []
        for setting in settings:
            found = beside(runs.scores, (setting, "linear", row), (setting, "linear", "adaptive"))
            cells.append(points(runs, setting, found) if found else "")
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return lines


def rules(runs: Runs) -> list[str]:
    """Return what hard labels and label smoothing have where dev chooses by another rule, beside the rule above."""
    by = [model for model in dict.fromkeys(key[1] for key in runs.scores) if model.startswith("linear, ")]
    lines = [f"| labels | row | {' | '.join(by)} |", "|---|---|" + "--:|" * len(by)]
    for setting in dict.fromkeys(key[0] for key in runs.scores if key[1] in by):
        for row in (HARD, "label-smoothing"):
            found = [beside(runs.scores, (setting, model, row), (setting, "linear", row)) for model in by]
            cells = [points(runs, setting, each) if each else "" for each in found]
            lines.append(f"| {setting or 'as published'} | {row} | {' | '.join(cells)} |")
    return lines


def audit(runs: Runs) -> list[str]:
    """Return the average precision of each score on each set and noise, and how often ours are ahead of cleanlab's.

    Of cleanlab's three scores the one that is best on this set and noise counts: nobody could have known it before.
    """
    ours, kinds = (
        ["audit", "audit, no further rounds", "audit, no model of wrong labels", "adaptive-fast"],
        ("raw", "joined"),
    )
    head = [*ours, *(f"cleanlab, best of three, {kind}" for kind in kinds)]
    lines = [f"| set | wrong | {' | '.join(head)} |", "|---|---|" + "--:|" * len(head)]
    found = []
    for data in runs.sets():
        for setting in dict.fromkeys(key[0] for key in runs.scores):
            here = {k[3]: v for k, v in runs.scores.items() if k[::2] == (setting, data)}
            draws = here.get(ours[0], {}).keys()
            mean = {row: float(np.mean(list(v.values()))) for row, v in here.items() if v.keys() >= draws}
            best = [max((v for r, v in mean.items() if r.endswith(f", {kind}")), default=np.nan) for kind in kinds]
            found.append((data, [*(mean.get(row, np.nan) for row in ours), *best]))
            lines.append(f"| {data} | {setting} | {' | '.join(f'{value:.1f}' for value in found[-1][1])} |")
    over = {data: np.mean([values for name, values in found if name == data], axis=0) for data in runs.sets()}
    ahead = [sum(bool(v[k] > v[-2]) for v in over.values()) for k in range(len(head))]
    lines.append(f"| **mean** | | {' | '.join(f'{value:.1f}' for value in np.mean(list(over.values()), axis=0))} |")
    return [*lines, f"| **sets ahead of cleanlab, raw** | of {len(over)} | {' | '.join(map(str, ahead))} |"]


TABLES: Mapping[str, tuple[str, Mapping[str, str], Callable[[Runs], list[str]]]] = {
    "noise": ("adaptive-noise", {"metric": "accuracy"}, noise),
    "last epoch": ("adaptive-noise", {"metric": "accuracy", "of": "metrics_last"}, noise),
    "sets": ("adaptive-noise", {"metric": "accuracy"}, each_set),
    "rules": ("adaptive-noise", {"metric": "accuracy"}, rules),
    "clean": ("clean-check", {"metric": "accuracy"}, clean),
    "parts": ("adaptive-parts", {"metric": "accuracy"}, parts),
    "parts, macro-F1": ("adaptive-parts", {"metric": "macro_f1"}, parts),
    "audit": ("audit-table", {"metric": "average_precision"}, audit),
}


def replaced(text: str, name: str, lines: list[str]) -> str:
    """Return the page with one table between its marks."""
    begin, end = f"<!-- {name}: benchmarks/adaptive_page.py -->", f"<!-- end of {name} -->"
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise SystemExit(f"{PAGE} has no mark {end if found else begin}")
    return f"{before}{begin}\n\n" + "\n".join(lines) + f"\n\n{end}{after}"


def written(text: str, results: Path) -> str:
    """Return the page with the tables of the lines that are there."""
    for name, (folder, what, table) in TABLES.items():
        path = results / folder / "results.jsonl"
        if path.exists():
            text = replaced(text, name, table(read(path, **what)))
    return text


def main(results: Path) -> None:
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "results")
