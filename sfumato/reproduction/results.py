"""From the lines of finished runs to a table: means beside the published numbers, and what differs from what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.controls import CONTROLS
from sfumato.paired_tests import corrected_resampled_t, effect_size
from sfumato.reproduction.plan import TablePlan, Wanted
from sfumato.reproduction.table_parts import MethodChoice, TableFile
from sfumato.run_files import predictions_path, read_correct
from sfumato.significance import Difference, holm, paired_t, two_level_bootstrap, words

Line = Mapping[str, Any]
Scores = dict[int, float]
MISSING: Line = {"status": "missing"}
SMALLER_IS_BETTER = ("log_loss", "brier", "ece")


@dataclass(frozen=True, eq=False)
class Cell:
    """One place (data and setting), model, method and control of a table.

    ``runs`` maps a repeat to its lines: one, or one a class where each class has its turn.
    """

    data: str
    setting: str
    place: str
    model: str
    method: str
    control: str
    runs: Mapping[int, tuple[Line, ...]]
    failed: int = 0
    settings: int = 1

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Place, model, method, control."""
        return self.place, self.model, self.method, self.control

    def scores(self, metric: str, where: str = "metrics") -> Scores:
        """Return repeat to the mean of a metric over the lines of the repeat."""
        return {
            repeat: float(np.mean([line[where][metric] for line in lines]))
            for repeat, lines in self.runs.items()
            if all(metric in line.get(where, {}) for line in lines)
        }


def table_cells(plan: TablePlan, lines: Mapping[Wanted, Line]) -> list[Cell]:
    """Group the lines of the plan's runs; a repeat counts where all its lines are done."""
    groups: dict[tuple[str, str, str, str, str, str], dict[int, list[Line]]] = {}
    for run in plan.wanted:
        name = (run.data, run.setting, run.place, run.model, run.method, run.control)
        groups.setdefault(name, {}).setdefault(run.repeat, []).append(lines.get(run, MISSING))
    found = []
    for name, repeats in groups.items():
        done = {r: tuple(each) for r, each in repeats.items() if all(line["status"] == "done" for line in each)}
        failed = sum(line["status"] == "failed" for each in repeats.values() for line in each)
        found.append(Cell(*name, runs=done, failed=failed))
    return in_order(plan, [*found, *_chosen_on_dev(plan.table, found)])


def in_order(plan: TablePlan, cells: Sequence[Cell]) -> list[Cell]:
    """Sort cells as the file names things: data, setting, model, method, control."""
    titles = [list(titles) for titles in (plan.table.data, plan.table.settings, plan.table.models, plan.table.methods)]
    controls = ["", *CONTROLS]

    def order(cell: Cell) -> tuple[int, ...]:
        names = (cell.data, cell.setting, cell.model, cell.method)
        return (*(known.index(name) for known, name in zip(titles, names, strict=True)), controls.index(cell.control))

    return sorted(cells, key=order)


def _chosen_on_dev(table: TableFile, cells: Sequence[Cell]) -> list[Cell]:
    """Return the rows that are, in each repeat, the best of other rows by dev; the same is done for their controls."""
    found = []
    for choice in table.methods.values():
        if choice.best_of:
            places = dict.fromkeys(
                (c.data, c.setting, c.place, c.model, c.control) for c in cells if c.method in choice.best_of
            )
            found += [cell for place in places if (cell := _best(choice, cells, place)) is not None]
    return found


def _best(choice: MethodChoice, cells: Sequence[Cell], place: tuple[str, ...]) -> Cell | None:
    data, setting, title, model, control = place
    near = [c for c in cells if (c.place, c.model, c.control) == (title, model, control) and c.method in choice.best_of]
    if len(near) < len(choice.best_of):
        return None
    repeats = set.intersection(*(set(cell.runs) for cell in near))
    runs = {repeat: max((cell.runs[repeat] for cell in near), key=_on_dev) for repeat in sorted(repeats)}
    return Cell(data, setting, title, model, choice.title, control, runs, settings=len(near))


def _on_dev(lines: tuple[Line, ...]) -> tuple[float, float]:
    """Return what dev chooses by: accuracy, then log-loss."""
    dev = [line.get("dev", {}) for line in lines]
    return (
        float(np.mean([found.get("accuracy", 0.0) for found in dev])),
        -float(np.mean([found.get("log_loss", np.inf) for found in dev])),
    )


def rows(plan: TablePlan, cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return a row a cell: mean and deviation over repeats, the published value and the distance to it."""
    table, found = plan.table, []
    for cell in cells:
        scores = list(cell.scores(table.metric).values())
        published = None if cell.control else table.published.value(cell.place, cell.model, cell.method)
        mean = float(np.mean(scores)) if scores else None
        first = next((lines[0] for lines in cell.runs.values()), {})
        found.append(
            {
                **{name: getattr(cell, name) for name in ("data", "setting", "place", "model", "method", "control")},
                "n": len(scores),
                "failed": cell.failed,
                "settings": cell.settings,
                "mean": mean,
                "sd": float(np.std(scores, ddof=1)) if len(scores) > 1 else None,
                "published": None if published is None else published[0],
                "published_sd": None if published is None else published[1],
                "minus_published": None if published is None or mean is None else _shown(table, mean) - published[0],
                "without_leaked": _mean(cell.scores("accuracy", "metrics_without_leaked")),
                "last": _mean(cell.scores(table.metric, "metrics_last")),
                **{f"n_{part}": first.get(f"n_{part}") for part in ("train", "dev", "test", "leaked")},
            }
        )
    return found


def _shown(table: TableFile, value: float) -> float:
    """Shares are published in percent."""
    return value * 100 if table.metric in ("accuracy", "macro_f1") else value


def _mean(scores: Scores) -> float | None:
    return float(np.mean(list(scores.values()))) if scores else None


def differences(plan: TablePlan, cells: Sequence[Cell], folder: Path) -> list[dict[str, Any]]:
    """Compare each method with the table's baseline and with its own controls, on the repeats that both have.

    Returns
    -------
    list of dict
        ``difference`` (method minus the other) with its interval (see `_judged`), ``p``, ``p_holm`` over all
        comparisons of the table, ``own_p`` (the paper's test, uncorrected), ``effect`` (paired d) and ``words``.
    """
    by_key = {cell.key: cell for cell in cells}
    found: list[tuple[dict[str, Any], Difference]] = []
    for cell, other, against in _pairs(plan.table, cells, by_key):
        repeats = sorted(cell.runs.keys() & other.runs.keys())
        if repeats:
            compared = _judged(plan, cell, other, repeats, folder)
            names = {name: getattr(cell, name) for name in ("data", "setting", "place", "model", "method")}
            found.append(
                ({**names, "against": against, "n": len(repeats), **_own(plan, cell, other, repeats)}, compared)
            )
    corrected = holm([difference.p for _, difference in found])
    return [
        {
            **names,
            **{name: getattr(compared, name) for name in ("difference", "low", "high", "p")},
            "p_holm": p,
            "words": _words(plan.table, compared.difference, p),
        }
        for (names, compared), p in zip(found, corrected, strict=True)
    ]


def _words(table: TableFile, difference: float, p: float) -> str:
    sign = -1 if table.metric in SMALLER_IS_BETTER else 1
    return words(sign * difference, p, level=table.level)


def _pairs(
    table: TableFile, cells: Sequence[Cell], by_key: Mapping[tuple[str, str, str, str], Cell]
) -> Iterable[tuple[Cell, Cell, str]]:
    for cell in cells:
        if cell.control or not cell.runs:
            continue
        others = [(table.baseline, "", table.baseline)] if cell.method != table.baseline else []
        others += [(cell.method, control, control) for control in CONTROLS]
        for method, control, name in others:
            other = by_key.get((cell.place, cell.model, method, control))
            if other is not None and other.runs:
                yield cell, other, name


def _judged(plan: TablePlan, cell: Cell, other: Cell, repeats: Sequence[int], folder: Path) -> Difference:
    """Return the difference with its interval.

    The same test rows in every repeat: the two-level bootstrap over repeats and rows. Random splits of one set:
    Student's t with the variance corrected for training rows in common. Other metrics than accuracy: Student's t.
    """
    table = plan.table
    first, second = ([c.scores(table.metric)[r] for r in repeats] for c in (cell, other))
    if table.repeats.kind == "splits" and len(repeats) > 1:
        line = cell.runs[repeats[0]][0]
        return corrected_resampled_t(
            first, second, train_rows=line["n_train"] + line["n_dev"], test_rows=line["n_test"]
        )
    have = all(
        predictions_path(folder, line["key"]).exists() for c in (cell, other) for r in repeats for line in c.runs[r]
    )
    if table.metric == "accuracy" and have and table.repeats.kind != "splits":
        return two_level_bootstrap(_right(cell, repeats, folder), _right(other, repeats, folder))
    if len(repeats) > 1:
        return paired_t(first, second)
    return two_level_bootstrap(np.array([[first[0]]]), np.array([[second[0]]]))


def _right(cell: Cell, repeats: Sequence[int], folder: Path) -> NDArray[np.float64]:
    """Return right or wrong, (repeats, N); the share of right answers where a repeat has several runs."""
    return np.stack(
        [np.mean([read_correct(folder, line["key"]) for line in cell.runs[repeat]], axis=0) for repeat in repeats]
    )


def _own(plan: TablePlan, cell: Cell, other: Cell, repeats: Sequence[int]) -> dict[str, Any]:
    """Return the paper's own test of the same repeats, and the effect size; None with fewer than two repeats."""
    table = plan.table
    first, second = ([c.scores(table.metric)[r] for r in repeats] for c in (cell, other))
    if len(repeats) < 2:
        return {"own_p": None, "effect": None}
    effect = effect_size(first, second)
    if table.own_test is None:
        return {"own_p": None, "effect": effect if np.isfinite(effect) else None}
    line = cell.runs[repeats[0]][0]
    tested = (
        paired_t(first, second)
        if table.own_test == "paired-t"
        else corrected_resampled_t(first, second, train_rows=line["n_train"] + line["n_dev"], test_rows=line["n_test"])
    )
    return {"own_p": tested.p, "effect": effect if np.isfinite(effect) else None}
