"""The project's SVG as PNG, for places that show no SVG: the few elements that `sfumato.picture` writes, and no others.

Needs matplotlib (``pip install 'sfumato[plot]'``). Nothing is shown, no global state is touched.
"""

from __future__ import annotations

import re
import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from sfumato.errors import InputError, MissingExtraError

DENSITY = 100  # of our pixels an inch, so that a font of 10 px has 7.2 points
DOTS = 200  # of the file an inch
NAMESPACE = "{http://www.w3.org/2000/svg}"
CHINESE_FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei")
ANCHORS = {"start": "left", "middle": "center", "end": "right"}


def write_png(svg: str, path: str | Path) -> Path:
    """Write a picture of `sfumato.picture` as PNG, at twice its size in pixels.

    Raises
    ------
    InputError
        for an element that these pictures do not have.
    MissingExtraError
        without matplotlib.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(
            "a picture as PNG needs matplotlib: pip install 'sfumato[plot]', or write SVG"
        ) from error
    root = ElementTree.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    with matplotlib.rc_context({"font.family": fonts()}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the SVG has the characters
        figure = Figure(figsize=(width / DENSITY, height / DENSITY), dpi=DOTS)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        axes.axis("off")
        for element in root.iter():
            draw(axes, element)
        figure.savefig(path, format="png")
    return Path(path)


def fonts() -> list[str]:
    """Return the fonts to write with: matplotlib's own, then a Chinese one that is here."""
    from matplotlib import font_manager

    here = {font.name for font in font_manager.fontManager.ttflist}
    return ["DejaVu Sans", *[name for name in CHINESE_FONTS if name in here][:1]]


def draw(axes: Any, element: ElementTree.Element) -> None:
    """Draw one element; those that only hold others draw nothing."""
    from matplotlib.patches import Circle, Rectangle

    name, given = element.tag.removeprefix(NAMESPACE), element.attrib
    if name == "rect":
        corner = (float(given.get("x", 0)), float(given.get("y", 0)))
        size = (float(given["width"]), float(given["height"]))
        axes.add_patch(Rectangle(corner, *size, facecolor=given["fill"], linewidth=0))
    elif name == "circle":
        axes.add_patch(Circle((float(given["cx"]), float(given["cy"])), float(given["r"]), facecolor=given["fill"]))
    elif name == "text":
        write(axes, element)
    elif name == "path":
        x, y, way, end = re.fullmatch(r"M([\d.]+) ([\d.]+)([HV])([\d.]+)", given["d"]).groups()  # type: ignore[union-attr]
        across = [float(x), float(end if way == "H" else x)]
        down = [float(y), float(end if way == "V" else y)]
        axes.plot(across, down, color=given["stroke"], linewidth=float(given.get("stroke-width", 1)) * 72 / DENSITY)
    elif name not in ("svg", "g", "title"):
        raise InputError(f"a picture as PNG cannot have the SVG element {name!r}; write SVG")


def write(axes: Any, element: ElementTree.Element) -> None:
    """Write a line of text, slanted if it is."""
    given = element.attrib
    turned = re.match(r"rotate\((-?[\d.]+)", given.get("transform", ""))
    axes.text(
        float(given["x"]),
        float(given["y"]),
        (element.text or "").replace("$", r"\$"),  # a name is no formula
        fontsize=float(given["font-size"]) * 72 / DENSITY,
        color=given["fill"],
        fontweight="bold" if given.get("font-weight") == "600" else "normal",
        horizontalalignment=ANCHORS[given["text-anchor"]],
        verticalalignment="baseline",
        rotation=-float(turned[1]) if turned else 0,
        rotation_mode="anchor",
    )
