"""Rows that are missing: rare classes, long tails, few rows, and classes that are left out.

The rows that stay are in the order they had. Imbalance is that of "Keyword-based Label Smoothing" (KWLS), sections 5.5
and 5.6: chosen classes are cut to a hundredth, or all classes but one to m rows (Table 5).

Shapes: N rows, C classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.damage.damaged import (
    Damaged,
    Rows,
    check_labelled,
    check_labels_alone,
    check_one_label,
    check_values,
    class_positions,
    listed,
    share_of,
)
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.label_name import label_name
from sfumato.multilabel_split import cut_groups
from sfumato.registry import check_whole
from sfumato.split import shares_of
from sfumato.targets import DenseTargets, one_hot

SIZES = "a row counts for each of its labels, so they cannot be cut to sizes one by one"


def imbalance(
    examples: Examples,
    *,
    classes: Sequence[str] | None = None,
    ratio: float = 100,
    counts: Mapping[str, int] | None = None,
    others: int | None = None,
    keep: Sequence[str] | None = None,
    seed: int,
) -> Damaged:
    """Make classes rare, in one of three ways: ``classes``, ``counts``, or ``others``.

    Parameters
    ----------
    classes, ratio : the named classes keep one of ``ratio`` of their rows, to the nearest row and at least one
    counts : exactly so many rows of each named class; the other classes keep all
    others, keep : all classes but those in ``keep`` have exactly ``others`` rows

    Raises
    ------
    InputError
        if not exactly one of the three is given, a class is unknown, or has fewer rows than it is to have.
    """
    owner = "imbalance"
    check_one_label(owner, examples, SIZES)
    check_values(owner, ratio=ratio, others=others, seed=seed)
    check_labelled(owner, examples)
    check_one_way(classes, ratio, counts, others, keep)
    had = class_sizes(examples)
    sizes = had.copy()
    if classes is not None:
        for k in class_positions(owner, classes, examples.classes):
            sizes[k] = max(round(int(had[k]) / ratio), min(int(had[k]), 1))
    elif others is not None:
        stay = class_positions(owner, keep, examples.classes)
        sizes[[k for k in range(len(sizes)) if k not in stay]] = int(others)
    else:
        for k, number in _named_counts(owner, counts, examples.classes).items():
            sizes[k] = number
    return cut_to(owner, examples, sizes, seed)


def check_one_way(
    classes: Any = None, ratio: float = 100, counts: Any = None, others: Any = None, keep: Any = None
) -> None:
    """Raise `InputError` unless the options of `imbalance` name exactly one of its three ways."""
    given = [
        name for name, value in (("classes", classes), ("counts", counts), ("others", others)) if value is not None
    ]
    if len(given) != 1:
        raise InputError(
            "imbalance: give one of classes (names, with ratio), counts (rows of named classes) or others (rows of "
            f"all classes but keep), got {' and '.join(given) or 'none'}"
        )
    if (others is None) != (keep is None):
        raise InputError("imbalance: others and keep go together: so many rows of all classes but those in keep")
    if classes is None and ratio != 100:
        raise InputError(f"imbalance: ratio goes with classes, not with {given[0]}; leave one of them out")


def _named_counts(owner: str, counts: Any, classes: tuple[str, ...]) -> dict[int, int]:
    """Return the position of each named class to its number of rows."""
    if not isinstance(counts, Mapping):
        raise InputError(f"{owner}: counts must be names of classes to numbers of rows, got {counts!r}")
    for name, number in counts.items():
        check_whole(owner, f"counts of {label_name(name)!r}", number, 1)
    positions = class_positions(owner, list(counts), classes)
    return dict(zip(positions, (int(number) for number in counts.values()), strict=True))


def long_tail(examples: Examples, *, ratio: float, seed: int) -> Damaged:
    """Cut the classes to sizes that fall by the same factor from each to the next; first to last is ``ratio``.

    The classes are ordered by the rows they have, the largest first, and the sizes are the largest that all of them
    can fill; each is rounded and at least 1. ``ratio=1`` cuts all classes to the smallest. A class without rows is
    no part of it.
    """
    owner = "long-tail"
    check_one_label(owner, examples, SIZES)
    check_values(owner, ratio=ratio, seed=seed)
    check_labelled(owner, examples)
    had = class_sizes(examples)
    ranked = sorted(np.flatnonzero(had).tolist(), key=lambda k: (-had[k], k))
    if len(ranked) < 2 or ratio == float("inf"):
        raise InputError(f"{owner} needs a finite ratio and two classes with rows, got {ratio!r} and {len(ranked)}")
    fall = ratio ** (-np.arange(len(ranked)) / (len(ranked) - 1))
    head = float((had[ranked] / fall).min())
    sizes = had.copy()
    sizes[ranked] = np.maximum(np.rint(head * fall), 1).astype(np.int64)
    return cut_to(owner, examples, sizes, seed)


def shots(examples: Examples, *, per_class: int, seed: int) -> Damaged:
    """Keep ``per_class`` rows of each class, all of those that have fewer, which is said."""
    owner = "shots"
    check_one_label(owner, examples, SIZES)
    check_values(owner, per_class=per_class, seed=seed)
    check_labelled(owner, examples)
    had = class_sizes(examples)
    fewer = [f"{examples.classes[k]} {had[k]}" for k in np.flatnonzero(had < per_class)]
    more = f"; fewer than {per_class}: {listed(fewer)}" if fewer else ""
    return cut_to(owner, examples, np.minimum(had, int(per_class)), seed, more)


def fraction(examples: Examples, *, share: float, seed: int) -> Damaged:
    """Keep the share ``share`` of the rows, of each class in proportion, by largest remainder and at least one.

    Rows that may have several labels are cut by iterative stratification, and every label keeps at least one row.
    """
    owner = "fraction"
    check_values(owner, share=share, seed=seed)
    if examples.multilabel:
        return _fraction_of_sets(owner, examples, share, seed)
    check_labelled(owner, examples)
    had = class_sizes(examples)
    present: Counter[int] = Counter({k: int(had[k]) for k in np.flatnonzero(had).tolist()})
    cut = shares_of(len(examples) - round(share * len(examples)), present)
    return cut_to(owner, examples, had - np.array([cut.get(k, 0) for k in range(len(had))], dtype=np.int64), seed)


def _fraction_of_sets(owner: str, examples: Examples, share: float, seed: int) -> Damaged:
    cut, wanted = [], len(examples) - round(share * len(examples))
    if wanted:
        every = [[row] for row in range(len(examples))]
        cut = cut_groups(examples.labels, every, wanted=min(wanted, len(examples) - 1), seed=seed)
    kept = np.setdiff1d(np.arange(len(examples)), cut)
    rows = examples.labels[kept].sum(axis=0)
    said = f"{owner}: {share_of(len(kept), len(examples))} rows kept, a label has {rows.max()} to {rows.min()}"
    return Damaged(examples.take(kept), np.array(cut, dtype=np.int64), said)


def class_subset(examples: Examples, *, classes: Sequence[str]) -> Damaged:
    """Keep the rows of the named classes, two or more, and only these classes, in the order they had.

    Of rows that may have several labels, those stay that have one of these classes, without their other labels.

    Raises
    ------
    InputError
        if a class is unknown, fewer than two are named, or the rows hold more than labels.
    """
    owner = "class-subset"
    chosen = sorted(class_positions(owner, classes, examples.classes))
    if len(chosen) < 2:
        raise InputError(f"{owner}: classes must name two classes or more, got {classes!r}")
    check_labels_alone(owner, examples)
    names = tuple(examples.classes[k] for k in chosen)
    if examples.multilabel:
        held = examples.gold[:, chosen].any(axis=1)
        part = examples.take(np.flatnonzero(held))
        sets = part.labels[:, chosen]
        subset = replace(part, labels=sets, targets=DenseTargets(sets.astype(np.float32)), classes=names)
        return Damaged(subset, np.flatnonzero(~held), _subset_said(owner, subset, examples))
    stays = np.isin(examples.labels, chosen)
    kept = examples.take(np.flatnonzero(stays))
    labels = np.searchsorted(chosen, kept.labels).astype(np.int64)
    subset = replace(kept, labels=labels, targets=one_hot(labels, len(names)), classes=names)
    return Damaged(subset, np.flatnonzero(~stays), _subset_said(owner, subset, examples))


def _subset_said(owner: str, subset: Examples, examples: Examples) -> str:
    rows, classes = share_of(len(subset), len(examples)), f"{subset.num_classes} of {examples.num_classes} classes"
    return f"{owner}: {rows} rows kept, {classes}"


def class_sizes(examples: Examples) -> Rows:
    """Return the rows of each class, (C,); rows with a label of -1 are of none."""
    return np.bincount(examples.labels[examples.labels >= 0], minlength=examples.num_classes).astype(np.int64)


def cut_to(owner: str, examples: Examples, sizes: NDArray[np.int64], seed: int, more: str = "") -> Damaged:
    """Keep ``sizes`` (C,) rows of the classes, drawn at random; ``owner`` is what errors and the sentence name.

    Raises
    ------
    InputError
        if a class has fewer rows than it is to have.
    """
    had = class_sizes(examples)
    short = np.flatnonzero(sizes > had)
    if len(short):
        k = int(short[0])
        raise InputError(
            f"{owner}: {examples.classes[k]!r} is to have {sizes[k]} rows, but there are only {had[k]}; ask for fewer"
        )
    order = np.random.default_rng(seed).permutation(len(examples))  # the same for all sizes
    kept = np.sort(np.concatenate([order[examples.labels[order] == k][:size] for k, size in enumerate(sizes)]))
    present = sorted(np.flatnonzero(sizes).tolist(), key=lambda k: (-sizes[k], k))
    ends = " to ".join(f"{sizes[k]} ({examples.classes[k]})" for k in (present[:1] + present[1:][-1:]))
    said = f"{owner}: {share_of(len(kept), len(examples))} rows kept, a class has {ends or 0}{more}"
    return Damaged(examples.take(kept), np.setdiff1d(np.arange(len(examples)), kept), said)
