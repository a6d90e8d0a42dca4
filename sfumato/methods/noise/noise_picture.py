"""The matrix of wrong labels as a picture: the share of the texts of each class that got each label."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sfumato.errors import InputError
from sfumato.methods.noise.model import Array
from sfumato.picture import heat_map, most_confused
from sfumato.picture_png import write_png

MOST_CLASSES = 30  # more would not be readable


def noise_svg(T: Array, classes: Sequence[str]) -> str:
    """Return T (C, C) as SVG; of many classes, those that are confused most."""
    names = list(classes) or [str(k) for k in range(len(T))]
    kept = most_confused(T, MOST_CLASSES)
    note = "share of the texts of each class (down) that were given each label (across), as the judges see it"
    if len(kept) < len(names):
        note += f"; the {len(kept)} of {len(names)} classes that are confused most"
    shares = np.clip(T[np.ix_(kept, kept)], 0, 1)
    return heat_map([("", shares)], [names[k] for k in kept], title="Right class and given label", note=note)


def draw_noise(T: Array, classes: Sequence[str], path: str | Path) -> Path:
    """Write T as ``.svg``, or as ``.png``, which needs matplotlib; the file is there whole or not at all.

    Raises
    ------
    InputError
        for another ending, or a folder that is not there.
    MissingExtraError
        for a PNG without matplotlib.
    """
    path = Path(path)
    if path.suffix.lower() not in (".svg", ".png"):
        raise InputError(f"a picture is .svg or .png, got {path.name!r}; give the file one of these endings")
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path} cannot be written: there is no folder {path.absolute().parent}; make it first")
    svg, part = noise_svg(T, classes), path.with_name(f".{path.name}.part")
    try:
        if path.suffix.lower() == ".png":
            write_png(svg, part)
        else:
            part.write_text(svg, encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path
