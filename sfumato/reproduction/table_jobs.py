"""The runs of a plan as jobs: each with the data of its repeat, of whatever task the table is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sfumato.architecture import Architecture
from sfumato.dataset import DataSet, OwnSet
from sfumato.datasets.catalog import entry
from sfumato.method import Method
from sfumato.reproduction.audit_source import AuditSource, refuse_scores
from sfumato.reproduction.metric_names import OF_AUDIT
from sfumato.reproduction.plan import TablePlan, Wanted
from sfumato.reproduction.retrieval_source import Build, RetrievalSource
from sfumato.reproduction.splits import Source
from sfumato.side_by_side import Job

AnySource = Source | RetrievalSource | AuditSource


def sources(plan: TablePlan, load: Callable[..., Any], build: Build) -> dict[str, AnySource]:
    """Load the sets that the plan needs.

    Parameters
    ----------
    load, build : take a name of the catalogue, and ``load`` a label column; ``build`` is for sets of questions
    """
    found: dict[str, AnySource] = {}
    if plan.table.metric not in OF_AUDIT:
        refuse_scores(plan.models.values(), plan.methods.values())
    for choice in plan.data:
        if entry(choice.name).task == "retrieval":
            found[choice.title] = RetrievalSource.of(choice, plan.scale, build)
            found[choice.title].check(*_parts(plan, choice.title))
            continue
        repeats = replace(plan.table.repeats, number=max(plan.table.repeats.number, 2))
        source = Source(choice, load(choice.name, label=choice.label), plan.scale, repeats)
        found[choice.title] = AuditSource(source) if plan.table.metric in OF_AUDIT else source
        found[choice.title].check(*_parts(plan, choice.title))
    return found


def _parts(plan: TablePlan, title: str) -> tuple[list[Architecture], list[Method]]:
    """Return the models and the methods that are run on a set."""
    runs = [run for run in plan.wanted if run.data == title]
    models, methods = (dict.fromkeys(getattr(run, key) for run in runs) for key in ("model", "method"))
    return [plan.models[one] for one in models], [plan.methods[one] for one in methods]


def table_jobs(plan: TablePlan, found: Mapping[str, AnySource]) -> list[tuple[Wanted, Job]]:
    """Return every wanted run with its job; a repeat's data are made once."""
    made: dict[tuple[Any, ...], DataSet | OwnSet] = {}
    pairs = []
    for run in plan.wanted:
        key = (run.data, run.setting, run.variant, run.repeat)
        if key not in made:
            made[key] = found[run.data].repeat(run.repeat, plan.table.settings[run.setting], run.variant)
        pairs.append((run, plan.job(run, made[key])))
    return pairs
