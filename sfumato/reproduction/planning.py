"""From a table and what the user asks of it to a plan, with every name checked."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from sfumato.datasets.catalog import entry
from sfumato.datasets.hub import HUB
from sfumato.datasets.place import VARIABLE
from sfumato.errors import InputError, missing_torch, nearest
from sfumato.measured_test import METRICS, MULTILABEL_METRICS, OF_VOTES
from sfumato.reproduction.metric_names import EVERY_CONTROL, MAIN, OF_AUDIT, OF_GROUPS, RETRIEVAL
from sfumato.reproduction.plan import TablePlan
from sfumato.reproduction.table_parts import TableFile


def planned(
    table: TableFile,
    *,
    scale: str,
    only: Mapping[str, Sequence[str]] | None = None,
    data: str | Path | None = None,
    encoder: str | None = None,
    device: str | None = None,
) -> TablePlan:
    """Return the plan of a table, with every title of ``only`` checked; without PyTorch it can be counted, not run."""

    def num_classes(title: str) -> int:
        choice = table.data[title]
        subset = [step["classes"] for step in choice.damage if step["kind"] == "class-subset"]
        return len(subset[-1]) if subset else entry(choice.name).num_classes(choice.label)

    def several(title: str) -> bool:
        return entry(table.data[title].name).task == "multi-label"

    check_metric(table)
    plan = TablePlan(
        table, scale, dict(only or {}), num_classes, several, encoder, _loop_version(), device, data_folder(data)
    )
    check_only(plan)
    return plan


def _loop_version() -> int:
    if missing_torch():
        return 0
    from sfumato.train import LOOP_VERSION

    return LOOP_VERSION


def check_metric(table: TableFile) -> None:
    """Raise if the metric is not measured on a set: accuracy of several labels a row, or micro-F1 elsewhere."""
    for choice in table.data.values():
        allowed, kind = measured_on(entry(choice.name).task)
        if table.metric not in allowed:
            raise InputError(
                f"table {table.name}: the set {choice.title!r} has {kind}, and metric = {table.metric!r} is not "
                f"measured there; measured are: {', '.join(allowed)}"
            )


def measured_on(task: str) -> tuple[tuple[str, ...], str]:
    """Return the metrics that a set of this task has, and what its rows have."""
    if task == "retrieval":
        return RETRIEVAL, "questions and candidates"
    if task == "multi-label":
        return (*MULTILABEL_METRICS, OF_GROUPS, MAIN), "several labels a row"
    if task == "votes":
        return (*METRICS, *OF_VOTES, OF_GROUPS, MAIN), "votes"
    return (*METRICS, OF_GROUPS, MAIN, *OF_AUDIT), "one label a row"


def check_only(plan: TablePlan) -> None:
    """Raise if ``only`` has a key, or a title, that the table has not."""
    table = plan.table
    known: dict[str, Sequence[str]] = {
        "data": tuple(table.data),
        "setting": tuple(table.settings),
        "model": tuple(table.models),
        "method": tuple(table.methods),
        "control": ("", *EVERY_CONTROL),
        "repeat": [str(number) for number in range(plan.repeats)],
    }
    for key, titles in plan.only.items():
        if key not in known:
            raise InputError(f"--only takes {', '.join(known)}, got {key!r}{nearest(key, known)}")
        for title in titles:
            if str(title) not in known[key]:
                listed = ", ".join(repr(name) for name in known[key])
                alike = next((f" (did you mean {n!r}?)" for n in known[key] if n.lower() == str(title).lower()), None)
                hint = nearest(str(title), known[key]) if alike is None else alike
                raise InputError(f"table {table.name} has no {key} {title!r}{hint}; it has: {listed}")


def data_folder(data: str | Path | None) -> Path | None:
    """Return the folder of the data sets, in which tables also look for word vectors."""
    named = data if data is not None and str(data) != HUB else os.environ.get(VARIABLE)
    return Path(named).expanduser() if named else None
