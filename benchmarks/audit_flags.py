"""Writes the table of docs/audit.md: how many of the rows with a score above one half are wrong, and how many are found.

sfumato reproduce audit-table       # writes the rows of each run below results/audit-table/predictions
python benchmarks/audit_flags.py [results]
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "audit.md"
ROW = "audit"
BEGIN, END = "<!-- flags: benchmarks/audit_flags.py -->", "<!-- end of flags -->"


def shares(path: Path) -> tuple[float, float]:
    """Return the precision and the recall of the rows that are more probably wrong than right."""
    if not path.exists():
        raise SystemExit(f"{path} is not there: run `sfumato reproduce audit-table`, which writes it")
    rows = pl.read_parquet(path)
    above, wrong = rows["score"].to_numpy() > 0, rows["wrong"].to_numpy()  # scores are log-odds
    return float(wrong[above].mean()) if above.any() else float("nan"), float(above[wrong].mean())


def table(results: Path) -> list[str]:
    """Return a row for each set, a column for each kind of noise, means over the draws."""
    folder, found = results / "audit-table", defaultdict(list)
    for text in (folder / "results.jsonl").read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        if line["title"] == ROW and line["status"] == "done":
            found[line["data"], line["setting"]].append(shares(folder / "predictions" / f"{line['key']}.parquet"))
    settings = sorted({setting for _, setting in found}, key=lambda name: ("similar" in name, name))
    lines = [f"| | {' | '.join(settings)} |", "|---|" + "---|" * len(settings)]
    for data in dict.fromkeys(data for data, _ in found):
        means = [np.mean(found[data, setting], axis=0) for setting in settings]
        lines.append(f"| {data} | " + " | ".join(f"{p:.2f} / {r:.2f}".replace("0.", ".") for p, r in means) + " |")
    return lines


def main(results: Path) -> None:
    before, found, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (found and ended):
        raise SystemExit(f"{PAGE} has no mark {END if found else BEGIN}")
    lines = "\n".join(table(results))
    PAGE.write_text(f"{before}{BEGIN}\n\n{lines}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "results")
