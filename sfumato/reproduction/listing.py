"""Every table with its state: what is run, what it needs, and how long the rest will take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sfumato.reproduction.known import state
from sfumato.reproduction.planning import planned
from sfumato.reproduction.saved import table_folder
from sfumato.reproduction.table_file import read_table_file, table_names
from sfumato.reproduction.table_parts import TableFile
from sfumato.run_report import duration

JOBS = 2  # what the estimate of the time left counts with


OURS = "sfumato"  # what stands for a paper where a table is ours


def listed_tables(output: Path) -> list[dict[str, Any]]:
    """Return one dict a table that comes with the package, by paper, ours last.

    Nothing is loaded but the tables' files and the lines of finished runs; no PyTorch is needed, see `known_lines`.
    """
    tables = sorted(map(read_table_file, table_names()), key=_place)
    return [listed_table(table, output) for table in tables]


def _place(table: TableFile) -> tuple[Any, ...]:
    """Return what tables are sorted by: paper, then name, with numbers in it as numbers."""
    parts = re.split(r"(\d+)", table.name)
    return table.paper == OURS, table.paper, [int(part) if part.isdigit() else part for part in parts]


def listed_table(table: TableFile, output: Path) -> dict[str, Any]:
    """Return name, title, and the runs done and needed at the scales small and full."""
    done, needed, seconds = state(planned(table, scale="small"), table_folder(table.runs_of, "small", output))
    full_done, full_needed, _ = state(planned(table, scale="full"), table_folder(table.runs_of, "full", output))
    left = (needed - done) * seconds / JOBS
    return {
        **{name: getattr(table, name) for name in ("name", "title", "paper", "place")},
        "done": done,
        "needed": needed,
        "left": "–" if done == needed else duration(left) if seconds else "not timed",
        "full_done": full_done,
        "full_needed": full_needed,
    }
