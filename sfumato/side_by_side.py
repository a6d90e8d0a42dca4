"""Runs in processes of one thread each, side by side, so that one that dies takes no other with it."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfumato.dataset import DataSet, OwnSet
from sfumato.errors import InputError
from sfumato.execution import execute
from sfumato.experiment import Line, Run, TrainFunction

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_WAIT_POLICY": "PASSIVE",  # a waiting thread that spins takes the core from the run beside it
}
IDLE = 10
"""Seconds after which a process without work ends."""


@dataclass(frozen=True, eq=False)
class Job:
    """A run with its data; ``source`` is the run that must be done before, whose record it replays."""

    run: Run
    data: DataSet | OwnSet
    source: Run | None = None


Outcome = tuple[Job, Line | BaseException]


def side_by_side(
    jobs: Sequence[Job], folder: Path, *, workers: int, train: TrainFunction | None = None
) -> Iterator[Outcome]:
    """Yield each job with its line, or the error that ended it, as it ends."""
    if jobs:
        with warnings.catch_warnings(), _pool(min(workers, len(jobs))) as pool:
            warnings.filterwarnings("ignore", message="A worker stopped while some jobs")  # loky renews a grown worker
            yield from _Schedule(jobs, folder, pool, train).outcomes()


class _Pool:
    """Processes of one thread each, kept a while for the next comparison, started anew when one has died."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def submit(self, *arguments: Any, **named: Any) -> Future[Line]:
        future: Future[Line] = self._executor().submit(execute, *arguments, **named)
        return future

    def _executor(self) -> Any:
        # loky starts clean interpreters: a script needs no `if __name__ == "__main__"`, and no thread is forked
        from loky import get_reusable_executor

        return get_reusable_executor(max_workers=self.workers, timeout=IDLE, env=ONE_THREAD)

    def stop(self) -> None:
        """End the processes, whatever they do."""
        self._executor().shutdown(wait=True, kill_workers=True)


@contextmanager
def _pool(workers: int) -> Iterator[_Pool]:
    pool = _Pool(workers)
    try:
        yield pool
    except BaseException:  # also Ctrl-C: no run goes on unseen
        pool.stop()
        raise


class _Schedule:
    """Which job starts next.

    When a process dies, the pool cannot say whose it was: what was running (the suspects) is done again one by one,
    and the job that dies alone is the one to blame.
    """

    def __init__(self, jobs: Sequence[Job], folder: Path, pool: _Pool, train: TrainFunction | None) -> None:
        self.waiting = deque(jobs)
        self.open = {job.run.key for job in jobs}
        self.failed: set[str] = set()
        self.suspects: deque[Job] = deque()
        self.running: dict[Future[Line], Job] = {}
        self.folder, self.pool, self.train = folder, pool, train

    def outcomes(self) -> Iterator[Outcome]:
        """Yield every job once."""
        while self.open:
            yield from self._start()
            if self.running:
                yield from self._collect()

    def _start(self) -> Iterator[Outcome]:
        """Fill the pool; a suspect runs with nothing beside it."""
        if self.suspects and not self.running:
            self._submit(self.suspects.popleft())
            return
        while not self.suspects and len(self.running) < self.pool.workers:
            job = self._next()
            if job is None:
                return
            if job.source is not None and job.source.key in self.failed:
                yield self._end(job, InputError(f"it needs the run of {job.source}, which failed"))
            else:
                self._submit(job)

    def _submit(self, job: Job) -> None:
        future = self.pool.submit(job.run, job.data, self.folder, train=self.train, source=job.source)
        self.running[future] = job

    def _next(self) -> Job | None:
        """Take the first job whose source is not still to be done."""
        for position, job in enumerate(self.waiting):
            if job.source is None or job.source.key not in self.open:
                del self.waiting[position]
                return job
        return None

    def _collect(self) -> Iterator[Outcome]:
        """Wait for the next run to end; if a process died, for all of them."""
        ended, _ = wait(self.running, return_when=FIRST_COMPLETED)
        if any(_died(future) for future in ended):
            ended, _ = wait(self.running)  # the next submit starts the processes anew
        alone = len(self.running) == 1
        for future in ended:
            job = self.running.pop(future)
            if not _died(future):
                yield self._end(job, future.exception() or future.result())
            elif alone:
                yield self._end(job, ChildProcessError("its process was ended from outside or ran out of memory"))
            else:
                self.suspects.append(job)

    def _end(self, job: Job, outcome: Line | BaseException) -> Outcome:
        self.open.discard(job.run.key)
        if isinstance(outcome, BaseException):
            self.failed.add(job.run.key)
        return job, outcome


def _died(future: Future[Line]) -> bool:
    return isinstance(future.exception(), BrokenProcessPool)
