"""One TOML file a table: what it compares, the published numbers, and the scales it can be run at.

Data sets × settings (what was done to them on purpose) × models × methods × repeats. The whole file is checked before
the first run. ``docs/tables/README.md`` describes the keys.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from sfumato.damage import check_steps
from sfumato.errors import InputError, nearest, unknown
from sfumato.reproduction.checking import known_keys, number, one_of, text, texts, whole
from sfumato.reproduction.figures.options import check_figure

SCALES = ("smoke", "small", "full")
REPEATS = ("seeds", "folds", "splits")
METRICS = ("accuracy", "macro_f1", "log_loss", "brier", "ece")
OWN_TESTS = ("paired-t", "corrected-t")
BOLD = ("best", "significant")
KEYS = (
    *("title", "paper", "place", "metric", "baseline", "level", "bold", "own_test", "controls", "repeats", "measures"),
    *("runs_of", "data", "settings", "models", "methods", "blocks", "published", "scale", "figure", "explanation"),
)


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
    """A column or block of the paper: a set of the catalogue, and what makes it the paper's."""

    title: str
    name: str
    label: str | None = None
    damage: tuple[Mapping[str, Any], ...] = ()
    characters: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Setting:
    """What is done to the data on purpose; ``each_class`` is done to each class in turn, and averaged."""

    title: str = ""
    x: float | None = None
    damage: tuple[Mapping[str, Any], ...] = ()
    each_class: bool = False


@dataclass(frozen=True)
class ModelChoice:
    """A model of the table, with its options and training settings by name."""

    title: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MethodChoice:
    """A row of the table: a method with options; or the best on dev of other rows, chosen anew in each repeat."""

    title: str
    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    join_step: int | None = None
    best_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Block:
    """A part of the table: the titles that are crossed with each other."""

    data: tuple[str, ...]
    settings: tuple[str, ...]
    models: tuple[str, ...]
    methods: tuple[str, ...]


@dataclass(frozen=True)
class Scale:
    """How large the runs are, and what of the table is run; None is all."""

    rows: int | None = None
    test_rows: int | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    repeats: int | None = None
    controls: bool = True
    keep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
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
    controls: bool
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
    explanation: str
    runs_of: str

    def scale(self, name: str) -> Scale:
        """Return a scale; smoke is the same for every table."""
        one_of(self.name, "--scale", name, SCALES)
        return self.scales.get(name, SMOKE if name == "smoke" else Scale())


SMOKE = Scale(
    rows=200, test_rows=200, training={"epochs": 1, "max_length": 16}, repeats=1, controls=False, note="smoke test"
)


def place_title(data: str, setting: str) -> str:
    """Return what a part of the data is called: "20NG", or "20NG, 6 % noise"."""
    return f"{data}, {setting}" if setting else data


def table_names() -> list[str]:
    """Return the names of the tables that come with the package."""
    return sorted(path.name.removesuffix(".toml") for path in _folder().iterdir() if path.name.endswith(".toml"))


def read_table_file(name: str | Path) -> TableFile:
    """Read and check a table by its name, or a file of the user's own by its path.

    Raises
    ------
    InputError
        for an unknown name, a file that is no TOML, and every key or value that is not understood.
    """
    path = Path(name)
    if path.suffix == ".toml":
        if not path.is_file():
            raise InputError(f"there is no file {path}")
        return parse_table(path.stem, path.read_text(encoding="utf-8"))
    if str(name) not in table_names():
        raise unknown("table", str(name), table_names())
    return parse_table(str(name), (_folder() / f"{name}.toml").read_text(encoding="utf-8"))


def _folder() -> Any:
    return files("sfumato") / "tables"


def parse_table(name: str, content: str) -> TableFile:
    """Return the table that a TOML document describes."""
    try:
        given = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"table {name} is not TOML: {error}") from error
    known_keys(name, "the file", given, KEYS)
    if "runs_of" in given:  # another view of the same runs: what this file says goes before
        other = (_folder() / f"{given['runs_of']}.toml").read_text(encoding="utf-8")
        given = {**tomllib.loads(other), **given}
    data = {title: _data(name, title, entry) for title, entry in _tables(name, given, "data").items()}
    settings = {title: _setting(name, title, entry) for title, entry in _tables(name, given, "settings").items()}
    models = {title: _model(name, title, entry) for title, entry in _tables(name, given, "models").items()}
    methods = {title: _method(name, title, entry) for title, entry in _tables(name, given, "methods").items()}
    for key, found in (("data", data), ("models", models), ("methods", methods)):
        if not found:
            raise InputError(f"table {name} needs at least one entry in [{key}]")
    settings = settings or {"": Setting()}
    titles = {"data": tuple(data), "settings": tuple(settings), "models": tuple(models), "methods": tuple(methods)}
    table = TableFile(
        name=name,
        title=text(name, "title", given.get("title")),
        paper=text(name, "paper", given.get("paper", "")),
        place=text(name, "place", given.get("place", "")),
        metric=one_of(name, "metric", given.get("metric", "accuracy"), METRICS),
        baseline=given.get("baseline", next(iter(methods))),
        level=number(name, "level", given.get("level", 0.05), 0.0, 0.5),
        bold=one_of(name, "bold", given.get("bold", "significant"), BOLD),
        own_test=None if "own_test" not in given else one_of(name, "own_test", given["own_test"], OWN_TESTS),
        controls=bool(given.get("controls", True)),
        repeats=_repeats(name, given.get("repeats", {})),
        measures=texts(name, "measures", given.get("measures", ())),
        data=data,
        settings=settings,
        models=models,
        methods=methods,
        blocks=_blocks(name, given.get("blocks", ({},)), titles),
        published=_published(name, given.get("published", {}), titles),
        scales={key: _scale(name, key, entry, titles) for key, entry in _tables(name, given, "scale").items()},
        figure=check_figure(name, given.get("figure", {}), titles),
        explanation=text(name, "explanation", given.get("explanation", "")).strip(),
        runs_of=text(name, "runs_of", given.get("runs_of", name)),
    )
    _check_rows(table)
    return table


def _tables(name: str, given: Mapping[str, Any], key: str) -> Mapping[str, Mapping[str, Any]]:
    found = given.get(key, {})
    if not isinstance(found, Mapping) or not all(isinstance(entry, Mapping) for entry in found.values()):
        raise InputError(f'table {name}: [{key}] must map titles to tables, as "AG News" = {{ name = "ag_news" }}')
    return found


def _steps(name: str, where: str, given: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(given, Sequence) or not all(isinstance(step, Mapping) and "kind" in step for step in given):
        raise InputError(f'table {name}: damage of {where} must be a list of {{ kind = "..." }}, got {given!r}')
    try:
        check_steps(given)
    except InputError as error:
        raise InputError(f"table {name}: damage of {where}: {error}") from error
    return tuple(given)


def _data(name: str, title: str, entry: Mapping[str, Any]) -> DataChoice:
    known_keys(name, f"data {title!r}", entry, ("name", "label", "damage", "characters", "note"))
    return DataChoice(
        title,
        text(name, f"name of data {title!r}", entry.get("name")),
        entry.get("label"),
        _steps(name, f"data {title!r}", entry.get("damage", ())),
        whole(name, f"characters of {title!r}", entry["characters"], 1) if "characters" in entry else None,
        text(name, "note", entry.get("note", "")),
    )


def _setting(name: str, title: str, entry: Mapping[str, Any]) -> Setting:
    known_keys(name, f"setting {title!r}", entry, ("x", "damage", "each_class"))
    steps = _steps(name, f"setting {title!r}", entry.get("damage", ()))
    return Setting(title, entry.get("x"), steps, bool(entry.get("each_class", False)))


def _model(name: str, title: str, entry: Mapping[str, Any]) -> ModelChoice:
    options = {key: value for key, value in entry.items() if key not in ("name", "training")}
    return ModelChoice(
        title, text(name, f"name of model {title!r}", entry.get("name")), options, entry.get("training", {})
    )


def _method(name: str, title: str, entry: Mapping[str, Any]) -> MethodChoice:
    best_of = texts(name, f"best_of of {title!r}", entry.get("best_of", ()))
    if best_of:
        known_keys(name, f"method {title!r}", entry, ("best_of",))
        return MethodChoice(title, best_of=best_of)
    step = entry.get("join_step")
    if step is not None:
        whole(name, f"join_step of {title!r}", step, 1)
    options = {key: value for key, value in entry.items() if key not in ("name", "join_step")}
    return MethodChoice(title, text(name, f"name of method {title!r}", entry.get("name")), options, step)


def _repeats(name: str, given: Mapping[str, Any]) -> Repeats:
    known_keys(name, "repeats", given, ("kind", "number", "share", "dev"))
    standard = Repeats()
    return Repeats(
        one_of(name, "kind of repeats", given.get("kind", standard.kind), REPEATS),
        whole(name, "number of repeats", given.get("number", standard.number), 1),
        number(name, "share of repeats", given.get("share", standard.share), 0.01, 0.99),
        number(name, "dev of repeats", given.get("dev", standard.dev), 0.01, 0.9),
    )


def _blocks(name: str, given: Any, titles: Mapping[str, tuple[str, ...]]) -> tuple[Block, ...]:
    if not isinstance(given, Sequence) or not given:
        raise InputError(f"table {name}: blocks must be written [[blocks]]")
    return tuple(Block(**_kept(name, f"block {k}", entry, titles, all_of=True)) for k, entry in enumerate(given, 1))


def _kept(
    name: str, where: str, entry: Mapping[str, Any], titles: Mapping[str, tuple[str, ...]], *, all_of: bool
) -> dict[str, tuple[str, ...]]:
    """Return the titles named in a block or scale, each checked to exist."""
    known_keys(name, where, entry, tuple(titles))
    kept = {}
    for key, known in titles.items():
        named = texts(name, f"{key} of {where}", entry[key]) if key in entry else None
        for title in named or ():
            if title not in known:
                raise InputError(
                    f"table {name}: {where} names {title!r}, which is not in [{key}]{nearest(title, known)}"
                )
        if named is not None or all_of:
            kept[key] = known if named is None else named
    return kept


def _scale(name: str, key: str, entry: Mapping[str, Any], titles: Mapping[str, tuple[str, ...]]) -> Scale:
    one_of(name, "scale", key, SCALES)
    sizes = {
        size: whole(name, f"{size} of scale {key}", entry[size], 1) for size in ("rows", "test_rows") if size in entry
    }
    own = ("rows", "test_rows", "training", "repeats", "controls", "note")
    keep = _kept(name, f"scale {key}", {k: v for k, v in entry.items() if k not in own}, titles, all_of=False)
    return Scale(
        **sizes,
        training=dict(entry.get("training", {})),
        repeats=whole(name, f"repeats of scale {key}", entry["repeats"], 1) if "repeats" in entry else None,
        controls=bool(entry.get("controls", True)),
        keep=keep,
        note=text(name, "note", entry.get("note", "")),
    )


def _published(name: str, given: Mapping[str, Any], titles: Mapping[str, tuple[str, ...]]) -> Published:
    """Read ``methods`` (which rows, in order) and ``cells``: place to model to numbers or [mean, deviation] pairs."""
    known_keys(name, "published", given, ("methods", "cells"))
    rows = texts(name, "methods of published", given.get("methods", titles["methods"]))
    places = {place_title(data, setting) for data in titles["data"] for setting in titles["settings"]}
    cells: dict[tuple[str, str], dict[str, tuple[float, float | None]]] = {}
    for place, models in given.get("cells", {}).items():
        if place not in places:
            raise InputError(
                f"table {name}: published names {place!r}, which the table has not{nearest(place, places)}"
            )
        for model, values in models.items():
            if model not in titles["models"]:
                raise InputError(f"table {name}: published names the model {model!r}{nearest(model, titles['models'])}")
            if not isinstance(values, Sequence) or len(values) != len(rows):
                raise InputError(
                    f"table {name}: published {place!r}, {model!r} needs {len(rows)} numbers, got {values!r}"
                )
            pairs = [value if isinstance(value, Sequence) else (value, None) for value in values]
            cells[place, model] = {row: (pair[0], pair[1]) for row, pair in zip(rows, pairs, strict=True)}
    return Published(cells)


def _check_rows(table: TableFile) -> None:
    """Check what names rows of the table: the baseline, ``best_of`` and the published rows."""
    named = [("baseline", table.baseline)]
    named += [("best_of", title) for method in table.methods.values() for title in method.best_of]
    named += [("published", title) for cell in table.published.cells.values() for title in cell]
    for where, title in named:
        if title not in table.methods:
            raise InputError(
                f"table {table.name}: {where} names {title!r}, which is not in [methods]{nearest(title, table.methods)}"
            )
