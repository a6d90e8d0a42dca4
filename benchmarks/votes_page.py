"""Writes the tables of docs/votes.md, between its two marks, from the lines of results/votes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

PAGE = Path(__file__).parents[1] / "docs" / "votes.md"
BEGIN, END = "<!-- tables: benchmarks/votes.py page -->", "<!-- end of the tables -->"
CLEAR = 0.05
DISTANCES = {"cross_entropy": "cross-entropy", "jensen_shannon": "Jensen-Shannon", "manhattan": "Manhattan"}
Lines = list[dict[str, Any]]


def write(runs: Lines, ceilings: Lines, differences: Lines) -> None:
    """Replace what stands between the marks of the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    made = "\n\n".join([sets_table(ceilings), *model_tables(runs, ceilings), differences_table(differences)])
    PAGE.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{after}", encoding="utf-8")


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table; a column whose first cell starts with a number stands to the right."""
    right = [row[:1].isdigit() or row[:1] in "+-" for row in rows[-1]]
    lines = ["| " + " | ".join(head) + " |", "|" + "".join("--:|" if number else "---|" for number in right)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def sets_table(ceilings: Lines) -> str:
    """Return what the sets hold: training and test rows, votes, disagreement."""
    head = ["set", "training texts", "test texts", "votes a text", "texts in dispute", "share of the majority"]
    rows = []
    for line in ceilings:
        if line["reference"] == "even":
            said = [f"{line['votes']:.1f}", f"{100 * line['disagree']:.0f} %", f"{line['gold']:.2f}"]
            rows.append([line["set"], str(line["train"]), str(line["rows"]), *said])
    return table(head, rows)


def model_tables(runs: Lines, ceilings: Lines) -> list[str]:
    """Return a table for each model: the references first, then its methods, mean ± deviation over the seeds."""
    made = []
    head = ["set", "method", "cross-entropy, raw", *DISTANCES.values(), "entropy r", "macro-F1"]
    for model in dict.fromkeys(line["model"] for line in runs):
        rows = []
        for name in dict.fromkeys(line["set"] for line in runs if line["model"] == model):
            for line in (line for line in ceilings if line["set"] == name):
                rows.append([name, f"*{line['reference']}*", "", *reference(line["scores"])])
            own = [line for line in runs if (line["set"], line["model"]) == (name, model)]
            for method in dict.fromkeys(line["method"] for line in own):
                rows.append([name, method, *cells([line for line in own if line["method"] == method])])
        seeds = len({line["seed"] for line in runs if line["model"] == model})
        made.append(f"### {model}, {seeds} seeds\n\n{table(head, rows)}")
    return made


def reference(scores: dict[str, float]) -> list[str]:
    """Return the cells of a reference; it has no seeds."""
    shown = [f"{scores[name]:.3f}" for name in DISTANCES]
    r = scores["entropy_correlation"]
    return [*shown, "–" if np.isnan(r) else f"{r:.2f}", f"{100 * scores['macro_f1']:.1f}"]


def cells(lines: Lines) -> list[str]:
    """Return mean ± deviation over the seeds; all but the first column at the temperature of the dev votes."""
    found = [spread([line["raw"]["cross_entropy"] for line in lines], 3)]
    found += [spread([line["tempered"][name] for line in lines], 3) for name in DISTANCES]
    found.append(spread([line["tempered"]["entropy_correlation"] for line in lines], 2))
    return [*found, spread([100 * line["tempered"]["macro_f1"] for line in lines], 1)]


def spread(values: list[float], digits: int) -> str:
    """Return "mean ± deviation"."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return f"{np.mean(values):.{digits}f} ± {deviation:.{digits}f}"


def differences_table(differences: Lines) -> str:
    """Return votes minus each other method, with * where p < .05 after Holm over the comparisons of set and model."""
    rows = []
    for model, against in dict.fromkeys((line["model"], line["against"]) for line in differences):
        for name in dict.fromkeys(line["set"] for line in differences):
            own = [
                line for line in differences if (line["model"], line["against"], line["set"]) == (model, against, name)
            ]
            if own:
                said = {line["distance"]: line for line in own}
                rows.append([model, against, name, *(gap(said[distance]) for distance in DISTANCES)])
    head = ["model", "votes minus", "set", *DISTANCES.values()]
    return f"### What the votes add\n\n{table(head, rows)}"


def gap(line: dict[str, Any]) -> str:
    """Return a difference with its 95 % interval."""
    star = "\\*" if line["p_holm"] < CLEAR else ""
    return f"{line['difference']:+.4f} [{line['low']:+.4f}, {line['high']:+.4f}]{star}"
