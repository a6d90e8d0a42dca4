"""The lines that a folder of results holds for the runs of a plan, found without loading any data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from sfumato.reproduction.plan import TablePlan, Wanted
from sfumato.runner import finished

Line = dict[str, Any]
ELSEWHERE = ("encoder", "vectors")  # model options that name files, which stand for their content in a key


def known_lines(plan: TablePlan, folder: Path) -> dict[Wanted, Line]:
    """Return the lines whose names and settings are those of the plan's runs; only the rows are taken on trust."""
    found: dict[tuple[Any, ...], list[Line]] = {}
    for line in finished(folder).values() if folder.exists() else ():
        found.setdefault(_named(line), []).append(line)
    known = {}
    for run in plan.wanted:
        name = (run.data, run.setting, run.variant, run.model, run.method, run.control, run.repeat)
        for line in found.get(name, ()):
            if _comparable(line["settings"]) == _comparable(plan.run(run, "").settings):
                known[run] = line
    return known


def _named(line: Line) -> tuple[Any, ...]:
    names = ("data", "setting", "variant", "model", "method", "control", "seed")
    return tuple(line.get(name) for name in names)


def _comparable(settings: Mapping[str, Any]) -> str:
    """Write the settings without what depends on the rows and on where files lie."""
    model = settings["model"]
    options = {name: value for name, value in model["options"].items() if name not in ELSEWHERE}
    rest = {name: value for name, value in settings.items() if name != "data_hash"}
    return json.dumps({**rest, "model": {**model, "options": options}}, sort_keys=True)


def state(plan: TablePlan, folder: Path) -> tuple[int, int, float]:
    """Return how many runs of a plan are done, how many it needs, and the seconds that one took (median, 0: none)."""
    seconds = [line["seconds_in_all"] for line in known_lines(plan, folder).values() if line["status"] == "done"]
    return len(seconds), len(plan.wanted), median(seconds) if seconds else 0.0
