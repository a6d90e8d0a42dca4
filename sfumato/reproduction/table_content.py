"""All that a table's page says, from the lines of its runs: what ``table.json`` holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sfumato.datasets.catalog import entry
from sfumato.reproduction.cases import Texts, table_cases
from sfumato.reproduction.judging import differences, lacking, over_sets
from sfumato.reproduction.plan import TablePlan, Wanted
from sfumato.reproduction.results import Cell, rows, table_cells

Line = Mapping[str, Any]
Lines = Mapping[Wanted, Line]
Content = Mapping[str, Any]
OF_THE_FILE = (
    *("name", "title", "paper", "place", "metric", "baseline", "level", "bold", "own_test", "explanation", "runs_of"),
)


def table_content(
    plan: TablePlan,
    lines: Lines,
    folder: Path,
    *,
    notes: Sequence[str],
    classes: Mapping[Wanted, Sequence[str] | None],
    before: Content | None = None,
    texts: Texts | None = None,
) -> dict[str, Any]:
    """Return what is known of a table at a scale, in JSON's own types.

    Parameters
    ----------
    folder : where the predictions of the runs lie
    notes : what was said while the data were read
    classes : run to the names of its classes, None where nobody knows them
    before : what this returned earlier, for what needs predictions that are gone
    texts : place to the number of a test row to its text, where data were read
    """
    cells = table_cells(plan, lines)
    compared = differences(plan, cells, folder, before=before["differences"] if before else ())
    return {
        **_of_the_plan(plan),
        "done": sum(line["status"] == "done" for line in lines.values()),
        "rows": rows(plan, cells),
        "differences": compared,
        "lacking": lacking(plan, cells, compared),
        "over_sets": over_sets(compared, plan.table, _families(plan)),
        "curves": curves(lines),
        "label_embeddings": label_embeddings(lines, classes),
        "per_label": per_label(cells),
        **by_overlap(cells, plan.table.metric),
        "cases": table_cases(plan, lines, folder, texts or {}, (before or {}).get("cases", ())),
        "failed": [{"run": str(run), "error": line["error"]} for run, line in lines.items() if _failed(line)],
        "notes": sorted({*notes, *(said for line in lines.values() for said in line.get("warnings", ()))}),
    }


def _of_the_plan(plan: TablePlan) -> dict[str, Any]:
    table = plan.table
    return {
        **{name: getattr(table, name) for name in OF_THE_FILE},
        "scale": plan.scale_name,
        "scale_note": plan.scale.note,
        "sizes": {"rows": plan.scale.rows, "test_rows": plan.scale.test_rows},
        "repeats": {"kind": table.repeats.kind, "number": plan.repeats},
        "figure": dict(table.figure),
        "settings": {title: setting.x for title, setting in table.settings.items()},
        "sweep": {title: {"line": one.line, "x": one.x} for title, one in table.methods.items() if one.line},
        "data_notes": {choice.title: choice.note for choice in table.data.values() if choice.note},
        "cut": plan.cut(),
        "needed": len(plan.wanted),
    }


def _families(plan: TablePlan) -> dict[str, str]:
    return {choice.title: entry(choice.name).family for choice in plan.table.data.values()}


def _failed(line: Line) -> bool:
    return bool(line["status"] != "done")


def curves(lines: Lines) -> list[dict[str, Any]]:
    """Return the looks at dev of each run that kept them."""
    return [
        {"place": run.place, "model": run.model, "method": run.method, "control": run.control, "repeat": run.repeat}
        | {"history": line["history"]}
        for run, line in lines.items()
        if line.get("history")
    ]


def label_embeddings(lines: Lines, classes: Mapping[Wanted, Sequence[str] | None]) -> list[dict[str, Any]]:
    """Return the vectors of the labels that methods learned, with the labels' names, of the first repeat."""
    return [
        {"place": run.place, "model": run.model, "method": run.method}
        | {"classes": _listed(classes.get(run)), "vectors": line["label_embeddings"]}
        for run, line in lines.items()
        if line.get("label_embeddings") and run.repeat == 0 and not run.control
    ]


def per_label(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return recall and F1 of each label in each repeat, (repeats, C), of the cells that are no controls."""
    found = []
    for cell in cells:
        runs = {repeat: lines[0]["per_label"] for repeat, lines in cell.runs.items() if "per_label" in lines[0]}
        if runs and not cell.control:
            lines = list(runs.values())
            names = {name: getattr(cell, name) for name in ("data", "setting", "place", "model", "method")}
            same = {"repeats": list(runs), **{name: lines[0][name] for name in ("label", "support")}}
            found.append(names | same | {name: [line[name] for line in lines] for name in ("recall", "f1")})
    return found


def by_overlap(cells: Sequence[Cell], metric: str) -> dict[str, Any]:
    """Return the metric by quartile of word overlap in each repeat, (repeats, 4), where cells are retrieval."""
    found = []
    for cell in cells:
        runs = {repeat: lines[0].get("overlap") or () for repeat, lines in cell.runs.items()}
        runs = {repeat: parts for repeat, parts in runs.items() if parts and metric in parts[0]}
        if runs and not cell.control:
            names = {name: getattr(cell, name) for name in ("data", "setting", "place", "model", "method")}
            ends = {name: [part[name] for part in next(iter(runs.values()))] for name in ("from", "to", "questions")}
            values = [[part[metric] for part in parts] for parts in runs.values()]
            found.append(names | {"repeats": list(runs), **ends, "values": values})
    return {"overlap": found} if found else {}


def _listed(names: Sequence[str] | None) -> list[str] | None:
    return None if names is None else list(names)
