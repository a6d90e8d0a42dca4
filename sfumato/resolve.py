"""Names and options to methods and models; a loose option goes to the one function that has it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sfumato.architecture import Architecture
from sfumato.errors import InputError, nearest
from sfumato.method import Method
from sfumato.methods import METHODS
from sfumato.models import MODELS


def assign_options(
    options: Mapping[str, Any], owners: Mapping[str, Iterable[str]], *, also: Iterable[str] = ()
) -> dict[str, dict[str, Any]]:
    """Sort ``options`` by owner.

    Parameters
    ----------
    options : name to value; ``"method.alpha"`` names its owner, ``"alpha"`` goes to the only one that takes it
    owners : owner (``"method"``, ``"model"``) to the names of its options
    also : further names to think of when an option is misspelt

    Raises
    ------
    InputError
        for a name that no owner has (with the nearest one), or that several have (with the owners).
    """
    taken = {owner: list(names) for owner, names in owners.items()}
    sorted_options: dict[str, dict[str, Any]] = {owner: {} for owner in taken}
    for written, value in options.items():
        owner, dot, name = written.replace("-", "_").partition(".")
        if not dot:
            name, having = owner, [o for o, names in taken.items() if owner in names]
        elif owner in taken:
            having = [owner] if name in taken[owner] else []
        else:
            raise InputError(
                f"no owner {owner!r} of option {written!r}{nearest(owner, taken)}; use: {', '.join(taken)}"
            )
        if len(having) > 1:
            choices = " or ".join(f"{o}.{name}" for o in having)
            raise InputError(f"option {name!r} is taken by {' and '.join(having)}: write {choices}")
        if not having:
            raise InputError(_not_taken(written, name, taken, also))
        sorted_options[having[0]][name] = value
    return sorted_options


def _not_taken(written: str, name: str, taken: Mapping[str, list[str]], also: Iterable[str]) -> str:
    """Write the sentence for an option that nobody has; ``also`` are the caller's own names."""
    every = [option for names in (*taken.values(), also) for option in names]
    listed = "; ".join(f"{owner} takes {', '.join(names) or 'none'}" for owner, names in taken.items())
    return f"no option {written!r}{nearest(name, every)}; {listed}"


def build_method(method: str | Method | Callable[..., Method], options: dict[str, Any]) -> Method:
    """Return a method from a name with options, a function that builds one, or the thing itself."""
    if isinstance(method, Method):
        if options:
            raise InputError(f"the method {method.name} is already built; give {list(options)} where it is built")
        return method
    built = method(**options) if callable(method) else METHODS.build(str(method), options)
    if not isinstance(built, Method):
        raise InputError(f"{method!r} must return a sfumato.Method, it returned {type(built).__name__}")
    return built


def build_architecture(
    model: str | Architecture | Callable[..., Architecture], options: dict[str, Any]
) -> Architecture:
    """Return an architecture from a name with options, a function that builds one, or the thing itself."""
    if isinstance(model, Architecture):
        if options:
            raise InputError(f"the model {model.name} is already built; give {list(options)} where it is built")
        return model
    built = model(**options) if callable(model) else MODELS.build(str(model), options)
    if not isinstance(built, Architecture):
        raise InputError(f"{model!r} must return a sfumato Architecture, it returned {type(built).__name__}")
    return built


def option_names(thing: object, registry: Any) -> list[str]:
    """Return the options that a name or a function takes; an object that is already built takes none."""
    if isinstance(thing, str):
        return list(registry.schema(thing))
    if isinstance(thing, Method | Architecture) or not callable(thing):
        return []
    return list(inspect.signature(thing).parameters)
