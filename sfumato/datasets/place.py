"""Where a data set is: the user's folder or file, then the folder that SFUMATO_DATA names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from sfumato.datasets.catalog import Entry
from sfumato.errors import InputError

VARIABLE = "SFUMATO_DATA"


class Place(NamedTuple):
    """Where a set is.

    Attributes
    ----------
    path : its file (a folder for images), None if it is in no folder
    missed : a phrase for each place looked at in vain
    """

    path: Path | None
    missed: list[str]


def find(entry: Entry, data: str | Path | None = None) -> Place:
    """Look for a set in ``data``, then in SFUMATO_DATA.

    ``data`` is a folder of sets (``FOLDER/imdb/imdb.parquet``), the folder of this one, or its file.

    Raises
    ------
    InputError
        if ``data`` is given and does not exist
    """
    missed = []
    if data is None:
        missed.append("data= (--data) is not given")
    else:
        path = _given(entry, Path(data).expanduser())
        if path is not None:
            return Place(path, [])
        missed.append(f"data={str(data)!r} has no {entry.file}")
    named = os.environ.get(VARIABLE, "")
    if not named:
        missed.append(f"the environment variable {VARIABLE} is not set")
        return Place(None, missed)
    path = Path(named).expanduser() / entry.file
    if path.exists():
        return Place(path, missed if data is not None else [])
    missed.append(no_folder() or f"{VARIABLE}={named} has no {entry.file}")
    return Place(None, missed)


def no_folder() -> str:
    """Say that SFUMATO_DATA names no folder; "" where it names one, or is not set."""
    named = os.environ.get(VARIABLE, "")
    return f"{VARIABLE}={named}: there is no such folder" if named and not Path(named).expanduser().is_dir() else ""


def _given(entry: Entry, data: Path) -> Path | None:
    if not data.exists():
        raise InputError(f"data: there is no file or folder {data}; give a folder of data sets, or one Parquet file")
    if data.is_file():
        if entry.task == "image":
            raise InputError(f"data: {data} is a file, and {entry.name} is a folder of idx files; give that folder")
        return data
    own = data / Path(entry.file).name
    if entry.task == "image" and any(data.glob("*-ubyte*")):
        own = data
    return next((path for path in (data / entry.file, own) if path.exists()), None)
