"""The rows, then copies of them by a way of augmenting: the step that the papers' files share.

The order is: all rows as they were given, then copy 1 of each, then copy 2 of each. A copy has the label, targets,
weight, votes, teacher, similar labels and id of its row, so whatever made the targets looked at the rows alone. Its
text is drawn by `sfumato.augment`, keyed by (seed, id, number of the copy).

Copies that could not be made different stay, so that a run has as many rows as its control with plain copies.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sfumato.augmentation.augment import augment, check_copies
from sfumato.augmentation.registered import AUGMENTERS
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.images import are_images
from sfumato.method import Method
from sfumato.registry import check_whole

MOSTLY = 0.5  # more copies than this share unchanged are worth a warning


class AugmentationWarning(UserWarning):
    """Most copies are their rows again."""


@dataclass(frozen=True)
class Copies:
    """Add ``copies`` of each row; see the module.

    Attributes
    ----------
    augmenter, options : a name of `sfumato.augmentation.registered` and its options; None is the plain text again
    copies : of each row
    seed : decides the copies; None is that of the run, so that each repeat draws its own
    """

    augmenter: str | None
    copies: int
    seed: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def with_seed(self, seed: int) -> Copies:
        """Return the step of a run with that seed."""
        return self if self.seed is not None else replace(self, seed=seed)

    def plain(self) -> Copies:
        """Return the step that adds as many rows, each the plain text again."""
        return replace(self, augmenter=None, options={})

    def __call__(self, examples: Examples) -> Examples:
        check_rows(self.augmenter or "plain copies", examples)
        texts, N = list(examples.inputs), len(examples)
        number = np.repeat(np.arange(self.copies + 1), N)
        every = examples.take(np.tile(np.arange(N), self.copies + 1))
        if every.trusted is not None:  # nobody has looked at a copy
            every = replace(every, trusted=every.trusted & (number == 0))
        if self.augmenter is None or not N:
            return replace(every, copy=number)
        made = augment(
            texts, self.augmenter, copies=self.copies, seed=self.seed or 0, rows=examples.ids, **self.options
        )
        new = [texts, *(list(column) for column in zip(*made, strict=True))]
        if made.unchanged > MOSTLY * N * self.copies:
            self._warn(made.unchanged, N * self.copies)
        return replace(every, inputs=[text for part in new for text in part], copy=number)

    def _warn(self, unchanged: int, made: int) -> None:
        warnings.warn(
            f"{self.augmenter}: {unchanged:,} of {made:,} copies are their text again, as nothing in it could be "
            "changed; such copies only make the training longer",
            AugmentationWarning,
            stacklevel=3,
        )


def copies_of(name: str, augmenter: str, copies: int, seed: int | None, options: Mapping[str, Any]) -> Copies:
    """Return the step of the method ``name``, with everything checked that needs no rows."""
    check_copies(copies, owner=name)
    if seed is not None:
        check_whole(name, "seed", seed, 0, 2**63 - 1)
    AUGMENTERS.build(augmenter, options)
    return Copies(augmenter, int(copies), None if seed is None else int(seed), options)


def copying(
    name: str, copies: int, seed: int | None, options: Mapping[str, Any], *, notes: tuple[str, ...] = ()
) -> Method:
    """Return the method ``name`` that trains on the rows and on copies by the way of augmenting of that name."""
    return Method(
        name,
        (copies_of(name, name, copies, seed, options),),
        options={"copies": copies, **options, "seed": seed},
        has_targets=False,
        needs_texts=True,
        takes_targets=True,
        multilabel=True,
        augments=True,
        notes=notes,
    )


def check_rows(name: str, examples: Examples) -> None:
    """Raise unless the rows are texts, and none of them is a copy already."""
    if examples.copy is not None:
        raise InputError(f"{name}: these rows have copies already; make copies of the rows themselves, once")
    if are_images(examples.inputs):
        raise InputError(f"{name} writes texts anew, and these are images; augment images before they are given")
    wrong = next((i for i, text in enumerate(examples.inputs) if not isinstance(text, str)), None)
    if wrong is not None:
        raise InputError(
            f"{name} writes texts anew, and row {wrong + 1} is {type(examples.inputs[wrong]).__name__} "
            f"{examples.inputs[wrong]!r:.60}; join the tokens to a text"
        )


def unchanged_copies(examples: Examples) -> dict[str, int]:
    """Return how many copies there are, and how many of them are the text of their row again."""
    if examples.copy is None:
        return {}
    N = int((examples.copy == 0).sum())
    made = len(examples) - N
    same = sum(examples.inputs[i] == examples.inputs[i % N] for i in range(N, len(examples))) if N else 0
    return {"made": made, "unchanged": same}


def inputs_once(examples: Examples) -> Sequence[Any]:
    """Return one version of each row, itself and its copies in turn: the texts that a vocabulary is collected from.

    Counted in all its copies, every word would be a frequent one, and a run with copies would differ from one without
    by its vocabulary too. Of plain copies this is the rows, so the vocabulary is that of the baseline.
    """
    if examples.copy is None:
        return examples.inputs
    N = int((examples.copy == 0).sum())
    versions = len(examples) // max(N, 1)
    return [examples.inputs[i + N * (i % versions)] for i in range(N)]
