"""One TOML file a table: what it compares, the published numbers, and the scales it can be run at.

Data sets × settings (what was done to them on purpose) × models × methods × repeats. The whole file is checked before
the first run. ``docs/tables/README.md`` describes the keys.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from sfumato.damage import check_steps
from sfumato.errors import InputError, nearest, unknown
from sfumato.reproduction.checking import known_keys, number, one_of, text, texts, whole
from sfumato.reproduction.figures.options import check_figure
from sfumato.reproduction.table_parts import (
    SCALES,
    Block,
    DataChoice,
    MethodChoice,
    ModelChoice,
    Published,
    Repeats,
    Scale,
    Setting,
    TableFile,
    place_title,
)

REPEATS = ("seeds", "folds", "splits")
METRICS = ("accuracy", "macro_f1", "log_loss", "brier", "ece")
OWN_TESTS = ("paired-t", "corrected-t")
BOLD = ("best", "significant")
KEYS = (
    *("title", "paper", "place", "metric", "baseline", "level", "bold", "own_test", "controls", "repeats", "measures"),
    *("runs_of", "data", "settings", "models", "methods", "blocks", "published", "scale", "figure", "explanation"),
)


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
    known_keys(name, f"data {title!r}", entry, ("name", "label", "damage", "characters", "vectors", "note"))
    return DataChoice(
        title,
        text(name, f"name of data {title!r}", entry.get("name")),
        entry.get("label"),
        _steps(name, f"data {title!r}", entry.get("damage", ())),
        whole(name, f"characters of {title!r}", entry["characters"], 1) if "characters" in entry else None,
        text(name, "vectors", entry["vectors"]) if "vectors" in entry else None,
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
    share = entry.get("join_share")
    if share is not None:
        number(name, f"join_share of {title!r}", share, 0.0, 1.0)
    options = {key: value for key, value in entry.items() if key not in ("name", "join_share")}
    return MethodChoice(title, text(name, f"name of method {title!r}", entry.get("name")), options, share)


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
