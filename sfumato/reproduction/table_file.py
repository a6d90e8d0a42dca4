"""One TOML file a table: what it compares, the published numbers, and the scales it can be run at.

Data sets × settings (what was done to them on purpose) × models × methods × repeats. The whole file is checked before
the first run. ``docs/tables/README.md`` describes the keys.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from sfumato.errors import InputError, nearest, unknown
from sfumato.measures import MEASURES
from sfumato.reproduction.cases import check_cases
from sfumato.reproduction.checking import known_keys, number, one_of, text, texts
from sfumato.reproduction.figures.options import check_figure
from sfumato.reproduction.metric_names import METRICS, OF_GROUPS
from sfumato.reproduction.table_entries import (
    read_blocks,
    read_controls,
    read_data,
    read_method,
    read_model,
    read_published,
    read_repeats,
    read_scale,
    read_setting,
)
from sfumato.reproduction.table_parts import Setting, TableFile

OWN_TESTS = ("paired-t", "corrected-t")
BOLD = ("best", "significant")
AXES: Mapping[str, Callable[[str, str, Mapping[str, Any]], Any]] = {
    "data": read_data,
    "settings": read_setting,
    "models": read_model,
    "methods": read_method,
}
KEYS = (
    *("title", "paper", "place", "metric", "baseline", "level", "bold", "own_test", "controls", "repeats", "measures"),
    *(
        "runs_of",
        "data",
        "settings",
        "models",
        "methods",
        "blocks",
        "published",
        "scale",
        "figure",
        "cases",
        "explanation",
    ),
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
    given = _given(name, content)
    axes = _axes(name, given)
    titles = {key: tuple(entries) for key, entries in axes.items()}
    repeats = read_repeats(name, given.get("repeats", {}))
    scales = {
        key: read_scale(name, key, entry, titles, repeats) for key, entry in _entries(name, given, "scale").items()
    }
    table = TableFile(
        name=name,
        **_words(name, given),
        baseline=text(name, "baseline", given.get("baseline", titles["methods"][0])),
        level=number(name, "level", given.get("level", 0.05), 0.0, 0.5),
        controls=read_controls(name, given.get("controls", True)),
        repeats=repeats,
        measures=_measures(name, given.get("measures", ())),
        **axes,
        blocks=read_blocks(name, given.get("blocks", ({},)), titles),
        published=read_published(name, given.get("published", {}), titles),
        scales=scales,
        figure=check_figure(name, given.get("figure", {}), titles),
        cases=check_cases(name, given.get("cases", {}), titles),
    )
    _check_rows(table)
    return table


def _given(name: str, content: str) -> Mapping[str, Any]:
    """Return the keys of a file; another view of a table's runs has that table's where it says nothing itself."""
    try:
        given = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"table {name} is not TOML: {error}") from error
    known_keys(name, "the file", given, KEYS)
    if "runs_of" not in given:
        return given
    other = text(name, "runs_of", given["runs_of"])
    if other not in table_names():
        raise unknown("table", other, table_names())
    return {**tomllib.loads((_folder() / f"{other}.toml").read_text(encoding="utf-8")), **given}


def _axes(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return data, settings, models and methods, each by title."""
    axes = {
        key: {title: read(name, title, entry) for title, entry in _entries(name, given, key).items()}
        for key, read in AXES.items()
    }
    for key in ("data", "models", "methods"):
        if not axes[key]:
            raise InputError(f"table {name} needs at least one entry in [{key}]")
    axes["settings"] = axes["settings"] or {"": Setting()}
    return axes


def _entries(name: str, given: Mapping[str, Any], key: str) -> Mapping[str, Mapping[str, Any]]:
    found = given.get(key, {})
    if not isinstance(found, Mapping) or not all(isinstance(entry, Mapping) for entry in found.values()):
        raise InputError(f'table {name}: [{key}] must map titles to tables, as "AG News" = {{ name = "ag_news" }}')
    return found


def _words(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a table is called, and how it is judged and written."""
    return {
        "title": text(name, "title", given.get("title")),
        "paper": text(name, "paper", given.get("paper", "")),
        "place": text(name, "place", given.get("place", "")),
        "metric": one_of(name, "metric", given.get("metric", "accuracy"), METRICS),
        "bold": one_of(name, "bold", given.get("bold", "significant"), BOLD),
        "own_test": None if "own_test" not in given else one_of(name, "own_test", given["own_test"], OWN_TESTS),
        "explanation": text(name, "explanation", given.get("explanation", "")).strip(),
        "runs_of": text(name, "runs_of", given.get("runs_of", name)),
    }


def _measures(name: str, given: Any) -> tuple[str, ...]:
    return tuple(one_of(name, "measures", measure, MEASURES) for measure in texts(name, "measures", given))


def _check_rows(table: TableFile) -> None:
    """Check what names rows of the table: the baseline, ``best_of`` and the published rows."""
    named = [("baseline", table.baseline)]
    named += [("best_of", title) for method in table.methods.values() for title in method.best_of]
    _check_measures(table)
    named += [("published", title) for cell in table.published.cells.values() for title in cell]
    for where, title in named:
        if title not in table.methods:
            raise InputError(
                f"table {table.name}: {where} names {title!r}, which is not in [methods]{nearest(title, table.methods)}"
            )


def _check_measures(table: TableFile) -> None:
    """Check that what the metric, the figure and the cases need is measured, and every set has groups where needed."""
    needed = {
        "per-label": table.figure.get("kind") == "labels",
        "errors-in-group": table.metric == OF_GROUPS,
        "dev-answers": any(method.clearly for method in table.methods.values()),
    }
    for measure, asked in needed.items():
        if asked and measure not in table.measures:
            raise InputError(f'table {table.name}: its metric, its figure or a row needs measures = ["{measure}"]')
    grouped = table.metric == OF_GROUPS or (bool(table.cases) and table.cases.get("errors") != "each")
    lacking = [title for title, choice in table.data.items() if choice.groups is None]
    if grouped and lacking:
        raise InputError(f'table {table.name}: data {lacking[0]!r} needs groups, such as groups = "prefix::"')
