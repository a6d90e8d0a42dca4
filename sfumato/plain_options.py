"""The options of a method or model as JSON's own types, which read the same in every process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sfumato.errors import InputError
from sfumato.registry import Registry


def not_default(registry: Registry[Any], name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that differ from the defaults of the registered ``name``; all of them if it is not there."""
    if name not in registry:
        return dict(options)
    defaults = {option: parameter.default for option, parameter in registry.schema(name).items()}
    return {
        option: value
        for option, value in options.items()
        if option not in defaults or _written(value) != _written(defaults[option])
    }


def _written(value: Any) -> str:
    """Return a value as JSON writes it, which has no tuples."""
    return json.dumps(value, default=repr)


def plain(value: Any) -> Any:
    """Write an option so that it reads the same in every process."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if callable(value) and hasattr(value, "__qualname__"):
        name = f"{value.__module__}.{value.__qualname__}"
        if "<lambda>" in name or "<locals>" in name:
            raise InputError(
                f"a function as an option of a compared method or model must stand at the top of a module, so that its "
                f"name tells it from others, got {name}; write `def name(...)` outside of functions"
            )
        return name
    raise InputError(f"an option of a compared method or model must be text, a number or a list, got {value!r}")
