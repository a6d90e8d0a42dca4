"""A data set of the catalogue as `Examples`: its published splits, what differs, and which test rows are leaked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Examples
from sfumato.datasets.ballots import count_votes, vote_classes
from sfumato.datasets.catalog import MULTILABEL, SPLITS, Entry, entry
from sfumato.datasets.hub import HUB, read_hub, why_not
from sfumato.datasets.place import VARIABLE, find
from sfumato.datasets.rows import Rows, read_images, read_parquet
from sfumato.errors import InputError
from sfumato.leaks import leaked_rows

NOT_LOADED = {
    "retrieval": "is for retrieval: it has questions and passages and no classes, and sfumato.retrieval.build reads it",
}


@dataclass(frozen=True, eq=False)
class Loaded:
    """The splits of a data set.

    Attributes
    ----------
    splits : "train", and "dev" and "test" where they were published, all with the same classes
    notes : what differs from the published set, and what was left out
    where : the file, the folder, or the id on the hub
    leaked : positions in the test split of rows whose text (or image) is in train or dev too, ascending
    partial : what these rows lack of the published set, "" if nothing; for the headings of tables
    """

    entry: Entry
    splits: dict[str, Examples]
    notes: list[str]
    where: str
    leaked: NDArray[np.int64]
    partial: str

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, C of them."""
        return next(iter(self.splits.values())).classes


def load_dataset(name: str, *, data: str | Path | None = None, label: str | None = None) -> Loaded:
    """Load a data set of the catalogue: from ``data``, else from the folder that SFUMATO_DATA names.

    Parameters
    ----------
    name : `sfumato datasets` lists them
    data : a folder of data sets, the folder of this one, or its file; "hub" fetches it from the Hugging Face hub,
        unless the folder that SFUMATO_DATA names has it
    label : another column to learn, such as ``label_coarse`` of trec; votes come with the usual label only

    Raises
    ------
    InputError
        if the name or label is unknown, the set is not in the folders that are named, or cannot be read
    """
    known = entry(name)
    if known.task in NOT_LOADED:
        raise InputError(
            f"{known.name} {NOT_LOADED[known.task]}; it is not loaded: `sfumato datasets {known.name}` tells its file"
        )
    label = known.label if label is None else label
    expected = known.num_classes(label)
    rows, notes, where = _read(known, data, label)
    classes = _classes(known, rows, label)
    splits = {split: _examples(known, rows[split], classes, label) for split in SPLITS if split in rows}
    counts = {split: len(part) for split, part in splits.items()}
    partial = "" if known.copy and counts == dict(known.splits) else known.partial
    if len(classes) != expected:
        notes.append(f"{len(classes)} classes were found, {expected} are known of {label!r}")
    if partial:
        notes.insert(0, f"partial: {partial}")
    leaked, said = _leaked(splits)
    return Loaded(known, splits, [*notes, *differences(known, counts), *said], where, leaked, partial)


load = load_dataset


def _read(known: Entry, data: str | Path | None, label: str) -> tuple[dict[str, Rows], list[str], str]:
    path, missed = located(known, data, label)
    if path is not None:
        if known.task == "image":
            return read_images(known, path), missed, str(path)
        rows, notes = read_parquet(known, path, label)
        return rows, [*missed, *notes], str(path)
    rows, notes = read_hub(known, label)
    return rows, notes, known.hub


def located(known: Entry, data: str | Path | None, label: str) -> tuple[Path | None, list[str]]:
    """Return the file of a set and the places looked at in vain; no file where the hub is to give it.

    Raises
    ------
    InputError
        if the set is in no folder that is named, or the hub is asked for and has it not.
    """
    reason = why_not(known, label)
    asked = str(data) == HUB
    path, missed = find(known, None if asked else data)
    if path is None and asked:
        if reason:
            raise InputError(f"the data set {known.name} cannot be fetched: {reason}; {'; '.join(missed)}")
        return None, []
    if path is None:
        fetched = f", or data='{HUB}' (--data {HUB}) to fetch {known.hub}" if not reason else f" ({reason})"
        raise InputError(
            f"the data set {known.name} ({known.file}) is not where it was looked for: {'; '.join(missed)}; give the "
            f"right folder with data= (--data) or {VARIABLE}{fetched}"
        )
    return path, missed


def _classes(known: Entry, rows: Mapping[str, Rows], label: str) -> tuple[str, ...]:
    labels = [label for part in rows.values() for label in part.labels]
    found = set(chain.from_iterable(labels)) if known.task == MULTILABEL else set(labels)
    order: Sequence[str] = ()
    if label in known.derived:
        order = known.derived[label]["names"]
    elif label == known.label:
        order = known.names
        found |= set(vote_classes(known))
    extra = sorted(found - set(order))
    return (*(name for name in order if name in found), *extra)


def _examples(known: Entry, rows: Rows, classes: tuple[str, ...], label: str) -> Examples:
    if known.task == MULTILABEL:
        return Examples.from_label_sets(rows.inputs, rows.labels, classes=classes, ids=rows.ids)
    examples = Examples.from_labels(rows.inputs, rows.labels, classes=classes, ids=rows.ids)
    if rows.frame is None or label != known.label:
        return examples
    return replace(examples, votes=count_votes(known, rows.frame, classes))


def differences(known: Entry, counts: Mapping[str, int]) -> list[str]:
    """Return a sentence for each split that has not as many rows as were published."""
    every = [split for split in SPLITS if split in known.splits or split in counts]
    return [
        f"{split} has {counts.get(split, 0):,} rows, {known.splits.get(split, 0):,} were published"
        for split in every
        if counts.get(split, 0) != known.splits.get(split, 0)
    ]


def _leaked(splits: Mapping[str, Examples]) -> tuple[NDArray[np.int64], list[str]]:
    """Return the positions of test rows that are in train or dev too, and how many are in which."""
    others = {split: part.inputs for split, part in splits.items() if split != "test"}
    test: Sequence[Any] = splits["test"].inputs if "test" in splits else []
    leaked = leaked_rows(test, [given for part in others.values() for given in part])
    if not len(leaked):
        return leaked, []
    said = []
    for split, part in others.items():
        found = [test[k] for k in leaked_rows(test, part).tolist()]
        distinct = len({given if isinstance(given, str) else given.tobytes() for given in found})
        said.append(f"{len(found):,} ({distinct:,} distinct) are in {split} too")
    return leaked, [f"leaked: of {len(test):,} test rows {', '.join(said)}"]


def count_rows(known: Entry, path: Path) -> dict[str, int]:
    """Return the rows of each split of a set's file, counted without reading its texts; for sets of any task."""
    if known.task == "image":
        return {split: len(part.labels) for split, part in read_images(known, path).items()}
    import polars as pl

    scan = pl.scan_parquet(path)
    for column, value in known.where.items():
        scan = scan.filter(pl.col(column) == value)
    counts = dict(scan.group_by("split").len().collect().rows())
    return {split: counts[known.called(split)] for split in known.splits if known.called(split) in counts}
