"""Tables about finding wrong labels: a run scores the rows of train, some of which were given another label."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sfumato.architecture import Architecture
from sfumato.auditing.scores import SCORES, UNTRAINED, check_scores, doubt
from sfumato.data import Examples
from sfumato.environment import peak_memory
from sfumato.errors import InputError
from sfumato.execution import around
from sfumato.method import Method
from sfumato.reproduction.splits import Source
from sfumato.reproduction.table_parts import Setting, TableFile
from sfumato.run_files import predictions_path

if TYPE_CHECKING:
    from sfumato.experiment import Line, Run

AUDIT_VERSION = 1
"""Raised whenever the same settings score or measure rows differently; part of every result's key."""

FIRST = 100  # rows of which the precision is told as well
OF_CLEANLAB = ("cleanlab-score", "confident-learning")


@dataclass(frozen=True, eq=False)
class AuditSet:
    """The rows of train as they are written down, and which of them are wrong.

    Attributes
    ----------
    name : what tables call it
    examples : the N rows
    wrong : (N,) bool
    notes : what there is to say about it
    """

    name: str
    examples: Examples
    wrong: NDArray[np.bool_]
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the rows."""
        return self.examples.classes

    @cached_property
    def fingerprint(self) -> str:
        """A hash of every text, of its label and of whether that is wrong."""
        digest = sha256(f"audit {AUDIT_VERSION}".encode() + "\x1f".join(self.classes).encode())
        digest.update(self.examples.labels.astype("<i8").tobytes() + np.packbits(self.wrong).tobytes())
        for text in self.examples.inputs:
            digest.update(str(text).encode() + b"\x1e")
        return digest.hexdigest()

    @cached_property
    def size(self) -> int:
        """Characters of all texts, which the time of a run grows with."""
        return sum(map(len, self.examples.inputs))

    def execute(self, run: Run, folder: Path) -> Line:
        """Score the rows, write the scores below ``folder``, and return the result line."""
        started, stamp = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            score = doubt(run.built, self.examples, seed=run.seed)
        seconds = time.perf_counter() - started
        write_scores(predictions_path(folder, run.key), self.examples, self.wrong, score)
        return {
            "key": run.key,
            "status": "done",
            **run.label,
            "metrics": found_by(score, self.wrong),
            "seconds": round(seconds, 3),
            "seconds_in_all": round(time.perf_counter() - started, 3),
            "peak_memory_mb": peak_memory(),
            "n_train": len(self.examples),
            "n_dev": 0,
            "n_test": len(self.examples),
            "n_wrong": int(self.wrong.sum()),
            "warnings": sorted({str(w.message) for w in caught if issubclass(w.category, UserWarning)}),
            "device": "cpu",
            "precision": "float64",
            "threads": 1,
            "started": stamp,
            "environment": around(),
            "settings": run.settings,
        }


@dataclass(frozen=True, eq=False)
class AuditSource:
    """A set of texts as a table about audits uses it."""

    source: Source

    def repeat(self, number: int, setting: Setting, variant: int | None = None) -> AuditSet:
        """Return the rows to train on of a repeat, and which have another label than without the setting's damage."""
        clean, spoilt = (self.source.repeat(number, each, variant) for each in (Setting(), setting))
        if not np.array_equal(clean.train.ids, spoilt.train.ids) or clean.classes != spoilt.classes:
            raise InputError(f"{spoilt.name}: an audit finds changed labels, but its setting leaves out rows")
        wrong = clean.train.labels != spoilt.train.labels
        if not wrong.any():
            raise InputError(f"{spoilt.name}: no label is wrong, so none can be found; give its setting a damage")
        return AuditSet(spoilt.name, spoilt.train, wrong, spoilt.notes)

    def check(self, models: Iterable[Architecture], methods: Iterable[Method]) -> None:
        """Raise if a model of the table would be trained, or a method cannot read this set or scores no rows."""
        trained = [model.name for model in models if model.name != UNTRAINED]
        if trained:
            raise InputError(f"a table about audits trains no {trained[0]!r}: give it the model {UNTRAINED!r}")
        methods = list(methods)
        for method in methods:
            check_scores(method)
        self.source.check([], methods)


def refuse_scores(models: Iterable[Architecture], methods: Iterable[Method]) -> None:
    """Raise for what only ranks rows in a table that trains: it would stand there as hard labels."""
    ranking = [method.name for method in methods if method.name in SCORES]
    ranking += [model.name for model in models if model.name == UNTRAINED]
    if ranking:
        raise InputError(f'{ranking[0]} trains nothing; it is for tables with metric = "average_precision"')


def found_by(score: NDArray[np.float64], wrong: NDArray[np.bool_]) -> dict[str, float]:
    """Return the average precision of a ranking (N,), and the precision of its first rows."""
    from sklearn.metrics import average_precision_score

    first = np.argsort(-score, kind="stable")[:FIRST]
    return {
        "average_precision": float(average_precision_score(wrong, score)),
        f"precision@{FIRST}": float(wrong[first].mean()),
    }


def write_scores(path: Path, examples: Examples, wrong: NDArray[np.bool_], score: NDArray[np.float64]) -> None:
    """Write, a row a text, its place in the data, whether its label is wrong, and its score."""
    import polars as pl

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    pl.DataFrame({"row": examples.ids, "wrong": wrong, "score": score}).write_parquet(part)
    part.replace(path)


def not_installed(table: TableFile) -> list[str]:
    """Return the rows of a table that need cleanlab, where it is not installed."""
    if find_spec("cleanlab") is not None:
        return []
    return [title for title, choice in table.methods.items() if choice.name in OF_CLEANLAB]
