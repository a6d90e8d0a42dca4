"""Names to functions: the signature of a registered function is the schema of its options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from numbers import Real
from typing import Any, Generic, TypeVar

from sfumato.errors import TRAINING_MODULES, InputError, nearest, require_torch, unknown

T = TypeVar("T")


class Registry(Mapping[str, Callable[..., T]], Generic[T]):
    """A read-only mapping of a name to the function that builds it, imported when it is first used.

    Names are written with hyphens; underscores are accepted. ``where`` maps a name to "module:function".
    """

    def __init__(self, kind: str, where: dict[str, str]) -> None:
        self.kind = kind
        self._where = where

    def __getitem__(self, name: str) -> Callable[..., T]:
        key = str(name).replace("_", "-")
        if key not in self._where:
            raise unknown(self.kind, name, self._where)
        module, _, function = self._where[key].partition(":")
        try:
            built: Callable[..., T] = getattr(import_module(module), function)
        except ModuleNotFoundError as error:
            if error.name in TRAINING_MODULES:
                require_torch(f"the {self.kind} {key}")
            raise
        return built

    def __contains__(self, name: object) -> bool:
        return str(name).replace("_", "-") in self._where

    def __iter__(self) -> Iterator[str]:
        return iter(self._where)

    def __len__(self) -> int:
        return len(self._where)

    def __repr__(self) -> str:
        return f"<{len(self)} {self.kind}s: {', '.join(self)}>"

    def schema(self, name: str) -> dict[str, inspect.Parameter]:
        """Return the options of ``name``: parameter name to parameter (default and annotation)."""
        return dict(_parameters(self[name]))

    def build(self, name: str, options: Mapping[str, Any]) -> T:
        """Call the function ``name`` with ``options``, naming an option it does not have."""
        allowed = self.schema(name)
        options = {key.replace("-", "_"): value for key, value in options.items()}
        for key in options:
            if key not in allowed:
                takes = ", ".join(allowed) or "no options"
                raise InputError(f"{name} has no option {key!r}{nearest(key, allowed)}; it takes: {takes}")
        return self[name](**options)


@cache
def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters  # a listing of tables asks for the same ones ten thousand times


def read_value(text: str) -> Any:
    """Read a value as written on the command line: a number, true/false/none, a list with commas, or text."""
    lowered = text.strip().lower()
    if lowered in {"true", "false", "none"}:
        return {"true": True, "false": False, "none": None}[lowered]
    if "," in text:
        return tuple(read_value(part) for part in text.strip("()[] ").split(",") if part.strip())
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def check_range(owner: str, name: str, value: Any, low: float, high: float, *, open_low: bool = False) -> None:
    """Raise unless ``low <= value <= high`` (``low < value`` if ``open_low``); NumPy's numbers are numbers too."""
    if not _is_number(value):
        raise InputError(f"{owner}: {name} must be a number, got {value!r}")
    if not (low < value if open_low else low <= value) or not value <= high:
        bound = f"{'more than' if open_low else 'at least'} {low:g}"
        bound += "" if high == float("inf") else f" and at most {high:g}"
        raise InputError(f"{owner}: {name} must be {bound}, got {value!r}")


def check_whole(owner: str, name: str, value: Any, low: int, high: float = float("inf")) -> None:
    """Raise unless ``value`` is a whole number with ``low <= value <= high``."""
    check_range(owner, name, value, low, high)
    if value % 1:
        raise InputError(f"{owner}: {name} must be a whole number, got {value!r}")


def check_truth(owner: str, name: str, value: Any) -> None:
    """Raise unless ``value`` is True or False."""
    if not isinstance(value, bool):
        raise InputError(f"{owner}: {name} must be true or false, got {value!r}")


def check_choice(owner: str, name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        listed = ", ".join(repr(a) for a in allowed)
        raise InputError(f"{owner}: {name} must be one of {listed}, got {value!r}{nearest(str(value), allowed)}")
