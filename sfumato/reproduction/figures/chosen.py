"""Which rows of a table its figure shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sfumato.errors import InputError

Row = Mapping[str, Any]
NARROW = {"data": "data", "settings": "setting", "models": "model", "methods": "method"}
"""Keys of ``[figure]`` that list the titles to draw; without the key, all."""


def chosen(content: Mapping[str, Any], row: Row) -> bool:
    """Whether the figure of a table shows this row; controls have no place in a figure."""
    figure = content["figure"]
    return not row["control"] and all(row[one] in figure.get(key, (row[one],)) for key, one in NARROW.items())


def methods(content: Mapping[str, Any]) -> list[str]:
    """Return the methods of a table in its order, so that a method looks the same in each of its figures."""
    return list(dict.fromkeys(row["method"] for row in content["rows"]))


def nothing(content: Mapping[str, Any], what: str) -> InputError:
    """Build the error for a figure without anything to draw."""
    return InputError(
        f"the figure of {content['name']} needs {what}, and its results have none; run `sfumato reproduce "
        f"{content['name']}` to the end, or look at [figure] in its file"
    )
