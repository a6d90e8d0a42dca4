"""From result lines to a table: mean and deviation over seeds, and what differs from what, and by how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sfumato.experiment import Line
from sfumato.run_files import read_correct
from sfumato.significance import Difference, holm, smallest_detectable_difference, two_level_bootstrap, words

METRICS = (
    "accuracy",
    "macro_f1",
    "log_loss",
    "brier",
    "ece",
    "log_loss_calibrated",
    "brier_calibrated",
    "ece_calibrated",
)
BASELINE = "baseline"
WORDS = ("data", "model", "method", "against", "in words")  # columns that are not numbers
FIGURES = ("accuracy", "macro-F1", "log-loss", "Brier", "ECE", "log-loss cal.", "Brier cal.", "ECE cal.")
HEADS = ("data", "model", "method", "seeds", *FIGURES)
DIFFERENCE_HEADS = (
    *("data", "model", "method", "against", "difference in accuracy", "95 % interval", "p (Holm)"),
    *("smallest detectable", "in words"),
)


@dataclass(frozen=True, eq=False)
class Cell:
    """One data set, model, method and control: the lines of its seeds, those that failed beside them."""

    data: str
    model: str
    method: str
    control: str
    title: str
    lines: tuple[Line, ...]
    failed: tuple[Line, ...]

    @property
    def place(self) -> tuple[str, str]:
        """Where cells can be compared: the same rows, the same model."""
        return self.data, self.model

    def by_seed(self) -> dict[int, Line]:
        """Return seed to line."""
        return {line["seed"]: line for line in self.lines}

    def row(self) -> dict[str, Any]:
        """Return the cell as a row of the table: ``<metric>_mean`` and ``<metric>_sd`` (n - 1; none for one seed)."""
        names = {"data": self.data, "model": self.model, "method": self.method, "control": self.control}
        row: dict[str, Any] = {**names, "title": self.title, "seeds": len(self.lines), "failed": len(self.failed)}
        for metric in METRICS:
            values = [line["metrics"][metric] for line in self.lines]
            row[f"{metric}_mean"] = float(np.mean(values)) if values else None
            row[f"{metric}_sd"] = float(np.std(values, ddof=1)) if len(values) > 1 else None
        first: Mapping[str, Any] = self.lines[0] if self.lines else {}
        row["seconds"] = float(np.mean([line["seconds"] for line in self.lines])) if self.lines else None
        return {**row, **{name: first.get(name) for name in ("n_train", "n_dev", "n_test", "n_unseen")}}


def cells(lines: Sequence[Line]) -> list[Cell]:
    """Group the lines by data, model, method and control, in the order of their first line."""
    groups: dict[tuple[str, str, str, str, str], list[Line]] = {}
    for line in lines:
        name = (line["data"], line["model"], line["method"], line["control"], line["title"])
        groups.setdefault(name, []).append(line)
    return [
        Cell(
            *name,
            tuple(line for line in group if line["status"] == "done"),
            tuple(line for line in group if line["status"] != "done"),
        )
        for name, group in groups.items()
    ]


def differences(table: Sequence[Cell], folder: Path, *, baseline: str = BASELINE) -> list[dict[str, Any]]:
    """Compare the accuracy of each method with the baseline and with its own controls.

    Returns
    -------
    list of dict
        ``difference`` (method minus the other) with ``low`` and ``high`` (95 %, rows × seeds), ``p``, ``p_holm`` over
        all comparisons of the list, ``smallest_detectable`` (80 % power, the level divided by their number) and
        ``words``. Only seeds that both finished count.
    """
    found: list[tuple[dict[str, Any], Difference]] = []
    for cell in table:
        for other, name in _against(cell, table, baseline):
            seeds = sorted(cell.by_seed().keys() & other.by_seed().keys())
            if seeds:
                first, second = (_correct(c, seeds, folder) for c in (cell, other))
                names = {"data": cell.data, "model": cell.model, "method": cell.method, "title": cell.title}
                found.append(({**names, "against": name, "seeds": len(seeds)}, two_level_bootstrap(first, second)))
    corrected = holm([difference.p for _, difference in found])
    return [_described(names, d, p, len(found)) for (names, d), p in zip(found, corrected, strict=True)]


def _described(names: dict[str, Any], d: Difference, p_holm: float, comparisons: int) -> dict[str, Any]:
    numbers = {"difference": d.difference, "low": d.low, "high": d.high, "p": d.p, "p_holm": p_holm}
    # the same predictions on every row say nothing of what another split could show
    smallest = smallest_detectable_difference(d.error, comparisons=comparisons) if d.error.se > 0 else None
    return {**names, **numbers, "smallest_detectable": smallest, "words": words(d.difference, p_holm)}


def _against(cell: Cell, table: Sequence[Cell], baseline: str) -> list[tuple[Cell, str]]:
    """The cells that a method is compared with: the baseline, then its own controls."""
    if cell.control or not cell.lines:
        return []
    near = [other for other in table if other.place == cell.place and other.lines and other is not cell]
    plain = [(other, baseline) for other in near if other.method == baseline and not other.control]
    own = [(other, other.control) for other in near if other.method == cell.method and other.control]
    return plain + own


def _correct(cell: Cell, seeds: Sequence[int], folder: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Right or wrong, ``(S, N)``."""
    lines = cell.by_seed()
    return np.stack([read_correct(folder, lines[seed]["key"]) for seed in seeds])


def rows(table: Sequence[Cell], compared: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row a cell, with ``vs_<other>`` columns for each comparison that any cell has."""
    others = list(dict.fromkeys(comparison["against"] for comparison in compared))
    kept = ("low", "high", "p_holm", "smallest_detectable", "words")
    found = {(c["data"], c["model"], c["method"], c["against"]): c for c in compared}
    result = []
    for cell in table:
        row = cell.row()
        for other in others:
            key = (cell.data, cell.model, cell.method, other)
            comparison = {} if cell.control else found.get(key, {})
            column = f"vs_{other.replace('-', '_')}"
            row[column] = comparison.get("difference")
            row.update({f"{column}_{name}": comparison.get(name) for name in kept})
        result.append(row)
    return result


def markdown(table: Sequence[Mapping[str, Any]], compared: Sequence[Mapping[str, Any]]) -> str:
    """Write the table, then the differences, then what the figures are."""
    names = [[_cell(row["data"]), _cell(row["model"]), _cell(_title(row)), _seeds(row)] for row in table]
    text = _grid(HEADS, [[*name, *_figures(row)] for name, row in zip(names, table, strict=True)])
    if compared:
        text += "\n\n" + _grid(DIFFERENCE_HEADS, [_compared(c) for c in compared])
    return text + "\n\n" + _legend(len(compared)) + "\n"


def _title(row: Mapping[str, Any]) -> str:
    return f"{row['title']} / {row['control']}" if row["control"] else str(row["title"])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _seeds(row: Mapping[str, Any]) -> str:
    return f"{row['seeds']} ({row['failed']} failed)" if row["failed"] else str(row["seeds"])


def _figures(row: Mapping[str, Any]) -> list[str]:
    """Mean ± deviation of each metric, accuracy and F1 in percent."""
    figures = []
    for metric in METRICS:
        scale, digits = (100, 2) if metric in ("accuracy", "macro_f1") else (1, 3)
        mean, sd = row[f"{metric}_mean"], row[f"{metric}_sd"]
        deviation = "" if sd is None else f" ± {sd * scale:.{digits}f}"
        figures.append("–" if mean is None else f"{mean * scale:.{digits}f}{deviation}")
    return figures


def _compared(c: Mapping[str, Any]) -> list[str]:
    names = [_cell(c["data"]), _cell(c["model"]), _cell(c["title"]), c["against"]]
    interval = f"[{c['low'] * 100:+.2f}, {c['high'] * 100:+.2f}]"
    p = "< 0.001" if c["p_holm"] < 0.001 else f"{c['p_holm']:.3f}"
    detectable = c["smallest_detectable"]  # beyond 1 (two seeds that differ much) nothing could be shown
    smallest = "–" if detectable is None or detectable > 1 else f"{detectable * 100:.2f}"
    return [*names, f"{c['difference'] * 100:+.2f}", interval, p, smallest, c["words"]]


def _grid(heads: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    rule = ["---" if head in WORDS else "---:" for head in heads]
    return "\n".join("| " + " | ".join(line) + " |" for line in (heads, rule, *body))


def _legend(comparisons: int) -> str:
    """Say what the figures are, and what they do not cover."""
    said = [
        "Mean ± standard deviation over seeds on the test split; accuracy, macro-F1 and differences in percent points.",
        "ECE has 15 bins; cal. = after one temperature chosen on dev.",
    ]
    if comparisons:
        said.append(
            "Intervals resample rows and seeds, the same for both methods, and are as wide as Student's t asks for "
            "so few seeds; p is corrected (Holm) for the "
            f"{comparisons} comparisons shown. Smallest detectable: the true difference found four times in five. "
            "With one seed an interval speaks of the rows only."
        )
    return " ".join(said)
