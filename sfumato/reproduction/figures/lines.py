"""A line a method along the settings of a table: one panel a data set (and model), error bars over repeats."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sfumato.reproduction.figures.chosen import chosen, methods, nothing
from sfumato.reproduction.figures.style import (
    COLUMN,
    DASHES,
    GREY,
    PAGE,
    Content,
    Look,
    heading,
    legend,
    looks,
    metric_title,
    percent,
)

NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
BY_NAME = "setting"  # the value of `x` that writes the names of the settings below the axis
DODGE = 0.09  # of the smallest step along x: how far the methods of one setting stand apart in all


@dataclass(frozen=True)
class Point:
    """One method at one setting: ``low`` and ``high`` are the ends of its error bar."""

    x: float
    y: float
    low: float
    high: float
    setting: str


def draw_lines(figure: Any, content: Content) -> None:
    """Draw the table on an empty figure; see the module's head."""
    panels = line_panels(content)
    if not panels:
        raise nothing(content, "settings with a number `x`")
    look = looks(methods(content))
    series = list(dict.fromkeys(key[1] for panel in panels.values() for key in panel))
    dashes = {name: DASHES[number % len(DASHES)] for number, name in enumerate(series)}
    width = COLUMN if len(panels) == 1 else PAGE
    columns = min(len(panels), 3)
    rows = -(-len(panels) // columns)
    figure.set_size_inches(width, 2.5 * rows * (1.2 if columns == 2 else 1.0) + 1.1)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, (title, panel) in zip(axes, panels.items(), strict=False):
        _panel(axis, content, panel, look, dashes)
        axis.set_title(title)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    for place, axis in enumerate(axes):
        if place % columns == 0:
            axis.set_ylabel(_y_title(content))
        if place + columns >= len(panels):
            axis.set_xlabel("" if content["figure"].get("x") == BY_NAME else content["figure"].get("x", ""))
    _legend(figure, panels, look, dashes, width)
    heading(figure, content, _said(content))


def line_panels(content: Content) -> dict[str, dict[tuple[str, str], list[Point]]]:
    """Return what is drawn: panel title to (method, series) to points in the order of x.

    A setting without ``x`` is left out. "10 %" and "10 % in groups" belong to two series, "n %" and "n % in groups";
    the setting without a name, where nothing is done to the data, begins each of them.
    """
    gain, by_name = bool(content["figure"].get("gain")), content["figure"].get("x") == BY_NAME
    rows = [row for row in content["rows"] if chosen(content, row) and content["settings"][row["setting"]] is not None]
    models = {row["model"] for row in rows}
    named = list(dict.fromkeys("" if by_name else _series(row["setting"]) for row in rows if row["setting"] or by_name))
    panels: dict[str, dict[tuple[str, str], list[Point]]] = {}
    for row in rows:
        point = _gain(content, row) if gain else _mean(content, row)
        title = row["data"] if len(models) == 1 else f"{row['data']} · {row['model']}"
        for name in [_series(row["setting"])] if row["setting"] and not by_name else (named or [""]):
            if point is not None:
                panels.setdefault(title, {}).setdefault((row["method"], name), []).append(point)
    return {title: _in_order(panel) for title, panel in panels.items()}


def _in_order(panel: Mapping[tuple[str, str], Sequence[Point]]) -> dict[tuple[str, str], list[Point]]:
    """Sort points by x, and leave out a series of which this panel has only the undamaged beginning."""
    own = {name for (_, name), points in panel.items() if any(point.setting for point in points)}
    return {
        key: sorted(points, key=lambda point: point.x)
        for key, points in panel.items()
        if key[1] in own or not own  # nothing but the undamaged data: one point a method
    }


def _series(setting: str) -> str:
    return NUMBER.sub("n", setting)


def _mean(content: Content, row: Mapping[str, Any]) -> Point | None:
    if row["mean"] is None:
        return None
    scale, spread = 100 if percent(content) else 1, row["sd"] or 0.0
    ends = (row["mean"] - spread, row["mean"], row["mean"] + spread)
    low, y, high = (scale * value for value in ends)
    return Point(float(content["settings"][row["setting"]]), y, low, high, row["setting"])


def _gain(content: Content, row: Mapping[str, Any]) -> Point | None:
    names = ("place", "model", "method")
    scale = 100 if percent(content) else 1
    for found in content["differences"]:
        if found["against"] == content["baseline"] and all(found[name] == row[name] for name in names):
            low, y, high = (scale * found[name] for name in ("low", "difference", "high"))
            return Point(float(content["settings"][row["setting"]]), y, low, high, row["setting"])
    return None


def _panel(
    axis: Any,
    content: Content,
    panel: Mapping[tuple[str, str], Sequence[Point]],
    look: Mapping[str, Look],
    dashes: Mapping[str, Any],
) -> None:
    log = bool(content["figure"].get("log"))
    ticks = {point.x: point.setting for points in panel.values() for point in points}
    for number, ((method, name), points) in enumerate(panel.items()):
        x = [_beside(point.x, number, len(panel), sorted(ticks), log=log) for point in points]
        y = [point.y for point in points]
        # An interval of a difference need not hold its mean where rows are few: no bar is shorter than nothing.
        bars = [
            [max(point.y - point.low, 0.0) for point in points],
            [max(point.high - point.y, 0.0) for point in points],
        ]
        axis.errorbar(x, y, yerr=bars, linestyle=dashes[name], elinewidth=0.8, capsize=1.5, **look[method].options)
    if content["figure"].get("gain"):
        axis.axhline(0, color=GREY, linewidth=1, zorder=1)
    if log:
        axis.set_xscale("log")
        axis.minorticks_off()
    by_name = content["figure"].get("x") == BY_NAME
    axis.set_xticks(sorted(ticks), [ticks[x] if by_name else f"{x:g}" for x in sorted(ticks)])
    if by_name and sum(map(len, ticks.values())) > 24:
        axis.tick_params(axis="x", rotation=40)
        for label in axis.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axis.grid(visible=False, axis="x")


def _beside(x: float, number: int, count: int, ticks: Sequence[float], *, log: bool) -> float:
    """Move a point a little, so that the error bars of several methods at one setting can be told apart."""
    share = DODGE * (2 * number / max(count - 1, 1) - 1) if count > 1 else 0.0
    if log and min(ticks) > 0:
        steps = [second / first for first, second in pairwise(ticks)]
        return float(x * min(steps, default=2.0) ** share)
    return x + share * min((b - a for a, b in pairwise(ticks)), default=1.0)


def _y_title(content: Content) -> str:
    if content["figure"].get("gain"):
        return f"gain over {content['baseline']}" + (" (points)" if percent(content) else "")
    return f"test {metric_title(content)}" + (" (%)" if percent(content) else "")


def _said(content: Content) -> str:
    number, kind = content["repeats"]["number"], content["repeats"]["kind"]
    if content["figure"].get("gain"):
        return f"mean over {number} {kind} with its 95 % interval"
    return f"mean ± standard deviation over {number} {kind}"


def _legend(
    figure: Any,
    panels: Mapping[str, Mapping[tuple[str, str], Sequence[Point]]],
    look: Mapping[str, Look],
    dashes: Mapping[str, Any],
    width: float,
) -> None:
    from matplotlib.lines import Line2D

    drawn = {method for panel in panels.values() for method, _ in panel}
    handles = {method: Line2D([], [], **look[method].options) for method in look if method in drawn}
    if len(dashes) > 1:
        handles |= {name: Line2D([], [], color=GREY, linestyle=dash) for name, dash in dashes.items()}
    legend(figure, list(handles.values()), list(handles), width)
