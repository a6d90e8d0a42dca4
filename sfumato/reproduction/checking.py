"""Checks of single values of a table's file, with messages that name the file and the key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from sfumato.errors import InputError, nearest


def known_keys(name: str, where: str, entry: Any, allowed: Sequence[str]) -> None:
    """Raise unless ``entry`` is a table of which every key is allowed."""
    for key in mapping(name, where, entry, f"{{ {allowed[0]} = ... }}"):
        if key not in allowed:
            listed = ", ".join(allowed)
            raise InputError(f"table {name}: {where} has no key {key!r}{nearest(key, allowed)}; it takes: {listed}")


def mapping(name: str, where: str, value: Any, example: str) -> Mapping[str, Any]:
    """Return a table of keys and values, or raise."""
    if not isinstance(value, Mapping):
        raise InputError(f"table {name}: {where} must be written {example}, got {value!r}")
    return value


def text(name: str, key: str, value: Any) -> str:
    """Return a text, or raise."""
    if not isinstance(value, str):
        raise InputError(f"table {name}: {key} must be text, got {value!r}")
    return value


def texts(name: str, key: str, value: Any) -> tuple[str, ...]:
    """Return a tuple of texts, or raise."""
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise InputError(f"table {name}: {key} must be a list of texts, got {value!r}")
    return tuple(value)


def flag(name: str, key: str, value: Any) -> bool:
    """Return true or false, or raise."""
    if not isinstance(value, bool):
        raise InputError(f"table {name}: {key} must be true or false, got {value!r}")
    return value


def one_of(name: str, key: str, value: Any, allowed: Sequence[str]) -> str:
    """Return a text that is one of ``allowed``, or raise."""
    if value not in allowed:
        listed = ", ".join(allowed)
        raise InputError(f"table {name}: {key} must be one of {listed}, got {value!r}{nearest(str(value), allowed)}")
    return str(value)


def number(name: str, key: str, value: Any, low: float, high: float) -> float:
    """Return a number between two bounds, or raise."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InputError(f"table {name}: {key} must be a number from {low:g} to {high:g}, got {value!r}")
    return float(value)


def finite(name: str, key: str, value: Any) -> float:
    """Return a number as it is given, or raise."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise InputError(f"table {name}: {key} must be a number, got {value!r}")
    return value


def whole(name: str, key: str, value: Any, low: int) -> int:
    """Return a whole number of at least ``low``, or raise."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise InputError(f"table {name}: {key} must be a whole number of at least {low}, got {value!r}")
    return value
