"""What all figures have in common: colours that most people can tell apart, fonts, widths, headings."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sfumato.reproduction.metric_names import PERCENT, said_metric

Content = Mapping[str, Any]

# Okabe and Ito, "Color Universal Design", 2008; without its yellow, which is too light for a thin line on white.
BLACK, BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = (
    *("#000000", "#0072B2", "#D55E00", "#009E73"),
    *("#CC79A7", "#E69F00", "#56B4E9"),
)
COLOURS = (BLACK, BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1, 1, 1)))
GREY = "#777777"
COLUMN, PAGE = 3.5, 7.0  # widths in inches of a column and a page of a paper
POINT = 72.0  # points an inch

CHINESE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
CHINESE_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "Source Han Sans CN", "PingFang SC"),
    *("Microsoft YaHei", "SimHei", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback"),
)

SETTINGS: dict[str, Any] = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Verdana", *CHINESE_FONTS],  # matplotlib brings the first; a reader has others
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.6,
    "legend.frameon": False,
    "svg.hashsalt": "sfumato",  # else the ids in the file are new each time
    "svg.fonttype": "none",  # text stays text: searchable, and Chinese where the reader has a font for it
    "savefig.dpi": 200,
}


@dataclass(frozen=True)
class Look:
    """How the points of one method are drawn; ``hollow`` from the eighth on, where the colours begin again."""

    colour: str
    marker: str
    hollow: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """Return the options of a line with these points."""
        face = "white" if self.hollow else self.colour
        return {"color": self.colour, "marker": self.marker, "markerfacecolor": face, "markeredgecolor": self.colour}


def looks(names: Iterable[str]) -> dict[str, Look]:
    """Return one look a name: colour and marker change together, so that either tells names apart."""
    found = {}
    for number, name in enumerate(dict.fromkeys(names)):
        place, turn = number % len(COLOURS), number // len(COLOURS)
        found[name] = Look(COLOURS[place], MARKERS[(place + 2 * turn) % len(MARKERS)], hollow=turn % 2 == 1)
    return found


def families(text: str) -> tuple[list[str], bool]:
    """Return the fonts to draw ``text`` with, and whether they have all of its characters."""
    if not CHINESE.search(text):
        return ["sans-serif"], True
    from matplotlib import font_manager

    here = {font.name for font in font_manager.fontManager.ttflist}
    found = [name for name in CHINESE_FONTS if name in here][:1]
    return ["DejaVu Sans", *found, "sans-serif"], bool(found)


def heading(figure: Any, content: Content, said: str) -> None:
    """Put the title above a figure, below it what is drawn and at which scale, and keep room for both."""
    width, height = figure.get_size_inches()
    title = lines_of(content["title"], int(width * 13.5))
    small = lines_of(f"{said}; {scale_words(content)}", int(width * 18))
    step, small_step = 9 * 1.25 / POINT, 6.5 * 1.3 / POINT  # inches a line
    used = 0.05 + step * len(title)
    figure.text(0.5, 1 - 0.05 / height, "\n".join(title), ha="center", va="top", fontsize=9, fontweight="bold")
    figure.text(0.5, 1 - used / height, "\n".join(small), ha="center", va="top", fontsize=6.5, color="#444444")
    room = (used + small_step * len(small) + 0.08) / height
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - room))


def lines_of(text: str, width: int) -> list[str]:
    """Wrap a text into as few lines as ``width`` letters allow, all about as long."""
    longest = min(max(map(len, text.split()), default=1), width)
    wrapped = [textwrap.wrap(text, letters, break_long_words=False) for letters in range(longest, width + 1)]
    return next(lines for lines in wrapped if len(lines) <= len(wrapped[-1]))


def scale_words(content: Content) -> str:
    """Say the scale, and how far the runs are if they are not at their end."""
    rows = content["sizes"]["rows"]
    said = f"scale {content['scale']}" + (f", at most {rows:,} training rows" if rows else "")
    if content["scale"] != "full" and content["paper"] != "sfumato":
        said += ", smaller than the paper's"
    if content["done"] < content["needed"]:
        said += f"; {content['done']:,} of {content['needed']:,} runs done"
    return said


def legend(figure: Any, handles: Sequence[Any], names: Sequence[str], width: float) -> None:
    """Put one legend below all panels, in as many columns as the longest name leaves room for."""
    longest = max(len(name) for name in names) * 0.058 + 0.5  # inches: a letter, then the sample of the line
    columns = max(1, min(len(names), int(width / longest)))
    rows = -(-len(names) // columns)
    figure.legend(
        handles, names, loc="outside lower center", ncols=-(-len(names) // rows), handlelength=2.6, columnspacing=1.4
    )


def line_legend(figure: Any, drawn: Iterable[str], look: Mapping[str, Look], width: float) -> None:
    """Put the legend of lines below all panels: the methods ``drawn``, each dashed by its place in ``look``."""
    from matplotlib.lines import Line2D

    wanted = set(drawn)
    handles = {
        name: Line2D([], [], linestyle=DASHES[number % len(DASHES)], **each.options)
        for number, (name, each) in enumerate(look.items())
        if name in wanted
    }
    legend(figure, list(handles.values()), list(handles), width)


def metric_title(content: Content) -> str:
    """Return the name of the metric as people write it."""
    metric = str(content["metric"])
    return {"ece": "ECE", "brier": "Brier score"}.get(metric, said_metric(metric))


def percent(content: Content) -> bool:
    """Whether the metric of the table is a share, shown in percent."""
    return content["metric"] in PERCENT
