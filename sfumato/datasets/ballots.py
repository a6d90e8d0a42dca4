"""The votes of several annotators, in the three ways that the data sets hold them, as counts a class.

=================  ===================================================================
``vote_counts``    class to a column of counts
``vote_list``      one column of lists: how many votes each of the classes has
``vote_ratings``   one column of lists of ratings, and which ratings are for which class
=================  ===================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sfumato.datasets.catalog import Entry
from sfumato.targets import Floats

if TYPE_CHECKING:
    import polars as pl


def vote_columns(entry: Entry) -> list[str]:
    """Return the columns that hold votes."""
    return [*entry.vote_counts.values(), *(form["column"] for form in (entry.vote_list, entry.vote_ratings) if form)]


def vote_classes(entry: Entry) -> list[str]:
    """Return the classes that the annotators could choose."""
    return [*entry.vote_counts, *entry.vote_list.get("classes", ()), *entry.vote_ratings.get("of", ())]


def count_votes(entry: Entry, frame: pl.DataFrame, classes: tuple[str, ...]) -> Floats | None:
    """Return how many annotators chose each of the C ``classes``, (N, C) float32; None where there are no votes."""
    if entry.vote_counts:
        names, counts = list(entry.vote_counts), frame.select(entry.vote_counts.values()).to_numpy()
    elif entry.vote_list:
        names = list(entry.vote_list["classes"])
        counts = np.array(frame[entry.vote_list["column"]].to_list(), dtype=np.float32).reshape(-1, len(names))
    elif entry.vote_ratings:
        names = list(entry.vote_ratings["of"])
        ratings = frame[entry.vote_ratings["column"]].to_list()
        counts = np.array(
            [[sum(r in own for r in row) for own in entry.vote_ratings["of"].values()] for row in ratings]
        )
    else:
        return None
    placed = np.zeros((len(frame), len(classes)), dtype=np.float32)
    placed[:, [classes.index(name) for name in names]] = counts
    return placed
