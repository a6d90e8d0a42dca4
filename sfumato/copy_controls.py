"""The control of a method that adds copies of the rows: as many rows, the same budget of steps, the plain texts.

``plain-copies``  each copy is the plain text again; targets and loss are those of the method
"""

from __future__ import annotations

from collections.abc import Callable

from sfumato.data import Transform
from sfumato.errors import InputError

COPY_CONTROLS = ("plain-copies",)


def with_plain_copies(transforms: tuple[Transform, ...]) -> tuple[Transform, ...]:
    """Return the transforms with plain copies; the step that adds the copies must have ``plain()``."""
    changed = tuple(made_plain(step) for step in transforms)
    if all(new is old for new, old in zip(changed, transforms, strict=True)):
        raise InputError("plain-copies needs a transform with plain(), as that of aeda")
    return changed


def made_plain(step: Transform) -> Transform:
    """Return the step with plain copies, or as it is if it adds none."""
    other: Callable[[], Transform] | None = getattr(step, "plain", None)
    return step if other is None else other()


def before_copies(transforms: tuple[Transform, ...], step: Transform) -> tuple[Transform, ...]:
    """Return the transforms with one more: at the end, or, so that copies have what their row has, before them."""
    last = len(transforms) - (bool(transforms) and hasattr(transforms[-1], "plain"))
    return (*transforms[:last], step, *transforms[last:])
