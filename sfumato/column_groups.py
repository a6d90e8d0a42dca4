"""Groups of labels from a coarse label in another column of the table that is trained on: ``groups="column:NAME"``.

The column becomes a mapping of each group to its labels when the table is read, before the method is built, so a method
hears nothing of tables. N rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.groups import COLUMN, Groups
from sfumato.image_source import is_image_data
from sfumato.label_columns import label_form
from sfumato.rows import Table
from sfumato.table import guess_columns, read_table
from sfumato.usable_rows import left_out, usable_rows


def with_column_groups(
    options: Mapping[str, Any],
    data: Any,
    *,
    text: Any,
    label: Any,
    bad_rows: str = "refuse",
    label_separator: str | None = None,
    task: str = "auto",
    weight: str | None = None,
) -> tuple[dict[str, Any], Any]:
    """Return options of a method with the groups of a column as a mapping, and the data, read if that was needed.

    Raises
    ------
    InputError
        if the data have no columns, rows may have several labels, a cell of the coarse column is empty in a row that
        is not left out, or a label stands beside two coarse labels.
    """
    given = options.get("groups")
    if not isinstance(given, str) or not given.startswith(COLUMN):
        return dict(options), data
    if isinstance(data, Examples) or is_image_data(data):
        raise InputError(
            f"groups={given!r} names a column, and the data have none; give a mapping, as "
            "sfumato.groups.groups_of_column(labels, coarse_labels) returns"
        )
    table = read_table(data, bad_rows=bad_rows)
    texts, named, _ = guess_columns(table, text, label)
    if not isinstance(named, str):
        raise InputError(f"groups={given!r} needs one label column, and there are several: {', '.join(named)}")
    refuse_several(table, named, given, label_form(table, named, separator=label_separator, task=task))
    kept = table
    if bad_rows == "drop":
        rows = usable_rows(table, texts, weight, {})
        left_out(table, rows, bad_rows)  # raises where nothing is left
        kept = table.take(rows.index)
    return {**options, "groups": groups_beside(kept, named, given.removeprefix(COLUMN))}, table


def refuse_several(table: Table, label: str, given: str, form: str) -> None:
    """Raise where a row may have several labels: which of them its coarse label is for is not said."""
    holds = {"lists": "holds lists of labels", "separated": "is cut at a label separator into several a row"}
    if form in holds:
        raise InputError(
            f"{table.source}: groups={given!r} needs one label a row, and the column {label!r} {holds[form]}; give the "
            "groups as a mapping of each group to its labels, or a file of them (.toml, .json, .csv)"
        )


def groups_beside(table: Table, label: str, coarse: str) -> Groups:
    """Return each coarse label with the labels that stand beside it; rows without a label say nothing."""
    if coarse == label:
        raise InputError(f"groups: the column {coarse!r} holds the labels themselves; name that of the coarse labels")
    beside: dict[str, Counter[str]] = {}
    cells = zip(table.column(label), table.column(coarse), table.rows, strict=True)
    for name, group, row in cells:
        if not name.strip():
            continue
        if not group.strip():
            raise InputError(f"{table.source}: groups: the column {coarse!r} is empty in {table.unit} {row}; fill it")
        beside.setdefault(name.strip(), Counter())[group.strip()] += 1
    torn = [name for name, groups in beside.items() if len(groups) > 1]
    if torn:
        raise InputError(f"{table.source}: groups: {said(torn, beside, coarse)}")
    homes = {name: next(iter(groups)) for name, groups in beside.items()}
    return {group: sorted(name for name in homes if homes[name] == group) for group in sorted(set(homes.values()))}


def said(torn: Sequence[str], beside: Mapping[str, Counter[str]], coarse: str) -> str:
    """Return which label stands beside which coarse labels, how often."""
    (one, first), (other, second) = beside[torn[0]].most_common(2)
    more = f" ({len(torn) - 1} more labels have two)" if len(torn) > 1 else ""
    return (
        f"the label {torn[0]!r} stands beside {one!r} in {first} rows and beside {other!r} in {second} of the column "
        f"{coarse!r}; a label has one group{more}"
    )
