"""Long work shows where it is: a bar on a terminal, plain lines when the output is piped."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from shutil import get_terminal_size
from typing import Any

ERASE = "\x1b[K"  # what a terminal takes as: to the end of the line


class Progress:
    """Reports training: loss and dev accuracy of each epoch, and the time left.

    Parameters
    ----------
    title : what is being trained
    echo : writes one plain line; None uses a bar on a terminal and lines on standard error elsewhere
    """

    def __init__(self, title: str = "training", *, echo: Callable[[str], None] | None = None) -> None:
        self.title = title
        self.echo = echo
        self._bar: Any = None
        self._task: Any = None
        self._started = 0.0
        self._total = 0
        self._done = self._before = 0
        self._dev = ""
        self._looks = 0
        self._over = False  # a line that the next look writes over

    @classmethod
    def silent(cls) -> Progress:
        """Return a progress that says nothing."""
        return cls(echo=lambda line: None)

    def start(self, total: int, *, done: int = 0, precision: str = "no") -> None:
        """Begin a run of ``total`` optimizer steps, or go on with it after ``done`` of them."""
        self._started, self._total, self._done, self._before = time.perf_counter(), total, done, done
        if precision == "bf16":
            self._line(f"{self.title}: computing in bf16 where it is safe, this processor has it")
        if self.echo is None and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
            self._bar = Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self.title, total=total, completed=done)

    def step(self, loss: float) -> None:
        """Count one optimizer step."""
        self._done += 1
        if self._bar is not None and self._done % 5 == 0:
            text = f"{self.title}  loss {loss:.3f}{self._dev}"
            self._bar.update(self._task, completed=self._done, description=text)

    def epoch(self, record: Mapping[str, float], epochs: int) -> None:
        """Report the end of an epoch."""
        looked = dev_score(record)
        self._dev = f"  dev {looked[1]:.3f}" if looked else ""
        spent = time.perf_counter() - self._started
        left = spent / max(self._done - self._before, 1) * max(self._total - self._done, 0)
        parts = [f"epoch {round(record['epoch'], 2):g} of {epochs}", f"loss {record['loss']:.4f}"]
        if looked:
            parts += ["dev {} {:.4f}".format(*looked), f"dev log-loss {record['dev_log_loss']:.4f}"]
        if self._bar is None:
            self._line(f"{self.title}: {', '.join(parts)}, {left:.0f} s left")

    def look(self, record: Mapping[str, float]) -> None:
        """Report one look of a full-batch fit at dev: on a terminal over the one before.

        Elsewhere the 1st, 2nd, 4th, 8th ... has a line: a fit looks dozens of times in a second or two.
        """
        self._looks += 1
        name, score = dev_score(record) or ("accuracy", float("nan"))
        parts = f"dev {name} {score:.4f}, dev log-loss {record['dev_log_loss']:.4f}"
        text = f"{self.title}: strength {record['strength']:g}, step {record['step']:.0f}, {parts}"
        if self.echo is None and sys.stderr.isatty():
            room = get_terminal_size().columns - 1  # a line that wraps could not be written over
            print(f"\r{text[:room]}{ERASE}", end="", file=sys.stderr, flush=True)
            self._over = True
        elif not self._looks & (self._looks - 1):
            self._line(text)

    def deletions(self, done: int, total: int) -> None:
        """Report how many words were deleted, a line for each block of them."""
        self._line(f"{self.title}: {done:,} of {total:,} words deleted")

    @contextmanager
    def running(self, total: int, *, done: int = 0, precision: str = "no") -> Iterator[None]:
        """Start, and take the bar away again however the run ends."""
        self.start(total, done=done, precision=precision)
        try:
            yield
        finally:
            self.end()

    @contextmanager
    def ended(self) -> Iterator[None]:
        """Leave no bar and no line of a look behind, however the work ends."""
        try:
            yield
        finally:
            self.end()

    def end(self) -> None:
        """Take the bar away, and the line of the last look."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self._over:
            print(f"\r{ERASE}", end="", file=sys.stderr, flush=True)
            self._over = False

    def _line(self, text: str) -> None:
        if self.echo is not None:
            self.echo(text)
        else:
            print(text, file=sys.stderr, flush=True)


def dev_score(record: Mapping[str, float]) -> tuple[str, float] | None:
    """Return the name and value of the score that a look at dev is judged by, None without dev."""
    for key, name in (("dev_accuracy", "accuracy"), ("dev_micro_f1", "micro-F1")):
        if key in record:
            return name, record[key]
    return None
