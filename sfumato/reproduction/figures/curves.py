"""What was measured at each epoch: mean over repeats with a band, a panel a measure, a row of panels a place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.reproduction.figures.chosen import chosen, methods, nothing
from sfumato.reproduction.figures.marks import draw_marks
from sfumato.reproduction.figures.style import (
    COLUMN,
    DASHES,
    PAGE,
    Content,
    Look,
    heading,
    line_legend,
    lines_of,
    looks,
)

Y_TITLES = {
    "loss": "loss of the method",
    "train_loss": "training loss",
    "train_accuracy": "training accuracy (%)",
    "dev_accuracy": "dev accuracy (%)",
    "dev_log_loss": "dev loss",
    "dev_confidence": "dev confidence (%)",
    "dev_ece": "dev ECE (%)",
    "dev_distance_within": "distance within classes",
    "dev_distance_between": "distance between classes",
    "dev_distance_ratio": "distance within / between",
}
IN_PERCENT = ("train_accuracy", "dev_accuracy", "dev_confidence", "dev_ece")
LEAST = 2.0  # points that an axis in percent shows at the least: noise is not to look like a trend
SPACED = 12  # epochs up to which every point of a curve has its marker


@dataclass(frozen=True, eq=False)
class Curve:
    """Mean and standard deviation over repeats at each epoch, (E,); a deviation of 0 where there is one repeat."""

    epochs: NDArray[np.float64]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]


def draw_curves(figure: Any, content: Content) -> None:
    """Draw the table on an empty figure; see the module's head."""
    places = curve_groups(content)
    drawn = [histories for groups in places.values() for histories in groups.values()]
    asked = content["figure"].get("y", ("dev_accuracy",))
    measures = [measure for measure in asked if any(averaged(each, measure) is not None for each in drawn)]
    if not measures:
        raise nothing(content, 'curves (measures = ["curves"])')
    look = looks(methods(content))
    width = COLUMN if len(measures) == 1 else PAGE
    tall = 2.4 if len(measures) < 3 else 1.35
    figure.set_size_inches(width, tall * len(places) + 1.1)
    axes = figure.subplots(len(places), len(measures), squeeze=False, sharex=True)
    for row, (place, groups) in zip(axes, places.items(), strict=True):
        for axis, measure in zip(row, measures, strict=True):
            _panel(axis, content, measure, groups, look)
        _name_row(row, place, alone=len(places) == 1)
    for column, measure in zip(axes.T, measures, strict=True):
        if len(measures) < 3:
            for axis in column:
                axis.set_ylabel(Y_TITLES[measure])
        else:
            column[0].set_title("\n".join(lines_of(Y_TITLES[measure], 90 // len(measures))), fontsize=7.5)
        column[-1].set_xlabel("epoch")
    line_legend(figure, (method for groups in places.values() for method in groups), look, width)
    repeats = content["repeats"]
    heading(figure, content, f"mean ± standard deviation over {repeats['number']} {repeats['kind']}")


def curve_groups(content: Content) -> dict[str, dict[str, list[Sequence[Mapping[str, float]]]]]:
    """Return what is drawn: place (and model) to method to the histories of its repeats."""
    rows = {(row["place"], row["model"], row["method"]): row for row in content["rows"] if not row["control"]}
    found: dict[str, dict[str, list[Sequence[Mapping[str, float]]]]] = {}
    kept = [
        one
        for one in content["curves"]
        if not one["control"] and chosen(content, rows[one["place"], one["model"], one["method"]])
    ]
    models = {one["model"] for one in kept}
    for one in kept:
        title = one["place"] if len(models) == 1 else f"{one['place']} · {one['model']}"
        found.setdefault(title, {}).setdefault(one["method"], []).append(one["history"])
    order = methods(content)
    return {title: dict(sorted(groups.items(), key=lambda g: order.index(g[0]))) for title, groups in found.items()}


def averaged(histories: Sequence[Sequence[Mapping[str, float]]], measure: str) -> Curve | None:
    """Average a measure over repeats at the epochs that each repeat reached; None if no epoch has it.

    A mean over those that go on alone would jump where the others stop early.
    """
    found = [{look["epoch"]: look.get(measure) for look in history} for history in histories]
    known = [{epoch for epoch, value in one.items() if value is not None and np.isfinite(value)} for one in found]
    epochs = sorted(set.intersection(*known)) if known else []
    if not epochs:
        return None
    values = np.array([[one[epoch] for epoch in epochs] for one in found], dtype=np.float64)  # (R, E)
    values *= 100 if measure in IN_PERCENT else 1
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(len(epochs))
    return Curve(np.array(epochs, dtype=np.float64), values.mean(axis=0), spread)


def _panel(
    axis: Any,
    content: Content,
    measure: str,
    groups: Mapping[str, Sequence[Sequence[Mapping[str, float]]]],
    look: Mapping[str, Look],
) -> None:
    for method, histories in groups.items():
        curve = averaged(histories, measure)
        if curve is None:
            continue
        _line(axis, curve, list(look).index(method), look[method])
    draw_marks(axis, content)
    low, high = axis.dataLim.intervaly
    if measure in IN_PERCENT and 0 <= high - low < LEAST:
        axis.set_ylim((low + high - LEAST) / 2, (low + high + LEAST) / 2)
    axis.xaxis.get_major_locator().set_params(integer=True)


def _line(axis: Any, curve: Curve, number: int, look: Look) -> None:
    """Draw the curve of the method of this number with its band."""
    every = 1 if len(curve.epochs) <= SPACED else len(curve.epochs) // 6
    axis.plot(
        curve.epochs,
        curve.mean,
        linestyle=DASHES[number % len(DASHES)],  # curves that coincide show through the gaps
        markevery=(number % every, every),  # and their markers do not hide one another
        markersize=3.2,
        **look.options,
    )
    low, high = curve.mean - curve.spread, curve.mean + curve.spread
    axis.fill_between(curve.epochs, low, high, color=look.colour, alpha=0.13, linewidth=0)


def _name_row(row: Sequence[Any], place: str, *, alone: bool) -> None:
    """Write the place of a row of panels: above one panel or two, else at its left."""
    if len(row) < 3:
        row[0].set_title(place, loc="left")
    else:
        row[0].set_ylabel(place if alone or len(place) < 24 else place.replace(", ", ",\n", 1), fontsize=7.5)
