"""`sfumato fit`: trains a model on a table and writes its folder."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfumato.cli.options import (
    Balance,
    BatchSize,
    CheckpointFolder,
    Count,
    Data,
    Device,
    DevShots,
    Epochs,
    EvalEvery,
    Json,
    Label,
    LabelSeparator,
    MaxLength,
    ModelName,
    Momentum,
    OptimizerName,
    Overwrite,
    Rate,
    Resume,
    Rows,
    Seed,
    Set,
    Shots,
    Task,
    Text,
    Threads,
    Thresholds,
    Trusted,
    Votes,
)
from sfumato.cli.output import counted, note, print_json, print_table, quoted, say
from sfumato.cli.settings import given, named_arguments, option_owners, read_settings
from sfumato.cli.soft_file import read_soft_file
from sfumato.errors import InputError

if TYPE_CHECKING:
    from sfumato.checkpoint import Checkpoint

SHOWN_PAIRS = 3
DEV = 0.1  # the share of dev rows of `sfumato.fit`
DEFAULT = "label-smoothing"  # of `sfumato.fit`, which is not imported for --help


def fit(
    data: Data,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the model.")],
    text: Text = None,
    label: Label = None,
    label_separator: LabelSeparator = None,
    task: Task = "auto",
    model: ModelName = "linear",
    method: Annotated[
        str | None,
        typer.Option("--method", help="Left out: auto for linear, else label-smoothing; `sfumato methods` lists them."),
    ] = None,
    settings: Set = None,
    dev: Annotated[
        str, typer.Option("--dev", metavar="SHARE|TABLE", help="Rows that choose: a share, a number, or a table.")
    ] = "0.1",
    shots: Shots = None,
    dev_shots: DevShots = None,
    weight: Annotated[str | None, typer.Option("--weight", help="Column of example weights.")] = None,
    balance: Balance = "none",
    votes: Votes = None,
    count: Count = None,
    trusted_column: Trusted = None,
    soft_targets: Annotated[
        Path | None, typer.Option("--soft-targets", help="Table with soft_labels, as `sfumato soften` writes it.")
    ] = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    lr: Rate = None,
    optimizer: OptimizerName = None,
    momentum: Momentum = None,
    max_length: MaxLength = None,
    thresholds: Thresholds = None,
    device: Device = None,
    threads: Threads = None,
    seed: Seed = 0,
    bad_rows: Rows = "refuse",
    checkpoint: CheckpointFolder = None,
    resume: Resume = False,
    eval_every: EvalEvery = 1.0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train a model on a table and write its folder.

    A run that was killed, or stopped with Ctrl-C, goes on with the same command and --resume.
    """
    from sfumato import fitting
    from sfumato.checkpoint import Checkpoint
    from sfumato.label_columns import is_multilabel
    from sfumato.progress import Progress
    from sfumato.vote_columns import read_option
    from sfumato.whole_folder import check_target
    from sfumato.write import check_output

    few = read_dev_shots(dev_shots)
    method, title = chosen_method(method, None if soft_targets is None else "soft-targets")
    named = method or DEFAULT
    options = read_settings(
        settings, reserved=named_arguments(fitting.fit), options=lambda: option_owners(method=named, model=model)
    )
    check_target(output, overwrite=overwrite)  # a trained model that cannot be saved would be lost
    check_output(output, overwrite)
    columns = read_option(votes)
    source, texts, labels, guesses = read_data(data, text, label, bad_rows, need_label=columns in (None, "rows"))
    several = not isinstance(source, str) and is_multilabel(source, labels, label_separator, task)
    if shots is not None:
        of_dev = said_dev(dev, few, shots)
        note(f"--shots {shots}: {shots} rows of each class to train on, drawn with seed {seed}; {of_dev}")
    kept = Checkpoint(checkpoint or output.with_name(f"{output.name}.checkpoint"))
    progress = Progress(f"{title} on {model}")
    with telling_how_to_go_on(kept), progress.ended():
        trained = fitting.fit(
            source,
            text=texts,
            label=labels or None,
            label_separator=label_separator,
            task=task,
            model=model,
            votes=columns,
            count=count,
            method=method,
            dev=read_dev(dev),
            shots=shots,
            dev_shots=few,
            seed=seed,
            method_options=options.method,
            model_options=options.model,
            soft_targets=None if soft_targets is None else read_soft_file(soft_targets, multilabel=several),
            weight=weight,
            trusted=trusted_column,
            balance=balance,
            bad_rows=bad_rows,
            checkpoint=kept.folder,
            resume=resume,
            eval_every=eval_every,
            progress=progress,
            **given(epochs=epochs, batch_size=batch_size, lr=lr, max_length=max_length, device=device, threads=threads),
            **given(optimizer=optimizer, momentum=momentum, thresholds=read_thresholds(thresholds)),
            **options.loose,
        )
    trained.info["rows"]["dropped"] = dropped_rows(
        source, trained.info, few=shots is not None, dev_apart=isinstance(read_dev(dev), str)
    )
    if texts:
        trained.info.update(text=texts, label=labels)  # so that predict and evaluate read the same columns
    trained.save(output, overwrite=overwrite)
    kept.discard()  # of this run: a folder that held another's was refused
    if as_json:
        print_json({"path": str(output), "classes": list(trained.classes), **trained.info})
    else:
        print_fit({**trained.info, "notes": [*guesses, *trained.info["notes"]]}, output)


def chosen_method(method: str | None, given: str | None) -> tuple[str | None, str]:
    """Return the name of the method and what the progress calls it; ``given`` are targets that need no method.

    Raises
    ------
    InputError
        for a method beside given targets that would make its own: only one that starts from given ones, such as lcm,
        has anything to do there.
    """
    if given is None:
        return method, method or "default method"
    if method is None:
        return "baseline", given
    from sfumato.methods import METHODS
    from sfumato.resolve import build_method

    if method == "auto" or not build_method(method, {}).takes_targets:
        able = [name for name in METHODS if build_method(name, {}).takes_targets]
        raise InputError(
            f"--method {method} does not go with --soft-targets: the targets are fitted as they are, no method makes "
            f"them; leave --method out, or name one that starts from given targets: {', '.join(able)}"
        )
    return method, f"{given} + {method}"


def read_data(
    data: str, text: list[str] | None, label: list[str] | None, bad_rows: str, *, need_label: bool
) -> tuple[Any, list[str] | None, str | list[str] | None, list[str]]:
    """Return a table with its columns and what was guessed of them; images stay a path, and have none."""
    from sfumato.image_source import is_image_data
    from sfumato.table import guess_columns, read_table

    if is_image_data(data):
        return data, text, label, []
    table = read_table(data, bad_rows=bad_rows)
    return table, *guess_columns(table, text, label, need_label=need_label)


def dropped_rows(source: Any, info: Mapping[str, Any], *, few: bool = False, dev_apart: bool = False) -> int:
    """Return how many rows of a table could not be used; of images that is in the notes.

    ``few`` of the rows were asked for; dev is another table where it is ``dev_apart``.
    """
    if isinstance(source, str):
        return 0
    if few:
        return len(source.dropped)
    rows, merged = info["rows"], info.get("votes", {}).get("merged_rows", 0)
    used = rows["train"] + (0 if dev_apart else rows["dev"])
    return int(len(source.dropped) + len(source) - merged - used)


@contextmanager
def telling_how_to_go_on(kept: "Checkpoint") -> Iterator[None]:
    """Say, when the run is stopped by hand, that it is kept and how it goes on."""
    try:
        yield
    except KeyboardInterrupt:
        if kept.exists:
            note(f"the run is kept in {kept.folder}: the same command with --resume goes on with it")
        raise


def print_fit(info: Mapping[str, Any], output: Path) -> None:
    """Print rows used, dev scores beside the majority class, the worst confused pairs, the path, what comes next."""
    from sfumato.card import SCORES, majority_title

    for sentence in info["notes"]:
        note(f"note: {sentence}")
    rows = info["rows"]
    dropped = f", {counted(rows['dropped'], 'row')} dropped" if rows["dropped"] else ""
    say(f"rows: {rows['train']:,} to train, {rows['dev']:,} to choose{dropped}")
    print_chosen(info)
    dev, raw = info["dev"], info["dev_raw"]
    if dev:
        calibrated = raw != dev
        scores = [
            (title, *([raw[name]] if calibrated else []), dev[name]) for name, title in SCORES.items() if name in dev
        ]
        majority = (majority_title(dev), *[info["majority"]] * (len(scores[0]) - 1))
        say()
        header = ("before calibration", "after") if calibrated else ("value",)
        print_table(("on the dev rows", *header), [*scores, majority])
    if info.get("confused_pairs"):
        say()
        print_table(
            ("label", "predicted", "rows"),
            [list(pair.values())[:3] for pair in info["confused_pairs"][:SHOWN_PAIRS]],
            title="most confused",
        )
    say()
    say(f"model: {output}")
    say(f"next: sfumato predict {quoted(output)} {'new.csv' if info.get('text') else 'images/'} -o scored.csv")


def print_chosen(info: Mapping[str, Any]) -> None:
    """Print what dev chose for a model that is fitted in one batch."""
    if info.get("strength"):
        again = "; then trained on these rows too" if info["refitted"] else ""
        say(f"chosen by these: strength {info['strength']:g}, {counted(info['steps'], 'step')}{again}")


def read_thresholds(text: str | None) -> str | float | None:
    """Read "0.3" as a number, "per-label" by the name that Python has for it, and leave anything else as it is."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return "label" if text == "per-label" else text


def read_dev_shots(text: str | None) -> int | str | None:
    """Read "20" as a number of rows a class; anything else stays as it is."""
    try:
        return None if text is None else int(text)
    except ValueError:
        return text


def said_dev(dev: str, few: int | str | None, shots: int) -> str:
    """Say, before training, how many rows will choose."""
    cut = read_dev(dev)
    if cut == 0:
        return "none choose"
    if few == "all" or (cut != DEV and not isinstance(cut, str)):
        return f"dev as --dev {dev} says"
    return f"dev: {few or shots} of each class" + (f" of {dev}" if isinstance(cut, str) else "")


def read_dev(text: str) -> int | float | str:
    """Read "200" as a number of rows, "0.1" as a share, and anything else as the path of a table."""
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text
