"""The keys of ``[figure]`` in a table's file, checked before the first run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sfumato.errors import InputError, nearest
from sfumato.reproduction.checking import flag, known_keys, mapping, one_of, text, texts
from sfumato.reproduction.figures.bars import OF_LABELS
from sfumato.reproduction.figures.chosen import NARROW
from sfumato.reproduction.figures.curves import Y_TITLES
from sfumato.reproduction.figures.drawing import DRAWN
from sfumato.reproduction.figures.marks import check_marks

OPTIONS = {
    "lines": ("x", "log", "gain"),
    "curves": ("y", "marks"),
    "label-map": (),
    "sweep": ("x",),
    "bars": (),
    "labels": ("y", "labels"),
    "quartiles": ("gain",),
}


def check_figure(name: str, given: Any, titles: Mapping[str, tuple[str, ...]]) -> Mapping[str, Any]:
    """Return the figure of a table as it is given, or raise.

    ``kind``: ``lines`` (``x``: the title of the axis, or "setting" to write the settings below it; ``log``; ``gain``:
    draw what is gained over the baseline), ``curves`` (``y``: what is measured at each epoch; ``marks``: words to an
    epoch, or to a part of the epochs as "50 %", drawn as vertical lines), ``label-map``, ``sweep`` along an option of
    the methods that have a ``line`` and an ``x``, ``bars`` of the metric, ``labels`` (``y``: recall or f1; ``labels``:
    how those to draw begin), or ``quartiles`` of word overlap (retrieval; ``gain``). ``data``, ``settings``, ``models``
    and ``methods`` list what to draw.
    """
    if not mapping(name, "figure", given, '{ kind = "lines" }'):
        return {}
    kind = one_of(name, "kind of figure", given.get("kind"), tuple(DRAWN))
    known_keys(name, f"figure of kind {kind}", given, ("kind", *OPTIONS[kind], *NARROW))
    text(name, "x of figure", given.get("x", ""))
    for measure in texts(name, "y of figure", given.get("y", ())):
        one_of(name, "y of figure", measure, OF_LABELS if kind == "labels" else tuple(Y_TITLES))
    texts(name, "labels of figure", given.get("labels", ()))
    for key in ("log", "gain"):
        flag(name, f"{key} of figure", given.get(key, False))
    check_marks(name, given.get("marks", {}))
    for key in NARROW:
        for title in texts(name, f"{key} of figure", given.get(key, ())):
            if title not in titles[key]:
                raise InputError(
                    f"table {name}: figure names {title!r}, which is not in [{key}]{nearest(title, titles[key])}"
                )
    return dict(given)
