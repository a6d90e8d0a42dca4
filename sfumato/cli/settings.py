"""Reads `--set NAME=VALUE`."""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sfumato.errors import InputError

AS_WRITTEN = ("marks", "end_marks", "protect")  # text in which a comma is a mark, or part of a regular expression


class Settings(NamedTuple):
    """Options by owner: those of the method, those of the model, and those that say no owner."""

    method: dict[str, Any]
    model: dict[str, Any]
    loose: dict[str, Any]


def read_settings(
    given: Sequence[str] | None,
    *,
    reserved: Collection[str] = (),
    options: Callable[[], Mapping[str, Collection[str]]] | None = None,
) -> Settings:
    """Split ``method.alpha=2``, ``model.kernels=3,4,5`` and ``alpha=2`` by owner.

    ``options`` returns the names that each owner has, for what is said of a name that is ``reserved`` too.

    Raises
    ------
    InputError
        for a setting without "=", with another owner, given twice, or in ``reserved`` (it has its own flag).
    """
    settings = Settings({}, {}, {})
    for owner, key, value, text in split_settings(given):
        if owner not in {"", "method", "model"}:
            instead = f"; the option --{key.replace('_', '-')} sets it" if key in reserved else ""
            raise InputError(f"--set {text}: the owner must be method or model, got {owner!r}{instead}")
        if not owner and key in reserved:
            raise InputError(reserved_name(text, key, {} if options is None else options()))
        group = getattr(settings, owner) if owner else settings.loose
        if key in group:
            raise InputError(f"--set {text.partition('=')[0].strip()} is given twice")
        group[key] = value
    return settings


def split_settings(given: Sequence[str] | None) -> Iterator[tuple[str, str, Any, str]]:
    """Yield owner ("" if it is not said), name, value and the whole setting as it was written."""
    from sfumato.registry import read_value

    for text in given or ():
        name, equals, value = text.partition("=")
        owner, _, option = name.strip().rpartition(".")
        key = option.replace("-", "_")
        if not equals or not key:
            raise InputError(f"--set takes NAME=VALUE, such as method.alpha=2, got {text!r}")
        yield owner, key, value if key in AS_WRITTEN else read_value(value), text


def reserved_name(text: str, key: str, options: Mapping[str, Collection[str]]) -> str:
    """Return what to write instead of a setting that has the name of a flag."""
    flag = f"--{key.replace('_', '-')}"
    having = [f"{owner}.{key}" for owner, names in options.items() if key in names]
    if not having:
        return f"--set {text}: use the option {flag} instead"
    value = text.partition("=")[2]
    written = " or ".join(f"--set {name}={value}" for name in having)
    return f"--set {text}: write {written}; the option {flag} of the command is something else (see its --help)"


def settings_by_name(
    given: Sequence[str] | None, owners: Mapping[str, Collection[str]], *, reserved: Collection[str] = ()
) -> dict[str, dict[str, Any]]:
    """Give each setting to the one of several methods and models that has it: ``kwls.weight=0.2``, ``encoder=PATH``.

    Parameters
    ----------
    owners : name to the names of its options
    reserved : names that have a flag of their own

    Raises
    ------
    InputError
        for a name that none of them has, or several: then the owners are named.
    """
    from sfumato.resolve import assign_options

    # Names are told apart with underscores, as options are; they are given back as they came.
    known = {name.replace("-", "_"): name for name in owners}
    options: dict[str, Any] = {}
    for owner, key, value, text in split_settings(given):
        if not owner and key in reserved and not any(key in names for names in owners.values()):
            raise InputError(reserved_name(text, key, {}))
        kind = owner in {"method", "model"} and owner not in owners  # says which sort of thing has it, not which one
        name = key if kind or not owner else f"{owner.replace('-', '_')}.{key}"
        if name in options:
            raise InputError(f"--set {text.partition('=')[0].strip()} is given twice")
        options[name] = value
    placed = assign_options(options, {short: owners[name] for short, name in known.items()}, also=reserved)
    return {known[short]: chosen for short, chosen in placed.items() if chosen}


def named_arguments(function: Callable[..., Any]) -> set[str]:
    """Return the arguments that ``function`` names itself; a loose setting may not take their place."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name for name, parameter in inspect.signature(function).parameters.items() if parameter.kind in kinds}


def option_owners(*, method: str, model: str) -> dict[str, list[str]]:
    """Return the names of the options that a method and a model have."""
    from sfumato.methods import METHODS
    from sfumato.models import MODELS
    from sfumato.resolve import option_names

    return {"method": [] if method == "auto" else option_names(method, METHODS), "model": option_names(model, MODELS)}


def given(**values: Any) -> dict[str, Any]:
    """Return the arguments that the user gave: those that are not None."""
    return {name: value for name, value in values.items() if value is not None}
