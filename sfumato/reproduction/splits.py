"""From a set of the catalogue to what each repeat of a table trains, chooses and tests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from sfumato.architecture import Architecture
from sfumato.damage import damage
from sfumato.data import Examples, concatenate
from sfumato.dataset import DataSet
from sfumato.errors import InputError
from sfumato.leaks import leaked_rows
from sfumato.method import Method
from sfumato.reproduction.table_parts import DataChoice, Repeats, Scale, Setting, place_title
from sfumato.split import fold_rows, split_rows

if TYPE_CHECKING:
    from sfumato.datasets import Loaded

Part = TypeVar("Part", Examples, Examples | None)
SUBSET_SEED = 0  # which rows are kept at a smaller scale: the same in every repeat


@dataclass(frozen=True, eq=False)
class Source:
    """A set of the catalogue as a table uses it: whole, or cut to the rows of a scale, the same in every repeat."""

    choice: DataChoice
    loaded: Loaded
    scale: Scale
    repeats: Repeats

    @cached_property
    def pool(self) -> tuple[Examples, Examples | None, Examples | None]:
        """Return the rows to train on, the published dev rows and the test rows; None where a repeat cuts them."""
        splits: Mapping[str, Examples] = self.loaded.splits
        parts = [_shortened(splits.get(name), self.choice.characters) for name in ("train", "dev", "test")]
        train, dev, test = _subset_of_classes(parts, self.choice.damage)
        whole = [part for part in (train, dev, test) if part is not None]
        if self.repeats.kind == "splits":
            rows, tested = self.scale.rows, self.scale.test_rows
            limit = (
                None
                if rows is None
                else round(
                    min(rows, (tested or rows) * self.repeats.share / (1 - self.repeats.share)) / self.repeats.share
                )
            )
            return _at_most(_joined(whole), limit), None, None
        if train is None:  # only the published test or dev rows are to be had
            train, dev = (dev, None) if dev is not None else (test, None)
        if train is None:
            raise InputError(f"{self.choice.name} has no rows to train on")
        if test is None or test is train:
            stays, cut = split_rows(train.labels, train.inputs, share=1 - self.repeats.share, seed=SUBSET_SEED)
            train, test = train.take(stays), train.take(cut)
        if self.repeats.kind == "folds" and dev is not None:
            train, dev = concatenate(train, dev), None
        return (
            _at_most(train, self.scale.rows),
            _at_most(dev, self.scale.test_rows),
            _at_most(test, self.scale.test_rows),
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, after a class subset of the data choice."""
        return self.pool[0].classes

    def check(self, models: Iterable[Architecture], methods: Iterable[Method]) -> None:
        """Raise if a model or a method of the table cannot read this set (images, texts, several labels a row)."""
        for model in models:
            model.check_inputs(self.pool[0].inputs)
        for method in methods:
            method.check_inputs(self.pool[0].inputs)
            method.check_labels(self.pool[0])

    def repeat(self, number: int, setting: Setting, variant: int | None = None) -> DataSet:
        """Return the splits of one repeat, spoiled as the setting says; ``variant`` is the class whose turn it is."""
        train, dev, test = self._cut(number)
        steps = [_for_class(step, self.classes, variant) for step in (*_not_subset(self.choice), *setting.damage)]
        said: list[str] = []
        if steps:
            train, few, test, _, said = damage(train, dev, test, steps, seed=number)
            dev = _subset_of_classes([dev], steps)[0] if self.scale.whole_dev else few
        place = place_title(self.choice.title, setting.title)
        name = place if variant is None else f"{place} / {self.classes[variant]}"
        notes = (*self.loaded.notes, *said)
        leaked = leaked_rows(test.inputs, [*train.inputs, *dev.inputs])
        return DataSet(name, train, dev, test, notes, split_seed=None, leaked=leaked)

    def _cut(self, number: int) -> tuple[Examples, Examples, Examples]:
        train, dev, test = self.pool
        if test is None:
            stays, cut = split_rows(train.labels, train.inputs, share=1 - self.repeats.share, seed=number)
            train, test = train.take(stays), train.take(cut)
        if dev is None and self.repeats.kind == "folds":
            fold = fold_rows(train.labels, train.inputs, folds=self.repeats.number, seed=SUBSET_SEED)
            return train.take(np.flatnonzero(fold != number)), train.take(np.flatnonzero(fold == number)), test
        if dev is None:
            stays, cut = split_rows(train.labels, train.inputs, share=self.repeats.dev, seed=1000 + number)
            train, dev = train.take(stays), train.take(cut)
        return train, dev, test


def _joined(parts: list[Examples]) -> Examples:
    whole = parts[0]
    for part in parts[1:]:
        whole = concatenate(whole, part)
    return replace(whole, ids=np.arange(len(whole), dtype=np.int64))


def _subset_of_classes(parts: list[Part], steps: Sequence[Mapping[str, Any]]) -> list[Part]:
    """Apply the class subsets among the steps to all parts: of a data choice, before the scale counts the rows."""
    from sfumato.damage import class_subset

    for step in steps:
        if step["kind"] == "class-subset":
            parts = [None if part is None else class_subset(part, classes=step["classes"]).examples for part in parts]
    return parts


def _not_subset(choice: DataChoice) -> list[Mapping[str, Any]]:
    return [step for step in choice.damage if step["kind"] != "class-subset"]


def _for_class(step: Mapping[str, Any], classes: tuple[str, ...], variant: int | None) -> Mapping[str, Any]:
    """Write the class whose turn it is where a step says ``classes = "each"``."""
    if step.get("classes") != "each":
        return step
    if variant is None:
        raise InputError('damage of classes = "each" needs a setting with each_class = true')
    return {**step, "classes": [classes[variant]]}


def _shortened(examples: Examples | None, characters: int | None) -> Examples | None:
    """Keep the first characters of each text."""
    if examples is None or characters is None:
        return examples
    return replace(examples, inputs=[text[:characters] for text in examples.inputs])


def _at_most(examples: Any, limit: int | None) -> Any:
    """Keep so many rows, stratified, the same in every repeat."""
    if examples is None or limit is None or len(examples) <= limit:
        return examples
    kept, _ = split_rows(examples.labels, examples.inputs, size=len(examples) - limit, seed=SUBSET_SEED)
    return examples.take(np.sort(kept))
