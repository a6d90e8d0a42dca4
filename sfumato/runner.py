"""Many runs side by side, each in a process of one thread; killed and started again, it skips what is done.

The parent appends one JSON line to ``results.jsonl`` as each run ends, so that a line is never half another's. A run
that fails is a line with its error, tried again the next time; so is one whose process dies.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sfumato.errors import InputError
from sfumato.execution import failed
from sfumato.experiment import Line, TrainFunction
from sfumato.run_files import predictions_path, record_path
from sfumato.side_by_side import Job, side_by_side
from sfumato.time_left import TimeLeft, time_left, timed_first

RESULTS = "results.jsonl"
Report = Callable[[Line, int, int, TimeLeft | None], None]
TIMED = 3
"""The estimate needs so many runs: of the largest, the smallest and a middle set where there are several."""


def run_all(
    jobs: Sequence[Job],
    folder: Path,
    *,
    workers: int = 2,
    train: TrainFunction | None = None,
    report: Report | None = None,
) -> list[Line]:
    """Do the runs that ``folder`` does not hold yet, and return the line of each job, in their order.

    Parameters
    ----------
    workers : processes side by side, at least 1
    report : called as a run ends with its line, the runs done, those in all and the time left (None at first)

    Raises
    ------
    InputError
        if another process is at work in ``folder``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with only_writer(folder):
        return _run_all(jobs, folder, workers=workers, train=train, report=report)


def _run_all(
    jobs: Sequence[Job],
    folder: Path,
    *,
    workers: int,
    train: TrainFunction | None,
    report: Report | None,
) -> list[Line]:
    lines = finished(folder)
    wanted = {job.run.key: job for job in jobs}
    left = {key: job for key, job in wanted.items() if not is_done(job, lines.get(key), folder)}
    number = len(left)
    first = {job.run.key: job for job in timed_first(list(left.values()), TIMED)}
    left = {**first, **left}
    timed: list[tuple[Job, float]] = []
    for job, outcome in side_by_side(list(left.values()), folder, workers=workers, train=train):
        line = failed(job.run, outcome) if isinstance(outcome, BaseException) else outcome
        append(folder / RESULTS, line)
        lines[job.run.key] = line
        del left[job.run.key]
        if line["status"] == "done":
            timed.append((job, line["seconds_in_all"]))
        if report is not None:
            known = len(timed) >= TIMED and not first.keys() & left.keys()
            rest = time_left(timed, list(left.values()), workers) if known else None
            report(line, number - len(left), number, rest)
    return [{**lines[job.run.key], **job.run.label} for job in jobs]  # two names may stand for one run


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the results of ``folder`` for this process; the lock is gone with it, however it ends."""
    try:
        import fcntl  # not on Windows, where nothing keeps two comparisons apart
    except ImportError:
        yield
        return
    with (folder / RESULTS).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"another comparison is writing into {folder}; wait until it has ended, or give another output folder"
            ) from error
        except OSError:  # a file system without locks
            pass
        yield


def is_done(job: Job, line: Line | None, folder: Path) -> bool:
    """A line without its files is not enough: the intervals need the rows, and a control the record."""
    if line is None or line["status"] != "done" or not predictions_path(folder, job.run.key).exists():
        return False
    learns = job.run.built.needs_training and not job.run.control
    return not learns or record_path(folder, job.run.key).exists()


def append(path: Path, line: Mapping[str, Any]) -> None:
    """Add one JSON line and wait until it is on the disk; what a killed process left half-written goes first."""
    with path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        file.write(json.dumps(line, ensure_ascii=False, allow_nan=True).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def finished(folder: Path) -> dict[str, Line]:
    """Return the last line of each key in ``folder``; a truncated last line is as if it were not there.

    Raises
    ------
    InputError
        if a line before the last is not a result.
    """
    path = folder / RESULTS
    *written, _ = path.read_bytes().split(b"\n") if path.exists() else [b""]
    lines: dict[str, Line] = {}
    for number, text in enumerate(written, start=1):
        line: Any = None
        with suppress(ValueError):
            line = json.loads(text)
        if not isinstance(line, dict) or not {"key", "status"} <= line.keys():
            raise InputError(f"{path}, line {number} is not a result of sfumato: {text[:80]!r}; move the file away")
        lines[line["key"]] = line
    return lines
