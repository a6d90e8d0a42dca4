"""From the lines of finished runs to a table: means beside the published numbers, and what differs from what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sfumato.automatic import clearly_best
from sfumato.measures import unpacked
from sfumato.reproduction.metric_names import EVERY_CONTROL, MAIN, OF_GROUPS, PERCENT
from sfumato.reproduction.plan import TablePlan, Wanted
from sfumato.reproduction.table_parts import MethodChoice, TableFile, place_title

Line = Mapping[str, Any]
Scores = dict[int, float]
MISSING: Line = {"status": "missing"}


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
        found = {repeat: [_score(line.get(where, {}), metric) for line in lines] for repeat, lines in self.runs.items()}
        return {
            repeat: float(np.mean([score for score in scores if score is not None]))
            for repeat, scores in found.items()
            if None not in scores
        }


def _score(metrics: Mapping[str, float], metric: str) -> float | None:
    if metric == MAIN:
        metric = "micro_f1" if "micro_f1" in metrics else "accuracy"
    return metrics.get(metric)


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
    controls = ["", *EVERY_CONTROL]

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
    repeats = sorted(set.intersection(*(set(cell.runs) for cell in near)))
    if choice.clearly:
        by_name = {cell.method: cell for cell in near}
        order = [by_name[name] for name in choice.best_of]
        chosen = {repeat: _clearly_best([cell.runs[repeat] for cell in order]) for repeat in repeats}
        runs = {repeat: lines for repeat, lines in chosen.items() if lines is not None}
    else:
        runs = {repeat: max((cell.runs[repeat] for cell in near), key=_on_dev) for repeat in repeats}
    return Cell(data, setting, title, model, choice.title, control, runs, settings=len(near))


def _clearly_best(runs: Sequence[tuple[Line, ...]]) -> tuple[Line, ...] | None:
    """Return the first, unless dev finds another clearly better; None where a run did not note its dev answers."""
    if not all("dev_right" in line for lines in runs for line in lines):
        return None
    right = {
        str(place): np.concatenate([unpacked(line["dev_right"]) for line in lines]).astype(np.float64)
        for place, lines in enumerate(runs)
    }
    return runs[int(clearly_best(right)[0])]


def _on_dev(lines: tuple[Line, ...]) -> tuple[float, float]:
    """Return what dev chooses by: accuracy (of several labels a row micro-F1), then log-loss."""
    dev = [line.get("dev", {}) for line in lines]
    return (
        float(np.mean([found.get("micro_f1", found.get("accuracy", 0.0)) for found in dev])),
        -float(np.mean([found.get("log_loss", np.inf) for found in dev])),
    )


def rows(plan: TablePlan, cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return a row a cell: mean and deviation over repeats, the published value and the distance to it.

    What the paper has and this scale does not run stands there with the published value alone, and ``n`` 0.
    """
    return [_row(plan.table, cell) for cell in in_order(plan, [*cells, *_published_alone(plan, cells)])]


def _published_alone(plan: TablePlan, cells: Sequence[Cell]) -> list[Cell]:
    have = {(cell.place, cell.model, cell.method) for cell in cells}
    places = {
        place_title(data, setting): (data, setting) for data in plan.table.data for setting in plan.table.settings
    }
    every = [(place, model, row) for (place, model), found in plan.table.published.cells.items() for row in found]
    left = [one for one in every if one not in have] if not plan.only else []
    return [Cell(*places[place], place, model, method, "", {}) for place, model, method in left]


def _row(table: TableFile, cell: Cell) -> dict[str, Any]:
    scores = list(cell.scores(table.metric).values())
    published = None if cell.control else table.published.value(cell.place, cell.model, cell.method)
    mean = float(np.mean(scores)) if scores else None
    first = next((lines[0] for lines in cell.runs.values()), {})
    return {
        **{name: getattr(cell, name) for name in ("data", "setting", "place", "model", "method", "control")},
        "n": len(scores),
        "failed": cell.failed,
        "settings": cell.settings,
        "mean": mean,
        "sd": float(np.std(scores, ddof=1)) if len(scores) > 1 else None,
        "published": None if published is None else published[0],
        "published_sd": None if published is None else published[1],
        "minus_published": None if published is None or mean is None else _shown(table, mean) - published[0],
        "without_leaked": _mean(cell.scores(table.metric, "metrics_without_leaked")),
        "in_group": _mean(cell.scores(OF_GROUPS)),
        "by_chance": _mean(_by_chance(cell)),
        "last": _mean(cell.scores(table.metric, "metrics_last")),
        **{f"n_{part}": first.get(f"n_{part}") for part in ("train", "dev", "test", "leaked")},
    }


def _by_chance(cell: Cell) -> Scores:
    """Return repeat to the share of errors inside the group if wrong answers fell on any label."""
    counted = {repeat: lines[0].get("errors_in_group", {}) for repeat, lines in cell.runs.items()}
    return {repeat: one["by_chance"] / one["errors"] for repeat, one in counted.items() if one.get("errors")}


def _shown(table: TableFile, value: float) -> float:
    """Shares are published in percent."""
    return value * 100 if table.metric in PERCENT else value


def _mean(scores: Scores) -> float | None:
    return float(np.mean(list(scores.values()))) if scores else None
