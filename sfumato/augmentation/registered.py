"""The ways of making copies, by name; the signature of each function is the schema of its options."""

from __future__ import annotations

from typing import Protocol

from sfumato.augmentation.block import Block
from sfumato.augmentation.draws import Keys
from sfumato.augmentation.units import Unit
from sfumato.registry import Registry


class Augmenter(Protocol):
    """Writes one copy of each text of a block.

    Attributes
    ----------
    unit, protect : how texts are split before, see `sfumato.augmentation.units`
    notes : sentences that a user should read
    """

    @property
    def unit(self) -> Unit: ...

    @property
    def protect(self) -> str: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def write(self, block: Block, keys: Keys) -> list[str]:
        """Return one copy of each text; the same for the same text and key, whatever stands beside it."""
        ...


AUGMENTERS: Registry[Augmenter] = Registry(
    "way of augmenting",
    {
        "aeda": "sfumato.augmentation.aeda:aeda",
        "eda": "sfumato.augmentation.eda:eda",
        "lcda-text": "sfumato.augmentation.lcda_text:lcda_text",
    },
)
