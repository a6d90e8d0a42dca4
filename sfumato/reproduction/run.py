"""`reproduce`: the runs of a table that are not done yet, then the table itself, beside the published numbers."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sfumato.controls import CONTROLS
from sfumato.datasets.catalog import entry
from sfumato.datasets.place import VARIABLE
from sfumato.errors import InputError, MissingExtraError, nearest, require_torch
from sfumato.experiment import execute, failed
from sfumato.json_text import json_text
from sfumato.registry import check_whole
from sfumato.reproduction.judging import differences, over_sets
from sfumato.reproduction.known import known_lines
from sfumato.reproduction.plan import TablePlan, Wanted, sources, table_jobs
from sfumato.reproduction.results import rows, table_cells
from sfumato.reproduction.table_file import read_table_file
from sfumato.reproduction.table_parts import TableFile
from sfumato.run_report import RunReport
from sfumato.runner import RESULTS, append, run_all
from sfumato.side_by_side import Job

Line = dict[str, Any]
TABLE = "table.json"


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
    echo: Callable[[str], None] | None = None,
) -> Reproduction:
    """Run what a table needs and is not done, and return it beside the published numbers.

    Parameters
    ----------
    table : the name of a table that comes with sfumato, or a TOML file of your own
    scale : ``smoke`` (200 rows, one epoch, kept nowhere), ``small`` or ``full`` (as in the paper)
    only : narrows the runs, title by title: ``{"model": ["TextCNN"]}``
    output : folder below which the table has one of its own; a run that is in it is not done again
    data : folder of the data sets; else that of ``SFUMATO_DATA``, else the hub
    encoder : folder or hub id of the encoder that takes the place of the table's

    Raises
    ------
    InputError
        for a table, a title or an option that there is not; all of it is checked before the first run.
    """
    check_whole("reproduce", "jobs", jobs, 1, 1024)
    require_torch("reproduce")
    plan = planned(read_table_file(table), scale=scale, only=only, data=data, encoder=encoder, device=device)
    if not plan.wanted:
        raise InputError(f"nothing of {plan.table.name} is left to run; {_why_nothing(plan)}")
    from sfumato.datasets import load

    made = sources(plan, lambda name, **options: load(name, data=data, **options))
    pairs = table_jobs(plan, made)
    if scale == "full":
        _say(f"{plan.table.name} at full scale needs {len(pairs):,} runs. {plan.scale.note}".strip(), echo)
    with _folder(plan, output) as folder:
        lines = _run(plan, pairs, folder, jobs, echo)
        notes = sorted({note for _, job in pairs for note in job.data.notes})
        classes = {run: tuple(job.data.train.classes) for run, job in pairs}
        by_run = {run: line for (run, _), line in zip(pairs, lines, strict=True)}
        if plan.only and scale != "smoke":  # what was run before stays in the table
            plan = replace(plan, only={})
            by_run = {**known_lines(plan, folder), **by_run}
        content = judged(plan, by_run, folder, notes, classes)
        if scale != "smoke" and (missing := save(content, table_folder(plan.table.name, scale, output))):
            _say(missing, echo)
    return Reproduction(plan.table, content, lines)


def planned(
    table: TableFile,
    *,
    scale: str,
    only: Mapping[str, Sequence[str]] | None = None,
    data: str | Path | None = None,
    encoder: str | None = None,
    device: str | None = None,
) -> TablePlan:
    """Return the plan of a table, with every title of ``only`` checked."""
    from sfumato.train import LOOP_VERSION

    def num_classes(title: str) -> int:
        choice = table.data[title]
        subset = [step["classes"] for step in choice.damage if step["kind"] == "class-subset"]
        return len(subset[-1]) if subset else entry(choice.name).num_classes(choice.label)

    plan = TablePlan(table, scale, dict(only or {}), num_classes, encoder, LOOP_VERSION, device, data_folder(data))
    check_only(plan)
    return plan


def check_only(plan: TablePlan) -> None:
    """Raise if ``only`` has a key, or a title, that the table has not."""
    table = plan.table
    known: dict[str, Sequence[str]] = {
        "data": tuple(table.data),
        "setting": tuple(table.settings),
        "model": tuple(table.models),
        "method": tuple(table.methods),
        "control": ("", *CONTROLS),
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
    named = data if data is not None else os.environ.get(VARIABLE)
    return Path(named).expanduser() if named else None


def _why_nothing(plan: TablePlan) -> str:
    cut = "; ".join(f"{key}: {', '.join(titles)}" for key, titles in plan.cut().items())
    hint = "" if plan.encoder else "; encoders need --encoder FOLDER below the full scale"
    return f"cut at scale {plan.scale_name}: {cut or 'nothing'}{hint}; --only keeps: {dict(plan.only) or 'all'}"


@contextmanager
def _folder(plan: TablePlan, output: str | Path) -> Iterator[Path]:
    """The folder of the table's results; smoke has one that is gone afterwards."""
    if plan.scale_name == "smoke":
        with tempfile.TemporaryDirectory(prefix="sfumato-") as folder:
            yield Path(folder)
        return
    yield table_folder(plan.table.runs_of, plan.scale_name, output)


def table_folder(name: str, scale: str, output: str | Path = "results") -> Path:
    """Return where the results of a table lie: small ones under its name, full ones beside them."""
    return Path(output) / (name if scale == "small" else f"{name}-{scale}")


def _run(
    plan: TablePlan, pairs: Sequence[tuple[Wanted, Job]], folder: Path, workers: int, echo: Callable[[str], None] | None
) -> list[Line]:
    report = RunReport(echo)
    try:
        if plan.scale_name == "smoke":  # seconds: no process is started for it
            return list(_here([job for _, job in pairs], folder, report))
        return run_all([job for _, job in pairs], folder, workers=workers, report=report)
    finally:
        report.end()


def _here(todo: Sequence[Job], folder: Path, report: RunReport) -> Iterator[Line]:
    for number, job in enumerate(todo, start=1):
        try:
            line = execute(job.run, job.data, folder, source=job.source)
        except Exception as error:
            line = failed(job.run, error)
        append(folder / RESULTS, line)
        report(line, number, len(todo), None)
        yield line


def _say(text: str, echo: Callable[[str], None] | None) -> None:
    report = RunReport(echo)
    try:
        report.say(text)
    finally:
        report.end()


def judged(
    plan: TablePlan,
    lines: Mapping[Wanted, Line],
    folder: Path,
    notes: Sequence[str],
    classes: Mapping[Wanted, Sequence[str]],
) -> dict[str, Any]:
    """Return all that a page of the table says, from the lines and the predictions in ``folder``."""
    table = plan.table
    cells = table_cells(plan, lines)
    compared = differences(plan, cells, folder)
    return {
        **{name: getattr(table, name) for name in ("name", "title", "paper", "place", "metric", "baseline", "level")},
        **{name: getattr(table, name) for name in ("bold", "own_test", "explanation")},
        "scale": plan.scale_name,
        "scale_note": plan.scale.note,
        "sizes": {"rows": plan.scale.rows, "test_rows": plan.scale.test_rows},
        "repeats": {"kind": table.repeats.kind, "number": plan.repeats},
        "figure": dict(table.figure),
        "settings": {title: setting.x for title, setting in table.settings.items()},
        "data_notes": {choice.title: choice.note for choice in table.data.values() if choice.note},
        "cut": plan.cut(),
        "needed": len(plan.wanted),
        "done": sum(line["status"] == "done" for line in lines.values()),
        "rows": rows(plan, cells),
        "differences": compared,
        "over_sets": over_sets(
            compared, table, {choice.title: entry(choice.name).family for choice in table.data.values()}
        ),
        "curves": curves(lines),
        "label_embeddings": label_embeddings(lines, classes),
        "failed": [
            {"run": str(run), "error": line["error"]} for run, line in lines.items() if line["status"] != "done"
        ],
        "notes": sorted({*notes, *(said for line in lines.values() for said in line.get("warnings", ()))}),
    }


def curves(lines: Mapping[Wanted, Line]) -> list[dict[str, Any]]:
    """Return the looks at dev of each run that kept them."""
    return [
        {"place": run.place, "model": run.model, "method": run.method, "control": run.control, "repeat": run.repeat}
        | {"history": line["history"]}
        for run, line in lines.items()
        if line.get("history")
    ]


def label_embeddings(lines: Mapping[Wanted, Line], classes: Mapping[Wanted, Sequence[str]]) -> list[dict[str, Any]]:
    """Return the vectors of the labels that methods learned, with the labels' names, of the first repeat."""
    return [
        {"place": run.place, "model": run.model, "method": run.method}
        | {"classes": list(classes[run]), "vectors": line["label_embeddings"]}
        for run, line in lines.items()
        if line.get("label_embeddings") and run.repeat == 0 and not run.control
    ]


def save(content: Mapping[str, Any], folder: Path) -> str:
    """Write ``table.json``, the table as Markdown, LaTeX and CSV, and its figure; return what it lacks."""
    from sfumato.reproduction.figures import save_figure, unreadable
    from sfumato.reproduction.render import csv_text, latex, markdown

    written = {
        TABLE: json_text(content) + "\n",
        "table.md": markdown(content),
        "table.tex": latex(content),
        "table.csv": csv_text(content),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in written.items():
        part = folder / f".{name}.part"
        part.write_text(text, encoding="utf-8")
        part.replace(folder / name)
    if not content["figure"]:
        return ""
    try:
        save_figure(content, folder)
    except (InputError, MissingExtraError) as error:
        return f"no new figure: {error}"
    return unreadable(content)
