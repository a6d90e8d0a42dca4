"""`draw` and `save_figure`: the one way from a table's content to a picture."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sfumato.errors import InputError, MissingExtraError, unknown
from sfumato.reproduction.figures.bars import draw_bars, draw_labels
from sfumato.reproduction.figures.curves import draw_curves
from sfumato.reproduction.figures.label_map import draw_label_map
from sfumato.reproduction.figures.lines import draw_lines
from sfumato.reproduction.figures.quartiles import draw_quartiles
from sfumato.reproduction.figures.style import SETTINGS, Content, families
from sfumato.reproduction.figures.sweep import draw_sweep

DRAWN: Mapping[str, Callable[[Any, Content], None]] = {
    "lines": draw_lines,
    "curves": draw_curves,
    "label-map": draw_label_map,
    "sweep": draw_sweep,
    "bars": draw_bars,
    "labels": draw_labels,
    "quartiles": draw_quartiles,
}
FIGURE_FILES = ("figure.svg", "figure.png")


def draw(content: Content) -> Any:
    """Return the figure of a table as a ``matplotlib.figure.Figure``; nothing is shown, no global state is touched.

    Raises
    ------
    InputError
        if the table has no figure, or its results nothing that the figure could show.
    MissingExtraError
        without matplotlib.
    """
    kind = content["figure"].get("kind")
    if kind is None:
        raise InputError(f"table {content['name']} has no figure; give its file one: figure = {{ kind = ... }}")
    if kind not in DRAWN:
        raise unknown("kind of figure", kind, DRAWN)
    with _styled(content) as new_figure:
        figure = new_figure(layout="constrained")
        DRAWN[kind](figure, content)
    return figure


def save_figure(content: Content, folder: Path) -> list[Path]:
    """Write the figure of a table as ``figure.svg`` and ``figure.png``; the same content gives the same SVG.

    Raises
    ------
    InputError, MissingExtraError
        as `draw`.
    """
    figure = draw(content)
    folder.mkdir(parents=True, exist_ok=True)
    with _styled(content):
        for name in FIGURE_FILES:
            part = folder / f".{name}.part"
            metadata = {"Date": None, "Creator": None, "Title": content["title"]} if name.endswith("svg") else {}
            figure.savefig(part, format=name.rpartition(".")[2], metadata=metadata)
            part.replace(folder / name)
    return [folder / name for name in FIGURE_FILES]


def unreadable(content: Content) -> str:
    """Say which file of a saved figure cannot be read in full for want of a font, or nothing."""
    if families(_words(content))[1]:
        return ""
    return "there is no Chinese font here: figure.png shows boxes, figure.svg has the characters"


@contextmanager
def _styled(content: Content) -> Iterator[Any]:
    """Give the class of figures, and hold matplotlib to our settings for as long."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("drawing a figure needs matplotlib: pip install 'sfumato[plot]'") from error
    fonts, _ = families(_words(content))
    with matplotlib.rc_context({**SETTINGS, "font.family": fonts}), warnings.catch_warnings():
        # Without a Chinese font the PNG shows boxes; the SVG has the characters, and the reader's font.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield Figure


def _words(content: Content) -> str:
    """Return all that a figure may write."""
    rows = [row[name] for row in content["rows"] for name in ("place", "model", "method")]
    classes = [name for one in content["label_embeddings"] for name in one.get("classes") or ()]
    return " ".join([content["title"], *rows, *classes])
