"""A line along an option of a method: points are rows of the table, which name their ``line`` and their ``x``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sfumato.reproduction.figures.chosen import chosen, nothing
from sfumato.reproduction.figures.style import (
    COLUMN,
    DASHES,
    GREY,
    PAGE,
    Content,
    heading,
    legend,
    looks,
    metric_title,
    percent,
)

Point = tuple[float, float, float]  # x, mean, standard deviation


def draw_sweep(figure: Any, content: Content) -> None:
    """Draw the table on an empty figure: a panel a place and model, the baseline as a dashed line."""
    panels = sweep_panels(content)
    if not panels:
        raise nothing(content, "methods with a `line` and an `x`")
    columns = min(len(panels), 3)
    rows = -(-len(panels) // columns)
    width = COLUMN if len(panels) == 1 else PAGE
    figure.set_size_inches(width, 2.4 * rows + 1.1)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    look = looks([content["baseline"], *dict.fromkeys(line for lines, _ in panels.values() for line in lines)])
    for axis, (title, (lines, base)) in zip(axes, panels.items(), strict=False):
        for number, (line, points) in enumerate(lines.items()):
            x, y, spread = zip(*points, strict=True)
            axis.errorbar(
                x, y, yerr=spread, linestyle=DASHES[number % len(DASHES)], elinewidth=0.8, capsize=1.5,
                **look[line].options,
            )  # fmt: skip
        if base is not None:
            axis.axhline(base, color=GREY, linestyle=(0, (4, 2)), linewidth=1, zorder=1)
        axis.set_title(title)
        axis.set_xlabel(content["figure"].get("x", ""))
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    axes[0].set_ylabel(f"test {metric_title(content)}" + (" (%)" if percent(content) else ""))
    _legend(figure, content, look, width)
    number, kind = content["repeats"]["number"], content["repeats"]["kind"]
    heading(figure, content, f"mean ± standard deviation over {number} {kind}; dashed: {content['baseline']}")


def sweep_panels(content: Content) -> dict[str, tuple[dict[str, list[Point]], float | None]]:
    """Return panel to its lines, each a list of points in the order of x, and the mean of the baseline."""
    places, scale = content.get("sweep", {}), 100 if percent(content) else 1
    rows = [row for row in content["rows"] if chosen(content, row) and row["mean"] is not None]
    models = {row["model"] for row in rows}
    panels: dict[str, tuple[dict[str, list[Point]], float | None]] = {}
    for row in rows:
        title = row["place"] if len(models) == 1 else f"{row['place']} · {row['model']}"
        lines, base = panels.get(title, ({}, None))
        if row["method"] in places:
            at: Mapping[str, Any] = places[row["method"]]
            lines.setdefault(at["line"], []).append((at["x"], scale * row["mean"], scale * (row["sd"] or 0.0)))
        elif row["method"] == content["baseline"]:
            base = scale * row["mean"]
        panels[title] = lines, base
    return {title: ({k: sorted(v) for k, v in lines.items()}, base) for title, (lines, base) in panels.items() if lines}


def _legend(figure: Any, content: Content, look: Mapping[str, Any], width: float) -> None:
    from matplotlib.lines import Line2D

    names = [name for name in look if name != content["baseline"]]
    handles = [
        Line2D([], [], linestyle=DASHES[number % len(DASHES)], **look[name].options)
        for number, name in enumerate(names)
    ]
    base = Line2D([], [], color=GREY, linestyle=(0, (4, 2)), linewidth=1)
    legend(figure, [*handles, base], [*names, content["baseline"]], width)
