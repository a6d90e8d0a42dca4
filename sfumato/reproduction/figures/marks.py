"""Vertical lines in a figure of curves: at an epoch, or at a part of the epochs such as ``"50 %"``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sfumato.errors import InputError
from sfumato.reproduction.checking import mapping, number
from sfumato.reproduction.figures.style import GREY, Content

SHARE = re.compile(r"(\d+(?:\.\d+)?) ?%")
LAST_EPOCH = 1e6


def check_marks(name: str, given: Any) -> Mapping[str, Any]:
    """Return the marks of a table's figure as they are given, or raise."""
    marks = mapping(name, "marks of figure", given, '{ "stop" = 10 }')
    for words, at in marks.items():
        if not isinstance(at, str):
            number(name, f"mark {words!r} of figure", at, 0, LAST_EPOCH)
        elif (share := _share(at)) is None or share > 1:
            raise InputError(
                f"table {name}: mark {words!r} of figure must be an epoch, or a part of the epochs from '0 %' to "
                f"'100 %', got {at!r}"
            )
    return marks


def draw_marks(axis: Any, content: Content) -> None:
    """Draw the marks of a table with their words; a part is one of the epochs of the longest curve."""
    last = max(look["epoch"] for one in content["curves"] for look in one["history"])
    for words, at in content["figure"].get("marks", {}).items():
        share = _share(at) if isinstance(at, str) else None
        epoch = at if share is None else share * last
        axis.axvline(epoch, color=GREY, linewidth=0.9, linestyle=":")
        axis.annotate(
            words, (epoch, 1), (2, -1), xycoords=("data", "axes fraction"), textcoords="offset points", va="top",
            fontsize=6.5, color="#444444",
        )  # fmt: skip


def _share(written: str) -> float | None:
    found = SHARE.fullmatch(written.strip())
    return None if found is None else float(found[1]) / 100
