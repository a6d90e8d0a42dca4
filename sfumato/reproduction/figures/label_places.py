"""Where names go beside the points of a map, so that few of them cover one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LETTER = 0.58  # width of a letter by its size, about
GAP, STEP = 5.0, 0.95  # between point and name, in points; between two heights of a name, in letters
SIDES = (
    *((1, 0.0), (-1, 0.0), (1, 1.0), (-1, 1.0), (1, -1.0), (-1, -1.0), (0, 1.3), (0, -1.3)),
    *((1, 2.0), (-1, 2.0), (1, -2.0), (-1, -2.0), (0, 2.3), (0, -2.3), (1, 3.0), (-1, 3.0), (1, -3.0), (-1, -3.0)),
)
FAR = 4.0  # what a place costs that is one step above or below, in square points
ROUNDS = 6  # in each, every name looks for a better place among the others
ALIGNED = {1: "left", -1: "right", 0: "center"}
Box = tuple[float, float, float, float]


def place_names(
    names: Sequence[str],
    points: NDArray[np.float64],
    box: NDArray[np.float64],
    size: float,
) -> list[tuple[float, float, str]]:
    """Return the offset in points and the side of each name, one after the other where it covers least.

    Parameters
    ----------
    points : (N, 2), from the lower left corner of the axes, in points
    box : (2,), width and height of the axes, in points
    size : of the letters, in points
    """
    marks = [(x - 3, y - 3, x + 3, y + 3) for x, y in points]
    room = (0.0, 0.0, float(box[0]), float(box[1]))
    boxes = [
        [_box(x, y, side, len(name) * LETTER * size, size) for side in SIDES]
        for name, (x, y) in zip(names, points, strict=True)
    ]
    chosen: list[int | None] = [None] * len(names)
    for _ in range(ROUNDS):
        for number, mine in enumerate(boxes):
            taken = [boxes[other][side] for other, side in enumerate(chosen) if side is not None and other != number]
            costs = [
                sum(_shared(one, other) for other in (*taken, *marks)) + _outside(one, room) + FAR * side[1] ** 2
                for side, one in zip(SIDES, mine, strict=True)
            ]
            chosen[number] = int(np.argmin(costs))
    sides = [SIDES[side or 0] for side in chosen]
    return [(GAP * across, up * size * STEP, ALIGNED[across]) for across, up in sides]


def _box(x: float, y: float, side: tuple[int, float], width: float, size: float) -> Box:
    left = {1: x + GAP, -1: x - GAP - width, 0: x - width / 2}[side[0]]
    middle = y + side[1] * size * STEP
    return left, middle - size * 0.6, left + width, middle + size * 0.6


def _shared(one: Box, other: Box) -> float:
    """Return the area that two boxes share."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    up = min(one[3], other[3]) - max(one[1], other[1])
    return max(across, 0.0) * max(up, 0.0)


def _outside(one: Box, room: Box) -> float:
    """Return how much of a box lies outside the axes."""
    inside = _shared(one, room)
    return 3 * ((one[2] - one[0]) * (one[3] - one[1]) - inside)
