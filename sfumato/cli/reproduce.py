"""`sfumato tables` and `sfumato reproduce`: the papers' tables, ours beside the published numbers."""

import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import Annotated

import typer

from sfumato.cli.options import Json
from sfumato.cli.output import counted, note, print_json, print_table, quoted, say
from sfumato.errors import InputError

FAILED = 1  # exit code
WIDE = 190  # columns of a terminal that has room for the titles of tables
DATA_ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".xlsx", ".txt", ".gz", ".zip")

Output = Annotated[Path, typer.Option("--output", "-o", help="Folder below which each table has one of its own.")]


def tables(output: Output = Path("results"), as_json: Json = False) -> None:
    """List the tables of the papers, and how much of each is run."""
    from sfumato.reproduction.listing import listed_tables

    rows = listed_tables(output)
    if as_json:
        print_json(rows)
        return
    heads = {"name": "table", "paper": "paper", "place": "place", "done": "small: done", "needed": "needed"}
    heads |= {"left": "left", "full_done": "full: done", "full_needed": "needed"}
    if not sys.stdout.isatty() or get_terminal_size().columns >= WIDE:
        heads["title"] = "title"
    print_table(list(heads.values()), [[row[name] for name in heads] for row in rows])
    say()
    say("sfumato reproduce NAME runs what is left of a table; started again, it goes on.")


UNNAMED = ("setting", "control")  # of which one may have no title


def reproduce(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="A name from `sfumato tables`, or a TOML file.")],
    scale: Annotated[str, typer.Option("--scale", help="smoke, small or full.")] = "small",
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="KEY=TITLE", help="Narrow the runs: model=TextCNN; repeatable."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Runs side by side, one thread each.")] = 2,
    output: Output = Path("results"),
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of the data sets; else SFUMATO_DATA. 'hub' fetches them.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option("--encoder", help="Folder or hub id of an encoder, in place of the table's.")
    ] = None,
    device: Annotated[str | None, typer.Option("--device", help="Where to train, as PyTorch names it.")] = None,
    render: Annotated[
        bool, typer.Option("--render", help="Run nothing: write table, figure and pages from the finished runs.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run a table of a paper and print it beside the published numbers.

    Each run is one line in the output folder; started again, finished runs are skipped.
    """
    refuse_data_file(table)
    if render:
        refuse_beside_render(only=only, data=data, device=device)
        rendered(table, scale, output, encoder, as_json=as_json)
        return
    from sfumato.reproduction.run import reproduce as run
    from sfumato.reproduction.saved import table_folder

    done = run(
        table,
        scale=scale,
        only=read_only(only or []),
        jobs=jobs,
        output=output,
        data=data,
        encoder=encoder,
        device=device,
    )
    if as_json:
        print_json(done.content)
    else:
        say(done.to_markdown())
        if scale != "smoke":
            note(f"results: {table_folder(done.table.name, scale, output)}; the same command goes on from there")
    failed = done.content["failed"]
    if failed:
        note(f"error: {counted(len(failed), 'run')} of {len(done.lines):,} failed")
        raise typer.Exit(FAILED)


def refuse_data_file(table: str) -> None:
    """Raise if a data file stands where the name of a table is wanted."""
    path = Path(table)
    if path.suffix.lower() in DATA_ENDINGS or (path.is_dir() and path.name == table):
        raise InputError(
            f"{table} is not a table of a paper: reproduce takes a name from `sfumato tables`, or a TOML file; "
            f"to compare methods on data of your own: sfumato compare {quoted(table)}"
        )


def refuse_beside_render(**given: object) -> None:
    """Raise for options about runs, of which there are none."""
    for name, value in given.items():
        if value:
            raise InputError(f"--{name} is about runs, and --render makes none; leave one of them out")


def rendered(table: str, scale: str, output: Path, encoder: str | None, *, as_json: bool) -> None:
    """Write a table from its finished runs, print it, and say what is missing."""
    from sfumato.reproduction.rendered import render
    from sfumato.reproduction.saved import table_folder

    done, missing = render(table, scale=scale, output=output, encoder=encoder)
    if as_json:
        print_json(done.content)
    else:
        say(done.to_markdown())
    note(f"written: {table_folder(done.table.name, scale, output)}")
    for said in (*missing, *rendered_pages(output)):
        note(f"note: {said}")


def rendered_pages(output: Path) -> list[str]:
    """Write the pages of all tables where there is a place for them; return why they could not be written."""
    from sfumato.reproduction.rendered import write_pages_beside

    try:
        written = write_pages_beside(output)
    except InputError as error:  # of another table
        return [f"the pages: {error}"]
    if written:
        note(f"written: {counted(len(written), 'file')} below docs/, and the tables of README.md")
    return []


def read_only(pairs: list[str]) -> dict[str, list[str]]:
    """Read ``key=title`` options; the same key given twice keeps both titles.

    ``setting=`` is the setting without a name, where nothing is done to the data, and ``control=`` the method itself.
    """
    found: dict[str, list[str]] = {}
    for pair in pairs:
        key, sign, title = pair.partition("=")
        if not sign or not (title or key in UNNAMED):
            raise InputError(f'--only takes KEY=TITLE, such as "model=TextCNN", got {pair!r}')
        found.setdefault(key.strip(), []).append(title.strip())
    return found
