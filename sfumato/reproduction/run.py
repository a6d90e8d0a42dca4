"""`reproduce`: the runs of a table that are not done yet, then the table itself, beside the published numbers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from sfumato.dataset import DataSet
from sfumato.errors import InputError, require_torch
from sfumato.execution import execute, failed
from sfumato.registry import check_whole
from sfumato.reproduction.audit_source import not_installed
from sfumato.reproduction.known import known_classes, known_lines
from sfumato.reproduction.plan import TablePlan, Wanted
from sfumato.reproduction.planning import planned
from sfumato.reproduction.saved import check_writable, save, table_folder, written
from sfumato.reproduction.second_names import tell_all_names
from sfumato.reproduction.shared_runs import take_over
from sfumato.reproduction.table_content import Content, table_content
from sfumato.reproduction.table_file import read_table_file
from sfumato.reproduction.table_jobs import sources, table_jobs
from sfumato.reproduction.table_parts import TableFile
from sfumato.retrieval.build import build
from sfumato.run_report import RunReport
from sfumato.runner import run_all
from sfumato.side_by_side import Job

Line = dict[str, Any]
Echo = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Reproduction:
    """A table at a scale, as far as it is run.

    Attributes
    ----------
    content : what ``table.json`` holds: ``rows``, ``differences``, ``cut``, ``notes``, ``failed`` and the headings
    lines : the line of each run
    """

    table: TableFile
    content: dict[str, Any]
    lines: list[Line]

    def to_markdown(self) -> str:
        """Return ours beside the published numbers, as Markdown."""
        from sfumato.reproduction.render import markdown

        return markdown(self.content)


def reproduce(
    table: str | Path,
    *,
    scale: str = "small",
    only: Mapping[str, Sequence[str]] | None = None,
    jobs: int = 2,
    output: str | Path = "results",
    data: str | Path | None = None,
    encoder: str | None = None,
    device: str | None = None,
    echo: Echo | None = None,
) -> Reproduction:
    """Run what a table needs and is not done, and return it beside the published numbers.

    Parameters
    ----------
    table : the name of a table that comes with sfumato, or a TOML file of your own
    scale : ``smoke`` (200 rows, one epoch, kept nowhere), ``small`` or ``full`` (as in the paper)
    only : narrows the runs, title by title: ``{"model": ["TextCNN"]}``
    output : folder below which the table has one of its own; a run that is in it, or in another table's beside it, is
        not done again
    data : folder of the data sets; else that of ``SFUMATO_DATA``; "hub" fetches them
    encoder : folder or hub id of the encoder that takes the place of the table's

    Raises
    ------
    InputError
        for a table, a title or an option that there is not; all of it is checked before the first run.
    """
    check_whole("reproduce", "jobs", jobs, 1, 1024)
    require_torch("reproduce")
    plan = planned(read_table_file(table), scale=scale, only=only, data=data, encoder=encoder, device=device)
    if left := not_installed(plan.table):
        _say(f"left out, as cleanlab is not installed (pip install 'sfumato[cleanlab]'): {', '.join(left)}", echo)
        asked = plan.only.get("method", tuple(plan.table.methods))
        plan = replace(plan, only={**plan.only, "method": [title for title in asked if title not in left]})
    if not plan.wanted:
        raise InputError(f"nothing of {plan.table.name} is left to run; {_why_nothing(plan)}")
    folders = table_folder(plan.table.runs_of, scale, output), table_folder(plan.table.name, scale, output)
    if scale != "smoke":
        for made in dict.fromkeys(folders):
            check_writable(made)
    pairs = _jobs(plan, data)
    if scale == "full":
        _say(f"{plan.table.name} at full scale needs {len(pairs):,} runs. {plan.scale.note}".strip(), echo)
    if scale == "smoke":  # kept nowhere
        with tempfile.TemporaryDirectory(prefix="sfumato-") as place:
            lines = _here([job for _, job in pairs], Path(place), echo)
            return Reproduction(plan.table, _content(plan, pairs, lines, Path(place), None), lines)
    todo = [job for _, job in pairs]
    for name, number in take_over(todo, folders[0]).items():
        _say(f"{number:,} {'runs are' if number > 1 else 'run is'} taken from {name}, which has the same", echo)
    lines = _run(todo, folders[0], jobs, echo)
    tell_all_names(todo, folders[0])
    content = _content(plan, pairs, lines, folders[0], written(folders[1]))
    if missing := save(content, folders[1]):
        _say(missing, echo)
    return Reproduction(plan.table, content, lines)


def _jobs(plan: TablePlan, data: str | Path | None) -> list[tuple[Wanted, Job]]:
    """Load the data sets, all of which are looked for before the first is read, and return every run with its job."""
    from sfumato.datasets import entry, load
    from sfumato.datasets.load import located

    for choice in plan.data:
        for name in (choice.name, *((choice.test,) if choice.test else ())):
            known = entry(name)
            located(known, data, choice.label or known.label)
    found = sources(plan, lambda name, **options: load(name, data=data, **options), partial(build, data=data))
    return table_jobs(plan, found)


def _content(
    plan: TablePlan, pairs: Sequence[tuple[Wanted, Job]], lines: Sequence[Line], folder: Path, before: Content | None
) -> dict[str, Any]:
    """Return the content of the table; what was run before `only` narrowed it stays in it."""
    notes = {note for _, job in pairs for note in job.data.notes}
    by_run = {run: line for (run, _), line in zip(pairs, lines, strict=True)}
    if plan.only and plan.scale_name != "smoke":
        plan = replace(plan, only={})
        by_run = {**known_lines(plan, folder), **by_run}
        notes |= set(before["notes"] if before else ())
    classes = known_classes(by_run, folder, before) | {run: job.data.classes for run, job in pairs}
    texts = _texts(pairs) if plan.table.cases else {}
    return table_content(plan, by_run, folder, notes=sorted(notes), classes=classes, before=before, texts=texts)


def _texts(pairs: Sequence[tuple[Wanted, Job]]) -> dict[str, dict[int, str]]:
    """Return place to the number of a test row to its text, of the first repeat."""
    tests = {run.place: job.data.test for run, job in pairs if run.repeat == 0 and isinstance(job.data, DataSet)}
    return {place: dict(zip(test.ids.tolist(), test.inputs, strict=True)) for place, test in tests.items()}


def _why_nothing(plan: TablePlan) -> str:
    cut = "; ".join(f"{key}: {', '.join(titles)}" for key, titles in plan.cut().items())
    hint = "" if plan.encoder else "; encoders need --encoder FOLDER below the full scale"
    return f"cut at scale {plan.scale_name}: {cut or 'nothing'}{hint}; --only keeps: {dict(plan.only) or 'all'}"


def _run(todo: Sequence[Job], folder: Path, workers: int, echo: Echo | None) -> list[Line]:
    report = RunReport(echo)
    try:
        return run_all(todo, folder, workers=workers, report=report)
    finally:
        report.end()


def _here(todo: Sequence[Job], folder: Path, echo: Echo | None) -> list[Line]:
    """Do the runs of a smoke test in this process: they take seconds, and no other one is started for them."""
    report, lines = RunReport(echo), []
    try:
        for number, job in enumerate(todo, start=1):
            try:
                line = execute(job.run, job.data, folder, source=job.source)
            except Exception as error:
                line = failed(job.run, error)
            lines.append(line)
            report(line, number, len(todo), None)
    finally:
        report.end()
    return lines


def _say(text: str, echo: Echo | None) -> None:
    report = RunReport(echo)
    try:
        report.say(text)
    finally:
        report.end()
