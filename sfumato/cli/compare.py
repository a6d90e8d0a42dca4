"""`sfumato compare`: methods and models side by side, each with its controls."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfumato.cli.options import (
    BatchSize,
    Count,
    DevShots,
    Epochs,
    Json,
    Label,
    LabelSeparator,
    MaxLength,
    Momentum,
    OptimizerName,
    Rate,
    Rows,
    Shots,
    Task,
    Text,
    Trusted,
    Votes,
)
from sfumato.cli.output import counted, note, say, say_json
from sfumato.cli.settings import given, named_arguments, settings_by_name
from sfumato.errors import InputError

if TYPE_CHECKING:
    from sfumato.comparison import Comparison

FAILED = 1  # exit code
METHODS = "baseline,label-smoothing,kwls,lcm"  # the default of `sfumato.compare`, which is not imported for --help


def compare(
    data: Annotated[list[str], typer.Argument(metavar="DATA...", help="One or several tables, or sources of images.")],
    models: Annotated[str, typer.Option("--models", help="Models, with commas between.")] = "linear",
    methods: Annotated[str, typer.Option("--methods", help="Methods, with commas between.")] = METHODS,
    seeds: Annotated[str, typer.Option("--seeds", help="5 is 0 to 4; or the seeds, with commas between.")] = "5",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="An option of the one that has it: encoder=DIR; or by name: kwls.weight=0.2.",
        ),
    ] = None,
    text: Text = None,
    label: Label = None,
    label_separator: LabelSeparator = None,
    task: Task = "auto",
    test: Annotated[Path | None, typer.Option("--test", help="Test table; cut from DATA if not given.")] = None,
    split_seed: Annotated[int, typer.Option("--split-seed", min=0, help="Seed of the test cut.")] = 0,
    test_size: Annotated[float, typer.Option("--test-size", help="Share that is cut for the test.")] = 0.2,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many rows to train on.")] = None,
    shots: Shots = None,
    dev_shots: DevShots = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    lr: Rate = None,
    optimizer: OptimizerName = None,
    momentum: Momentum = None,
    max_length: MaxLength = None,
    bad_rows: Rows = "refuse",
    votes: Votes = None,
    count: Count = None,
    trusted_column: Trusted = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Runs side by side, one thread each.")] = 2,
    controls: Annotated[bool, typer.Option("--controls/--no-controls", help="Run the controls of a method.")] = True,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the results; started again, it goes on.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare methods and models over several seeds.

    Each method runs beside its controls. One line of results.jsonl per run.
    Started again with the same folder, finished runs are skipped.
    """
    from sfumato.cli.fit import read_dev_shots
    from sfumato.comparison import compare as run
    from sfumato.vote_columns import read_option

    if test is not None and len(data) > 1:
        raise InputError("--test goes with one table; for several, let the test be cut from each (--test-size)")
    if output is not None and output.exists() and not output.is_dir():
        raise InputError(f"--output {output} is a file, and compare writes a folder; give another name")
    chosen_models, chosen_methods = with_settings(listed("--models", models), listed("--methods", methods), settings)
    comparison = run(
        named(data),
        text=text,
        label=label,
        label_separator=label_separator,
        task=task,
        models=chosen_models,
        methods=chosen_methods,
        seeds=read_seeds(seeds),
        test=test,
        test_size=test_size,
        limit=limit,
        shots=shots,
        dev_shots=read_dev_shots(dev_shots),
        bad_rows=bad_rows,
        votes=read_option(votes),
        count=count,
        trusted=trusted_column,
        split_seed=split_seed,
        controls=controls,
        jobs=jobs,
        output=output,
        **given(epochs=epochs, batch_size=batch_size, lr=lr, max_length=max_length),
        **given(optimizer=optimizer, momentum=momentum),
    )
    if as_json:
        say_json(comparison.to_json())
    else:
        print_result(comparison)
    if output is not None and not as_json:
        note(f"results: {output}; the same command goes on from there")
        note_others(output, comparison)
    if comparison.failed:
        note(f"error: {counted(len(comparison.failed), 'run')} of {len(comparison.lines):,} failed")
        raise typer.Exit(FAILED)


def note_others(output: Path, comparison: "Comparison") -> None:
    """Say that runs of other settings are kept in the folder, which `comparison.md` does not show."""
    from sfumato.runner import finished

    others = finished(output).keys() - {line["key"] for line in comparison.lines}
    if others:
        note(f"note: comparison.md shows the runs of this command; results.jsonl keeps {counted(len(others), 'other')}")


def print_result(comparison: "Comparison") -> None:
    """Print the tables, drawn on a terminal and as Markdown elsewhere, and last what they come to in one sentence."""
    from sfumato.cli.comparison_words import print_comparison, verdict

    if sys.stdout.isatty():
        print_comparison(comparison.rows, comparison.differences)
        say(comparison.remarks())
    else:
        say(comparison.to_markdown())
    say(verdict(comparison.rows, comparison.differences, len(comparison.failed), len(comparison.lines)))


def with_settings(
    models: list[str], methods: list[str], settings: list[str] | None
) -> tuple[list[tuple[str, dict[str, Any]]], list[tuple[str, dict[str, Any]]]]:
    """Return the models and the methods, each with the options that ``--set`` gives it."""
    from sfumato.methods import METHODS
    from sfumato.models import MODELS
    from sfumato.resolve import option_names

    placed: dict[str, dict[str, Any]] = {}
    if settings:
        owners = {name: option_names(name, METHODS) for name in methods}
        owners |= {name: option_names(name, MODELS) for name in models}
        placed = settings_by_name(settings, owners, reserved=named_arguments(compare) - {"settings"})
    return [(name, placed.get(name, {})) for name in models], [(name, placed.get(name, {})) for name in methods]


def listed(option: str, text: str) -> list[str]:
    """Split names at commas.

    Raises
    ------
    InputError
        if there is none, or one of them twice.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise InputError(f"{option} needs at least one name, got {text!r}")
    twice = [name for k, name in enumerate(names) if name in names[:k]]
    if twice:
        raise InputError(f"{option} names {twice[0]!r} twice")
    return names


def read_seeds(text: str) -> int | list[int]:
    """Read "5" as a number of seeds and "0,3,7" as the seeds themselves."""
    try:
        seeds = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise InputError(f"--seeds takes a number, or seeds with commas between, got {text!r}") from None
    if not seeds or min(seeds) < 0 or ("," not in text and seeds[0] < 1):
        raise InputError(f"--seeds must be at least 1, or seeds of at least 0 with commas between, got {text!r}")
    return seeds if "," in text else seeds[0]


def named(data: list[str]) -> str | dict[str, str]:
    """Return the one table, or several by the name of their file.

    Raises
    ------
    InputError
        if two files have one name: their results would fall together.
    """
    if len(data) == 1:
        return data[0]
    tables: dict[str, str] = {}
    for path in data:
        name = Path(path).stem
        if name in tables:
            raise InputError(f"{tables[name]} and {path} have the same name; rename one of the files")
        tables[name] = path
    return tables
