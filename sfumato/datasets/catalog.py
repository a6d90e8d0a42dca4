"""What is known of each data set, read from ``catalog.toml``: counts, source, terms, and what a copy lacks."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from sfumato.errors import InputError, nearest

MULTILABEL = "multi-label"
TASKS = ("text", "image", MULTILABEL, "votes", "retrieval")
SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Hub:
    """Where a set is on the Hugging Face hub, and what its columns are called there.

    ``names`` are the classes in the order of the hub's class ids, where they differ from ours; ``other`` tells our
    further label columns; without ``text`` the set is not read from there.
    """

    id: str
    revision: str = ""
    text: tuple[str, ...] = ()
    label: str = "label"
    names: tuple[str, ...] = ()
    other: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One data set.

    Attributes
    ----------
    splits : rows as published, by "train", "dev" and "test"
    copy : rows of the known copy, where they differ from ``splits``
    partial : what that copy lacks of the published set, "" if nothing
    family : sets that are not independent of each other have one in common
    papers : paper to the name it uses
    file : below a folder of sets
    read_from : our split to what the file calls it, where that is not the usual name
    where : column to the value that a row must have
    other : further label columns, with their numbers of classes
    derived : a label to the column, threshold and three names it is made of
    vote_counts, vote_list, vote_ratings : where the votes stand (`sfumato.datasets.ballots`)
    names : the classes in their published order; sorted where left out
    """

    name: str
    title: str
    task: str
    language: str
    classes: int
    splits: Mapping[str, int]
    licence: str
    citation: str
    copy: Mapping[str, int] = field(default_factory=dict)
    partial: str = ""
    family: str = ""
    papers: Mapping[str, str] = field(default_factory=dict)
    about: str = ""
    file: str = ""
    text: tuple[str, ...] = ("text",)
    label: str = "label"
    other: Mapping[str, int] = field(default_factory=dict)
    derived: Mapping[str, Any] = field(default_factory=dict)
    read_from: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    vote_counts: Mapping[str, str] = field(default_factory=dict)
    vote_list: Mapping[str, Any] = field(default_factory=dict)
    vote_ratings: Mapping[str, Any] = field(default_factory=dict)
    source: Hub | None = None

    @property
    def hub(self) -> str:
        """The id on the Hugging Face hub, "" if there is none."""
        return self.source.id if self.source else ""

    @property
    def revision(self) -> str:
        """The commit or branch on the hub, "" if it is not pinned."""
        return self.source.revision if self.source else ""

    @property
    def rows(self) -> int:
        """Rows as published, of all splits."""
        return sum(self.splits.values())

    @property
    def labels(self) -> dict[str, int]:
        """The columns that `load` takes as labels, with their numbers of classes; the first is the usual one."""
        return ({self.label: self.classes} if self.label else {}) | dict(self.other)

    def num_classes(self, label: str | None = None) -> int:
        """Return the number of classes of a label column, of the usual one for None.

        Raises
        ------
        InputError
            if the set has no such label
        """
        wanted = self.label if label is None else label
        if wanted not in self.labels:
            listed = ", ".join(self.labels) or "none"
            raise InputError(f"{self.name} has no label {wanted!r}{nearest(wanted, self.labels)}; it has: {listed}")
        return self.labels[wanted]

    @property
    def here(self) -> Mapping[str, int]:
        """Rows of the known copy."""
        return self.copy or self.splits

    def called(self, split: str) -> str:
        """Return what the set calls one of our splits."""
        return self.read_from.get(split, "validation" if split == "dev" else split)


@cache
def catalog() -> Mapping[str, Entry]:
    """Return every data set by name, in the order of the file."""
    given = tomllib.loads(files("sfumato.datasets").joinpath("catalog.toml").read_text(encoding="utf-8"))
    return MappingProxyType({name: _entry(name, fields) for name, fields in given.items()})


def entry(name: str) -> Entry:
    """Return the data set ``name``; hyphens and underscores are alike.

    Raises
    ------
    InputError
        if there is none, with the nearest name
    """
    folded = {known.replace("-", "_"): found for known, found in catalog().items()}
    wanted = str(name).replace("-", "_").casefold()
    if wanted not in folded:
        near = nearest(name, catalog())
        raise InputError(f"no data set {name!r}{near}; `sfumato datasets` lists the {len(folded)} that there are")
    return folded[wanted]


def _frozen(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}


def _entry(name: str, fields: dict[str, Any]) -> Entry:
    given = _frozen(fields)
    if "hub" in given:
        given["source"] = Hub(**_frozen(given.pop("hub")))
    given.setdefault("family", name)
    given.setdefault("file", f"{name}/{name}.parquet")
    return Entry(name=name, **given)
