"""What a column of labels cannot be, and what is unusual about one: one class only, ids, numbers, variants of case."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sfumato.errors import InputError

MOST_CLASSES = 10_000


class LabelFault(NamedTuple):
    """Why a column cannot be the label, and what to do; `check` shows it as a finding of this kind."""

    kind: str
    problem: str
    advice: str


def label_faults(counts: Counter[str]) -> list[LabelFault]:
    """Return why labels that occur so often cannot be learned: one class only, ids, or lists of labels."""
    faults, total = [], counts.total()
    example = ", ".join(map(repr, list(counts)[:3]))
    if len(counts) == 1:
        faults.append(LabelFault("one-class", f"one class only, {example}", "a classifier needs two"))
    if len(counts) > MOST_CLASSES or (len(counts) > 20 and len(counts) > 0.5 * total):
        problem = f"{len(counts)} different values in {total} rows ({example}, ...), which look like ids, not classes"
        faults.append(LabelFault("ids-as-labels", problem, "name another column with --label"))
    if counts and all(name.startswith("[") and name.endswith("]") for name in counts):
        problem = f"lists ({example}) that are not written as JSON"
        faults.append(LabelFault("lists-as-labels", problem, 'write each as ["a", "b"], or name another column'))
    return faults


def refuse_labels(source: str, label: str, counts: Counter[str]) -> None:
    """Raise if a column cannot be the label."""
    for fault in label_faults(counts)[:1]:
        raise InputError(f"{source}: the column {label!r} holds {fault.problem}; {fault.advice}")


def describe_labels(counts: Counter[str], label: str) -> list[str]:
    """Say what is accepted but unusual: numbers, variants of case, classes of one row."""
    notes = []
    if all(_is_number(name) for name in counts):
        listed = ", ".join(sorted(counts)[:5]) + (", ..." if len(counts) > 5 else "")
        notes.append(f"the labels in {label!r} are numbers ({listed}); they are read as names of classes")
    for variants in case_variants(counts):
        listed = ", ".join(f"{name!r} ({counts[name]})" for name in variants)
        notes.append(f"labels that differ in case or blanks only are kept apart: {listed}")
    single = sorted(name for name, count in counts.items() if count == 1)
    if single:
        some = ", ".join(map(repr, single[:10])) + (", ..." if len(single) > 10 else "")
        notes.append(f"classes of one row, which stays in the training split: {len(single)} ({some})")
    return notes


def case_variants(names: Sequence[str] | Counter[str]) -> list[list[str]]:
    """Return the groups of labels that are equal but for case and blanks."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(" ".join(name.split()).casefold(), []).append(name)
    return [sorted(group) for group in groups.values() if len(group) > 1]


def _is_number(name: str) -> bool:
    try:
        return math.isfinite(float(name))
    except ValueError:
        return False
