"""Cuts a part off a table's rows: stratified by class or by labels, and the same text never on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError
from sfumato.images import are_images, content
from sfumato.multilabel_split import cut_groups, deal_folds

Rows = NDArray[np.int64]


def split_rows(
    labels: Rows, texts: Sequence[str], *, share: float | None = None, size: int | None = None, seed: int
) -> tuple[Rows, Rows]:
    """Return the row numbers that stay and those that are cut off, both ascending.

    Rows of equal text form a group, which goes to one side whole. Every class keeps at least one row on the side
    that stays, so a class of one row, or of one text, is never cut. The cut has the wanted size but for the groups
    that do not fit; the classes share it in proportion, by largest remainder.

    Parameters
    ----------
    labels : (N,) class of each row, or (N, C) of 0 and 1, see `sfumato.multilabel_split`; a row without a label is
        one like the others
    texts : N texts
    share, size : how much to cut, one of the two; ``share`` of N is rounded and is at least one row
    seed : of the drawing

    Raises
    ------
    InputError
        if neither or both of share and size are given, if they are out of range, or if no row can be cut
    """
    labels = np.asarray(labels, dtype=np.int64)
    if len(labels) != len(texts):
        raise InputError(f"labels and texts must be equally many, got {len(labels)} and {len(texts)}")
    wanted = wanted_rows(len(labels), share, size)
    groups = group_by_text(texts)
    chosen_groups = cut_groups if labels.ndim == 2 else _cut_by_class
    cut = chosen_groups(labels, groups, wanted=wanted, seed=seed)
    if not cut:
        raise InputError(
            f"no row of {len(labels)} ({len(groups)} different texts) can be cut: exact duplicates stay together, the "
            f"cut has {wanted} rows at most, and every class needs a row that stays; give more different texts or cut "
            "a larger share, or keep no dev rows: --dev 0 (dev=0)"
        )
    chosen = np.sort(np.array([row for group in cut for row in groups[group]], dtype=np.int64))
    return np.setdiff1d(np.arange(len(labels)), chosen, assume_unique=True), chosen


def _cut_by_class(labels: Rows, groups: list[list[int]], *, wanted: int, seed: int) -> list[int]:
    """Return the groups that are cut off, of rows of one label each."""
    classes = labels.tolist()
    counts = [Counter(classes[row] for row in group) for group in groups]
    strata = [max(count, key=lambda name: (count[name], -name)) for count in counts]
    order = np.random.default_rng(seed).permutation(len(groups)).tolist()
    quotas = shares_of(wanted, Counter(classes))
    return _draw(order, counts, strata, quotas, Counter(classes), wanted)


def fold_rows(labels: Rows, texts: Sequence[str], *, folds: int, seed: int) -> Rows:
    """Return the fold, 0 to ``folds - 1``, of each row, ``(N,)``: stratified, equal texts in one fold.

    The texts of a class are dealt out in turn, the largest groups of equal texts first; a class goes on dealing where
    the one before stopped, so that the folds are equally large. Rows of several labels, (N, C) of 0 and 1, are dealt
    by `sfumato.multilabel_split`.

    Raises
    ------
    InputError
        if there are fewer different texts than folds, or fewer than two folds.
    """
    groups = group_by_text(texts)
    if not 2 <= folds <= len(groups):
        raise InputError(f"folds must be at least 2 and at most the {len(groups)} different texts, got {folds}")
    if np.ndim(labels) == 2:
        return deal_folds(labels, groups, folds=folds, seed=seed)
    names = np.asarray(labels).tolist()
    order = np.random.default_rng(seed).permutation(len(groups)).tolist()
    ranked = sorted(
        order, key=lambda g: (Counter(names[row] for row in groups[g]).most_common(1)[0][0], -len(groups[g]))
    )
    fold = np.empty(len(names), dtype=np.int64)
    for place, group in enumerate(ranked):
        fold[groups[group]] = place % folds
    return fold


def wanted_rows(total: int, share: float | None, size: int | None) -> int:
    """Return how many rows to cut."""
    if (share is None) == (size is None):
        raise InputError(f"give either share or size, got share={share!r} and size={size!r}")
    if share is not None:
        if not 0 < share < 1:
            raise InputError(f"the share to cut must be between 0 and 1, got {share!r}")
        return max(1, round(share * total))
    if size is None or not 0 < size < total:
        raise InputError(f"the size to cut must be at least 1 and less than the {total} rows, got {size!r}")
    return size


def group_by_text(texts: Sequence[str]) -> list[list[int]]:
    """Return the rows of each distinct text (or image), in the order of their first row."""
    keys: Sequence[Any] = [content(image) for image in texts] if are_images(texts) else texts
    groups: dict[Any, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def shares_of(wanted: int, counts: Counter[int]) -> dict[int, int]:
    """Divide ``wanted`` rows among the classes in proportion to their counts, by largest remainder.

    A class gives at most all of its rows but one; what it cannot give goes to the others.
    """
    most = {name: count - 1 for name, count in counts.items()}
    quotas = dict.fromkeys(counts, 0)
    left = min(wanted, sum(most.values()))
    while left:
        open_classes = [name for name in counts if quotas[name] < most[name]]
        total = sum(counts[name] for name in open_classes)
        exact = {name: left * counts[name] / total for name in open_classes}
        given = {name: min(int(exact[name]), most[name] - quotas[name]) for name in open_classes}
        if not any(given.values()):  # less than one row each: the largest remainders get one
            ranked = sorted(open_classes, key=lambda name: (-exact[name], name))
            given = dict.fromkeys(ranked[:left], 1)
        elif sum(given.values()) < left:
            ranked = sorted(open_classes, key=lambda name: (int(exact[name]) - exact[name], name))
            for name in [name for name in ranked if given[name] < most[name] - quotas[name]]:
                if sum(given.values()) < left:
                    given[name] += 1
        for name, number in given.items():
            quotas[name] += number
        left = min(wanted, sum(most.values())) - sum(quotas.values())
    return quotas


def _draw(
    order: list[int],
    counts: list[Counter[int]],
    strata: list[int],
    quotas: dict[int, int],
    staying: Counter[int],
    wanted: int,
) -> list[int]:
    """Take groups in ``order``: first within the quotas of their classes, then any that still fits."""
    cut: list[int] = []
    taken = [False] * len(order)
    for within_quota in (True, False):
        for group in order:
            size = counts[group].total()
            room = min(quotas[strata[group]], wanted) if within_quota else wanted
            leaves_one = all(staying[name] > count for name, count in counts[group].items())
            if taken[group] or size > room or not leaves_one:
                continue
            taken[group] = True
            cut.append(group)
            staying -= counts[group]
            quotas[strata[group]] -= size
            wanted -= size
        if not wanted:
            break
    return cut
