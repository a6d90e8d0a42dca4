"""Where the results of a table lie, and the files that are made from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from sfumato.errors import InputError, MissingExtraError
from sfumato.json_text import json_text
from sfumato.whole_folder import probe

TABLE = "table.json"
ROOM = 1 << 18  # bytes that must be free


def table_folder(name: str, scale: str, output: str | Path = "results") -> Path:
    """Return where the results of a table lie: small ones under its name, full ones beside them."""
    return Path(output) / (name if scale == "small" else f"{name}-{scale}")


def check_writable(folder: Path) -> None:
    """Raise before the first run if nothing can be written into a folder, or if it cannot be made.

    Raises
    ------
    InputError
        names what is in the way, and what the operating system says.
    OSError
        where the disk has no room for the lines of a few runs.
    """
    for place in (folder, *folder.parents):
        if place.exists() and not place.is_dir():
            raise InputError(f"{place} is a file, and the results need a folder; give another with --output (output=)")
    probe(folder / TABLE)
    place = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    with TemporaryFile(dir=place) as file:
        file.write(bytes(ROOM))
        file.flush()


def written(folder: Path) -> dict[str, Any] | None:
    """Return what ``table.json`` of a folder holds, None where there is none yet."""
    path = folder / TABLE
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def save(content: Mapping[str, Any], folder: Path) -> str:
    """Write ``table.json``, the table as Markdown, LaTeX and CSV, and its figure; return what it lacks."""
    from sfumato.reproduction.figures import save_figure, unreadable
    from sfumato.reproduction.latex import latex
    from sfumato.reproduction.render import csv_text, markdown

    written = {
        TABLE: json_text(content) + "\n",
        "table.md": markdown(content),
        "table.tex": latex(content),
        "table.csv": csv_text(content),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in written.items():
        part = folder / f".{name}.part"
        part.write_text(text, encoding="utf-8")
        part.replace(folder / name)
    if not content["figure"]:
        return ""
    try:
        save_figure(content, folder)
    except (InputError, MissingExtraError) as error:
        return f"no new figure: {error}"
    return unreadable(content)
