"""Labels that are wrong: replaced by any other class, by one of the same group, or as a matrix says.

Noise within groups is what Guo and others make of 20NG ("Label Confusion Learning to Enhance Text Classification
Models", AAAI 2021, arXiv:2012.04987, Table 4): "mislabeling samples are all chosen from the same label group, such as
'comp', 'rec' and 'talk'". The paper does not say what becomes of classes that are alone in their group
(``alt.atheism``, ``misc.forsale``, ``soc.religion.christian``); here they stay as they are, and the others have so much
more that the rate holds of all rows.

Shapes: N rows, C classes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.damage.damaged import (
    Damaged,
    check_labelled,
    check_labels_alone,
    check_one_label,
    check_values,
    class_positions,
    listed,
    relabelled,
    share_of,
)
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.targets import DenseTargets, check_soft_targets


def symmetric_noise(examples: Examples, *, rate: float, seed: int) -> Damaged:
    """Give the share ``rate`` of the rows, to the nearest row, another label: each other class is as likely.

    A label is never replaced by itself; where others draw from all C classes, their rate is C / (C - 1) times this one.
    Of rows that may have several labels, the share ``rate`` of all given labels is replaced, each by one that its row
    did not have: every row keeps its number of labels, and one that has all of them stays as it is.

    Raises
    ------
    InputError
        if the rate is not between 0 and 1, there is one class, or the rows hold more than labels.
    """
    if examples.multilabel:
        return _exchanged_in_sets("symmetric-noise", examples, rate, seed)
    return _exchanged("symmetric-noise", examples, [list(range(examples.num_classes))], rate, seed)


def _exchanged_in_sets(owner: str, examples: Examples, rate: float, seed: int) -> Damaged:
    """Replace ``rate`` of the given labels by labels that their rows did not have and do not get twice."""
    check_values(owner, rate=rate, seed=seed)
    check_labels_alone(owner, examples)
    gold = examples.gold
    given = np.argwhere(gold)  # (labels given, 2): row and class
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(given)).tolist()  # the same for every rate
    preference = rng.random(gold.shape)  # of each row for each class
    labels = examples.labels.copy()
    left, wanted, done = np.where(gold, -1.0, preference), round(rate * len(given)), 0
    for row, name in given[order].tolist():
        new = int(left[row].argmax())
        if done == wanted:
            break
        if left[row, new] < 0:  # the row has every label, or had
            continue
        labels[row, [name, new]] = 0, 1
        left[row, new] = -1.0
        done += 1
    if done < wanted:
        raise InputError(
            f"{owner}: rate must be at most {math.floor(1e4 * done / len(given)) / 1e4:g} here, got {rate!r}: the rows "
            "have too few labels that they lack; give a smaller rate"
        )
    said = f"{owner}: {share_of(done, len(given))} given labels replaced"
    changed = replace(examples, labels=labels, targets=DenseTargets(labels.astype(np.float32)))
    return Damaged(changed, np.flatnonzero((labels != examples.labels).any(axis=1)), said)


def group_noise(
    examples: Examples, *, rate: float, groups: Sequence[Sequence[str]] | None = None, seed: int
) -> Damaged:
    """Give the share ``rate`` of all rows, to the nearest row, the label of another class of their group.

    Parameters
    ----------
    rate : share of all rows; those of a class that is alone in its group stay as they are
    groups : lists of names of classes, a class in no list is alone; None groups the classes whose names have the
        same part before the first "." or ":", as ``rec.autos`` and ``rec.motorcycles``

    Raises
    ------
    InputError
        if more rows would have to change than can, with the largest rate that can be had; if a class is unknown, or
        in two groups; or as `symmetric_noise`.
    """
    check_one_label("group-noise", examples, "a group holds classes of which a row has one")
    if groups is None:
        parts = [re.split("[.:]", name, maxsplit=1)[0] for name in examples.classes]
        members = [[k for k, part in enumerate(parts) if part == group] for group in dict.fromkeys(parts)]
    else:
        members = _named_groups(groups, examples.classes)
    return _exchanged("group-noise", examples, members, rate, seed)


def _named_groups(groups: Any, classes: tuple[str, ...]) -> list[list[int]]:
    """Return the positions of the classes of each group; a class in none is a group of its own."""
    if not isinstance(groups, list | tuple) or any(isinstance(group, str) for group in groups):
        raise InputError(f"group-noise: groups must be a list of lists of names of classes, got {groups!r}")
    members = [class_positions("group-noise: groups", group, classes) for group in groups]
    named = [k for group in members for k in group]
    twice = next((classes[k] for k in named if named.count(k) > 1), None)
    if twice is not None:
        raise InputError(f"group-noise: groups: the class {twice!r} is in two groups; a class has one group")
    return members + [[k] for k in range(len(classes)) if k not in named]


def _exchanged(owner: str, examples: Examples, groups: list[list[int]], rate: float, seed: int) -> Damaged:
    """Give ``rate`` of the rows a label of another class of their group, each as likely."""
    check_values(owner, rate=rate, seed=seed)
    check_labelled(owner, examples)
    others = {k: np.array([j for j in group if j != k], dtype=np.int64) for group in groups for k in group}
    alone = np.array([not len(others[k]) for k in range(examples.num_classes)])
    movable = ~alone[examples.labels]
    wanted = round(rate * len(examples))
    _check_room(owner, rate, wanted, int(movable.sum()), len(examples))
    rng = np.random.default_rng(seed)
    order, draws = rng.permutation(len(examples)), rng.random(len(examples))  # the same for every rate
    touched = np.sort(order[movable[order]][:wanted])
    labels = examples.labels.copy()
    for k, classes in others.items():
        rows = touched[examples.labels[touched] == k]
        if len(rows):
            labels[rows] = classes[(draws[rows] * len(classes)).astype(np.int64)]
    said = f"{owner}: {share_of(len(touched), len(examples))} labels replaced"
    lonely = [examples.classes[k] for k in np.flatnonzero(alone)]
    if lonely:
        said += f"; {int((~movable).sum())} rows stay, their class is alone in its group: {listed(lonely)}"
    return relabelled(owner, examples, labels, said)


def _check_room(owner: str, rate: float, wanted: int, movable: int, rows: int) -> None:
    if wanted > movable:
        largest = math.floor(1e4 * movable / rows) / 1e4
        raise InputError(
            f"{owner}: rate must be at most {largest:g} here, got {rate!r}: {share_of(movable, rows)} rows are of a "
            "class that has another one to be exchanged with; give a smaller rate, or groups= (names of classes)"
        )


def transition_noise(examples: Examples, *, matrix: Any, seed: int) -> Damaged:
    """Draw the label of each row anew, from the row of ``matrix`` that belongs to its class.

    Parameters
    ----------
    matrix : (C, C), in the order of ``examples.classes``; row: the given class, column: the class that is drawn

    Raises
    ------
    InputError
        if the matrix has another shape, or a row of it is not a distribution; if the rows hold more than labels.
    """
    owner = "transition-noise"
    check_one_label(owner, examples, "a row of the matrix is a distribution over the classes")
    check_values(owner, seed=seed)
    check_labelled(owner, examples)
    shares = _checked_matrix(owner, matrix, examples.classes)
    draws = np.random.default_rng(seed).random(len(examples))
    labels = examples.labels.copy()
    for k, ends in enumerate(np.cumsum(shares, axis=1)):
        rows = np.flatnonzero(examples.labels == k)
        # The last end is 1 but for rounding, and a draw beyond it would be no class.
        drawn = np.searchsorted(ends, draws[rows] * ends[-1], side="right")
        labels[rows] = np.minimum(drawn, np.flatnonzero(shares[k])[-1])
    changed = int((labels != examples.labels).sum())
    return relabelled(owner, examples, labels, f"{owner}: {share_of(changed, len(examples))} labels replaced")


def _checked_matrix(owner: str, matrix: Any, classes: tuple[str, ...]) -> NDArray[np.float64]:
    """Return the matrix (C, C) after checking that its rows are distributions."""
    C = len(classes)
    try:
        array = np.asarray(matrix, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{owner}: matrix must be {C} lists of {C} numbers each, got {matrix!r}") from error
    if array.shape != (C, C):
        listed_classes = ", ".join(classes)
        raise InputError(
            f"{owner}: matrix must have shape ({C}, {C}), a row and a column a class in this order: {listed_classes}; "
            f"got {array.shape}"
        )
    check_soft_targets(array, C, C, place=lambda row: f"{owner}: row {row} of matrix (of {classes[row - 1]})")
    return array
