"""Nested parameters of a method or model that is given by name: ``method__weight``, ``model__filters``."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter
from typing import Any

from sfumato.architecture import Architecture
from sfumato.errors import InputError, MissingExtraError, nearest
from sfumato.method import Method
from sfumato.methods import METHODS
from sfumato.models import MODELS
from sfumato.registry import Registry
from sfumato.resolve import option_names

OWNERS: dict[str, Registry[Any]] = {"method": METHODS, "model": MODELS}


def current_options(owner: str, thing: Any, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the options that ``thing`` has now: those given over its defaults.

    A name or a function has the options of its signature, a built method or model those that built it. A name that
    does not exist, or a model that cannot be looked at without PyTorch, has the given ones only: what is wrong with it
    is said by ``fit``.
    """
    given = dict(given) if isinstance(given, Mapping) else {}
    if isinstance(thing, Method | Architecture):
        return dict(thing.options) if thing.name in OWNERS[owner] else {}
    if isinstance(thing, str):
        try:
            schema = OWNERS[owner].schema(thing)
        except (InputError, MissingExtraError):
            return given
        defaults = {name: p.default for name, p in schema.items() if p.default is not Parameter.empty}
        return {**defaults, **given}
    return given


def with_options(
    owner: str, thing: Any, given: Mapping[str, Any] | None, new: Mapping[str, Any]
) -> tuple[Any, dict[str, Any] | None]:
    """Return the method or model, and the options to keep beside it, after ``new`` options are set.

    A name or a function keeps them beside it. A method or model that is already built is built again from its
    registered name; where it has none, as after ``combine``, that cannot be done.

    Raises
    ------
    InputError
        names an option that there is not.
    """
    if isinstance(thing, Method | Architecture):
        if thing.name not in OWNERS[owner]:
            raise InputError(
                f"the {owner} {thing.name} is already built, and no registered name builds it again with "
                f"{', '.join(new)}; give a function that builds it, or set {owner} itself"
            )
        return OWNERS[owner].build(thing.name, {**thing.options, **new}), dict(given) if given else None
    allowed = option_names(thing, OWNERS[owner])
    for name in new:
        if name not in allowed:
            what = thing if isinstance(thing, str) else getattr(thing, "__name__", repr(thing))
            takes = ", ".join(allowed) or "no options"
            raise InputError(f"{owner} {what} has no option {name!r}{nearest(name, allowed)}; it takes: {takes}")
    return thing, {**(given or {}), **new}
