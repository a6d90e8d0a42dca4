"""Runs of a table that are the same under two names: one line stands for both, and tells both.

Two kinds of noise that move the same rows, for example, leave the same rows once the wrong ones are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sfumato.experiment import Line
from sfumato.runner import RESULTS, append, finished, only_writer
from sfumato.side_by_side import Job


def tell_all_names(jobs: Sequence[Job], folder: Path) -> None:
    """Write each finished line of ``folder`` that lacks a name of its run once more, with that name under "also"."""
    with only_writer(folder):
        lines = finished(folder)
        names: dict[str, list[Mapping[str, Any]]] = {}
        for job in jobs:
            names.setdefault(job.run.key, []).append(job.run.label)
        for key, labels in names.items():
            line = lines.get(key)
            if line is not None and (new := [label for label in labels if not is_named(line, label)]):
                append(folder / RESULTS, {**line, "also": [*line.get("also", ()), *new]})


def is_named(line: Line, label: Mapping[str, Any]) -> bool:
    """Whether a line tells this name."""
    return any(label.items() <= one.items() for one in under_all_names([line]))


def under_all_names(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield each line under each of its names."""
    for line in lines:
        yield line
        for label in line.get("also", ()):
            yield {**line, **label}
