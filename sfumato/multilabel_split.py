"""Cuts a part off rows of several labels, or deals them into folds, so that every label has its share on every side.

The dealing is the iterative stratification of K. Sechidis, G. Tsoumakas, I. Vlahavas, "On the Stratification of
Multi-Label Data", ECML PKDD 2011, section 3, as the package ``iterative-stratification`` has it: the rarest label
first. It deals groups of equal texts; their sizes, and labels that would be cut off whole, are put right afterwards.

Shapes: N rows, G groups, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError

Counts = NDArray[np.int64]
Groups = Sequence[Sequence[int]]


def deal(counts: Counts, shares: Sequence[float], seed: int) -> Counts:
    """Return the side of each group, (G,), with ``shares`` of them on the sides; ``counts`` (G, C) of their labels."""
    from iterstrat.ml_stratifiers import IterativeStratification

    rng = np.random.default_rng(seed)
    order = rng.permutation(len(counts))  # else the first rows of a label would always go to the same side
    side = np.empty(len(counts), dtype=np.int64)
    side[order] = IterativeStratification(labels=counts[order] > 0, r=np.asarray(shares, float), random_state=rng)
    return side


def group_counts(labels: Counts, groups: Groups) -> Counts:
    """Return how many rows of each group have each label, (G, C), from labels of 0 and 1, (N, C)."""
    rows = np.array([row for group in groups for row in group], dtype=np.int64)
    starts = np.cumsum([0, *(len(group) for group in groups)])[:-1]
    return np.asarray(np.add.reduceat(labels[rows], starts, axis=0), dtype=np.int64)


def deal_folds(labels: Counts, groups: Groups, *, folds: int, seed: int) -> Counts:
    """Return the fold, 0 to ``folds - 1``, of each row, (N,); a group is in one fold."""
    side = deal(group_counts(labels, groups), [1 / folds] * folds, seed)
    fold = np.empty(len(labels), dtype=np.int64)
    for group, place in zip(groups, side.tolist(), strict=True):
        fold[list(group)] = place
    return fold


def cut_groups(labels: Counts, groups: Groups, *, wanted: int, seed: int) -> list[int]:
    """Return the groups that are cut off, ascending: together ``wanted`` rows, but for groups that do not fit.

    Every label keeps at least one row on the side that stays, so a label of one row, or of one text, is never cut.
    """
    counts = group_counts(labels, groups)
    sizes = np.array([len(group) for group in groups], dtype=np.int64)
    share = wanted / len(labels)
    cut = deal(counts, [1 - share, share], seed) == 1
    total = counts.sum(axis=0)
    weight = 1 / np.maximum(total, 1)  # a row too many is worse for a rare label
    weighted, squares = counts * weight, (counts**2) @ weight  # (G, C), (G,)
    order = np.random.default_rng(seed).permutation(len(groups))  # decides between equals

    def move(allowed: NDArray[np.bool_], sign: int) -> bool:
        """Move the allowed group that leaves the labels nearest to their shares; False if there is none."""
        able = order[allowed[order]]
        if not len(able):
            return False
        off = counts[cut].sum(axis=0) - share * total  # (C,); its square after the move, but for a constant:
        chosen = able[np.argmin(squares[able] + 2 * sign * (weighted[able] @ off))]
        cut[chosen] = sign > 0
        return True

    while len(lost := np.flatnonzero((total > 0) & (counts[~cut].sum(axis=0) == 0))):
        move(cut & (counts[:, lost[0]] > 0), -1)
    while (over := int(sizes[cut].sum()) - wanted) > 0:
        fits = cut & (sizes <= over)
        move(fits if fits.any() else cut, -1)
    while (room := wanted - int(sizes[cut].sum())) > 0:
        if not move(~cut & (sizes <= room) & keeps_one(counts, total - counts[cut].sum(axis=0)), 1):
            break
    check_cut(counts, cut, sizes, wanted)
    return np.flatnonzero(cut).tolist()


def keeps_one(counts: Counts, stays: Counts) -> NDArray[np.bool_]:
    """Return whether each group leaves a row of each of its labels, (G,), where ``stays`` (C,) rows are left now."""
    near = stays <= counts.max(axis=0)
    last = (counts[:, near] > 0) & (counts[:, near] >= stays[near])
    return np.asarray(~last.any(axis=1))


def check_cut(counts: Counts, cut: NDArray[np.bool_], sizes: Counts, wanted: int) -> None:
    """Raise unless the cut is what was promised, whatever the dealer did: not too large, and no label lost."""
    lost = (counts.sum(axis=0) > 0) & (counts[~cut].sum(axis=0) == 0)
    if lost.any() or int(sizes[cut].sum()) > wanted:
        raise InputError(
            f"the cut lost {int(lost.sum())} labels, or has more than {wanted} rows; this is an error of ours"
        )
