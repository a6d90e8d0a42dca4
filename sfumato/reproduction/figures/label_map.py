"""The vectors of labels that a method learned: the cosine of each two, and a map of them (t-SNE)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.reproduction.figures.chosen import chosen, nothing
from sfumato.reproduction.figures.label_places import place_names
from sfumato.reproduction.figures.style import COLOURS, GREY, MARKERS, PAGE, POINT, Content, heading

PREFIX = re.compile(r"[.:]")  # "rec.autos", "ENTY:animal": what stands before is the group
BESIDE = 1.4  # letters above or below its point from which a number needs a line to it
SMALLEST, LARGEST = 3.0, 7.0  # letters of the names beside the matrix, in points
NUMBER = 6.5  # size of the numbers on the map, in points
Vectors = NDArray[np.float64]


def draw_label_map(figure: Any, content: Content) -> None:
    """Draw one row a method: the cosine matrix, and beside it t-SNE of the same vectors."""
    rows = {(row["place"], row["model"], row["method"]): row for row in content["rows"] if not row["control"]}
    found = [
        one for one in content["label_embeddings"] if chosen(content, rows[one["place"], one["model"], one["method"]])
    ]
    if not found:
        raise nothing(content, 'label vectors (measures = ["label-embeddings"])')
    figure.set_size_inches(PAGE, 2.75 * len(found) + 0.5)
    axes = figure.subplots(len(found), 2, squeeze=False, width_ratios=[1, 1.35])
    maps = []
    for (matrix, chart), one in zip(axes, found, strict=True):
        names, vectors = grouped(one.get("classes"), np.asarray(one["vectors"], dtype=np.float64))
        _matrix(figure, matrix, names, vectors)
        maps.append((chart, names, _map(chart, names, vectors)))
        where = "" if len(found) == 1 else f" · {one['place']} · {one['model']} · {one['method']}"
        matrix.set_title(f"cosine of the label vectors{where}", loc="left")
        chart.set_title("t-SNE of the label vectors", loc="left")
    said = "label vectors of the first repeat" + (
        f", {found[0]['model']} on {found[0]['place']}" if len(found) == 1 else ""
    )
    heading(figure, content, f"{said}; one colour a group of labels, grey: no group; numbers as beside the matrix")
    figure.draw_without_rendering()  # the layout says how large the maps are
    for chart, names, points in maps:
        _number(chart, names, points)


def grouped(classes: Sequence[str] | None, vectors: Vectors) -> tuple[list[str], Vectors]:
    """Return names and vectors, groups together; labels without known names are numbered."""
    names = list(classes) if classes is not None else [str(number) for number in range(len(vectors))]
    first = {group: number for number, group in reversed(list(enumerate(map(_group, names))))}
    order = sorted(range(len(names)), key=lambda number: (first[_group(names[number])], number))
    return [names[number] for number in order], vectors[order]


def group_colours(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return name to colour and marker: one of each a group of two or more, grey for a label that is alone."""
    groups = [_group(name) for name in names]
    several = [group for group in dict.fromkeys(groups) if groups.count(group) > 1]
    looks = {
        group: (COLOURS[(number + 1) % len(COLOURS)], MARKERS[number % len(MARKERS)])
        for number, group in enumerate(several)
    }
    return {name: looks.get(_group(name), (GREY, "o")) for name in names}


def _group(name: str) -> str:
    parts = PREFIX.split(name, maxsplit=1)
    return parts[0] if len(parts) > 1 else name


def cosines(vectors: Vectors) -> Vectors:
    """Return the cosine of each two rows of (C, e), (C, C)."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(lengths > 0, lengths, 1.0)
    return np.asarray(unit @ unit.T)


def on_a_plane(vectors: Vectors) -> Vectors:
    """Return t-SNE of (C, e), (C, 2): cosine distance, fixed seed, few neighbours since labels are few."""
    from sklearn.manifold import TSNE

    if len(vectors) < 3:
        return np.stack([np.arange(len(vectors)), np.zeros(len(vectors))], axis=1).astype(np.float64)
    distances = np.clip(1 - cosines(vectors), 0, None)
    np.fill_diagonal(distances, 0)
    near = min(5.0, (len(vectors) - 1) / 3)
    # The exact method: the tree of the fast one is for thousands of points. A start drawn from the seed is the only
    # one that scikit-learn takes for distances.
    made = TSNE(perplexity=near, metric="precomputed", init="random", method="exact", random_state=0)
    return np.asarray(made.fit_transform(distances), dtype=np.float64)


def _matrix(figure: Any, axis: Any, names: Sequence[str], vectors: Vectors) -> None:
    values = cosines(vectors)
    others = values[~np.eye(len(values), dtype=bool)] if len(values) > 1 else values.ravel()
    # The diagonal is 1 and would leave one shade for all others where they are close to 0.
    shown = axis.imshow(values, cmap="cividis", vmin=others.min(), vmax=others.max(), interpolation="nearest")
    bar = figure.colorbar(shown, ax=axis, shrink=0.75, pad=0.02, extend="max", aspect=28)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=6.5)
    axis.grid(visible=False)
    size = float(np.clip(130 / len(names), SMALLEST, LARGEST))
    numbers = [str(number) for number in range(1, len(names) + 1)]
    axis.set_xticks(range(len(names)), numbers, fontsize=min(size, 90 / len(names)))
    axis.set_yticks(range(len(names)), map("{}  {}".format, names, numbers), fontsize=size)
    axis.tick_params(length=0)
    colours = group_colours(names)
    for labels in (axis.get_yticklabels(), axis.get_xticklabels()):
        for name, label in zip(names, labels, strict=True):
            label.set_color(_dark(colours[name][0]))


def _map(axis: Any, names: Sequence[str], vectors: Vectors) -> Vectors:
    """Draw the points, and return where they are, (C, 2)."""
    points, looks = on_a_plane(vectors), group_colours(names)
    for name, point in zip(names, points, strict=True):
        colour, marker = looks[name]
        axis.plot(*point, marker=marker, color=colour, linestyle="none", markersize=4)
    axis.set(xticks=[], yticks=[])
    low, room = points.min(axis=0), np.maximum(np.ptp(points, axis=0), 1.0)
    axis.set_xlim(low[0] - 0.12 * room[0], low[0] + 1.12 * room[0])
    axis.set_ylim(low[1] - 0.12 * room[1], low[1] + 1.12 * room[1])
    axis.spines[["top", "right"]].set_visible(True)
    return points


def _number(axis: Any, names: Sequence[str], points: Vectors) -> None:
    """Write the number of each label beside its point: twenty names would cover one another."""
    looks, numbers = group_colours(names), [str(number) for number in range(1, len(names) + 1)]
    extent = axis.get_window_extent()
    box = np.array([extent.width, extent.height]) * POINT / axis.figure.dpi
    low, high = np.array([axis.get_xlim(), axis.get_ylim()]).T
    places = place_names(numbers, (points - low) / (high - low) * box, box, NUMBER)
    for name, number, point, (x, y, side) in zip(names, numbers, points, places, strict=True):
        colour = _dark(looks[name][0])
        line = {"arrowstyle": "-", "linewidth": 0.5, "color": colour, "shrinkA": 0, "shrinkB": 2}
        said = axis.annotate(
            number, point, (x, y), textcoords="offset points", ha=side, va="center", fontsize=NUMBER, color=colour,
            arrowprops=line if abs(y) > BESIDE * NUMBER else None,
        )  # fmt: skip
        said.set_in_layout(False)


def _dark(colour: str) -> str:
    """Return a shade of a colour in which small letters can be read on white."""
    parts = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return "#" + "".join(f"{round(part * 0.72):02x}" for part in parts)
