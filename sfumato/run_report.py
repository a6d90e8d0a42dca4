"""Where a comparison is: a bar on a terminal, a line a run when the output is piped."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from sfumato.time_left import TimeLeft


class RunReport:
    """Says what each ended run gave, and how long the rest will take.

    Parameters
    ----------
    echo : writes one plain line; None uses a bar on a terminal and lines on standard error elsewhere
    """

    def __init__(self, echo: Callable[[str], None] | None = None) -> None:
        self.echo = echo
        self._bar: Any = None
        self._task: Any = None
        self._estimated: str | None = None  # in which words
        if echo is None and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            columns = (TextColumn("comparing"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()

    def __call__(self, line: Mapping[str, Any], done: int, total: int, rest: TimeLeft | None) -> None:
        """Report one ended run; the estimate has a line of its own, and another one when it is no mere bound."""
        left = "" if rest is None or done == total else f"{rest.words}{duration(rest.seconds)} left"
        if self._bar is not None:
            self._task = self._bar.add_task("", total=total) if self._task is None else self._task
            self._bar.update(self._task, completed=done, description=left)
        method = f"{line['method']}/{line['control']}" if line["control"] else line["method"]
        name = f"{done}/{total}  {line['data']}  {line['model']}  {method}  seed {line['seed']}"
        if line["status"] == "failed":
            self.say(f"{name}  failed: {line['error']}")
        elif self._bar is None:
            self.say(f"{name}  {main_score(line['metrics'])}  {line['seconds']:.1f} s  {left}".rstrip())
        if rest is not None and left and self._estimated not in (rest.words, ""):
            self._estimated = rest.words
            self.say(f"estimate from the first {done} runs: {left} for the other {total - done}")

    def say(self, text: str) -> None:
        """Write one line."""
        if self.echo is not None:
            self.echo(text)
        elif self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def main_score(metrics: Mapping[str, float]) -> str:
    """Return "accuracy 0.9120", or what stands in its place: of several labels a row, of retrieval, of audits."""
    name = next(name for name in ("micro_f1", "recall@1", "average_precision", "accuracy") if name in metrics)
    return f"{name.replace('_f1', '-F1')} {metrics[name]:.4f}"


def duration(seconds: float) -> str:
    """Return a length of time as people say it: 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
