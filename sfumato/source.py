"""Any of the forms that data come in, to `Examples`: the reading that every command shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sfumato.data import Examples
from sfumato.targets import TableTargets


def with_classes(examples: Examples, classes: tuple[str, ...]) -> Examples:
    """Return the examples with labels that index ``classes``; a label not among them becomes -1."""
    if examples.classes == classes:
        return examples
    position = {name: k for k, name in enumerate(classes)}
    moved = np.array([position.get(name, -1) for name in examples.classes], dtype=np.int64)
    labels = np.where(examples.labels < 0, -1, moved[examples.labels])
    table = np.vstack([np.eye(len(classes), dtype=np.float32), np.zeros((1, len(classes)), np.float32)])  # -1: no mass
    return replace(examples, labels=labels, targets=TableTargets(table, labels), classes=classes)


def read_examples(
    data: Any,
    *,
    text: Sequence[str] | str | None = None,
    label: str | None = None,
    weight: str | None = None,
    bad_rows: str = "refuse",
    classes: Sequence[str] | None = None,
) -> tuple[Examples, list[str]]:
    """Return the examples of a table and what was said on the way (guessed columns, dropped rows, odd labels).

    Parameters
    ----------
    data : what `sfumato.table.read_table` takes, or `Examples`
    classes : the class names to index labels by, for a dev or test table; a label not among them becomes -1
    """
    source = read_source(
        data,
        text=text,
        label=label,
        weight=weight,
        bad_rows=bad_rows,
        classes=None if classes is None else tuple(classes),
    )
    return source.examples, source.notes


@dataclass(frozen=True, eq=False)
class Source:
    """Examples with what is known of the table they come from.

    ``rows`` are those that could be read, also the ones left out for an empty text or label, and ``malformed`` those
    that could not; `Examples.ids` count the former. ``text`` and ``label`` are the columns that were read.
    """

    examples: Examples
    notes: list[str]
    rows: int
    malformed: int = 0
    text: tuple[str, ...] = ()
    label: str = ""


def read_source(
    data: Any,
    *,
    text: Sequence[str] | str | None = None,
    label: str | None = None,
    weight: str | None = None,
    bad_rows: str = "refuse",
    classes: tuple[str, ...] | None = None,
) -> Source:
    """Read as `read_examples` does, and keep how many rows there were."""
    if isinstance(data, Examples):
        return Source(data if classes is None else with_classes(data, classes), [], len(data))
    from sfumato.table import guess_columns, read_table, to_examples

    table = read_table(data, bad_rows=bad_rows)
    columns, column, said = guess_columns(table, text, label)
    examples, notes = to_examples(
        table,
        text=columns,
        label=column,
        weight=weight,
        bad_rows=bad_rows,
        classes=classes,
        on_new_label="refuse" if classes is None else "keep",
    )
    said = [*table.notes, *said, *notes]
    return Source(examples, said, len(table), len(table.dropped), tuple(columns), column)
