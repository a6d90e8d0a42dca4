"""The rows that choose: cut off the training rows, or a table of their own, and how many there are."""

from __future__ import annotations

from typing import Any

import numpy as np

from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.registry import check_range
from sfumato.shots import EVERY, few_rows, few_rows_and_dev
from sfumato.targets import Integers

SHARE = 0.1  # of the rows, that choose
FEW = 10  # dev rows below which a score is hardly one


def cut_dev(
    examples: Examples, dev: Any, *, seed: int, text: Any, label: Any, bad_rows: str, **more: Any
) -> tuple[Examples, Examples | None, list[str]]:
    """Return train, dev and notes: a stratified cut with duplicates on one side, or a table of its own.

    Trusted rows stay in train, see `free_rows`.
    """
    from sfumato.source import read_beside

    if isinstance(dev, bool) or dev is None or (isinstance(dev, int | float) and dev == 0):
        return examples, None, ["no dev rows: nothing is chosen, nothing is calibrated"]
    if not isinstance(dev, int | float):
        kept, notes = read_beside(dev, examples, text=text, label=label, bad_rows=bad_rows, **more)
        return examples, kept, notes
    check_range("fit", "dev", dev, 0, 0.9 if isinstance(dev, float) else len(examples) - 1, open_low=True)
    share, size = (dev, None) if isinstance(dev, float) else (None, dev)
    try:
        rest, cut = split_dev(examples, share=share, size=size, seed=seed)
    except InputError as error:
        return examples, None, [f"no dev rows ({error}): nothing is chosen, nothing is calibrated"]
    said = few_dev_rows(len(cut), examples.num_classes) if isinstance(dev, int) else []
    return examples.take(rest), examples.take(cut), said


def split_dev(
    examples: Examples, *, share: float | None = None, size: int | None = None, seed: int
) -> tuple[Integers, Integers]:
    """Return the rows to train on and those of dev, cut by `sfumato.split.split_rows`; trusted rows stay in train."""
    from sfumato.split import split_rows, wanted_rows

    wanted = wanted_rows(len(examples), share, size)
    free = free_rows(examples, wanted)
    if len(free) == len(examples):
        return split_rows(examples.labels, examples.inputs, share=share, size=size, seed=seed)
    drawn = examples.take(free)  # a share is of all rows
    chosen = free[split_rows(drawn.labels, drawn.inputs, size=wanted, seed=seed)[1]]
    return np.setdiff1d(np.arange(len(examples)), chosen), chosen


def free_rows(examples: Examples, wanted: int) -> Integers:
    """Return the rows that dev may be drawn from: all but the trusted ones, which training needs more, and their texts.

    Where they are more than half of the rows, or leave too few for ``wanted`` dev rows, dev may have some of them too.
    """
    from sfumato.split import group_by_text

    every = np.arange(len(examples))
    if examples.trusted is None:
        return every
    groups = group_by_text(examples.inputs)
    free = np.sort([row for group in groups if not examples.trusted[group].any() for row in group]).astype(np.int64)
    return free if 2 * len(free) >= len(examples) and len(free) > wanted else every


def cut_few(
    examples: Examples, dev: Any, *, shots: int | None, dev_shots: int | str | None, seed: int, **columns: Any
) -> tuple[Examples, Examples | None, list[str]]:
    """Return train, dev and notes as `cut_dev` does, with ``shots`` rows of each class in train, and dev as small.

    A number or share of dev rows that is not the default says how large dev is; so does ``dev_shots="all"``.
    """
    if shots is None:
        return cut_dev(examples, dev, seed=seed, **columns)
    share = isinstance(dev, int | float) and bool(dev)
    if share and dev == SHARE and dev_shots != EVERY:
        train, kept, note = few_rows_and_dev(examples, shots, int(dev_shots or shots), seed=seed)
        return train, kept, [note]
    if (dev is None or isinstance(dev, int | float)) and dev_shots not in (None, EVERY):  # None and 0: no dev at all
        raise InputError(f"fit: dev={dev!r} and dev_shots={dev_shots!r} both say how large dev is; give one of them")
    train, table, said = cut_dev(examples, dev, seed=seed, **columns)
    few, note = few_rows(train, shots, seed=seed)
    if table is None or share or dev_shots == EVERY:
        return few, table, [*said, f"train: {note}"]
    known = table.take(np.flatnonzero(table.labels >= 0))
    cut, of_dev = few_rows(known, int(dev_shots or shots), seed=seed)
    unseen = len(table) - len(known)
    of_dev += f", {unseen} rows left out whose label training never saw" if unseen else ""
    return few, cut, [*said, f"train: {note}; dev: {of_dev}"]


def few_dev_rows(rows: int, classes: int) -> list[str]:
    """Say that so many rows can hardly choose anything."""
    if rows >= max(FEW, classes):
        return []
    reason = f"for {classes} classes" if rows < classes else "which is few"
    return [
        f"only {rows} dev rows, {reason}: their scores, and what they choose (epoch, temperature), are mostly chance; "
        f"give at least {max(FEW, classes)}, or a share such as 0.1"
    ]
