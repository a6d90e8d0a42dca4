"""What a table's file holds, read and checked: the choices of each axis, the scales, the published numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sfumato.reproduction.checking import one_of

SCALES = ("smoke", "small", "full")


@dataclass(frozen=True)
class Repeats:
    """What is repeated: ``seeds`` on the published split, ``folds`` of train into train and dev, random ``splits``.

    ``share`` is the part to train on (with dev) where the test rows are drawn too, ``dev`` the part of it for dev.
    """

    kind: str = "seeds"
    number: int = 5
    share: float = 0.8
    dev: float = 0.1


@dataclass(frozen=True)
class DataChoice:
    """A column or block of the paper: a set of the catalogue, and what makes it the paper's.

    ``characters`` are kept of each text; ``vectors`` and ``encoder`` take the place of those of the models that have
    any. ``groups`` of its labels go to the methods that take some, and to the measure ``errors-in-group``; ``options``
    (method to options) to the methods of that name, unless a row of the table gives its own. ``test`` is the set of the
    catalogue whose questions a retriever is tested on; without one, a part of its own.
    """

    title: str
    name: str
    label: str | None = None
    damage: tuple[Mapping[str, Any], ...] = ()
    characters: int | None = None
    vectors: str | None = None
    encoder: str | None = None
    note: str = ""
    groups: Any = None
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    test: str | None = None


@dataclass(frozen=True)
class Setting:
    """What is done to the data on purpose; ``each_class`` is done to each class in turn, and averaged."""

    title: str = ""
    x: float | None = None
    damage: tuple[Mapping[str, Any], ...] = ()
    each_class: bool = False


@dataclass(frozen=True)
class ModelChoice:
    """A model of the table, with its options and training settings by name; without a name it is only published.

    ``repeats`` of it are run at most, None for all of the scale's.
    """

    title: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    repeats: int | None = None


@dataclass(frozen=True)
class MethodChoice:
    """A row of the table: a method with options; or the best on dev of other rows, chosen anew in each repeat.

    ``clearly`` takes the first of them unless another is clearly better, as ``method="auto"`` does.

    ``beside`` is another method that is joined with it, with its defaults. ``line`` and ``x`` are the line of a figure
    of kind "sweep" that it is a point of, and where on the axis.
    """

    title: str
    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    join_share: float | None = None
    beside: str = ""
    best_of: tuple[str, ...] = ()
    clearly: bool = False
    line: str = ""
    x: float | None = None


@dataclass(frozen=True)
class Block:
    """A part of the table: the titles that are crossed with each other."""

    data: tuple[str, ...]
    settings: tuple[str, ...]
    models: tuple[str, ...]
    methods: tuple[str, ...]


@dataclass(frozen=True)
class Scale:
    """How large the runs are, and what of the table is run; None is all. ``whole_dev`` leaves dev undamaged.

    ``blocks`` stand in place of the table's, so that a smaller scale can cut single cells and not whole columns.
    """

    rows: int | None = None
    test_rows: int | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    repeats: int | None = None
    controls: bool = True
    keep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    whole_dev: bool = False
    blocks: tuple[Block, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Published:
    """The paper's numbers: place ("AG News" or "20NG, 6 % noise") and model to method to (mean, deviation or None)."""

    cells: Mapping[tuple[str, str], Mapping[str, tuple[float, float | None]]] = field(default_factory=dict)

    def value(self, place: str, model: str, method: str) -> tuple[float, float | None] | None:
        """Return the published mean and deviation of a cell, None where the paper has none."""
        return self.cells.get((place, model), {}).get(method)


@dataclass(frozen=True)
class TableFile:
    """A whole file; see the module's head."""

    name: str
    title: str
    paper: str
    place: str
    metric: str
    baseline: str
    level: float
    bold: str
    own_test: str | None
    controls: bool | tuple[str, ...]
    repeats: Repeats
    measures: tuple[str, ...]
    data: Mapping[str, DataChoice]
    settings: Mapping[str, Setting]
    models: Mapping[str, ModelChoice]
    methods: Mapping[str, MethodChoice]
    blocks: tuple[Block, ...]
    published: Published
    scales: Mapping[str, Scale]
    figure: Mapping[str, Any]
    cases: Mapping[str, Any]
    explanation: str
    runs_of: str

    def scale(self, name: str) -> Scale:
        """Return a scale; smoke is the same for every table."""
        one_of(self.name, "--scale", name, SCALES)
        return self.scales.get(name, SMOKE if name == "smoke" else Scale())


SMOKE = Scale(rows=200, test_rows=200, training={"epochs": 1, "max_length": 16}, repeats=1, controls=False)


def place_title(data: str, setting: str) -> str:
    """Return what a part of the data is called: "20NG", or "20NG, 6 % noise"."""
    return f"{data}, {setting}" if setting else data
