"""`sfumato demo`: the main job on a corpus that the package makes itself."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from sfumato.cli.options import Json, Overwrite, Seed
from sfumato.cli.output import note, print_json, say


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the results.")] = Path("sfumato-demo"),
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Seeds per model and method.")] = 2,
    task: Annotated[
        Literal["single", "multilabel"], typer.Option("--task", help="Tickets of one label each, or of several.")
    ] = "single",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Compare the methods on support tickets made here.

    Also saves a model, in about a minute. No data, no network and no GPU needed.
    The folder gets the table, a picture and a model.
    """
    from sfumato.demo import run_demo
    from sfumato.topic_demo import run_topic_demo

    run = run_topic_demo if task == "multilabel" else run_demo
    result = run(output, seeds=seeds, seed=seed, overwrite=overwrite, echo=note if as_json else say)
    if as_json:
        print_json(result)
