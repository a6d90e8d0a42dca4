"""The metric of a retrieval table by quartile of word overlap of question and sentence: a panel a place and model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.reproduction.figures.chosen import chosen, methods, nothing
from sfumato.reproduction.figures.style import (
    DASHES,
    GREY,
    PAGE,
    Content,
    heading,
    line_legend,
    lines_of,
    looks,
    metric_title,
    percent,
)

Array = NDArray[np.float64]
Panels = dict[tuple[str, str], dict[str, Array]]
"""Place and model to method to the values of each repeat and quartile, (R, 4)."""


def draw_quartiles(figure: Any, content: Content) -> None:
    """Draw the table on an empty figure: rows of panels are places, columns models; see the module's head."""
    gain = bool(content["figure"].get("gain"))
    panels = quartile_panels(content, gain=gain)
    if not panels:
        raise nothing(content, "questions by quartile of overlap (a retrieval table)")
    places, models = (list(dict.fromkeys(key[k] for key in panels)) for k in (0, 1))
    look = looks(methods(content))
    figure.set_size_inches(PAGE, 1.7 * len(places) + 1.1)
    axes = figure.subplots(len(places), len(models), squeeze=False, sharey="row")
    for place, row in zip(places, axes, strict=True):
        for model, axis in zip(models, row, strict=True):
            for method, values in panels.get((place, model), {}).items():
                _line(axis, values, list(look).index(method), look[method])
            _ticks(axis, bounds(content, place))
            if gain:
                axis.axhline(0, color=GREY, linewidth=0.8, zorder=0)
            axis.set_title(model, loc="left")
        row[0].set_ylabel("\n".join(lines_of(place, 24)))
    line_legend(figure, (name for panel in panels.values() for name in panel), look, PAGE)
    said = f"{metric_title(content)}{' (%)' if percent(content) else ''} by quartile of word overlap (Jaccard's index)"
    repeats = f"mean ± standard deviation over {content['repeats']['number']} {content['repeats']['kind']}"
    heading(figure, content, f"{'gain over ' + content['baseline'] + ' in ' if gain else ''}{said}; {repeats}")


def quartile_panels(content: Content, *, gain: bool) -> Panels:
    """Return what is drawn; with ``gain`` the differences to the baseline in the repeats that both have."""
    found: dict[tuple[str, str], dict[str, dict[int, Array]]] = {}
    for one in content.get("overlap", ()):
        if chosen(content, {**one, "control": ""}):
            values = (100 if percent(content) else 1) * np.asarray(one["values"], dtype=np.float64)
            here = found.setdefault((one["place"], one["model"]), {})
            here[one["method"]] = dict(zip(one["repeats"], values, strict=True))
    order = methods(content)
    panels: Panels = {}
    for key, by_method in found.items():
        base = by_method.get(content["baseline"], {})
        for method in sorted(by_method, key=order.index):
            runs = by_method[method]
            if gain:
                runs = {k: runs[k] - base[k] for k in runs if k in base and method != content["baseline"]}
            if runs:
                panels.setdefault(key, {})[method] = np.array(list(runs.values()))
    return panels


def bounds(content: Content, place: str) -> list[tuple[float, float]]:
    """Return the least and the largest overlap of each quartile; they are the questions', whatever the model."""
    one = next(one for one in content["overlap"] if one["place"] == place)
    return list(zip(one["from"], one["to"], strict=True))


def _ticks(axis: Any, found: list[tuple[float, float]]) -> None:
    axis.set_xticks(range(len(found)), [f"{low:.2f}–{high:.2f}".replace("0.", ".") for low, high in found], fontsize=6)
    axis.margins(x=0.12)


def _line(axis: Any, values: Array, number: int, look: Any) -> None:
    """Draw the method of this number, a little beside the one before, so that error bars can be told apart."""
    x = np.arange(values.shape[1]) + 0.04 * (number % 5 - 2)
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else None
    dashes = DASHES[number % len(DASHES)]
    axis.errorbar(x, values.mean(axis=0), yerr=spread, linestyle=dashes, elinewidth=0.6, **look.options)
