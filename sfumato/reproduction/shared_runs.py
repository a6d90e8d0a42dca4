"""Runs that another table has finished: a key names all that decides a result, so their lines stand here too."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sfumato.run_files import predictions_path, record_path
from sfumato.runner import RESULTS, append, finished, is_done, only_writer
from sfumato.side_by_side import Job

Line = dict[str, Any]


def take_over(jobs: Sequence[Job], folder: Path) -> dict[str, int]:
    """Copy into ``folder`` the runs that folders beside it have finished, files and all.

    Returns
    -------
    The name of each folder that runs were taken from, and how many.

    Raises
    ------
    InputError
        if another process is at work in ``folder``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    taken: dict[str, int] = {}
    with only_writer(folder):
        lines = finished(folder)
        wanted = {job.run.key: job for job in jobs if not is_done(job, lines.get(job.run.key), folder)}
        for other in _neighbours(folder) if wanted else ():
            for job, line in _done(wanted, other):
                _copy(job, line, other, folder)
                del wanted[job.run.key]
                taken[other.name] = taken.get(other.name, 0) + 1
    return taken


def _neighbours(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.parent.glob(f"*/{RESULTS}") if path.parent != folder)


def _done(wanted: Mapping[str, Job], other: Path) -> Iterator[tuple[Job, Line]]:
    """Yield what is wanted and done in a folder; only its lines are read, and a folder that is no table's is passed."""
    last: dict[str, Line] = {}
    for text in (other / RESULTS).read_bytes().split(b"\n"):
        if (key := text[9:41].decode("ascii", "replace")) in wanted:  # {"key": "..."
            try:
                last[key] = json.loads(text)
            except ValueError:  # a process was killed as it wrote
                continue
    for key, line in last.items():
        if is_done(wanted[key], line, other):
            yield wanted[key], line


def _copy(job: Job, line: Line, other: Path, folder: Path) -> None:
    """Copy the files, then the line, which makes the run a finished one, under the names that it has in this table."""
    key = job.run.key
    predictions_path(folder, key).parent.mkdir(parents=True, exist_ok=True)
    for path_of in (record_path, predictions_path):
        if path_of(other, key).exists():
            shutil.copyfile(path_of(other, key), path_of(folder, key))
    line = {name: value for name, value in line.items() if name != "also"}  # names of that table
    append(folder / RESULTS, {**line, **job.run.label})
