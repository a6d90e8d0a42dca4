"""A data set from the Hugging Face hub, by the library `datasets`; nothing else in sfumato touches the network."""

from __future__ import annotations

from typing import Any

import numpy as np

from sfumato.datasets.catalog import Entry, Hub
from sfumato.datasets.rows import Rows
from sfumato.errors import InputError

HUB = "hub"  # what stands for a folder of data sets where they are to be fetched


def why_not(entry: Entry, label: str) -> str:
    """Return why a set cannot be had from the hub, "" if it can."""
    from importlib.util import find_spec

    if entry.source is None:
        return f"the catalogue knows no place of {entry.name} on the Hugging Face hub"
    if not entry.source.text:
        return f"{entry.hub} on the Hugging Face hub is not read by sfumato"
    if label != entry.label and label not in entry.source.other:
        return f"{entry.hub} on the Hugging Face hub has no label {label!r}"
    if find_spec("datasets") is None:
        return f"{entry.hub} on the Hugging Face hub needs the library datasets: pip install 'sfumato[hf]'"
    return ""


def read_hub(entry: Entry, label: str) -> tuple[dict[str, Rows], list[str]]:
    """Return the splits of a set on the hub, and what there is to say.

    Raises
    ------
    InputError
        if it cannot be fetched, or its columns are not those that the catalogue names
    """
    source = entry.source
    if source is None:
        raise InputError(why_not(entry, label))
    found, notes, first = {}, [_pinned(source)], 0
    parts = _fetched(source)
    for split in ("train", "dev", "test"):
        part = parts.get(entry.called(split))
        if part is None:
            continue
        rows, empty = _rows(entry, source, part, label, first)
        found[split] = rows
        first += len(part)
        if empty:
            notes.append(f"{split}: {empty:,} of {len(part):,} rows have no text or no label and are left out")
    if not found:
        raise InputError(f"{source.id} on the Hugging Face hub has no split train, validation or test: {list(parts)}")
    return found, notes


def _pinned(source: Hub) -> str:
    return f"read from the Hugging Face hub: {source.id}, " + (
        f"revision {source.revision}" if source.revision else "not pinned to a revision"
    )


def _fetched(source: Hub) -> Any:
    import datasets

    try:
        return datasets.load_dataset(source.id, revision=source.revision or None)
    except Exception as error:  # the library passes on errors of its own and of three others
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{source.id} could not be read from the Hugging Face hub ({said}); give a copy with data= (--data) or in "
            "the folder that SFUMATO_DATA names"
        ) from error


def _rows(entry: Entry, source: Hub, part: Any, label: str, first: int) -> tuple[Rows, int]:
    column = source.label if label == entry.label else source.other[label]
    lacking = [name for name in (*source.text, column) if name not in part.column_names]
    if lacking:
        raise InputError(f"{source.id} has no column {lacking[0]!r}; it has: {', '.join(part.column_names)}")
    feature = part.features[column]
    feature = getattr(feature, "feature", feature)  # of a list, that of its entries
    names = (source.names if label == entry.label else ()) or getattr(feature, "names", None)
    labels = [_named(value, names) for value in part[column][:]]  # [:]: a column is read row by row otherwise
    if entry.task == "image":
        inputs: list[Any] = [np.asarray(image, dtype=np.uint8) for image in part[source.text[0]]]
        kept = [k for k, name in enumerate(labels) if name is not None]
    else:
        inputs = [
            " ".join(str(cell or "") for cell in cells)
            for cells in zip(*(part[name][:] for name in source.text), strict=True)
        ]
        kept = [k for k, name in enumerate(labels) if name is not None and inputs[k].strip()]
    chosen = [inputs[k] for k in kept]
    rows = Rows(
        np.stack(chosen) if entry.task == "image" else chosen,
        [labels[k] for k in kept],
        first + np.array(kept, dtype=np.int64),
    )
    return rows, len(labels) - len(kept)


def _named(value: Any, names: Any) -> Any:
    """Return the name of a class id, or of each in a list; unlabelled rows have none or -1."""
    if isinstance(value, list):
        return [_named(each, names) for each in value]
    if value is None or (names and not 0 <= int(value) < len(names)):
        return None
    return str(names[int(value)]) if names else str(value)
