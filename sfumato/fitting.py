"""`fit`: from a table of texts and labels to a trained, calibrated model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfumato.architecture import IMAGES, Architecture, Training
from sfumato.automatic import AUTO, BASELINE, choose, may_choose, one_rule
from sfumato.balance import rare_class_notes
from sfumato.checkpoint import Checkpoint
from sfumato.column_groups import with_column_groups
from sfumato.data import Examples
from sfumato.description import describe
from sfumato.dev_rows import SHARE, cut_few
from sfumato.errors import InputError, require_torch
from sfumato.given_targets import with_soft_targets
from sfumato.method import Method
from sfumato.methods import METHODS
from sfumato.model import Model
from sfumato.models import MODELS
from sfumato.registry import check_range, check_whole
from sfumato.resolve import assign_options, build_architecture, build_method, option_names
from sfumato.run import train_model
from sfumato.script import written_in
from sfumato.shots import check_shots
from sfumato.trained import Trained

if TYPE_CHECKING:
    from sfumato.progress import Progress
    from sfumato.source import Source


DEFAULT = "label-smoothing"  # where no method is named and `auto` has nothing to choose by
VOTED = "the temperature fits the votes of the dev rows, not their majority, whose log-loss may rise by it"


def fit(
    data: Any,
    *,
    text: Sequence[str] | str | None = None,
    label: Sequence[str] | str | None = None,
    model: Any = "linear",
    method: Any = None,
    dev: Any = SHARE,
    shots: int | None = None,
    dev_shots: int | str | None = None,
    seed: int = 0,
    method_options: dict[str, Any] | None = None,
    model_options: dict[str, Any] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    optimizer: str | None = None,
    momentum: float | None = None,
    max_length: int | None = None,
    thresholds: str | float | None = None,
    device: str | None = None,
    threads: int | None = None,
    soft_targets: Any = None,
    votes: Any = None,
    count: str | None = None,
    label_separator: str | None = None,
    task: str = "auto",
    weight: str | None = None,
    trusted: str | None = None,
    balance: str = "none",
    calibrate: bool | None = None,
    bad_rows: str = "refuse",
    checkpoint: str | Path | None = None,
    resume: bool = False,
    eval_every: float = 1.0,
    progress: Progress | None = None,
    **options: Any,
) -> Model:
    """Train a classifier on a table of texts and labels.

    Parameters
    ----------
    data : a path (CSV, TSV, JSONL, Parquet), a data frame, a ``datasets.Dataset``, or lists; of images, a pair of
        arrays and labels, a folder ``<class>/*.png``, a folder of idx files, or ``"digits"``
    text, label : column names; several text columns are joined; several label columns hold 0 and 1, a label each;
        left out, they are guessed and the guess is noted
    label_separator : stands between the labels of a row in a column of text, as ``"|"``; never guessed
    task : ``auto`` takes lists and several label columns as multi-label; ``single`` refuses them; ``multilabel`` also
        takes a column of plain labels, of which a row may have none
    model, method : a name, a function that builds one, or the thing itself; ``method="auto"`` keeps hard labels unless
        another method is better on dev by more than its standard error, see `sfumato.automatic`. Left out, it is
        ``auto`` for `linear` and rows with one label each, and label-smoothing for all else
    dev : share of rows kept for choosing (0 keeps none), or a labelled table of its own
    shots, dev_shots : so many rows of each class to train on, and to choose by: as many, unless given; "all" is what
        ``dev`` says. ``seed`` draws them
    seed : decides the split, the weights and the order of the rows
    method_options, model_options : options by owner; a further keyword goes to the one that has an option so named
    epochs, batch_size, lr, max_length : the training loop; left out, the model's own
    optimizer, momentum : ``adamw``, ``adam`` or ``sgd``, which has a momentum and wants a higher ``lr`` than the others
    thresholds : from which probability on a label of multi-label rows is given: ``global``, one number that dev
        chooses for the best micro-F1 (the default); ``label``, one for each label; or a number
    soft_targets : (N, C) in the order of the rows, replaces the targets of the method; one with a loss of its own
        must be able to start from given targets, as lcm does
    votes : where the votes of several annotators stand: a list of their columns, ``"rows"``, class to a column of
        counts, or ``"n_*"``, see `sfumato.votes`; the hard label is the majority
    count : column with the number of votes that a row stands for; rows of equal text are then votes for it
    weight : column of example weights
    trusted : column that says which labels somebody has checked (true or false, 1 or 0, yes or no): ``adaptive`` and
        ``adaptive-fast`` learn from them which of the others are wrong
    balance : ``weights`` or ``sampler`` balance the classes
    calibrate : fit one temperature on dev; by default unless ``soft_targets`` are given
    bad_rows : ``refuse`` or ``drop`` rows without a text or a label
    checkpoint : folder that holds the run while it trains, so that a killed one can go on; it stays when the run is
        done. ``linear`` takes seconds and keeps none, ``method="auto"`` trains several models and keeps none either
    resume : go on from ``checkpoint``, if it holds one: with the same number of threads, to the same weights bit by bit
    eval_every : epochs between two looks at dev, and between two checkpoints; may be less than 1

    Returns
    -------
    Model
        with rows, dev scores and notes in ``info``.
    """
    from sfumato.source import read_source

    require_torch("fit")
    check_numbers(weight=weight, seed=seed, eval_every=eval_every, shots=shots, dev_shots=dev_shots)
    seed, automatic = int(seed), method == AUTO
    left_out, method = method is None, DEFAULT if method is None else method
    if automatic:
        refuse_beside_auto(soft_targets=soft_targets, votes=votes, method_options=method_options or None)
        method, checkpoint = BASELINE, None  # several runs cannot be kept in one folder
    owners = {"method": option_names(method, METHODS), "model": option_names(model, MODELS)}
    loose = assign_options(options, owners, also=signature(fit).parameters)
    architecture = build_architecture(model, {**(model_options or {}), **loose["model"]})
    own = {**(method_options or {}), **loose["method"]}
    reading: dict[str, Any] = {"text": text, "label": label, "bad_rows": bad_rows, "label_separator": label_separator}
    own, data = with_column_groups(own, data, **reading, task=task, weight=weight)
    chosen = build_method(method, own)
    loop = {"batch_size": batch_size, "lr": lr, "optimizer": optimizer, "momentum": momentum}
    refuse_unused(architecture, **loop, eval_every=None if eval_every == 1 else eval_every)
    kept_in = checkpoint_of(architecture, checkpoint, resume=resume)
    training = training_settings(architecture, epochs=epochs, max_length=max_length, thresholds=thresholds, **loop)
    columns = {**reading, "votes": votes, "count": count}
    source = read_source(data, weight=weight, trusted=trusted, task=task, **columns)
    examples = source.examples
    check_rows(examples, architecture, chosen, thresholds)
    if soft_targets is not None:
        examples, chosen = with_soft_targets(source, chosen, soft_targets)
    train, kept, said = cut_few(examples, dev, shots=shots, dev_shots=dev_shots, seed=seed, **columns)
    if left_out and soft_targets is None and not own and votes is None:
        automatic = may_choose(train, kept, architecture)
    if left_out and soft_targets is None and not automatic:
        said = [*said, f"no method is named, and nothing chooses one here: {chosen} is taken"]
    settings: dict[str, Any] = {
        "seed": seed,
        "device": device,
        "threads": threads,
        "balance": balance,
        "eval_every": eval_every,
    }
    calibrated = soft_targets is None if calibrate is None else calibrate
    run = partial(
        train_model,
        train,
        kept,
        architecture=architecture,
        training=one_rule(training, train, architecture) if automatic else training,
        calibrate=calibrated,
        progress=progress,
        checkpoint=kept_in,
        **settings,
    )
    if automatic:
        trained, chosen, more = chosen_by_dev(run, train, kept, architecture)
    else:
        trained, more = run(method=chosen), chosen.ignored(examples)
    said = [*source.notes, *said, *more, *written_in(examples.inputs), *encoder_notes(trained), *trained.remarks]
    said += rare_class_notes(train, helped=chosen.helps_rare or balance != "none")
    trained.model.info = describe(trained, train, kept, chosen, seed=seed, notes=[*said, *chosen.notes])
    tell_columns(trained, source, label_separator)
    return trained.model


def check_numbers(*, weight: Any, seed: Any, eval_every: Any, shots: Any, dev_shots: Any) -> None:
    """Raise for what can be refused before anything is read."""
    if weight is not None and not isinstance(weight, str):
        raise InputError(
            f"fit: weight is the name of a column, got {weight!r}; the option of a method is written "
            f"method_options={{'weight': {weight!r}}}"
        )
    check_whole("fit", "seed", seed, 0)
    check_range("fit", "eval_every", eval_every, 0, 10_000, open_low=True)
    check_shots("fit", shots, dev_shots)


def check_rows(examples: Examples, architecture: Architecture, method: Method, thresholds: Any) -> None:
    """Raise for rows that this model, this method or thresholds are not for."""
    if examples.num_classes < 2:
        raise InputError(f"the data hold one class only, {list(examples.classes)}; a classifier needs two")
    architecture.check_inputs(examples.inputs)
    method.check_inputs(examples.inputs)
    method.check_labels(examples)
    if thresholds is not None and not examples.multilabel:
        raise InputError(
            f"thresholds={thresholds!r} (--thresholds) choose which labels of a row are given, and these rows have one "
            "each, the most probable; leave it out, or read the labels as task='multilabel'"
        )


def chosen_by_dev(
    run: Callable[..., Trained], train: Examples, dev: Examples | None, architecture: Architecture
) -> tuple[Trained, Method, Sequence[str]]:
    """Try the candidates of ``method="auto"``; return what is trained by the one taken, that one, and why."""
    done = choose(train, dev, lambda candidate: run(method=candidate, refit=False))
    trained = run(method=done.method) if architecture.full_batch else done.trained  # again, with the dev rows
    return trained, done.method, [*done.said, *done.method.ignored(train)]


def tell_columns(trained: Trained, source: Source, label_separator: str | None) -> None:
    """Note in the model's ``info`` which columns were read and, where there are some, what the votes are like."""
    from sfumato.votes import disagreement

    info = trained.model.info
    if trained.resumed:
        info["notes"].append(f"went on from the checkpoint of epoch {trained.resumed:g}")
    info |= {"text": list(source.text), "label": source.label} if source.text else {}
    info |= {"label_separator": label_separator} if label_separator is not None else {}
    if source.examples.votes is not None:
        info["votes"] = {**disagreement(source.examples.votes), "merged_rows": source.merged}
        info["notes"] += [VOTED] if trained.dev else []


def refuse_beside_auto(**given: Any) -> None:
    """Raise for what belongs to one method where ``method="auto"`` tries several."""
    beside = [name for name, value in given.items() if value is not None]
    if beside:
        raise InputError(
            f"fit: method='auto' tries several methods on hard labels, so it takes no {' and no '.join(beside)}; "
            "name the method, or leave that out"
        )


def refuse_unused(architecture: Architecture, **given: Any) -> None:
    """Raise for a setting that a model fitted in one batch has no use for."""
    useless = [name for name, value in given.items() if value is not None]
    if architecture.full_batch and useless:
        raise InputError(
            f"{architecture.name} has no {' and no '.join(useless)}: it is fitted in one batch, "
            "whose step is computed; leave it out, or choose another model"
        )


def checkpoint_of(architecture: Architecture, folder: str | Path | None, *, resume: bool) -> Checkpoint | None:
    """Return where a run is kept, checked before anything is read or trained; None where it is kept nowhere."""
    if folder is None:
        if resume:
            raise InputError("fit: resume=True needs checkpoint=..., the folder that the run was kept in")
        return None
    kept = Checkpoint(Path(folder), resume=bool(resume))
    if architecture.full_batch and kept.exists:
        raise InputError(
            f"{kept.folder} holds the checkpoint of another model's run, and {architecture.name} keeps none: give "
            "another folder, or delete that one if its run is not to go on"
        )
    if not architecture.full_batch:
        kept.check()
        if resume and not kept.exists:
            warnings.warn(f"there is no checkpoint in {kept.folder}: the run starts at the beginning", stacklevel=3)
        return kept
    if resume:
        warnings.warn(
            f"{architecture.name} takes seconds and keeps no checkpoint: the run starts at the beginning", stacklevel=3
        )
    return None


def training_settings(architecture: Architecture, **given: Any) -> Training:
    """Return the architecture's settings with those that are given in their place, each checked."""
    ranges = {"epochs": (1, 10_000), "batch_size": (1, 1_000_000), "max_length": (1, 1_000_000)}
    chosen = {name: value for name, value in given.items() if value is not None}
    if architecture.reads == IMAGES and "max_length" in chosen:
        raise InputError(f"{architecture.name} has no max_length: images are read whole; leave it out")
    for name, value in chosen.items():
        if name == "lr":
            check_range("fit", "lr", value, 0, 100, open_low=True)
        elif name in ranges:
            check_whole("fit", name, value, *ranges[name])
            chosen[name] = int(value)
    return replace(architecture.training, **chosen)


def encoder_notes(trained: Trained) -> Sequence[str]:
    """Return what the encoder has to say of its fit: how many words had a given vector."""
    notes: Sequence[str] = getattr(trained.model.encoder, "notes", ())
    return notes
