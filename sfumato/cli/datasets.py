"""`sfumato datasets`: the data sets that can be named, and where each would be read from."""

import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfumato.cli.options import Json
from sfumato.cli.output import note, print_json, print_table, say, shortened

if TYPE_CHECKING:
    from sfumato.datasets import Entry

Name = Annotated[str | None, typer.Argument(help="Show all that is known of this one.")]
Folder = Annotated[Path | None, typer.Option("--data", metavar="FOLDER", help="Folder to look in before SFUMATO_DATA.")]

WIDE = 220  # columns of a terminal that has room for titles, too


def datasets(name: Name = None, data: Folder = None, as_json: Json = False) -> None:
    """List the data sets of the papers, or show one with its source, counts and terms."""
    from sfumato.datasets import catalog, entry
    from sfumato.datasets.place import no_folder

    if gone := no_folder():
        note(f"note: {gone}")
    if name is not None:
        shown = described(entry(name), data)
        if as_json:
            print_json(shown)
        else:
            print_described(shown)
        return
    entries = [described(known, data) for known in catalog().values()]
    if as_json:
        print_json(entries)
        return
    wide = not sys.stdout.isatty() or get_terminal_size().columns >= WIDE
    header = ("data set", "task", "rows", "classes", "where", "partial", "licence", *(("hub", "title") if wide else ()))
    print_table(header, [line(each)[: len(header)] for each in entries])


def line(shown: dict[str, Any]) -> list[Any]:
    """Return the cells of one data set in the list; rows are as published."""
    classes, hub = shown["classes"] or "-", shown["hub"]["id"] if shown["hub"] else "-"
    partial, licence = shortened(shown["partial"] or "-", 40), shortened(shown["licence"], 40)
    names = [shown["name"], shown["task"], shown["rows"], classes, shown["where"]]
    return [*names, partial, licence, hub, shown["title"]]


def described(known: "Entry", data: Path | None) -> dict[str, Any]:
    """Return what is known of a data set; ``where`` is "here" (a file), "hub" (with ``--data hub``) or "absent"."""
    from sfumato.datasets.hub import why_not
    from sfumato.datasets.place import find

    path, _ = find(known, data)
    elsewhere = "absent" if why_not(known, known.label) else "hub"
    labels = {column: number for column, number in known.labels.items() if number}
    hub = {"id": known.hub, "revision": known.revision or "not pinned"} if known.hub else None
    return {
        "name": known.name,
        "title": known.title,
        "task": known.task,
        "language": known.language,
        "rows": known.rows,
        "classes": known.classes,
        "splits": dict(known.splits),
        "copy": dict(known.here),
        "partial": known.partial,
        "labels": labels,
        "family": known.family,
        "papers": dict(known.papers),
        "about": known.about,
        "licence": known.licence,
        "citation": known.citation,
        "file": known.file,
        "hub": hub,
        "where": "here" if path else elsewhere,
        "path": str(path) if path else None,
    }


def print_described(shown: dict[str, Any]) -> None:
    """Print what is known of one data set, a line each."""
    say(f"{shown['name']}: {shown['title']}")
    say()
    print_table(("", ""), [(key, written(value)) for key, value in shown.items() if key not in ("name", "title")])


def written(value: Any) -> str:
    """Return a value for a reader."""
    if isinstance(value, dict):
        parts = (f"{key} {each:,}" if isinstance(each, int) else f"{key} {each}" for key, each in value.items())
        return ", ".join(parts) or "-"
    return f"{value:,}" if isinstance(value, int) else str(value or "-")
