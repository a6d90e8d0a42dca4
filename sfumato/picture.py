"""Pictures as self-contained SVG, written by hand: no plotting library, no script, no font to load.

The colour ramp is one hue from near white to near black-blue: its lightness falls all the way, so it reads the same
without colour vision and in print. All text is escaped, and shows no character that turns the line
or that XML does not allow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sfumato.errors import InputError

UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)

WIDTH = 900
MARGIN = 14
GAP = 22  # between panels
ROW = 25  # height of a cell
NARROWEST, WIDEST = 26, 72  # a cell must hold ".07", and need not be a banner
LONGEST = 24  # letters of a label; the rest is cut, visibly
PAPER, INK, FAINT, ACCENT = "#fcfcfa", "#22262b", "#6b7178", "#14518c"
RAMP = ((248, 248, 244), (205, 222, 232), (122, 171, 207), (44, 108, 163), (14, 58, 107), (6, 26, 58))
TICKS = (0.0, 0.02, 0.1, 0.25, 0.5, 1.0)
FONT = "font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif\""

Doubles = NDArray[np.float64]


def heat_map(
    matrices: Sequence[tuple[str, ArrayLike]],
    labels: Sequence[str],
    *,
    title: str,
    note: str = "",
    path: str | Path | None = None,
) -> str:
    """Draw square matrices of shares side by side, one panel each, and return the SVG.

    Parameters
    ----------
    matrices : pairs of a panel title and a ``(C, C)`` array of values in [0, 1]; row by row, from the top
    labels : the C names of both rows and columns
    title : heading of the whole picture
    note : a smaller line under it
    path : where to write the SVG, too; None writes nothing

    Raises
    ------
    InputError
        if a matrix has another shape than the labels, or a value outside [0, 1].
    """
    labels = [label if len(label) <= LONGEST else label[: LONGEST - 1] + "…" for label in labels]
    panels = [(name, checked(name, matrix, len(labels))) for name, matrix in matrices]
    left = MARGIN + 8 + max(text_width(label, 11.5) for label in labels)
    top = 66 + (16 if note else 0)
    named = 20 if any(name for name, _ in panels) else 0
    head = 14 + named + 0.72 * max(text_width(label, 11) for label in labels)  # panel title and slanted column names
    columns = panels_in_a_row(len(panels), len(labels), WIDTH - left)
    cell = min(WIDEST, (WIDTH - left - MARGIN - (columns - 1) * GAP - slant(labels)) / (columns * len(labels)))
    tall = head + len(labels) * ROW + 18
    parts = []
    for i, (name, matrix) in enumerate(panels):
        row, column = divmod(i, columns)
        x, y = left + column * (cell * len(labels) + GAP), top + row * tall
        parts.append(panel(name, matrix, labels, x, y + head, cell, first=column == 0, head=head))
    height = top + tall * -(-len(panels) // columns)
    return finish([*heading(title, note), legend(), *parts], title, height, path)


def checked(name: str, matrix: ArrayLike, size: int) -> Doubles:
    """Return the matrix as float64 ``(size, size)`` with values in [0, 1], or say what is wrong."""
    array = np.asarray(matrix, dtype=np.float64)
    if array.shape != (size, size):
        raise InputError(
            f"picture: panel {name!r} must have shape ({size}, {size}), one row a label, got {array.shape}"
        )
    if not ((array >= 0) & (array <= 1 + 1e-6)).all():
        raise InputError(f"picture: panel {name!r} must hold shares from 0 to 1, got {array.min()} to {array.max()}")
    return array


def most_confused(confusion: Doubles, most: int) -> list[int]:
    """Return the labels that lose or gain the largest shares, in their own order."""
    off = confusion.copy()
    np.fill_diagonal(off, 0)
    order = np.argsort(-(off.sum(axis=0) + off.sum(axis=1)), kind="stable")[:most]
    return sorted(order.tolist())


def panels_in_a_row(panels: int, size: int, width: float) -> int:
    """Return how many panels stand side by side: all, or fewer so that cells can hold their values."""
    fitting = int((width + GAP) // (size * NARROWEST + GAP))
    rows = -(-panels // max(fitting, 1))
    return -(-panels // rows)


def panel(
    name: str, matrix: Doubles, labels: Sequence[str], x: float, y: float, cell: float, *, first: bool, head: float
) -> str:
    """Draw one matrix with its upper left cell at (x, y); row names only on the first of a row of panels."""
    parts = [words(x, y - head + 16, name, size=13.5, weight=600)]
    for j, label in enumerate(labels if cell > 9 else []):  # narrower columns would print name over name
        at = f"rotate(-45 {x + (j + 0.5) * cell:.1f} {y - 6:.1f})"
        parts.append(words(x + (j + 0.5) * cell, y - 6, label, size=11, fill=FAINT, transform=at))
    for i, label in enumerate(labels):
        if first:
            parts.append(words(x - 7, y + (i + 0.5) * ROW + 4, label, size=11.5, anchor="end"))
        for j, value in enumerate(matrix[i]):
            parts.append(square(float(value), x + j * cell, y + i * ROW, cell))
    return element("g", "".join(parts))


def square(value: float, x: float, y: float, cell: float) -> str:
    """Draw one cell; its value is written if it does not round to nothing and there is room."""
    box = element("rect", x=x, y=y, width=cell - 1, height=ROW - 1, fill=ramp(value))
    if value < 0.005 or cell < NARROWEST - 4:
        return box
    written = f"{value:.2f}".removeprefix("0")
    return box + words(x + cell / 2 - 0.5, y + ROW / 2 + 3.5, written, size=10.5, anchor="middle", fill=ink_on(value))


def level(value: float) -> float:
    """Return the place of a share on the ramp: its square root, so that small shares can be told apart."""
    return float(np.sqrt(min(max(value, 0.0), 1.0)))


def mixed(value: float) -> Doubles:
    """Return the red, green and blue of a share on the ramp, ``(3,)``, 0 to 255."""
    place = level(value) * (len(RAMP) - 1)
    low = min(int(place), len(RAMP) - 2)
    blend: Doubles = (np.array(RAMP[low]) * (low + 1 - place) + np.array(RAMP[low + 1]) * (place - low)).round()
    return blend


def ramp(value: float) -> str:
    """Return the colour of a share as #rrggbb."""
    return "#{:02x}{:02x}{:02x}".format(*mixed(value).astype(int))


def ink_on(value: float) -> str:
    """Return black or white, whichever stands out more on the colour of a share (WCAG's relative luminance)."""
    luminance = float((mixed(value) / 255) ** 2.2 @ (0.2126, 0.7152, 0.0722))
    return "#000000" if (luminance + 0.05) ** 2 > 0.05 * 1.05 else "#ffffff"


def legend() -> str:
    """Draw the ramp with its ticks in the upper right corner."""
    wide, x, y = 190.0, WIDTH - MARGIN - 198.0, 16.0
    steps = [
        element("rect", x=x + wide * k / 48, y=y, width=wide / 48 + 0.5, height=10, fill=ramp((k / 47) ** 2))
        for k in range(48)
    ]
    ticks = [
        words(x + wide * level(t), y + 23, f"{t:g}".removeprefix("0") or "0", size=10, anchor="middle", fill=FAINT)
        for t in TICKS
    ]
    return element("g", "".join(steps + ticks))


def intervals(
    rows: Sequence[tuple[str, float, float, float]],
    *,
    title: str,
    note: str = "",
    zero: float | None = 0.0,
    path: str | Path | None = None,
) -> str:
    """Draw one dot with its interval a row, ``(label, centre, low, high)``, and return the SVG.

    ``zero`` is the value that gets an upright line, None for no line.
    """
    left = MARGIN + 12 + max(text_width(row[0], 12) for row in rows)
    ends = [value for row in rows for value in row[1:]] + ([] if zero is None else [zero])
    low, high = min(ends), max(ends)
    scale = (WIDTH - left - 90) / ((high - low) or 1.0)
    top = 60.0 + (16 if note else 0)
    parts = heading(title, note)
    if zero is not None:
        x = left + (zero - low) * scale
        parts.append(element("path", d=f"M{x:.1f} {top:.1f}V{top + len(rows) * ROW:.1f}", stroke=FAINT))
    for i, (label, centre, start, end) in enumerate(rows):
        y = top + (i + 0.5) * ROW
        line = f"M{left + (start - low) * scale:.1f} {y:.1f}H{left + (end - low) * scale:.1f}"
        parts.append(words(left - 10, y + 4, label, size=12, anchor="end"))
        parts.append(element("path", d=line, stroke=ACCENT, stroke_width=2))
        parts.append(element("circle", cx=left + (centre - low) * scale, cy=y, r=4, fill=ACCENT))
        parts.append(words(WIDTH - MARGIN, y + 4, f"{centre:.4g}", size=11, anchor="end", fill=FAINT))
    return finish(parts, title, top + len(rows) * ROW + MARGIN, path)


def heading(title: str, note: str) -> list[str]:
    """Draw the title and the line under it."""
    lines = [words(MARGIN, 30, title, size=17, weight=600)]
    return lines + ([words(MARGIN, 52, note, size=12, fill=FAINT)] if note else [])


def slant(labels: Sequence[str]) -> float:
    """Return the room that the last slanted column name needs to the right of its column."""
    return max(0.0, 0.72 * text_width(labels[-1], 11) - MARGIN)


def shown(text: Any) -> str:
    """Return a text as markup that looks as written: marked up nowhere, with no character that turns the line."""
    return escape(UNSEEN.sub("\ufffd", str(text)))


def text_width(text: str, size: float) -> float:
    """Estimate the width of a text in px; full-width characters count twice."""
    return size * sum(1.0 if ord(letter) > 0x2E7F else 0.56 for letter in text)


def words(
    x: float, y: float, text: str, *, size: float, anchor: str = "start", fill: str = INK, **attributes: str | int
) -> str:
    """Draw a line of text; ``weight`` is the font weight."""
    if "weight" in attributes:
        attributes["font-weight"] = attributes.pop("weight")
    return element("text", shown(text), x=x, y=y, font_size=size, text_anchor=anchor, fill=fill, **attributes)


def element(name: str, content: str = "", **attributes: str | float) -> str:
    """Write an SVG element; ``content`` is markup already, attribute values are escaped here."""
    written = {k.replace("_", "-"): f"{v:.4g}" if isinstance(v, float) else shown(v) for k, v in attributes.items()}
    opened = name + "".join(f' {key}="{value}"' for key, value in written.items())
    return f"<{opened}>{content}</{name}>" if content else f"<{opened}/>"


def finish(parts: Sequence[str], title: str, height: float, path: str | Path | None) -> str:
    """Put the parts on paper, and write the SVG if a path is given."""
    size = f'viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}"'
    paper = element("rect", width=WIDTH, height=f"{height:.0f}", fill=PAPER)
    svg = "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {FONT} role="img">',
            element("title", shown(title)),
            paper,
            *parts,
            "</svg>\n",
        )
    )
    if path is not None:
        Path(path).write_text(svg, encoding="utf-8")
    return svg
