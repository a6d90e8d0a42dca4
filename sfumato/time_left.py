"""How long the runs that are left will take, from those that have ended: seconds = a + b · size, for each model."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sfumato.side_by_side import Job

Points = list[tuple[int, float]]


class TimeLeft(NamedTuple):
    """Seconds, and what they are: "" an estimate, "at most " a bound, "roughly " where a model is not timed at all."""

    seconds: float
    words: str


def time_left(timed: Sequence[tuple[Job, float]], open_jobs: Sequence[Job], workers: int) -> TimeLeft:
    """Return how long ``open_jobs`` will take with so many workers.

    A model whose runs had one size only has unknown fixed costs: a larger set takes at most so many times as long as it
    is larger, a smaller one at most as long as that. A model that was not timed is taken for the mean of the others.
    """
    points: dict[str, Points] = {}
    for job, seconds in timed:
        points.setdefault(job.run.model, []).append((job.data.size, seconds))
    work, words = 0.0, {""}
    for job in open_jobs:
        own = points.get(job.run.model)
        every = [own] if own else list(points.values())
        work += sum(_seconds(found, job.data.size) for found in every) / len(every)
        words.add("roughly " if own is None else "at most " if _unknown(own, job.data.size) else "")
    return TimeLeft(work / max(min(workers, len(open_jobs)), 1), max(words))  # the vaguest comes last in the alphabet


def timed_first(jobs: Sequence[Job], number: int) -> list[Job]:
    """Return the jobs to time: of the first one's model, the largest, the smallest and a middle set; none of one size.

    A run that waits for another one is not among them. The largest comes first, since the others end beside it.
    """
    sizes = sorted({job.data.size for job in jobs})
    if len(sizes) < 2:
        return []
    wanted = dict.fromkeys((sizes[-1], sizes[0], sizes[len(sizes) // 2]))
    free = [job for job in jobs if job.source is None and job.run.model == jobs[0].run.model]
    found = [next((job for job in free if job.data.size == size), None) for size in wanted]
    return [job for job in found if job is not None][:number]


def _unknown(points: Points, size: int) -> bool:
    return {known for known, _ in points} != {size} and _sizes(points) < 2


def _sizes(points: Points) -> int:
    return len({size for size, _ in points})


def _seconds(points: Points, size: int) -> float:
    if _sizes(points) < 2:
        known = points[0][0]
        return median(seconds for _, seconds in points) * max(1.0, size / max(known, 1))
    fixed, each = line_through(points)
    return fixed + each * size


def line_through(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return a and b of seconds = a + b · size by least squares, neither below zero; two sizes at least."""
    number = len(points)
    size, seconds = (sum(values) / number for values in zip(*points, strict=True))
    spread = sum((x - size) ** 2 for x, _ in points)
    each = sum((x - size) * (y - seconds) for x, y in points) / spread
    if each <= 0:
        return seconds, 0.0
    if seconds - each * size < 0:  # through the origin instead
        return 0.0, sum(x * y for x, y in points) / sum(x * x for x, _ in points)
    return seconds - each * size, each
