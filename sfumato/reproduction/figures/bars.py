"""Bars: a method beside the others, by model (the metric of a table) or by label (recall or F1 of each)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.reproduction.figures.chosen import chosen, methods, nothing
from sfumato.reproduction.figures.style import BLACK, PAGE, Content, heading, legend, looks, metric_title, percent

Bars = Mapping[str, Mapping[str, tuple[float, float]]]
"""What stands below the axis, to method, to mean and deviation."""
OF_LABELS = ("recall", "f1")


def draw_bars(figure: Any, content: Content) -> None:
    """Draw the metric of each method, a group of bars a model, a panel a place; a line says what chance would give."""
    rows = [row for row in content["rows"] if chosen(content, row) and row["mean"] is not None]
    if not rows:
        raise nothing(content, "rows with a mean")
    scale = 100 if percent(content) else 1
    panels: dict[str, dict[str, dict[str, tuple[float, float]]]] = {}
    chance: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        here = panels.setdefault(row["place"], {}).setdefault(row["model"], {})
        here[row["method"]] = scale * row["mean"], scale * (row["sd"] or 0.0)
        if content["metric"] == "errors_in_group" and row.get("by_chance") is not None:
            chance.setdefault(row["place"], {}).setdefault(row["model"], []).append(scale * row["by_chance"])
    said = "; line: by chance" if chance else ""
    title = f"{metric_title(content)}" + (" (%)" if percent(content) else "")
    _draw(figure, content, panels, title, said, chance)


def draw_labels(figure: Any, content: Content) -> None:
    """Draw recall or F1 of each label that `labels` names by its beginning, a panel a place and model."""
    measure = next(iter(content["figure"].get("y", OF_LABELS)))
    panels = label_panels(content, measure)
    if not panels:
        raise nothing(content, 'labels (measures = ["per-label"]) that [figure] asks for')
    what = "accuracy on the rows of a label" if measure == "recall" else "F1 of a label"
    _draw(figure, content, panels, f"{what} (%)", "", {})


def label_panels(content: Content, measure: str) -> dict[str, dict[str, dict[str, tuple[float, float]]]]:
    """Return panel to label to method to mean and deviation over repeats; labels without a test row are left out."""
    starts = tuple(content["figure"].get("labels", ("",)))
    found = [one for one in content.get("per_label", ()) if chosen(content, {**one, "control": ""})]
    models = {one["model"] for one in found}
    panels: dict[str, dict[str, dict[str, tuple[float, float]]]] = {}
    for one in found:
        title = one["place"] if len(models) == 1 else f"{one['place']} · {one['model']}"
        values = 100 * np.asarray(one[measure], dtype=np.float64)  # (repeats, C)
        spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1])
        for k, label in enumerate(one["label"]):
            if label.startswith(starts) and one["support"][k]:
                here = panels.setdefault(title, {}).setdefault(f"{label} ({one['support'][k]})", {})
                here[one["method"]] = float(values[:, k].mean()), float(spread[k])
    return panels


def _draw(
    figure: Any,
    content: Content,
    panels: Mapping[str, Bars],
    y_title: str,
    said: str,
    chance: Mapping[str, Mapping[str, Sequence[float]]],
) -> None:
    order, look = methods(content), looks(methods(content))
    figure.set_size_inches(PAGE, 2.3 * len(panels) + 1.1)
    axes = figure.subplots(len(panels), 1, squeeze=False).ravel()
    drawn = [name for name in order if any(name in bars for panel in panels.values() for bars in panel.values())]
    for axis, (title, panel) in zip(axes, panels.items(), strict=True):
        wide = 0.8 / len(drawn)
        for number, name in enumerate(drawn):
            have = [k for k, bars in enumerate(panel.values()) if name in bars]
            values: NDArray[np.float64] = np.array([bars[name] for bars in panel.values() if name in bars])
            if len(have):
                x = np.array(have) + (number - (len(drawn) - 1) / 2) * wide
                axis.bar(x, values[:, 0], wide, yerr=values[:, 1], color=look[name].colour, error_kw={"linewidth": 0.6})
        for k, model in enumerate(panel):
            if chance.get(title, {}).get(model):
                for colour, linewidth in (("white", 2.6), (BLACK, 1.0)):  # seen on a black bar too
                    mean = np.mean(chance[title][model])
                    axis.hlines(mean, k - 0.45, k + 0.45, color=colour, linewidth=linewidth, zorder=3)
        many = len(panel) > 8
        axis.set_xticks(range(len(panel)), list(panel), rotation=60 if many else 0, ha="right" if many else "center")
        axis.set_title(title, loc="left")
        axis.set_ylabel(y_title)
    _legend(figure, drawn, look)
    number, kind = content["repeats"]["number"], content["repeats"]["kind"]
    heading(figure, content, f"mean ± standard deviation over {number} {kind}{said}")


def _legend(figure: Any, drawn: Sequence[str], look: Mapping[str, Any]) -> None:
    from matplotlib.patches import Patch

    legend(figure, [Patch(color=look[name].colour) for name in drawn], list(drawn), PAGE)
