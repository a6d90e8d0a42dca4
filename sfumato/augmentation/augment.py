"""Copies of texts: `sfumato.augment`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sfumato.augmentation.block import Block
from sfumato.augmentation.draws import Keys
from sfumato.augmentation.registered import AUGMENTERS, Augmenter
from sfumato.augmentation.units import split_texts
from sfumato.errors import InputError
from sfumato.registry import check_whole
from sfumato.targets import Integers

MOST_COPIES = 1000
TRIES = 8  # further draws for a copy that is there already
BLOCK = 1 << 16  # characters worked on at a time: what a processor's cache holds
PART = 1 << 21  # characters that a process gets at a time, at most
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}


class Augmented(list[list[str]]):
    """The copies of each text, in the order of the texts, and how many of them are not new.

    Attributes
    ----------
    method : the way of augmenting
    copies : of each text
    unchanged : copies that are the text itself: no draw changed it, or there is nothing to change
    repeated : copies that are the same as an earlier copy of their text
    redrawn : draws that were thrown away for one of the two
    notes : sentences that a user should read
    """

    def __init__(self, lists: Sequence[list[str]] = (), *, method: str = "", copies: int = 0) -> None:
        super().__init__(lists)
        self.method = method
        self.copies = copies
        self.unchanged = self.repeated = self.redrawn = 0
        self.notes: tuple[str, ...] = ()

    def report(self) -> str:
        """Return what was made, in words."""
        made = sum(map(len, self))
        lines = [f"{made:,} copies of {len(self):,} texts by {self.method}"]
        if self.unchanged:
            lines.append(f"{self.unchanged:,} of them are the text itself: nothing in it could be changed")
        if self.repeated:
            lines.append(f"{self.repeated:,} repeat an earlier copy: the text is too short for so many different ones")
        return "\n".join([*lines, *self.notes])


def augment(
    texts: Sequence[str],
    method: str = "aeda",
    *,
    copies: int = 1,
    seed: int = 0,
    rows: Sequence[int] | Integers | None = None,
    jobs: int = 1,
    **options: Any,
) -> Augmented:
    """Return ``copies`` new texts for each text, ``result[i][k]``; the labels stay what they were.

    A copy depends on its text, ``seed``, its row and its number alone: not on the other texts, nor on ``jobs``, nor
    on how many copies are asked for. A copy that is the text itself, or an earlier copy, is drawn again up to 8
    times; where that does not help it stays, and is counted.

    Parameters
    ----------
    method : ``aeda``, ``eda`` or ``lcda-text``
    copies : 1 to 1000
    rows : a number for each text, such as its id, by which its draws are keyed; its place from 0 if not given
    jobs : processes; sending texts to them costs about as much as making copies, see benchmarks/augment.md
    options : of the method

    Raises
    ------
    InputError
        for a text that is no string, a method or an option that does not exist, or a value out of its range.
    """
    given = check_texts(texts)
    check_whole("augment", "seed", seed, 0, 2**63 - 1)
    check_whole("augment", "jobs", jobs, 1, 256)
    check_copies(copies, texts=len(given), characters=sum(map(len, given)))
    augmenter = AUGMENTERS.build(method, options)
    keys = Keys(int(seed), check_rows(rows, len(given)))
    parts = _parts(given, BLOCK if jobs == 1 else part_size(given, int(jobs)))
    made = Augmented(method=method, copies=int(copies))
    made.notes = augmenter.notes
    for part in _each_part(augmenter, given, keys, parts, int(copies), int(jobs)):
        made.extend(part)
        made.unchanged += part.unchanged
        made.repeated += part.repeated
        made.redrawn += part.redrawn
    return made


def check_texts(texts: Sequence[str]) -> list[str]:
    """Return the texts as a list; raise for one that is no string."""
    if isinstance(texts, str):
        raise InputError(f"augment takes a list of texts, got one string; write [{texts[:40]!r}]")
    if hasattr(texts, "columns"):
        raise InputError("augment takes a list of texts, got a table; give one column of it")
    given = list(texts)
    if set(map(type, given)) - {str} and not all(isinstance(text, str) for text in given):
        wrong = next(i for i, text in enumerate(given) if not isinstance(text, str))
        raise InputError(f"text {wrong + 1} must be a string, got {given[wrong]!r:.60}")
    return given


def check_copies(copies: int, *, owner: str = "augment", texts: int | None = None, characters: int = 0) -> None:
    """Raise unless there are 1 to 1000 copies, and say what so many would come to."""
    if not isinstance(copies, int | np.integer) or isinstance(copies, bool):
        raise InputError(f"{owner}: copies must be a whole number, got {copies!r}")
    if copies < 1:
        raise InputError(f"{owner}: copies must be at least 1, got {copies}: no copy would be made")
    if copies > MOST_COPIES:
        size = f"{copies:,} copies of each row" if texts is None else f"{copies * texts:,} texts"
        gigabytes = copies * characters / 1e9
        size += f", about {gigabytes:,.{0 if gigabytes >= 10 else 3}f} GB together" if characters else ""
        raise InputError(f"{owner}: copies must be at most {MOST_COPIES}, got {copies}: that would be {size}")


def check_rows(rows: Sequence[int] | Integers | None, count: int) -> Integers:
    """Return the number of each row, (N,)."""
    if rows is None:
        return np.arange(count, dtype=np.int64)
    given = np.asarray(rows)
    if given.shape != (count,) or (count and given.dtype.kind not in "iu"):
        raise InputError(f"rows must be one whole number a text ({count}), got {given.dtype} of shape {given.shape}")
    return given.astype(np.int64)


def _parts(texts: Sequence[str], size: int) -> list[slice]:
    """Return slices of about ``size`` characters; a longer text stands alone."""
    ends = np.cumsum(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1)
    slices, start, done = [], 0, 0
    while start < len(texts):
        stop = max(int(np.searchsorted(ends, done + size, side="right")), start + 1)
        slices.append(slice(start, stop))
        start, done = stop, int(ends[stop - 1])
    return slices


def part_size(texts: Sequence[str], jobs: int) -> int:
    """Return how many characters a process gets at a time: enough parts for all, none too small to be worth it."""
    return min(max(sum(map(len, texts)) // (2 * jobs), BLOCK), PART)


def _each_part(
    augmenter: Augmenter, texts: list[str], keys: Keys, parts: list[slice], copies: int, jobs: int
) -> Iterator[Augmented]:
    """Yield the copies of each part, in order, made here or in processes."""
    arguments = ((augmenter, texts[part], replace(keys, rows=keys.rows[part]), copies) for part in parts)
    if jobs == 1 or len(parts) < 2:
        yield from (copies_of(*each) for each in arguments)
        return
    from loky import get_reusable_executor

    pool = get_reusable_executor(max_workers=jobs, timeout=10, env=ONE_THREAD)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs")  # loky renews a grown worker
        try:
            yield from pool.map(copies_of, *zip(*arguments, strict=True))
        except BaseException:  # also Ctrl-C: no process goes on unseen
            pool.shutdown(wait=True, kill_workers=True)
            raise


def copies_of(augmenter: Augmenter, texts: list[str], keys: Keys, copies: int) -> Augmented:
    """Return the copies of some texts; ``keys`` has their rows."""
    nothing: list[str] = []
    made = Augmented([nothing] * len(texts))
    for part in _parts(texts, BLOCK):  # blocks change nothing but the speed
        for index, block in split_texts(texts[part], augmenter.unit, protect=augmenter.protect):
            chosen = index + part.start
            _write_all(made, augmenter, chosen, block, replace(keys, rows=keys.rows[chosen]), copies)
    return made


def _write_all(
    made: Augmented,
    augmenter: Augmenter,
    chosen: Integers,
    block: Block,
    keys: Keys,
    copies: int,
) -> None:
    """Add the copies of the texts of one block to ``made``, where text i of the block is ``chosen[i]``."""
    columns = []
    known = [{text} for text in block.texts] if copies > 1 else []
    for copy in range(copies):
        written = augmenter.write(block, replace(keys, copy=copy))
        if copies > 1:
            again = [i for i, (text, others) in enumerate(zip(written, known, strict=True)) if text in others]
        else:
            again = [i for i, (text, old) in enumerate(zip(written, block.texts, strict=True)) if text == old]
        if again:
            known = known or [{text} for text in block.texts]
            _write_again(made, augmenter, written, again, known, block, replace(keys, copy=copy))
        columns.append(written)
        for text, others in zip(written, known, strict=False):
            others.add(text)
    for k, own in zip(chosen.tolist(), zip(*columns, strict=True), strict=True):
        made[k] = list(own)


def _write_again(
    made: Augmented,
    augmenter: Augmenter,
    written: list[str],
    again: list[int],
    known: list[set[str]],
    block: Block,
    keys: Keys,
) -> None:
    """Draw the texts ``again`` anew until they are new, or as often as is allowed, and count those that are not."""
    for attempt in range(1, TRIES + 1):
        index = np.array(again)
        made.redrawn += len(again)
        anew = augmenter.write(block.take(index), replace(keys, rows=keys.rows[index], attempt=attempt))
        for i, text in zip(again, anew, strict=True):
            written[i] = text
        again = [i for i in again if written[i] in known[i]]
        if not again:
            return
    unchanged = sum(written[i] == block.texts[i] for i in again)
    made.unchanged += unchanged
    made.repeated += len(again) - unchanged
