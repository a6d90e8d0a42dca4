"""Reads `--set NAME=VALUE`."""

import inspect
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from sfumato.errors import InputError


class Settings(NamedTuple):
    """Options by owner: those of the method, those of the model, and those that say no owner."""

    method: dict[str, Any]
    model: dict[str, Any]
    loose: dict[str, Any]


def read_settings(given: Sequence[str] | None, *, reserved: Collection[str] = ()) -> Settings:
    """Split ``method.alpha=2``, ``model.kernels=3,4,5`` and ``alpha=2`` by owner.

    Raises
    ------
    InputError
        for a setting without "=", with another owner, given twice, or in ``reserved`` (it has its own flag).
    """
    from sfumato.registry import read_value

    settings = Settings({}, {}, {})
    for text in given or ():
        name, equals, value = text.partition("=")
        owner, dot, option = name.strip().rpartition(".")
        key = option.replace("-", "_")
        if not equals or not key:
            raise InputError(f"--set takes NAME=VALUE, such as method.alpha=2, got {text!r}")
        if dot and owner not in {"method", "model"}:
            raise InputError(f"--set {text}: the owner must be method or model, got {owner!r}")
        if not dot and key in reserved:
            raise InputError(f"--set {text}: use the option --{key.replace('_', '-')} instead")
        group = getattr(settings, owner) if dot else settings.loose
        if key in group:
            raise InputError(f"--set {name.strip()} is given twice")
        group[key] = read_value(value)
    return settings


def named_arguments(function: Callable[..., Any]) -> set[str]:
    """Return the arguments that ``function`` names itself; a loose setting may not take their place."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name for name, parameter in inspect.signature(function).parameters.items() if parameter.kind in kinds}


def given(**values: Any) -> dict[str, Any]:
    """Return the arguments that the user gave: those that are not None."""
    return {name: value for name, value in values.items() if value is not None}
