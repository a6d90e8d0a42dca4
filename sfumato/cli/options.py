"""The options that several commands share, each declared once."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Data = Annotated[
    str, typer.Argument(metavar="DATA", help="Table of texts and labels: CSV, TSV, JSONL or Parquet; or images.")
]
Folder = Annotated[Path, typer.Argument(metavar="MODEL", help="Folder written by `sfumato fit`.")]
Text = Annotated[
    list[str] | None,
    typer.Option("--text", metavar="COLUMN", help="Column of the text; give it several times to join columns."),
]
Label = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="COLUMN", help="Column of the label; several times for columns of 0 and 1."),
]
LabelSeparator = Annotated[
    str | None,
    typer.Option("--label-separator", metavar="SIGN", help="What stands between several labels of a row: '|'."),
]
Task = Annotated[
    Literal["auto", "single", "multilabel"],
    typer.Option("--task", help="One label a row or several; auto takes lists and columns of 0 and 1 as several."),
]
MethodName = Annotated[str, typer.Option("--method", help="Method; `sfumato methods` lists them.")]
ModelName = Annotated[str, typer.Option("--model", help="Model; `sfumato models` lists them.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="An option: alpha=2, method.alpha=2, model.kernels=3,4,5."),
]
Rows = Annotated[
    Literal["refuse", "drop"], typer.Option("--bad-rows", help="What to do with rows that lack text or label.")
]
Balance = Annotated[
    Literal["none", "weights", "sampler"], typer.Option("--balance", help="Give rare classes more weight.")
]
Votes = Annotated[
    list[str] | None,
    typer.Option(
        "--votes",
        metavar="COLUMN",
        help="Votes of several annotators: a column of each; or rows; or CLASS=COLUMN of counts; or 'PREFIX*'.",
    ),
]
Count = Annotated[
    str | None, typer.Option("--count", metavar="COLUMN", help="Number of votes of a row; equal texts are added up.")
]
Trusted = Annotated[
    str | None,
    typer.Option(
        "--trusted-column",
        metavar="COLUMN",
        help="Which labels were checked: true or false. Adaptive learns from them.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random choice.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Epochs = Annotated[int | None, typer.Option("--epochs", help="Most passes over the training rows.")]
BatchSize = Annotated[int | None, typer.Option("--batch-size", help="Rows per step.")]
Rate = Annotated[float | None, typer.Option("--lr", help="Learning rate.")]
OptimizerName = Annotated[str | None, typer.Option("--optimizer", help="adamw, adam, or sgd, which wants more --lr.")]
Momentum = Annotated[float | None, typer.Option("--momentum", help="Momentum of sgd; 0.9 if not given.")]
MaxLength = Annotated[int | None, typer.Option("--max-length", help="Tokens of a text that are read.")]
Thresholds = Annotated[
    str | None,
    typer.Option(
        "--thresholds",
        metavar="global|per-label|VALUE",
        help="From which probability on a label of several is given: chosen on dev for all, for each, or a number.",
    ),
]
Shots = Annotated[
    int | None,
    typer.Option("--shots", min=1, metavar="K", help="Train on K rows of each class, and choose by as few."),
]
DevShots = Annotated[
    str | None,
    typer.Option("--dev-shots", metavar="K|all", help="With --shots: dev rows of each class; all: as without --shots."),
]
Device = Annotated[str | None, typer.Option("--device", help="cpu, cuda, cuda:1, mps; found by itself if not given.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Processor threads; all if not given.")]
CheckpointFolder = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint", metavar="FOLDER", help="Where the unfinished run is kept; MODEL.checkpoint if not given."
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that was killed, from its last checkpoint.")]
EvalEvery = Annotated[
    float, typer.Option("--eval-every", metavar="EPOCHS", help="Epochs between looks at dev, and between checkpoints.")
]
