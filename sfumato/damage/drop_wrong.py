"""The oracle among the remedies: rows whose label an earlier step made wrong are left out."""

from __future__ import annotations

import numpy as np

from sfumato.damage.damaged import Damaged, Rows, check_labelled, check_one_label, share_of
from sfumato.data import Examples

OWNER = "drop-wrong"


def drop_wrong(examples: Examples, *, right: Rows | None = None) -> Damaged:
    """Leave out every row whose label is not the right one.

    Parameters
    ----------
    right : (N,) the right labels; None is that the given ones are right. In a list of steps, those of before the first

    Raises
    ------
    InputError
        for rows of several labels, or labels that are no class.
    """
    check_one_label(OWNER, examples, "a row is right or wrong as a whole")
    check_labelled(OWNER, examples)
    wrong = np.zeros(len(examples), dtype=bool) if right is None else examples.labels != right
    kept = np.flatnonzero(~wrong)
    said = f"{OWNER}: {share_of(int(wrong.sum()), len(examples))} rows left out, whose label was wrong"
    return Damaged(examples.take(kept), np.flatnonzero(wrong), said)
