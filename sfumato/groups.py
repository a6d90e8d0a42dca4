"""Groups of similar labels: read from a file, from the names of the labels, or from a mapping, and checked.

A partition of C classes is an array (C,) of group numbers; a class that no group names is alone in its own.
"""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError, nearest, unknown
from sfumato.label_name import label_name
from sfumato.targets import Integers

PREFIX = "prefix:"
COLUMN = "column:"
SUFFIXES = (".toml", ".json", ".csv")
Groups = dict[str, list[str]]


def given_groups(owner: str, given: Any) -> str | Groups:
    """Return ``prefix:SEP`` and the name of a printed partition as they are, anything else as group -> labels.

    ``given`` is a mapping of a group to its labels or of a label to its group, a TOML, JSON or CSV file, the name of
    a partition that comes with sfumato (`printed_groups`), or ``prefix:SEP``.

    Raises
    ------
    InputError
        if a file cannot be read, a label is in two groups, or nothing is in any.
    """
    if isinstance(given, str) and given.startswith(PREFIX):
        if given == PREFIX:
            raise InputError(f"{owner}: groups={PREFIX!r} needs what ends the prefix, as 'prefix::' for NUM:speed")
        return given
    if isinstance(given, str) and given.startswith(COLUMN):
        raise InputError(
            f"{owner}: groups={given!r} names a column of the table that fit trains on, and is read there alone; "
            "elsewhere give a mapping, as sfumato.groups.groups_of_column(labels, coarse_labels) returns, or a file"
        )
    where = "groups"
    if isinstance(given, str | Path):
        if Path(given).suffix not in SUFFIXES:
            printed_groups(owner, str(given))  # raises if there is none
            return str(given)
        where = f"the groups in {given}"
        given = read_groups(owner, Path(given))
    return named_groups(owner, given, where)


def named_groups(owner: str, given: Any, where: str) -> Groups:
    """Return group name -> labels from a mapping in either direction."""
    if not isinstance(given, Mapping):
        raise InputError(
            f"{owner}: {where} must be a mapping of each group to its labels, or of each label to its group, got "
            f"{type(given).__name__}"
        )
    groups: Groups = {}
    for key, value in given.items():
        if isinstance(value, Mapping):
            raise InputError(f"{owner}: {where}: {key!r} holds a table; write it as a list of labels")
        pairs = [(key, each) for each in value] if isinstance(value, list | tuple) else [(value, key)]
        for group, label in pairs:
            groups.setdefault(str(group), []).append(label_name(label))
    refuse_twice(owner, groups, where)
    if not any(groups.values()):
        raise InputError(f"{owner}: {where} name no label; give each group its labels")
    return groups


def refuse_twice(owner: str, groups: Groups, where: str) -> None:
    """Raise if a label is in two groups, or twice in one."""
    home: dict[str, str] = {}
    for group, labels in groups.items():
        for label in labels:
            if label in home:
                both = f"twice in {group!r}" if home[label] == group else f"in {home[label]!r} and in {group!r}"
                raise InputError(f"{owner}: {where}: the label {label!r} is {both}; a label has one group")
            home[label] = group


def read_groups(owner: str, path: Path) -> Any:
    """Return the mapping in a TOML or JSON file (its table ``groups``, if it has one), or in a CSV of label, group."""
    try:
        if path.suffix == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                return gathered(owner, csv.DictReader(file, strict=True), path)
        text = path.read_text(encoding="utf-8-sig")
        if not text.strip():
            raise InputError(f"{owner}: {path} is empty; give each group its labels")
        content = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except InputError:
        raise
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{owner}: cannot read the groups in {path} ({error})") from error
    inner = content.get("groups") if isinstance(content, Mapping) else None
    return inner if isinstance(inner, Mapping) else content


def gathered(owner: str, rows: csv.DictReader[str], path: Path) -> Groups:
    """Return the groups of a CSV file with the columns ``label`` and ``group``."""
    missing = [name for name in ("label", "group") if name not in (rows.fieldnames or ())]
    if missing:
        raise InputError(f"{owner}: {path} needs the columns label and group, {missing[0]!r} is missing")
    groups: Groups = {}
    for row in rows:
        if not row["label"] or not row["group"]:
            raise InputError(f"{owner}: {path}, line {rows.line_num} needs a label and a group")
        groups.setdefault(row["group"], []).append(row["label"])
    return groups


def printed_groups(owner: str, name: str) -> Groups:
    """Return a partition that comes with sfumato, as ``trec-50``: the groups of Table 6 of the MaskLoss paper."""
    folder = resources.files("sfumato") / "tables" / "groups"
    names = sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))
    if name not in names:
        error = unknown("partition", name, names)
        raise InputError(f"{owner}: {error}; or give a file (.toml, .json, .csv), 'prefix:SEP', a mapping, or 'auto'")
    content = tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
    groups: Groups = content["groups"]
    return groups


def partition(owner: str, groups: str | Groups, classes: Sequence[str]) -> Integers:
    """Return the group of each class, (C,); a class that is in none is alone.

    Raises
    ------
    InputError
        if a group names a label that is no class, or no two classes share a group.
    """
    if isinstance(groups, str) and groups.startswith(PREFIX):
        ends = groups.removeprefix(PREFIX)
        names = [name.split(ends, 1)[0] if ends in name else name for name in classes]
        return checked(owner, numbered(names), f"no two of the {len(classes)} classes share what is before {ends!r}")
    printed = isinstance(groups, str)  # made for a whole data set, of which a sample may lack labels
    named: Groups = printed_groups(owner, groups) if isinstance(groups, str) else groups
    home = {label: group for group, labels in named.items() for label in labels}
    strange = [label for label in home if label not in set(classes)]
    if strange and not printed:
        raise InputError(
            f"{owner}: the group {home[strange[0]]!r} names {strange[0]!r}, which is no class"
            f"{nearest(strange[0], classes)}; there are: {', '.join(classes)}"
        )
    alone = [("", k) if name not in home else (home[name], -1) for k, name in enumerate(classes)]
    return checked(owner, numbered(alone), "no two classes share a group")


def checked(owner: str, found: Integers, empty: str) -> Integers:
    """Return the partition, after refusing one that covers nothing."""
    if len(np.unique(found)) == len(found):
        raise InputError(f"{owner}: the groups cover nothing: {empty}, so no label would ever be masked")
    return found


def numbered(names: Iterable[Any]) -> Integers:
    """Return a number for each name, equal for equal names, in the order of their first appearance."""
    number: dict[Any, int] = {}
    return np.array([number.setdefault(name, len(number)) for name in names], dtype=np.int64)


def same_group(groups: Integers) -> NDArray[np.bool_]:
    """Return G (C, C): whether two different classes are in one group."""
    same: NDArray[np.bool_] = groups[:, None] == groups[None, :]
    np.fill_diagonal(same, False)
    return same


def groups_of_column(labels: Sequence[object], coarse: Sequence[object]) -> Groups:
    """Return group -> labels from two columns of the same rows: the label, and the coarse label that it belongs to.

    Raises
    ------
    InputError
        names the first row whose label stood beside another coarse label before.
    """
    if len(labels) != len(coarse):
        raise InputError(f"groups need one coarse label a row: {len(labels)} labels, {len(coarse)} coarse ones")
    home: dict[str, str] = {}
    for row, (label, group) in enumerate(zip(labels, coarse, strict=True), start=1):
        name, of = label_name(label), label_name(group)
        if home.setdefault(name, of) != of:
            raise InputError(f"groups: row {row} puts the label {name!r} in {of!r}, a row before in {home[name]!r}")
    return {group: sorted(k for k, v in home.items() if v == group) for group in sorted(set(home.values()))}
