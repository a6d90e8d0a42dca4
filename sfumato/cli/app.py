"""The commands and their order. Keep this module and all it imports light: it is the cost of `--help`."""

from typing import Annotated

import typer

from sfumato import __version__
from sfumato.cli.audit import audit
from sfumato.cli.augment import augment
from sfumato.cli.catalog import methods, models
from sfumato.cli.check import check
from sfumato.cli.compare import compare
from sfumato.cli.datasets import datasets
from sfumato.cli.demo import demo
from sfumato.cli.evaluate import evaluate
from sfumato.cli.failure import guarded
from sfumato.cli.fit import fit
from sfumato.cli.index import index
from sfumato.cli.predict import predict
from sfumato.cli.reproduce import reproduce, tables
from sfumato.cli.search import search
from sfumato.cli.soften import soften

# Without rich's markup the help is plain text, also when piped, and costs 0.1 s less.
app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, add_completion=False)

on_data = (check, audit, fit, predict, evaluate, soften, augment, compare, index, search, demo)
for command in (*on_data, methods, models, datasets, tables, reproduce):
    app.command()(guarded(command))


def show_version(wanted: bool) -> None:
    """Print the version and stop, if wanted."""
    if wanted:
        typer.echo(f"sfumato {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Turn hard labels into soft ones and train better text classifiers with them.

    Start with `sfumato demo`, or with a table of your own: `sfumato check data.csv`.

    Exit codes: 0 worked, 1 failed, 2 wrong use or bad input.
    """
