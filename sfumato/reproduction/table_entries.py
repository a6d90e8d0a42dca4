"""The entries of a table's file, one reader a section; each value is checked in words before the first run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sfumato.damage import check_steps
from sfumato.errors import InputError, nearest, unknown
from sfumato.groups import given_groups
from sfumato.methods import METHODS
from sfumato.reproduction.checking import finite, flag, known_keys, mapping, number, one_of, text, texts, whole
from sfumato.reproduction.metric_names import EVERY_CONTROL
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
    place_title,
)
from sfumato.reproduction.training_settings import check_training

REPEATS = ("seeds", "folds", "splits")
SECTION_KEYS: Mapping[str, tuple[str, ...]] = {
    "data": ("name", "label", "damage", "characters", "vectors", "encoder", "groups", "options", "note", "test"),
    "settings": ("x", "damage", "each_class"),
    "models": ("name", "training", "repeats", "published_only"),  # and the options of the model
    "methods": ("name", "join_share", "beside", "best_of", "clearly", "line", "x"),  # and the options of the method
    "repeats": ("kind", "number", "share", "dev"),
    "published": ("methods", "cells"),
    "scale": ("rows", "test_rows", "training", "repeats", "controls", "whole_dev", "blocks", "note"),  # and titles
}
Titles = Mapping[str, tuple[str, ...]]
Number = tuple[float, float | None]


def read_data(name: str, title: str, entry: Mapping[str, Any]) -> DataChoice:
    """Read one entry of ``[data]``."""
    known_keys(name, f"data {title!r}", entry, SECTION_KEYS["data"])
    optional = {key: text(name, f"{key} of data {title!r}", entry[key]) for key in _DATA_TEXTS if key in entry}
    return DataChoice(
        title,
        text(name, f"name of data {title!r}", entry.get("name")),
        damage=_steps(name, f"data {title!r}", entry.get("damage", ())),
        characters=whole(name, f"characters of {title!r}", entry["characters"], 1) if "characters" in entry else None,
        groups=_groups(name, title, entry.get("groups")),
        options=_options_of_methods(name, title, entry.get("options", {})),
        **optional,
    )


_DATA_TEXTS = ("label", "vectors", "encoder", "note", "test")


def _groups(name: str, title: str, given: Any) -> Any:
    """Return groups as the methods take them: a name, ``prefix:SEP``, or group to labels."""
    if given is None:
        return None
    try:
        return given_groups(f"groups of data {title!r}", given)
    except InputError as error:
        raise InputError(f"table {name}: {error}") from error


def _options_of_methods(name: str, title: str, given: Any) -> Mapping[str, Mapping[str, Any]]:
    found = mapping(name, f"options of data {title!r}", given, '{ "maskloss-elem" = { tau = 0.6 } }')
    for method, options in found.items():
        if method not in METHODS:
            raise InputError(f"table {name}: options of data {title!r}: {unknown('method', method, METHODS)}")
        try:
            METHODS.build(method, mapping(name, f"options of {method!r} in data {title!r}", options, "{ tau = 0.6 }"))
        except InputError as error:
            raise InputError(f"table {name}: options of data {title!r}: {error}") from error
    return found


def _steps(name: str, where: str, given: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(given, Sequence) or not all(isinstance(step, Mapping) and "kind" in step for step in given):
        raise InputError(f'table {name}: damage of {where} must be a list of {{ kind = "..." }}, got {given!r}')
    try:
        check_steps(given)
    except InputError as error:
        raise InputError(f"table {name}: damage of {where}: {error}") from error
    return tuple(given)


def read_setting(name: str, title: str, entry: Mapping[str, Any]) -> Setting:
    """Read one entry of ``[settings]``."""
    known_keys(name, f"setting {title!r}", entry, SECTION_KEYS["settings"])
    return Setting(
        title,
        finite(name, f"x of setting {title!r}", entry["x"]) if "x" in entry else None,
        _steps(name, f"setting {title!r}", entry.get("damage", ())),
        flag(name, f"each_class of setting {title!r}", entry.get("each_class", False)),
    )


def read_model(name: str, title: str, entry: Mapping[str, Any]) -> ModelChoice:
    """Read one entry of ``[models]``; its options are the model's own to check."""
    if flag(name, f"published_only of model {title!r}", entry.get("published_only", False)):
        known_keys(name, f"model {title!r}", entry, ("published_only",))
        return ModelChoice(title, "")
    options = {key: value for key, value in entry.items() if key not in SECTION_KEYS["models"]}
    training = check_training(name, f"model {title!r}", entry.get("training", {}))
    number_of = whole(name, f"repeats of model {title!r}", entry["repeats"], 1) if "repeats" in entry else None
    return ModelChoice(title, text(name, f"name of model {title!r}", entry.get("name")), options, training, number_of)


def read_method(name: str, title: str, entry: Mapping[str, Any]) -> MethodChoice:
    """Read one entry of ``[methods]``; its options are the method's own to check."""
    best_of = texts(name, f"best_of of {title!r}", entry.get("best_of", ()))
    if best_of:
        known_keys(name, f"method {title!r}", entry, ("best_of", "clearly"))
        clearly = flag(name, f"clearly of {title!r}", entry.get("clearly", False))
        return MethodChoice(title, best_of=best_of, clearly=clearly)
    share = entry.get("join_share")
    if share is not None:
        number(name, f"join_share of {title!r}", share, 0.0, 1.0)
    options = {key: value for key, value in entry.items() if key not in SECTION_KEYS["methods"]}
    return MethodChoice(
        title,
        text(name, f"name of method {title!r}", entry.get("name")),
        options,
        share,
        text(name, f"beside of {title!r}", entry.get("beside", "")),
        line=text(name, f"line of {title!r}", entry.get("line", "")),
        x=finite(name, f"x of {title!r}", entry["x"]) if "x" in entry else None,
    )


def read_controls(name: str, given: Any) -> bool | tuple[str, ...]:
    """Read ``controls``: all or none, or the names of those to run."""
    if not isinstance(given, list):
        return flag(name, "controls", given)
    return tuple(one_of(name, "controls", one, EVERY_CONTROL) for one in texts(name, "controls", given))


def read_repeats(name: str, given: Any) -> Repeats:
    """Read ``repeats``."""
    known_keys(name, "repeats", given, SECTION_KEYS["repeats"])
    standard = Repeats()
    return Repeats(
        one_of(name, "kind of repeats", given.get("kind", standard.kind), REPEATS),
        whole(name, "number of repeats", given.get("number", standard.number), 1),
        number(name, "share of repeats", given.get("share", standard.share), 0.01, 0.99),
        number(name, "dev of repeats", given.get("dev", standard.dev), 0.01, 0.9),
    )


def read_blocks(name: str, given: Any, titles: Titles, where: str = "") -> tuple[Block, ...]:
    """Read ``[[blocks]]``, or those of a scale, which ``where`` names."""
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise InputError(f"table {name}: blocks must be written [[{where}blocks]], got {given!r}")
    kept = (_kept(name, f"{where}block {k}", entry, titles, all_of=True) for k, entry in enumerate(given, 1))
    return tuple(Block(**titles_of) for titles_of in kept)


def _kept(name: str, where: str, entry: Any, titles: Titles, *, all_of: bool) -> dict[str, tuple[str, ...]]:
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


def read_scale(name: str, key: str, entry: Mapping[str, Any], titles: Titles, repeats: Repeats) -> Scale:
    """Read one entry of ``[scale]``; there are no more repeats than there are folds."""
    where, own = f"scale {key}", SECTION_KEYS["scale"]
    one_of(name, "scale", key, SCALES)
    known_keys(name, where, entry, (*own, *titles))
    sizes = {size: whole(name, f"{size} of {where}", entry[size], 1) for size in own[:2] if size in entry}
    number_of = whole(name, f"repeats of {where}", entry["repeats"], 1) if "repeats" in entry else None
    if repeats.kind == "folds" and number_of is not None and number_of > repeats.number:
        raise InputError(
            f"table {name}: repeats of {where} must be at most {repeats.number}, the number of folds, got {number_of}; "
            f"give repeats = {{ number = {number_of} }} for more folds"
        )
    return Scale(
        **sizes,
        training=dict(check_training(name, where, entry.get("training", {}), titles["models"])),
        repeats=number_of,
        controls=flag(name, f"controls of {where}", entry.get("controls", True)),
        whole_dev=flag(name, f"whole_dev of {where}", entry.get("whole_dev", False)),
        keep=_kept(name, where, {k: v for k, v in entry.items() if k not in own}, titles, all_of=False),
        blocks=read_blocks(name, entry["blocks"], titles, f"scale.{key}.") if "blocks" in entry else (),
        note=text(name, f"note of {where}", entry.get("note", "")),
    )


def read_published(name: str, given: Any, titles: Titles) -> Published:
    """Read ``methods`` (which rows, in order) and ``cells``: place to model to numbers or [mean, deviation] pairs."""
    known_keys(name, "published", given, SECTION_KEYS["published"])
    rows = texts(name, "methods of published", given.get("methods", titles["methods"]))
    places = {place_title(data, setting) for data in titles["data"] for setting in titles["settings"]}
    cells: dict[tuple[str, str], dict[str, Number]] = {}
    for place, models in mapping(name, "cells of published", given.get("cells", {}), _CELLS).items():
        if place not in places:
            raise InputError(
                f"table {name}: published names {place!r}, which the table has not{nearest(place, places)}"
            )
        for model, values in mapping(name, f"published {place!r}", models, "{ MODEL = [91.4, ...] }").items():
            if model not in titles["models"]:
                raise InputError(f"table {name}: published names the model {model!r}{nearest(model, titles['models'])}")
            cells[place, model] = _numbers(name, f"published {place!r}, {model!r}", values, rows)
    return Published(cells)


_CELLS = '[published.cells."PLACE"]'


def _numbers(name: str, where: str, values: Any, rows: Sequence[str]) -> dict[str, Number]:
    """Return one published number a row, each alone or with its deviation; or those of the rows that are named."""
    if isinstance(values, Mapping):
        for row in values:
            if row not in rows:
                raise InputError(f"table {name}: {where} names {row!r}, which is not a row{nearest(row, rows)}")
        rows, values = list(values), list(values.values())
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != len(rows):
        raise InputError(f"table {name}: {where} needs {len(rows)} numbers, got {values!r}")
    found: dict[str, Number] = {}
    for row, value in zip(rows, values, strict=True):
        said = f"{where}, {row!r}"
        if not isinstance(value, list):
            found[row] = (finite(name, said, value), None)
        elif len(value) == 2:
            found[row] = (finite(name, said, value[0]), finite(name, f"deviation of {said}", value[1]))
        else:
            raise InputError(f"table {name}: {said} must be a number, or [mean, deviation], got {value!r}")
    return found
