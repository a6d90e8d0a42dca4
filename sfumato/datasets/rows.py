"""The rows of each split, as they stand in a Parquet file or in a folder of idx files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sfumato.datasets.ballots import vote_columns
from sfumato.datasets.catalog import MULTILABEL, Entry
from sfumato.errors import InputError, nearest
from sfumato.targets import Integers

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False)
class Rows:
    """N rows of one split: texts or images, names of labels, their places in the file, and the frame of the votes.

    Of a multi-label set, ``labels`` are lists of names, none or several a row.
    """

    inputs: Any
    labels: list[Any]
    ids: Integers
    frame: pl.DataFrame | None = None


def read_parquet(entry: Entry, path: Path, label: str) -> tuple[dict[str, Rows], list[str]]:
    """Return the splits of a Parquet file, and what was left out."""
    import polars as pl

    with_votes = vote_columns(entry) if label == entry.label else []
    made = entry.derived.get(label)
    needed = dict.fromkeys([*entry.text, made["column"] if made else label, *entry.where, *with_votes])
    frame = _frame(path, list(needed), optional="split")
    several = entry.task == MULTILABEL
    if several and not isinstance(frame.schema[label], pl.List):
        raise InputError(f"{path}: the column {label!r} of {entry.name} must hold lists of labels, a list a row")
    kind = pl.List(pl.String) if several else pl.String
    names = _derived(frame, made) if made else frame[label].cast(kind)
    frame = frame.with_columns(names.alias("label of the row")).with_row_index("row of the file")
    for column, value in entry.where.items():
        frame = frame.filter(pl.col(column) == value)
    splits, notes = _by_split(entry, frame, path)
    found = {}
    for split, part in splits.items():
        found[split], said = _rows(entry, part)
        notes += [f"{split}: {note}" for note in said]
    return found, notes


def _frame(path: Path, needed: list[str], *, optional: str) -> pl.DataFrame:
    import polars as pl

    try:
        there = list(pl.read_parquet_schema(path))
        lacking = next((name for name in needed if name not in there), None)
        if lacking is None:
            columns = dict.fromkeys([*needed, *([optional] if optional in there else [])])
            return pl.read_parquet(path, columns=list(columns))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path} is no whole Parquet file ({str(error).splitlines()[0]})") from error
    raise InputError(f"{path} has no column {lacking!r}{nearest(lacking, there)}; it has: {', '.join(there)}")


def _derived(frame: pl.DataFrame, made: Any) -> pl.Series:
    """Return names for numbers below, at and above a threshold."""
    import polars as pl

    numbers = frame[made["column"]].to_numpy()
    below_at_above = 1 + np.sign(numbers - made["at"]).astype(np.int64)
    return pl.Series([made["names"][place] for place in below_at_above], dtype=pl.String)


def _by_split(entry: Entry, frame: pl.DataFrame, path: Path) -> tuple[dict[str, pl.DataFrame], list[str]]:
    import polars as pl

    if "split" not in frame.columns:
        if len(entry.splits) == 1:
            return dict.fromkeys(entry.splits, frame), []
        raise InputError(
            f"{path} has no column 'split', and {entry.name} has several: {', '.join(map(entry.called, entry.splits))}"
        )
    called = {split: entry.called(split) for split in entry.splits}
    others = frame.filter(~pl.col("split").is_in(list(called.values())))["split"].value_counts().sort("split").rows()
    notes = [f"{count:,} rows of the split {name!r} are not used" for name, count in others]
    parts = {split: frame.filter(pl.col("split") == name) for split, name in called.items()}
    parts = {split: part for split, part in parts.items() if len(part)}
    if not parts:
        raise InputError(f"{path} has no rows of the splits of {entry.name}: {', '.join(called.values())}")
    return parts, notes


def _rows(entry: Entry, frame: pl.DataFrame) -> tuple[Rows, list[str]]:
    import polars as pl

    joined = pl.concat_str([pl.col(name).fill_null("") for name in entry.text], separator=" ")
    texts = frame.select(joined.alias("text"))["text"]
    label = frame["label of the row"]
    kept = (texts.str.strip_chars() != "") & label.is_not_null()
    notes = (
        [f"{(~kept).sum():,} of {len(frame):,} rows have no text or no label and are left out"]
        if not kept.all()
        else []
    )
    frame, texts = frame.filter(kept), texts.filter(kept)
    ids = frame["row of the file"].to_numpy().astype(np.int64)
    return Rows(texts.to_list(), frame["label of the row"].to_list(), ids, frame), notes


def read_images(entry: Entry, folder: Path) -> dict[str, Rows]:
    """Return the splits of a folder of idx files; labels are the names of the classes."""
    from sfumato.images import read_idx

    found, first = {}, 0
    for split, (images, numbers) in read_idx(folder).items():
        if numbers.size and int(numbers.max()) >= len(entry.names):
            raise InputError(
                f"{folder}: the labels of {split} go up to {int(numbers.max())}, and {entry.name} has "
                f"{len(entry.names)} classes, from 0"
            )
        ids = np.arange(first, first + len(images), dtype=np.int64)
        found[split] = Rows(images, [entry.names[number] for number in numbers.tolist()], ids)
        first += len(images)
    return found
