"""Any of the forms that data come in, to `Examples`: the reading that every command shares."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.image_source import ENDINGS, class_labels, is_image_data, read_images
from sfumato.label_name import name_labels
from sfumato.targets import DenseTargets, TableTargets

if TYPE_CHECKING:
    from sfumato.rows import Table
    from sfumato.vote_columns import Votes


def with_classes(examples: Examples, classes: tuple[str, ...]) -> Examples:
    """Return the examples with labels that index ``classes``; a label not among them becomes -1, its votes go.

    Of multi-label rows, labels not among them are counted in `Examples.unseen`.
    """
    if examples.classes == classes:
        return examples
    if examples.multilabel:
        return _multilabel_with_classes(examples, classes)
    position = {name: k for k, name in enumerate(classes)}
    moved = np.array([position.get(name, -1) for name in examples.classes], dtype=np.int64)
    labels = np.where(examples.labels < 0, -1, moved[examples.labels])
    table = np.vstack([np.eye(len(classes), dtype=np.float32), np.zeros((1, len(classes)), np.float32)])  # -1: no mass
    votes = examples.votes
    if votes is not None:
        given = np.array([examples.classes.index(name) if name in examples.classes else -1 for name in classes])
        votes = np.where(given >= 0, votes[:, given], 0).astype(np.float32)
    return replace(examples, labels=labels, targets=TableTargets(table, labels), classes=classes, votes=votes)


def _multilabel_with_classes(examples: Examples, classes: tuple[str, ...]) -> Examples:
    labels = np.zeros((len(examples), len(classes)), dtype=np.int64)
    kept = [(k, classes.index(name)) for k, name in enumerate(examples.classes) if name in classes]
    for old, new in kept:
        labels[:, new] = examples.labels[:, old]
    unseen = examples.labels.sum(axis=1) - labels.sum(axis=1)
    unseen = unseen if examples.unseen is None else unseen + examples.unseen
    targets = DenseTargets(labels.astype(np.float32))
    counted = unseen if unseen.any() else None
    return replace(examples, labels=labels, targets=targets, classes=classes, unseen=counted, votes=None)


def read_examples(
    data: Any,
    *,
    text: Sequence[str] | str | None = None,
    label: Sequence[str] | str | None = None,
    weight: str | None = None,
    bad_rows: str = "refuse",
    classes: Sequence[str] | None = None,
    votes: Votes | None = None,
    count: str | None = None,
    label_separator: str | None = None,
    task: str = "auto",
    trusted: str | None = None,
) -> tuple[Examples, list[str]]:
    """Return the examples of a table and what was said on the way (guessed columns, dropped rows, odd labels).

    Parameters
    ----------
    data : what `sfumato.table.read_table` takes, `Examples`, or images, see `sfumato.image_source`
    label : a column, or several of 0 and 1, see `sfumato.label_columns` for rows of several labels
    classes : the class names to index labels by, for a dev or test table; a label not among them becomes -1, in
        multi-label rows it is counted in `Examples.unseen`
    votes, count : where the votes of several annotators stand, see `sfumato.votes`
    label_separator : what stands between the labels of a row in a column of text; never guessed
    task : "auto", "single" or "multilabel", see `sfumato.columns.to_examples`
    trusted : column that says which labels are known to be right, see `sfumato.trusted_column`
    """
    source = read_source(
        data,
        text=text,
        label=label,
        weight=weight,
        bad_rows=bad_rows,
        classes=None if classes is None else tuple(classes),
        votes=votes,
        count=count,
        label_separator=label_separator,
        task=task,
        trusted=trusted,
    )
    return source.examples, source.notes


def read_beside(
    data: Any,
    train: Examples,
    *,
    text: Sequence[str] | str | None = None,
    label: Sequence[str] | str | None = None,
    bad_rows: str = "refuse",
    votes: Votes | None = None,
    count: str | None = None,
    label_separator: str | None = None,
) -> tuple[Examples, list[str]]:
    """Read a dev or test table with the classes of ``train``, as `read_examples` does.

    It is multi-label if ``train`` is, and a column of plain labels then has one label a row, or none. A table without
    the columns of votes is read by its label; beside a training split that has votes, that is the
    one vote of its row.
    """
    asked = votes is not None or count is not None
    if asked and not isinstance(data, Examples) and not is_image_data(data):
        from sfumato.table import read_table
        from sfumato.vote_columns import has_votes

        data = read_table(data, bad_rows=bad_rows)
        if not has_votes(data, votes, count):
            votes = count = None
    given: dict[str, Any] = {} if isinstance(data, Examples) else {"votes": votes, "count": count}
    given |= {"label_separator": label_separator, "task": "multilabel" if train.multilabel else "single"}
    examples, notes = read_examples(data, text=text, label=label, bad_rows=bad_rows, classes=train.classes, **given)
    refuse_other_kind(examples, train)
    refuse_foreign(examples, notes)
    if train.votes is not None and examples.votes is None:
        one = (examples.labels[:, None] == np.arange(examples.num_classes)).astype(np.float32)
        examples = replace(examples, votes=one)
    return examples, notes


def refuse_foreign(examples: Examples, notes: Sequence[str]) -> None:
    """Raise if no label of a dev or test table is one of the training rows': nothing could be measured on it."""
    known = examples.labels.any() if examples.multilabel else (examples.labels >= 0).any()
    foreign = examples.unseen.any() if examples.unseen is not None else len(examples) and not examples.multilabel
    if foreign and not known:
        theirs = f": {notes[-1].partition(': counted')[0]}" if notes else ""
        raise InputError(
            f"no dev or test row has a label of the training rows{theirs}; the classes are "
            f"{', '.join(map(repr, examples.classes[:20]))}; write the labels as in training"
        )


def refuse_other_kind(examples: Examples, train: Examples) -> None:
    """Raise if a dev or test table is multi-label and the training rows are not, or the reverse."""
    if examples.multilabel != train.multilabel:
        several, one = ("dev or test", "training") if examples.multilabel else ("training", "dev or test")
        raise InputError(f"the {several} rows have several labels each, the {one} rows one; give both in one form")


@dataclass(frozen=True, eq=False)
class Source:
    """Examples with what is known of the table they come from.

    ``rows`` are those that could be read, also the ones left out for an empty text or label, and ``malformed`` those
    that could not; `Examples.ids` count the former. ``text`` and ``label`` are the columns that were read; ``label``
    is "" where the majority of the votes is the label, and a list where several columns are. ``label_separator`` is
    the one that was given. ``merged`` rows are votes for the text of another row.
    """

    examples: Examples
    notes: list[str]
    rows: int
    malformed: int = 0
    text: tuple[str, ...] = ()
    label: str | list[str] = ""
    merged: int = 0
    label_separator: str | None = None


def read_source(
    data: Any,
    *,
    text: Sequence[str] | str | None = None,
    label: Sequence[str] | str | None = None,
    weight: str | None = None,
    bad_rows: str = "refuse",
    classes: tuple[str, ...] | None = None,
    votes: Votes | None = None,
    count: str | None = None,
    label_separator: str | None = None,
    task: str = "auto",
    trusted: str | None = None,
) -> Source:
    """Read as `read_examples` does, and keep how many rows there were."""
    asked = votes is not None or count is not None
    if asked and (label_separator is not None or task == "multilabel"):
        raise InputError("votes are for one label a row: leave the label separator, and task='multilabel', out")
    if isinstance(data, Examples):
        if asked or trusted is not None:
            name, own = ("votes", "votes, (N, C)") if asked else ("trusted", "trusted rows, (N,)")
            raise InputError(f"Examples bring their own {own}; {name}= names columns of a table: leave it out")
        return Source(data if classes is None else with_classes(data, classes), [], len(data))
    if is_image_data(data):
        refuse_plain_folder(data)
        given = {"text": text, "label": label, "weight": weight, "votes": votes, "count": count, "trusted": trusted}
        refuse_columns(**given, label_separator=label_separator)
        return _read_images(data, classes, bad_rows)
    from sfumato.table import guess_columns, read_table, to_examples
    from sfumato.trusted_column import with_trusted

    table = read_table(data, bad_rows=bad_rows)
    if asked:
        voted = _read_votes(table, votes, count, text, label, weight, bad_rows, classes)
        return replace(voted, examples=with_trusted(voted.examples, table, trusted, merged=voted.merged))
    columns, column, said = guess_columns(table, text, label)
    examples, notes = to_examples(
        table,
        text=columns,
        label=column,
        weight=weight,
        bad_rows=bad_rows,
        classes=classes,
        on_new_label="refuse" if classes is None else "keep",
        label_separator=label_separator,
        task=task,
    )
    examples = with_trusted(examples, table, trusted)
    said, dropped = [*table.notes, *said, *notes], len(table.dropped)
    return Source(examples, said, len(table), dropped, tuple(columns), column, label_separator=label_separator)


def refuse_plain_folder(data: Any) -> None:
    """Raise if a folder holds neither folders nor files of images: what was meant is a table in it."""
    path = Path(data) if isinstance(data, str | os.PathLike) else None
    if path is None or not path.is_dir():
        return
    found = sorted(item.name for item in path.iterdir() if not item.name.startswith("."))
    pictures = any((path / name).is_dir() or "-ubyte" in name or name.lower().endswith(ENDINGS) for name in found)
    if not pictures:
        held = f"it holds {', '.join(found[:5])}{', ...' if len(found) > 5 else ''}" if found else "it is empty"
        raise InputError(
            f"{path} is a folder without images ({held}); give a table, a file of CSV, TSV, JSON lines or Parquet, or "
            "a folder with a folder of PNG files for each class"
        )


def refuse_columns(**given: Any) -> None:
    """Raise if a column is named where there are none."""
    named = [name for name, value in given.items() if value is not None]
    if named:
        them = "it" if len(named) == 1 else "them"
        raise InputError(f"images have no columns, so {' and '.join(named)} cannot name one; leave {them} out")


def _read_images(data: Any, classes: tuple[str, ...] | None, bad_rows: str) -> Source:
    """Read images; where the classes are those of a model or of a training split, test images before others."""
    rows = read_images(data, split="train" if classes is None else "test", bad_rows=bad_rows)
    where = data if isinstance(data, str) else "the data"
    examples = Examples.from_labels(rows.images, name_labels(class_labels(rows, str(where))))
    notes = list(rows.notes)
    if classes is not None:
        new = sorted(set(examples.classes) - set(classes))
        examples = with_classes(examples, classes)
        unseen = int((examples.labels < 0).sum())
        if new:
            notes.append(f"classes that training did not have ({', '.join(new)}): {unseen} rows counted as errors")
    return Source(examples, notes, len(rows.images), rows.dropped)


def _read_votes(
    table: Table,
    votes: Votes | None,
    count: str | None,
    text: Sequence[str] | str | None,
    label: Sequence[str] | str | None,
    weight: str | None,
    bad_rows: str,
    classes: tuple[str, ...] | None,
) -> Source:
    from sfumato.table import to_examples
    from sfumato.votes import count_votes

    counted = count_votes(table, votes, count=count, text=text, label=label, bad_rows=bad_rows)
    if weight is not None and counted.merged:
        raise InputError("a text that stands in several rows has no single weight; leave weight out with votes='rows'")
    examples, notes = to_examples(
        counted.table,
        text=counted.text,
        label=counted.label,
        weight=weight,
        bad_rows=bad_rows,
        classes=counted.classes,
        task="single",
    )
    rows = examples.ids
    examples = replace(examples, votes=counted.counts[rows], ids=counted.rows[rows])
    notes = [*table.notes, *counted.notes, *notes]
    if classes is not None:
        examples = with_classes(examples, classes)
        if (examples.labels < 0).any():
            new = sorted(set(counted.classes) - set(classes))
            unseen = int((examples.labels < 0).sum())
            notes.append(f"classes that the model has not learned ({', '.join(new)}): {unseen} rows counted as errors")
    columns = tuple(counted.text)
    return Source(examples, notes, len(table), len(table.dropped), columns, counted.named, counted.merged)
