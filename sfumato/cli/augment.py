"""`sfumato augment`: writes a table with copies of its rows, a chunk at a time."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfumato.cli.options import Json, Overwrite, Rows, Seed, Set, Text
from sfumato.cli.output import counted, note, print_json, quoted
from sfumato.cli.predict import with_text
from sfumato.cli.settings import read_settings
from sfumato.errors import InputError

if TYPE_CHECKING:
    from sfumato.augmentation.augment import Augmented
    from sfumato.table import Table

Columns = Mapping[str, Sequence[Any]]
ADDED = ("source_row", "copy")
CHUNK = 2000  # rows at a time; each process more gets as many again, ten times over
SAID_EVERY = 5.0  # seconds between two lines of progress


def augment(
    data: Annotated[str, typer.Argument(metavar="DATA", help="Table of texts, or - for standard input.")],
    output: Annotated[str, typer.Option("--output", "-o", help="Table to write; - is standard output, as CSV.")] = "-",
    text: Text = None,
    method: Annotated[str, typer.Option("--method", help="aeda, eda or lcda-text.")] = "aeda",
    copies: Annotated[int, typer.Option("--copies", help="Copies of each row, 1 to 1000.")] = 1,
    keep_originals: Annotated[
        bool, typer.Option("--keep-originals/--copies-only", help="Write each row itself too, before its copies.")
    ] = True,
    unit: Annotated[
        str | None, typer.Option("--unit", help="What a word is: auto (if not given), word, character or rjieba.")
    ] = None,
    lexicon: Annotated[
        str | None, typer.Option("--lexicon", metavar="FILE", help="Synonyms for eda: Parquet, CSV, TSV or JSON lines.")
    ] = None,
    settings: Set = None,
    seed: Seed = 0,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes; the output is the same.")] = 1,
    bad_rows: Rows = "refuse",
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write a table with copies of its rows whose texts are changed a little.

    Your columns, then source_row (the line of a text file, else the row from 1) and copy (0 is the row itself, unless
    --copies-only leaves it out). The table streams through: memory does not grow with its rows.
    """
    from pathlib import Path

    from sfumato.augmentation.augment import check_copies
    from sfumato.augmentation.registered import AUGMENTERS
    from sfumato.table import stream_table
    from sfumato.write import TableWriter, check_output

    if as_json and output == "-":
        raise InputError("--json prints what was done, and the table would go to the same place; give -o FILE")
    options = method_options(settings, unit=unit, lexicon=lexicon)
    augmenter = AUGMENTERS.build(method, options)
    check_copies(copies, characters=size_of(data))
    check_output(output, overwrite, table=True)
    if output != "-" and Path(output).exists() and data != "-" and Path(output).samefile(data):
        raise InputError(f"{output} is the table that is read; give another name with -o, so that it stays")
    if "lexicon" in options:  # read once, not for every chunk
        options["lexicon"] = getattr(augmenter, "lexicon", None)
    chunks = stream_table(data, chunk_rows=CHUNK, bad_rows=bad_rows)  # of one size, so that --jobs decides nothing
    made: Counter[str] = Counter()
    given = {"method": method, "copies": copies, "seed": seed, "jobs": jobs, **options}
    with TableWriter(output, overwrite=overwrite) as table:
        for columns in copied(chunks, text, bad_rows, keep_originals, given, made):
            table.write(columns)
    if as_json:
        print_json({"path": output, "method": method, **made})
    else:
        for sentence in (*augmenter.notes, *report(made, output, keep_originals)):
            note(sentence)


def method_options(settings: Sequence[str] | None, **flags: str | None) -> dict[str, Any]:
    """Return the options of the method: what --set says, and the flags that were given."""
    reserved = ("text", "method", "copies", "seed", "jobs", "rows", *flags)
    read = read_settings(settings, reserved=reserved)
    if read.model:
        raise InputError(f"--set model.{next(iter(read.model))}: no model takes part in augment")
    return {**read.method, **read.loose, **{name: value for name, value in flags.items() if value is not None}}


def size_of(data: str) -> int:
    """Return the bytes of the file, 0 if that cannot be known."""
    from pathlib import Path

    return Path(data).stat().st_size if data != "-" and Path(data).is_file() else 0


def copied(
    chunks: "Iterator[Table]",
    text: Sequence[str] | None,
    bad_rows: str,
    keep_originals: bool,
    given: Mapping[str, Any],
    made: Counter[str],
) -> Iterator[Columns]:
    """Yield the columns of each chunk with its copies, and count them in ``made``."""
    said: set[str] = set()
    seen, progress = 0, Lines()
    first, *_ = head = list(islice(chunks, 1))
    text = text or guessed(first)
    for table in together(chain(head, chunks), 1 if given["jobs"] == 1 else 10 * given["jobs"]):
        for sentence in set(table.notes) - said:
            note(f"note: {sentence}")
        said.update(table.notes)
        clash = [name for name in ADDED if name in table.columns]
        if clash:
            raise InputError(
                f"{table.source} already has the column {clash[0]!r}; rename it, or leave it out, before augmenting"
            )
        ids = {row: seen + k for k, row in enumerate(table.rows)}
        seen += len(table)
        usable, _ = with_text(table, text, bad_rows)
        yield with_copies(usable, text, [ids[row] for row in usable.rows], keep_originals, given, made)
        progress.say(made)


def guessed(table: "Table") -> Sequence[str]:
    """Return the columns of texts that the first rows speak for, and say which."""
    from sfumato.table import guess_columns

    text, _, guesses = guess_columns(table, None, None, need_label=False)
    for sentence in guesses:
        note(f"note: {sentence}")
    return text


def together(chunks: "Iterator[Table]", number: int) -> "Iterator[Table]":
    """Yield ``number`` chunks at a time as one table."""
    from sfumato.rows import join_tables

    for first in chunks:
        yield first if number == 1 else join_tables(chain([first], islice(chunks, number - 1)))


def with_copies(
    table: "Table",
    text: Sequence[str],
    ids: list[int],
    keep_originals: bool,
    given: Mapping[str, Any],
    made: Counter[str],
) -> Columns:
    """Return the columns of a table with the copies below each row; each text column is changed on its own."""
    from sfumato.augmentation.augment import augment as copies_of

    new: dict[str, Augmented] = {}
    for place, name in enumerate(text):
        rows = [(place << 48) + k for k in ids]  # the columns of a row get draws of their own
        new[name] = copies_of(table.column(name), **given, rows=rows)
        made.update(unchanged=new[name].unchanged, repeated=new[name].repeated)
    copies = int(given["copies"])
    first = 0 if keep_originals else 1
    numbers = range(first, copies + 1)
    columns: dict[str, Sequence[Any]] = {}
    for name, cells in table.columns.items():
        if name in new:
            columns[name] = [t for cell, own in zip(cells, new[name], strict=True) for t in [cell, *own][first:]]
        else:
            columns[name] = [cell for cell in cells for _ in numbers]
    columns["source_row"] = [row for row in table.rows for _ in numbers]
    columns["copy"] = [number for _ in table.rows for number in numbers]
    made.update(rows=len(table), copies=len(table) * copies, written=len(columns["copy"]))
    return columns


class Lines:
    """Says on standard error how far the work is, every few seconds."""

    def __init__(self) -> None:
        from time import monotonic

        self.clock = monotonic
        self.last = monotonic()

    def say(self, made: Counter[str]) -> None:
        """Print a line if the last one is long ago."""
        if self.clock() - self.last >= SAID_EVERY:
            self.last = self.clock()
            note(f"augment: {counted(made['rows'], 'row')} read, {made['written']:,} written")


def report(made: Counter[str], output: str, keep_originals: bool) -> Iterator[str]:
    """Yield what was made, and what to take care of next."""
    rows = counted(made["rows"], "row")
    copies = "1 copy" if made["copies"] == 1 else f"{made['copies']:,} copies"
    total = f"{rows} and {copies} of them" if keep_originals else f"{copies} of {rows}, without the rows themselves"
    yield total + ("" if output == "-" else f" written to {output}")
    if made["unchanged"]:
        yield f"{made['unchanged']:,} of the copies are the row's own text: nothing in it could be changed"
    if made["repeated"]:
        yield f"{made['repeated']:,} repeat an earlier copy: the text is too short for so many different ones"
    if output != "-":
        yield (
            f"next: sfumato fit {quoted(output)} --dev DEV -o model/, where DEV is a table of rows that are not in "
            "here: cut from this one, dev would hold copies of training rows"
        )
