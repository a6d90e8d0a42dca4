"""The lines that a folder of results holds for the runs of a plan, found without loading any data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from sfumato.errors import missing_torch
from sfumato.methods import METHODS
from sfumato.plain_options import not_default, plain
from sfumato.reproduction.plan import FULL_BATCH_TRAINING, TablePlan, Wanted
from sfumato.reproduction.second_names import under_all_names
from sfumato.run_files import predictions_path
from sfumato.runner import finished

Line = dict[str, Any]
ELSEWHERE = ("encoder", "vectors")  # model options that name files, which stand for their content in a key
FULL_BATCH = ("linear",)


def known_lines(plan: TablePlan, folder: Path) -> dict[Wanted, Line]:
    """Return the lines whose names and settings are those of the plan's runs; only the rows are taken on trust.

    Without PyTorch, which models cannot be built without, their versions and defaults are taken on trust as well.
    """
    found: dict[tuple[Any, ...], list[Line]] = {}
    for line in under_all_names(finished(folder).values()) if folder.exists() else ():
        found.setdefault(_named(line), []).append(line)
    fits = _as_built if not missing_torch() and plan.vectors_are_there() else _as_the_file_says
    known = {}
    for run in plan.wanted:
        name = (run.data, run.setting, run.variant, run.model, run.method, run.control, run.repeat)
        for line in found.get(name, ()):
            if fits(plan, run, line["settings"]):
                known[run] = line
    return known


def _named(line: Line) -> tuple[Any, ...]:
    names = ("data", "setting", "variant", "model", "method", "control", "seed")
    return tuple(line.get(name) for name in names)


def _as_built(plan: TablePlan, run: Wanted, settings: Mapping[str, Any]) -> bool:
    return _comparable(settings) == _comparable(plan.run(run, "").settings)


def _comparable(settings: Mapping[str, Any]) -> str:
    """Write the settings without what depends on the rows and on where files lie."""
    model = settings["model"]
    options = {name: value for name, value in model["options"].items() if name not in ELSEWHERE}
    rest = {name: value for name, value in settings.items() if name != "data_hash"}
    return json.dumps({**rest, "model": {**model, "options": options}}, sort_keys=True)


def _as_the_file_says(plan: TablePlan, run: Wanted, settings: Mapping[str, Any]) -> bool:
    """Whether nothing in the settings differs from what the table's file says; what a model adds is not in the file."""
    choice, method = plan.table.models[run.model], plan.method(run.method, run.data)
    training = plan.training_settings(run.model)
    if choice.name in FULL_BATCH:
        training = {name: value for name, value in training.items() if name in FULL_BATCH_TRAINING}
    made = {
        "name": method.name,
        "options": not_default(METHODS, method.name, method.options),
        "version": method.version,
    }
    asked = {name: value for name, value in choice.options.items() if name not in ELSEWHERE}
    done = {name: value for name, value in settings["model"]["options"].items() if name not in ELSEWHERE}
    return (
        settings["model"]["name"] == choice.name
        and settings["method"] == json.loads(json.dumps(made, default=plain))
        and all(done.get(name, value) == value for name, value in asked.items())
        and all(settings["training"].get(name, value) == value for name, value in training.items())
    )


def known_classes(
    lines: Mapping[Wanted, Line], folder: Path, before: Mapping[str, Any] | None
) -> dict[Wanted, Sequence[str] | None]:
    """Return the names of the classes of each run that kept label vectors: from its predictions, else from before.

    Parameters
    ----------
    before : the content of the table as it was written earlier
    """
    earlier = {
        (one["place"], one["model"], one["method"]): one.get("classes")
        for one in (before or {}).get("label_embeddings", ())
    }
    return {
        run: _classes(predictions_path(folder, line["key"])) or earlier.get((run.place, run.model, run.method))
        for run, line in lines.items()
        if line.get("label_embeddings")
    }


def _classes(path: Path) -> Sequence[str] | None:
    """Return the names of the classes in a file of predictions, None where there is no file."""
    if not path.exists():
        return None
    import polars as pl

    names: Sequence[str] = json.loads(pl.read_parquet_metadata(path)["classes"])
    return names


def state(plan: TablePlan, folder: Path) -> tuple[int, int, float]:
    """Return how many runs of a plan are done, how many it needs, and the seconds that one took (median, 0: none)."""
    seconds = [line["seconds_in_all"] for line in known_lines(plan, folder).values() if line["status"] == "done"]
    return len(seconds), len(plan.wanted), median(seconds) if seconds else 0.0
