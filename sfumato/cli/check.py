"""`sfumato check`: what a table holds and what would go wrong."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfumato.cli.options import Count, Data, Json, Label, LabelSeparator, Task, Text, Votes
from sfumato.cli.output import counted, note, print_json, print_table, say
from sfumato.errors import InputError

if TYPE_CHECKING:
    from sfumato.check import Finding
    from sfumato.table import Table

FAILED = 1  # exit code
SHOWN_ROWS = 10
SHOWN_CLASSES = 30


def check(
    data: Data,
    text: Text = None,
    label: Label = None,
    label_separator: LabelSeparator = None,
    task: Task = "auto",
    test: Annotated[Path | None, typer.Option("--test", help="Test table to look for in the training rows.")] = None,
    max_length: Annotated[int, typer.Option("--max-length", min=1, help="Tokens that the model will read.")] = 256,
    votes: Votes = None,
    count: Count = None,
    as_json: Json = False,
) -> None:
    """Say what a table holds and what would go wrong.

    Each finding comes with its rows. Rows are numbered as in the file: the line of a CSV, otherwise the row from 1.

    Exit codes: 0 no errors (warnings and notes there may be), 1 a finding is an error, 2 the table cannot be read.
    """
    from sfumato.check import check_table
    from sfumato.table import guess_columns, read_table
    from sfumato.vote_columns import read_option
    from sfumato.votes import count_votes

    table = read_table(data, bad_rows="drop")
    test_table = None if test is None else read_table(test, bad_rows="drop")
    if votes or count:
        cast = count_votes(table, read_option(votes), count=count, text=text, label=label, bad_rows="drop")
        table, texts, guesses = cast.table, cast.text, cast.notes
        columns: str | list[str] = cast.label
        if label_separator or task == "multilabel":
            raise InputError("votes are for one label a row: leave --label-separator and --task out")
        if test_table is not None:
            raise InputError("--test compares labels: give it with --label, without --votes")
    else:
        cast = None
        texts, columns, guesses = guess_columns(table, text, label)
    counts = None if cast is None else cast.counts
    named: dict[str, Any] = {"label": columns, "label_separator": label_separator, "task": task}
    findings = check_table(table, text=texts, test=test_table, max_length=max_length, votes=counts, **named)
    holds = summary(table, texts, **named)
    if as_json:
        print_json({**holds, "notes": [*table.notes, *guesses], "findings": [vars(each) for each in findings]})
    else:
        for sentence in (*table.notes, *guesses):
            note(f"note: {sentence}")
        print_summary(holds)
        print_findings(findings)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(FAILED)


def summary(
    table: "Table", text: Sequence[str], label: str | list[str], label_separator: str | None, task: str
) -> dict[str, Any]:
    """Return what the table holds: rows, columns, classes with their number of rows."""
    from sfumato.label_columns import read_row_labels

    given = read_row_labels(table, label, separator=label_separator, task=task)
    if given is None:
        counts = Counter(value.strip() for value in table.column(str(label)))
    else:
        counts = Counter(name for names in given.labels for name in names)
    return {
        "source": table.source,
        "rows": len(table),
        "columns": list(table.columns),
        "text": list(text),
        "label": label,
        "multilabel": given is not None,
        "classes": dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
    }


def print_summary(holds: dict[str, Any]) -> None:
    """Print what the table holds."""
    say(f"{holds['source']}: {counted(holds['rows'], 'row')}, {counted(len(holds['columns']), 'column')}")
    label = holds["label"] if isinstance(holds["label"], str) else ", ".join(holds["label"])
    say(f"text: {', '.join(holds['text'])}; label: {label}")
    classes = list(holds["classes"].items())
    rows = [(name or "(empty)", count, count / max(holds["rows"], 1)) for name, count in classes[:SHOWN_CLASSES]]
    say()
    print_table(("class", "rows", "share"), rows)
    if len(classes) > SHOWN_CLASSES:
        say(f"and {len(classes) - SHOWN_CLASSES:,} more")


def print_findings(findings: "Sequence[Finding]") -> None:
    """Print the findings, each with its rows and what to do."""
    say()
    if not findings:
        say("nothing found that would go wrong")
    for finding in findings:
        say(f"{finding.severity}: {finding.message}")
        if finding.rows:
            more = len(finding.rows) - SHOWN_ROWS
            shown = ", ".join(str(row) for row in finding.rows[:SHOWN_ROWS])
            say(f"  rows: {shown}" + (f" and {more:,} more" if more > 0 else ""))
        if finding.advice:
            say(f"  {finding.advice}")
