"""A list of damages, as a table file has them, on train, dev and test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import Parameter
from typing import Any

import numpy as np

from sfumato.damage.damaged import Damaged, Rows, check_values
from sfumato.damage.sizes import check_one_way, class_sizes, cut_to
from sfumato.data import Examples
from sfumato.errors import InputError, nearest, unknown
from sfumato.registry import Registry

DAMAGES: Registry[Damaged] = Registry(
    "damage",
    {
        "symmetric-noise": "sfumato.damage.noise:symmetric_noise",
        "group-noise": "sfumato.damage.noise:group_noise",
        "transition-noise": "sfumato.damage.noise:transition_noise",
        "text-noise": "sfumato.damage.text_noise:text_noise",
        "similar-noise": "sfumato.damage.similar_noise:similar_noise",
        "trust": "sfumato.damage.trust:trust",
        "drop-wrong": "sfumato.damage.drop_wrong:drop_wrong",
        "imbalance": "sfumato.damage.sizes:imbalance",
        "long-tail": "sfumato.damage.sizes:long_tail",
        "shots": "sfumato.damage.sizes:shots",
        "fraction": "sfumato.damage.sizes:fraction",
        "class-subset": "sfumato.damage.sizes:class_subset",
    },
)
TEST_TOO = {"class-subset"}
"""Those that act on test as well, and so on all three splits or none."""

AS_TRAIN = {"imbalance", "long-tail"}
"""Those whose sizes follow from the rows of train: dev keeps the same share of each class."""

SPLITS = ("train", "dev", "test")
PARTS = SPLITS[:2]
GIVEN = ("examples", "seed", "train", "right")  # what no step names


def damage(
    train: Examples, dev: Examples, test: Examples, steps: Sequence[Mapping[str, Any]], *, seed: int
) -> tuple[Examples, Examples, Examples, dict[str, Rows], list[str]]:
    """Apply the steps in turn and return train, dev, test, the rows touched and what there is to say.

    A step acts on train and dev, each with a seed of its own; ``parts`` narrows it to one of them. The classifier of
    ``text-noise`` and ``similar-noise`` learns from train alone, and ``trust`` and ``drop-wrong`` know the labels of
    before the first step. Test is touched by those in `TEST_TOO` alone. After an ``imbalance`` or ``long-tail`` of
    train, dev keeps the same share of each class, at least one row of those it has; ``shots`` are as many in dev. A
    split without rows is passed over.

    Parameters
    ----------
    steps : one mapping a damage: ``kind``, its options, and ``parts`` if it is not both
    seed : decides all draws; step and split go into it

    Returns
    -------
    train, dev, test : the damaged splits
    touched : "train", "dev" and "test" to the positions, in the split as it was given, of rows that were left out, or
        have another label in the end
    notes : one sentence a step and split

    Raises
    ------
    InputError
        as `check_steps`, or as the damage says.
    """
    check_steps(steps)
    check_values("damage", seed=seed)
    given = {"train": train, "dev": dev, "test": test}
    now = dict(given)
    places = {part: np.arange(len(split)) for part, split in given.items()}
    notes = []
    for number, step in enumerate(steps):
        kind, parts, options = _read(step)
        before = now["train"]
        for part in parts:
            if not len(now[part]) and kind not in TEST_TOO:
                continue
            draw = int(np.random.SeedSequence((int(seed), number, SPLITS.index(part))).generate_state(1)[0])
            if part == "dev" and "train" in parts and kind in AS_TRAIN and len(before):
                done = cut_to(kind, now["dev"], _same_shares(before, now["train"], now["dev"]), draw)
            else:
                told = {
                    "train": before if part == "dev" else None,
                    "right": _right(given[part], now[part], places[part]),
                }
                done = _build(kind, now[part], options, told | {"seed": draw})
            if len(done.examples) < len(now[part]):
                places[part] = np.delete(places[part], done.touched)
            now[part] = done.examples
            notes.append(f"{part}: {done.said}")
    touched = {part: _touched(given[part], now[part], places[part]) for part in given}
    return now["train"], now["dev"], now["test"], touched, notes


def _build(kind: str, examples: Examples, options: Mapping[str, Any], told: Mapping[str, Any]) -> Damaged:
    """Do one step; ``told`` are seed, training rows and right labels, of which a damage hears what it asks for."""
    asked = {name: value for name, value in told.items() if name in DAMAGES.schema(kind)}
    return DAMAGES.build(kind, {"examples": examples, **options, **asked})


def _right(given: Examples, now: Examples, places: Rows) -> Rows | None:
    """Return the labels of before the first step of the rows now at ``places``, (N,), as indices into the classes."""
    if given.multilabel:
        return None
    moved = np.array([now.classes.index(name) if name in now.classes else -1 for name in given.classes] + [-1])
    return np.asarray(moved[given.labels[places]], dtype=np.int64)


def _same_shares(before: Examples, after: Examples, dev: Examples) -> Rows:
    """Return the rows of each class that dev keeps, (C,): the share that train kept, at least one if there are any."""
    had, kept, rows = class_sizes(before), class_sizes(after), class_sizes(dev)
    share = np.where(had > 0, kept / np.maximum(had, 1), 1.0)
    return np.maximum(np.rint(rows * share), np.minimum(rows, 1)).astype(np.int64)


def _touched(given: Examples, after: Examples, places: Rows) -> Rows:
    """Return the positions in ``given`` of rows that are left out, or have another label; ``places`` are those kept."""
    gone = np.setdiff1d(np.arange(len(given)), places)
    if given.multilabel:  # a class that was left out is no changed label
        kept = [given.classes.index(name) for name in after.classes]
        return np.union1d(gone, places[(after.labels != given.labels[places][:, kept]).any(axis=1)])
    position = {name: k for k, name in enumerate(given.classes)}
    moved = np.array([*(position[name] for name in after.classes), -1], dtype=np.int64)  # -1 stays
    return np.union1d(gone, places[moved[after.labels] != given.labels[places]])


def _read(step: Mapping[str, Any]) -> tuple[str, list[str], dict[str, Any]]:
    """Return the kind of a step, the splits it acts on, and its options."""
    kind = str(step["kind"]).replace("_", "-")
    options = {key.replace("-", "_"): value for key, value in step.items() if key not in ("kind", "parts")}
    parts = SPLITS if kind in TEST_TOO else step.get("parts") or PARTS
    return kind, [part for part in SPLITS if part in parts], options


def check_steps(steps: Sequence[Mapping[str, Any]]) -> None:
    """Check all that can be checked before there is data: kinds, parts, names of options, and their ranges.

    Raises
    ------
    InputError
        names the step, what it has, and what is allowed.
    """
    if isinstance(steps, str | Mapping) or not all(isinstance(step, Mapping) for step in steps):
        raise InputError(f"damage is a list of tables, each with a kind and its options, got {steps!r}")
    for number, step in enumerate(steps, 1):
        if "kind" not in step:
            raise InputError(f"damage: step {number} has no kind; there are: {', '.join(DAMAGES)}")
        if step["kind"] not in DAMAGES:
            raise unknown("damage", str(step["kind"]), DAMAGES)
        _check_parts(step)
        kind, _, options = _read(step)
        schema = {name: what for name, what in DAMAGES.schema(kind).items() if name not in GIVEN}
        for name in options:
            if name not in schema:
                raise InputError(f"{kind} has no option {name!r}{nearest(name, schema)}; it takes: {', '.join(schema)}")
        missing = [name for name, what in schema.items() if what.default is Parameter.empty and name not in options]
        if missing:
            raise InputError(f"{kind} needs {' and '.join(missing)}; it takes: {', '.join(schema)}")
        check_values(kind, **options)
        if kind == "imbalance":
            check_one_way(**options)


def _check_parts(step: Mapping[str, Any]) -> None:
    kind, parts = step["kind"], step.get("parts")
    if parts is None:
        return
    if kind.replace("_", "-") in TEST_TOO:
        raise InputError(f"{kind} acts on train, dev and test; leave parts out")
    if not isinstance(parts, list | tuple) or not parts or any(part not in PARTS for part in parts):
        raise InputError(f"{kind}: parts must be a list of 'train' and 'dev' (test is never damaged), got {parts!r}")
