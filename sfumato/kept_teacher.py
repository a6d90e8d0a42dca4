"""What a teacher said of a run's rows, kept in the checkpoint of the run: the student is killed, the teacher is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from sfumato.checkpoint import (
    DELETIONS,
    TEACHER,
    TEACHER_OF_FOLD,
    Checkpoint,
    damaged,
    plain,
    refuse_other,
    remove,
    replace_whole,
)
from sfumato.data import Examples
from sfumato.deletions import word_drops
from sfumato.teaching import Said, judged

if TYPE_CHECKING:
    from sfumato.progress import Progress

Splits = tuple[Examples, Examples | None]


def heard_once(
    checkpoint: Checkpoint | None,
    train: Examples,
    dev: Examples | None,
    hear: Callable[..., Splits],
    progress: Progress | None = None,
) -> Splits:
    """Return both splits with ``Examples.teacher``: from the checkpoint that is resumed, else from ``hear``, kept.

    ``hear`` is called with ``once``, so that each fold's teacher is kept as soon as it has spoken, and with ``read``,
    so that a teacher that deletes words goes on where it was. Such a teacher is trained again first: to the same
    weights, unless the number of threads is another one; then its deletions start anew.

    Raises
    ------
    InputError
        if a file is damaged, or the teacher is that of another run.
    """
    delete: Any = word_drops if progress is None else partial(word_drops, report=progress.deletions)
    if checkpoint is None:
        return hear(read=delete)
    if checkpoint.resume and (checkpoint.folder / TEACHER).exists():
        found = read(checkpoint, TEACHER)
        return judged(train, found["train"]), None if dev is None else judged(dev, found["dev"])
    checkpoint.folder.mkdir(exist_ok=True)
    delete = partial(delete, checkpoint=checkpoint.folder / DELETIONS, afresh=True)
    heard = hear(once=partial(fold_once, checkpoint), read=delete)
    said = {name: part.teacher for name, part in zip(("train", "dev"), heard, strict=True) if part is not None}
    write(checkpoint, TEACHER, {name: teacher for name, teacher in said.items() if teacher is not None})
    remove([*checkpoint.folds(), checkpoint.folder / DELETIONS])
    return heard


def fold_once(checkpoint: Checkpoint, fold: int, judge: Callable[[], Said]) -> Said:
    """Return what the teacher of one fold says: from the checkpoint that is resumed, else from ``judge``, kept."""
    name = TEACHER_OF_FOLD.format(fold)
    if checkpoint.resume and (checkpoint.folder / name).exists():
        return read(checkpoint, name)
    said = judge()
    write(checkpoint, name, said)
    return said


def write(checkpoint: Checkpoint, name: str, arrays: Said) -> None:
    """Keep the probabilities with the settings of the run and a hash of both."""
    from safetensors.numpy import save_file

    settings = json.dumps(plain(checkpoint.settings))
    about = {"settings": settings, "sha256": digest(settings, arrays)}
    checkpoint.folder.mkdir(exist_ok=True)
    replace_whole(checkpoint.folder / name, lambda part: save_file(arrays, part, metadata=about))


def read(checkpoint: Checkpoint, name: str) -> Said:
    """Return the probabilities of a file that is whole and of this run."""
    from safetensors import SafetensorError, safe_open

    path = checkpoint.folder / name
    try:
        with safe_open(path, framework="numpy") as file:
            about = file.metadata() or {}
            arrays = {key: file.get_tensor(key) for key in sorted(file.keys())}
    except (OSError, SafetensorError, ValueError) as error:
        raise damaged(path, str(error)) from error
    if about.get("sha256") != digest(about.get("settings", ""), arrays):
        raise damaged(path, "its content does not match its hash")
    refuse_other(json.loads(about["settings"]), plain(checkpoint.settings), checkpoint.folder)
    return arrays


def digest(settings: str, arrays: Said) -> str:
    """Hash the settings as they are written, and the arrays."""
    whole = sha256(settings.encode())
    for name in sorted(arrays):
        whole.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    return whole.hexdigest()
