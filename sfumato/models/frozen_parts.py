"""The layers of an encoder that keep their weights, and that may keep their dropout off as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from sfumato.errors import InputError
from sfumato.registry import check_choice, check_whole


def checked_freeze(freeze: int | str, owner: str = "transformer") -> int | str:
    """Return a number of layers, or ``all`` for -1 and ``all``."""
    if isinstance(freeze, str):
        check_choice(owner, "freeze", freeze, ("all",))
        return freeze
    check_whole(owner, "freeze", freeze, -1)
    return "all" if freeze == -1 else int(freeze)


def freeze_layers(model: Any, freeze: int | str) -> None:
    """Keep the embeddings and the lowest layers as they are: so many, none for 0, the whole encoder for ``all``.

    A pooler belongs to the head: many encoders come without a trained one.

    Raises
    ------
    InputError
        if the encoder has fewer layers.
    """
    if not freeze:
        return
    base = model.base_model
    if freeze == "all":
        for name, part in base.named_children():
            part.requires_grad_(name == "pooler")
        return
    blocks: list[nn.Module] = next((list(m) for m in base.modules() if isinstance(m, nn.ModuleList) and len(m) > 1), [])
    if int(freeze) > len(blocks):
        raise InputError(
            f"transformer: freeze must be at most {len(blocks)}, the layers of this encoder that have weights of their "
            f"own, or 'all', got {freeze}"
        )
    for part in [getattr(base, "embeddings", nn.Identity()), *blocks[: int(freeze)]]:
        part.requires_grad_(False)


def check_frozen_dropout(frozen_dropout: bool, freeze: int | str, owner: str = "transformer") -> None:
    """Raise unless it is true or false, and false only where something is frozen."""
    if not isinstance(frozen_dropout, bool):
        raise InputError(f"{owner}: frozen_dropout must be true or false, got {frozen_dropout!r}")
    if not frozen_dropout and not freeze:
        raise InputError(f"{owner}: frozen_dropout=False needs frozen layers; give freeze, as freeze='all'")


def frozen_parts(base: nn.Module) -> tuple[nn.Module, ...]:
    """Return the largest parts of an encoder in which nothing learns; a pooler belongs to the head."""
    inside = {name: part for name, part in base.named_children() if name != "pooler"}
    if not any(p.requires_grad for part in inside.values() for p in part.parameters()):
        return tuple(inside.values())
    return tuple(part for child in inside.values() for part in _frozen_in(child))


def _frozen_in(module: nn.Module) -> Sequence[nn.Module]:
    learns = [p.requires_grad for p in module.parameters()]
    if learns and not any(learns):
        return [module]
    return [part for child in module.children() for part in _frozen_in(child)]


class Still:
    """Parts of a network in which dropout is off while the rest of it trains; no module, so that it has no state."""

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        self.parts = tuple(parts)
        self.keep()

    def keep(self) -> None:
        """Turn dropout off in them."""
        for part in self.parts:
            part.eval()

    def holds(self, base: nn.Module) -> bool:
        """Whether all of ``base`` is still: its outputs are then the same at each epoch."""
        return bool(self.parts) and set(base.children()) <= set(self.parts)
