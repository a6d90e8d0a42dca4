"""Results as a JSON document: readable by any reader, since what is not a number becomes null."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def json_text(value: Any) -> str:
    """Return ``value`` as JSON, which has no NaN and no infinity."""
    return json.dumps(without_nan(value), ensure_ascii=False, indent=1, allow_nan=False)


def without_nan(value: Any) -> Any:
    """Return ``value`` with None in place of NaN and infinity."""
    if isinstance(value, Mapping):
        return {name: without_nan(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
