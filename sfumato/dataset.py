"""One data set cut into train, dev and test, the same way for every run that is to be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sfumato.data import Examples, concatenate
from sfumato.dev_rows import split_dev
from sfumato.errors import InputError
from sfumato.image_source import has_test_images
from sfumato.images import are_images, content, size_of
from sfumato.shots import EVERY, check_shots, few_rows, few_rows_and_dev, said_absent
from sfumato.source import read_beside, read_examples
from sfumato.split import split_rows
from sfumato.targets import Integers

BLOCK = 4096  # rows of targets held at once
CUT_VERSION = 2
"""Raised whenever the same seeds cut other rows; part of every result's key."""


class OwnSet(Protocol):
    """A set of another task than classes, which knows how a run of it is done (`sfumato.retrieval`)."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say about it."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes: none."""
        ...

    @property
    def fingerprint(self) -> str:
        """A hash of all that a result depends on."""
        ...

    @property
    def size(self) -> int:
        """What the time of a run grows with."""
        ...

    def execute(self, run: Any, folder: Path) -> dict[str, Any]:
        """Do a run, write its predictions below ``folder`` and return its line."""
        ...


@dataclass(frozen=True, eq=False)
class DataSet:
    """The three splits of a data set, and what there is to say about how they were made.

    ``split_seed`` is None for splits that were given; otherwise every seed of a comparison cuts a dev part of its
    own (`of_seed`), so that the deviation over seeds holds what the choice of the dev rows is worth. Test never
    changes. ``leaked`` are positions of test rows that training has too; runs are also scored without them.
    ``sizes`` says how many rows each split has and how test was made; "" where the splits were given. ``shots`` rows of
    each class are all that a run trains on, and ``dev_shots`` all that it chooses by ("all": dev as it is), drawn anew
    for each seed; None is all rows.
    """

    name: str
    train: Examples
    dev: Examples
    test: Examples
    notes: tuple[str, ...] = ()
    split_seed: int | None = None
    leaked: Integers = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    sizes: str = ""
    shots: int | None = None
    dev_shots: int | str | None = None

    def __post_init__(self) -> None:
        for name, split in (("dev", self.dev), ("test", self.test)):
            if split.classes != self.train.classes:
                raise InputError(
                    f"{self.name}: {name} must have the classes of train, in the same order; train has "
                    f"{list(self.train.classes)}, {name} has {list(split.classes)}"
                )

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of all three splits."""
        return self.train.classes

    def of_seed(self, seed: int) -> tuple[Examples, Examples]:
        """Return train and dev of one seed: the same rows together, cut anew, the same for every method."""
        if self.split_seed is None or not len(self.dev):
            return self.train, self.dev
        every = concatenate(self.train, self.dev)
        every = every.take(np.argsort(every.ids, kind="stable"))
        draw = int(np.random.SeedSequence((self.split_seed, seed)).generate_state(1)[0])
        if self.shots is not None and not isinstance(self.dev_shots, str):
            return few_rows_and_dev(every, self.shots, self.dev_shots or self.shots, seed=draw)[:2]
        rest, cut = split_dev(every, size=len(self.dev), seed=draw)
        train, dev = (every.take(rest), every.take(cut)) if len(cut) else (self.train, self.dev)
        return (train if self.shots is None else few_rows(train, self.shots, seed=draw)[0]), dev

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the classes and of every text (or image), label and weight of the three splits.

        Targets count where they are not just the labels, and labels to be masked and votes where there are any.
        """
        digest = sha256("\x1f".join(self.train.classes).encode())
        for split in (self.train, self.dev, self.test):
            kind = "multilabel\x1e" if split.multilabel else ""  # single labels keep the hash that they had
            digest.update(f"\x1e{len(split)}\x1e{kind}".encode() + split.labels.astype("<i8").tobytes())
            if split.weights is not None:
                digest.update(split.weights.astype("<f4").tobytes())
            for text in split.inputs:
                digest.update(content(text) + b"\x1e")
        for name, split in (("train", self.train), ("dev", self.dev), ("test", self.test)):
            for part in _beyond_labels(split):
                digest.update(f"\x1e{name}\x1e".encode() + part)
        if self.shots is not None:
            digest.update(f"\x1eshots\x1e{self.shots}\x1e{self.dev_shots or self.shots}".encode())
        return digest.hexdigest()

    @cached_property
    def size(self) -> int:
        """The characters (tokens, pixels) of the training split, which the time of a run grows with."""
        return sum(size_of(text) for text in self.train.inputs) + len(self.train)


def _beyond_labels(split: Examples) -> Iterator[bytes]:
    """Yield the soft targets, if any row's is not one-hot, then labels to be masked, votes and trusted rows, if any."""
    blocks = [np.arange(start, min(start + BLOCK, len(split))) for start in range(0, len(split), BLOCK)]
    every = np.arange(split.num_classes)
    hard = (split.labels[rows] if split.multilabel else split.labels[rows, None] == every for rows in blocks)
    if any((split.targets.rows(rows) != given).any() for rows, given in zip(blocks, hard, strict=True)):
        yield b"targets"
        yield from (split.targets.rows(rows).astype("<f4").tobytes() for rows in blocks)
    if split.similar is not None:
        yield b"similar" + np.packbits(split.similar).tobytes()
    if split.votes is not None:
        yield b"votes" + split.votes.astype("<f4").tobytes()
    if split.trusted is not None and split.trusted.any():
        yield b"trusted" + np.packbits(split.trusted).tobytes()
    if split.unseen is not None:
        yield b"unseen" + split.unseen.astype("<i8").tobytes()


def data_name(data: Any) -> str:
    """Return what to call a data set in a table: the file's name, or "data"."""
    return Path(data).stem if isinstance(data, str | Path) else "data"


def named_data(data: Any) -> dict[str, Any]:
    """Return name to data: several data sets come as a dict, whose values are not the columns of one table."""
    if not isinstance(data, dict):
        return {data_name(data): data}
    if data and all(
        isinstance(value, str | Path | Examples | dict) or hasattr(value, "columns") for value in data.values()
    ):
        return {str(name): value for name, value in data.items()}
    lists = [value for value in data.values() if isinstance(value, list | tuple) and len(value)]
    several = all(isinstance(value[0], list | tuple | dict) or are_images(value[0]) for value in lists)
    if lists and several and len(lists) == len(data):
        return {str(name): value for name, value in data.items()}
    return {"data": data}


def cut_data(
    name: str,
    data: Any,
    *,
    text: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    test: Any = None,
    dev: float = 0.1,
    test_size: float = 0.2,
    limit: int | None = None,
    bad_rows: str = "refuse",
    votes: Any = None,
    count: str | None = None,
    label_separator: str | None = None,
    task: str = "auto",
    trusted: str | None = None,
    shots: int | None = None,
    dev_shots: int | str | None = None,
    seed: int = 0,
) -> DataSet:
    """Read ``data`` and cut it into train, dev and test.

    Parameters
    ----------
    test : a table of its own; None cuts the share ``test_size`` from ``data``, unless these are images with test images
        of their own
    dev : share of the remaining training rows that chooses the epoch and the temperature
    limit : at most so many rows to train on (dev included), and as many of test
    votes, count : where the votes of several annotators stand, see `sfumato.votes`; a test table may have none
    label, label_separator, task : where the labels stand, see `sfumato.label_columns`
    trusted : column that says which labels are known to be right; dev is drawn from the other rows
    shots, dev_shots : rows of each class to train on and to choose by, see `DataSet`
    seed : decides which rows are cut, and nothing else
    """
    check_shots("compare", shots, dev_shots)
    columns = {"text": text, "label": label, "bad_rows": bad_rows, "votes": votes, "count": count}
    columns["label_separator"] = label_separator
    examples, notes = read_examples(data, task=task, trusted=trusted, **columns)
    test = data if test is None and has_test_images(data) else test
    made = f"test cut with seed {seed}" if test is None else "test as given"
    if test is None:
        rest, cut = split_rows(examples.labels, examples.inputs, share=test_size, seed=seed)
        train, held_out = examples.take(rest), examples.take(cut)
    else:
        train = examples
        held_out, more = _read_test(test, examples, columns)
        notes += [f"test: {note}" for note in more]
    if not len(held_out):
        raise InputError(f"{name}: no rows are left to test on; give more than {len(examples)} rows, or a test table")
    train, held_out = _at_most(train, limit, seed), _at_most(held_out, limit, seed)
    rest, cut = split_dev(train, share=dev, seed=seed)
    if not len(cut):
        raise InputError(f"{name}: no rows are left for dev, of {len(train)} to train on; give more rows")
    sizes = f"{len(rest):,} to train, {len(cut):,} dev, {len(held_out):,} test rows; {made}"
    if shots is not None:
        sizes = _said_shots(train, train.take(rest), shots, dev_shots, seed) + f"; {len(held_out):,} test rows; {made}"
    parts = (train.take(rest), train.take(cut), held_out)
    said = (*notes, *_said_trusted(train))
    return DataSet(name, *parts, said, split_seed=seed, sizes=sizes, shots=shots, dev_shots=dev_shots)


def _said_trusted(train: Examples) -> list[str]:
    if train.trusted is None:
        return []
    return [f"{int(train.trusted.sum()):,} of the {len(train):,} rows to train on and to choose by are trusted"]


def _said_shots(every: Examples, train: Examples, shots: int, dev_shots: int | str | None, seed: int) -> str:
    """Draw once, so that what cannot be drawn is found before the first run, and say what each seed draws."""
    if dev_shots == EVERY:
        drawn, dev = few_rows(train, shots, seed=seed)[0], f"{len(every) - len(train):,} dev rows"
    else:
        drawn, few, _ = few_rows_and_dev(every, shots, int(dev_shots or shots), seed=seed)
        lacks = said_absent(every, few)
        dev = f"{len(few):,} dev rows ({_a_class(few, int(dev_shots or shots))}{f'; {lacks}' if lacks else ''})"
    return (
        f"{len(drawn):,} to train ({_a_class(drawn, shots)}), {dev}, another draw of {len(every):,} rows for each seed"
    )


def _a_class(drawn: Examples, wanted: int) -> str:
    fewer = ", all of a class with fewer" if len(drawn) < wanted * drawn.num_classes else ""
    return f"{wanted} a class{fewer}"


def _read_test(data: Any, train: Examples, columns: dict[str, Any]) -> tuple[Examples, list[str]]:
    """Return the examples of a test table; labels that training has not are kept as -1, errors of every model."""
    if isinstance(data, Examples) and data.classes != train.classes:
        raise InputError("the test split must have the same classes, in the same order, as the training data")
    return read_beside(data, train, **columns)


def _at_most(examples: Examples, limit: int | None, seed: int) -> Examples:
    """Keep ``limit`` rows, stratified, every class among them where there is room."""
    if limit is None or len(examples) <= limit:
        return examples
    labels = examples.labels - min(int(examples.labels.min(initial=0)), 0)  # an unseen label: a class of its own here
    kept, _ = split_rows(labels, examples.inputs, size=len(examples) - limit, seed=seed)
    return examples.take(np.sort(kept))
