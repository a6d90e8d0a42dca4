"""What a teacher said of a run's rows, kept in the checkpoint of the run: the student is killed, the teacher is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import numpy as np

from sfumato.checkpoint import TEACHER, Checkpoint, damaged, plain, refuse_other, replace_whole
from sfumato.data import Examples
from sfumato.targets import Floats
from sfumato.teaching import judged

Splits = tuple[Examples, Examples | None]


def heard_once(checkpoint: Checkpoint, train: Examples, dev: Examples | None, hear: Callable[[], Splits]) -> Splits:
    """Return both splits with ``Examples.teacher``: from the checkpoint that is resumed, else from ``hear``, kept.

    Raises
    ------
    InputError
        if the file is damaged, or the teacher is that of another run.
    """
    path = checkpoint.folder / TEACHER
    if checkpoint.resume and path.exists():
        found = read(checkpoint)
        return judged(train, found["train"]), None if dev is None else judged(dev, found["dev"])
    heard = hear()
    said = {name: part.teacher for name, part in zip(("train", "dev"), heard, strict=True) if part is not None}
    write(checkpoint, {name: teacher for name, teacher in said.items() if teacher is not None})
    return heard


def write(checkpoint: Checkpoint, arrays: dict[str, Floats]) -> None:
    """Keep the probabilities with the settings of the run and a hash of both."""
    from safetensors.numpy import save_file

    settings = json.dumps(plain(checkpoint.settings))
    about = {"settings": settings, "sha256": digest(settings, arrays)}
    checkpoint.folder.mkdir(exist_ok=True)
    replace_whole(checkpoint.folder / TEACHER, lambda part: save_file(arrays, part, metadata=about))


def read(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the probabilities of a file that is whole and of this run."""
    from safetensors import SafetensorError, safe_open

    path = checkpoint.folder / TEACHER
    try:
        with safe_open(path, framework="numpy") as file:
            about = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in sorted(file.keys())}
    except (OSError, SafetensorError, ValueError) as error:
        raise damaged(path, str(error)) from error
    if about.get("sha256") != digest(about.get("settings", ""), arrays):
        raise damaged(path, "its content does not match its hash")
    refuse_other(json.loads(about["settings"]), plain(checkpoint.settings), checkpoint.folder)
    return arrays


def digest(settings: str, arrays: dict[str, Floats]) -> str:
    """Hash the settings as they are written, and the arrays."""
    whole = sha256(settings.encode())
    for name in sorted(arrays):
        whole.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    return whole.hexdigest()
