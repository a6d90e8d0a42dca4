"""From result lines to a table: mean and deviation over seeds, and what differs from what, and by how much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sfumato.experiment import Line
from sfumato.measured_test import main_metric
from sfumato.run_files import read_row_scores
from sfumato.significance import Difference, holm, smallest_detectable_difference, two_level_bootstrap, words

SINGLE = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
}
SEVERAL = {
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
    "micro_precision": "precision",
    "micro_recall": "recall",
    "subset_accuracy": "whole rows",
    "lrap": "LRAP",
}
LOSSES = {
    "log_loss": "log-loss",
    "brier": "Brier",
    "ece": "ECE",
    "log_loss_calibrated": "log-loss cal.",
    "brier_calibrated": "Brier cal.",
    "ece_calibrated": "ECE cal.",
}
FIGURES = {False: SINGLE | LOSSES, True: SEVERAL | LOSSES}
"""Metric to its head, of rows with one label and of rows with several."""
BASELINE = "baseline"
WORDS = ("data", "model", "method", "against", "in words")  # columns that are not numbers
NAMES = ("data", "model", "method", "seeds")


def has_several(line: Mapping[str, Any]) -> bool:
    """Whether a line, of a failed run too, is of rows that may have several labels."""
    return "multilabel_metric" in line.get("settings", {}).get("versions", {})


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
    def multilabel(self) -> bool:
        """Whether the rows may have several labels."""
        return any(has_several(line) for line in (*self.lines, *self.failed))

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
        for metric in FIGURES[self.multilabel]:
            values = [line["metrics"][metric] for line in self.lines]
            row[f"{metric}_mean"] = float(np.mean(values)) if values else None
            row[f"{metric}_sd"] = float(np.std(values, ddof=1)) if len(values) > 1 else None
        first: Mapping[str, Any] = self.lines[0] if self.lines else {}
        row["seconds"] = float(np.mean([line["seconds"] for line in self.lines])) if self.lines else None
        counts = ("n_train", "n_dev", "n_test", "n_unseen", *(["n_unlabelled"] if self.multilabel else []))
        return {**row, **{name: first.get(name) for name in counts}}


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
    """Compare the accuracy (micro-F1) of each method with the baseline and with its own controls.

    Returns
    -------
    list of dict
        ``difference`` (method minus the other) with ``low`` and ``high`` (95 %, rows × seeds), ``p``, ``p_holm`` over
        all comparisons of the list, ``smallest_detectable`` (80 % power, the level divided by their number),
        ``words`` and, for several labels a row, ``metric``. Only seeds that both finished count.
    """
    found: list[tuple[dict[str, Any], Difference]] = []
    for cell in table:
        for other, name in _against(cell, table, baseline):
            seeds = sorted(cell.by_seed().keys() & other.by_seed().keys())
            if seeds:
                first, second = (_row_scores(c, seeds, folder) for c in (cell, other))
                names = {"data": cell.data, "model": cell.model, "method": cell.method, "title": cell.title}
                names |= {"metric": main_metric(True)} if cell.multilabel else {}
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


def _row_scores(cell: Cell, seeds: Sequence[int], folder: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Right or wrong, ``(S, N)``; of several labels a row, values whose means are micro-F1."""
    lines = cell.by_seed()
    return np.stack([read_row_scores(folder, lines[seed]["key"]) for seed in seeds])


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
    """Write the table, then the differences, then what the figures are; sets of one and of several labels apart."""
    parts = []
    kinds = [kind for kind in (False, True) if any(_several(row) == kind for row in table)]
    for kind in kinds:
        metrics, mine = FIGURES[kind], [row for row in table if _several(row) == kind]
        names = [[_cell(row["data"]), _cell(row["model"]), _cell(_title(row)), _seeds(row)] for row in mine]
        body = [[*name, *_figures(row, metrics)] for name, row in zip(names, mine, strict=True)]
        parts.append(_grid((*NAMES, *metrics.values()), body))
        metric = main_metric(kind)
        if own := [c for c in compared if c.get("metric", "accuracy") == metric]:
            parts.append(_grid(_difference_heads(metrics[metric]), [_compared(c) for c in own]))
    return "\n\n".join([*parts, _legend(len(compared), kinds)]) + "\n"


def _several(row: Mapping[str, Any]) -> bool:
    return "micro_f1_mean" in row


def _difference_heads(metric: str) -> tuple[str, ...]:
    names = ("data", "model", "method", "against")
    return (*names, f"difference in {metric}", "95 % interval", "p (Holm)", "smallest detectable", "in words")


def _title(row: Mapping[str, Any]) -> str:
    return f"{row['title']} / {row['control']}" if row["control"] else str(row["title"])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _seeds(row: Mapping[str, Any]) -> str:
    return f"{row['seeds']} ({row['failed']} failed)" if row["failed"] else str(row["seeds"])


def _figures(row: Mapping[str, Any], metrics: Iterable[str]) -> list[str]:
    """Mean ± deviation of each metric, shares in percent."""
    figures = []
    for metric in metrics:
        scale, digits = (100, 2) if metric in (*SINGLE, *SEVERAL) else (1, 3)
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


def _legend(comparisons: int, kinds: Sequence[bool]) -> str:
    """Say what the figures are, and what they do not cover."""
    shares = {False: "accuracy, macro-F1", True: "F1, precision, recall, whole rows, LRAP"}
    percent = ", ".join(shares[kind] for kind in kinds)
    said = [
        f"Mean ± standard deviation over seeds on the test split; {percent} and differences in percent points.",
        "ECE has 15 bins; cal. = after one temperature chosen on dev.",
    ]
    if True in kinds:
        said.append(
            "Of several labels a row: F1, precision and recall at the thresholds of the model; precision and recall "
            "over all labels; whole rows: all labels of a row right; LRAP: label-ranking average precision; the "
            "losses are means over rows and labels."
        )
    if comparisons:
        said.append(
            "Intervals resample rows and seeds, the same for both methods, and are as wide as Student's t asks for "
            "so few seeds; p is corrected (Holm) for the "
            f"{comparisons} comparisons shown. Smallest detectable: the true difference found four times in five. "
            "With one seed an interval speaks of the rows only."
        )
    return " ".join(said)
