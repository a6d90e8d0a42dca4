"""What a teacher said of a run's rows, kept beside the results: a method and its controls hear it once."""

from __future__ import annotations

import json
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.method import Teacher
from sfumato.teaching import judged

if TYPE_CHECKING:
    from sfumato.experiment import Run


def teacher_path(folder: Path, run: Run, teacher: Teacher) -> Path:
    """Where the teacher's probabilities lie: a hash of all that decides them, the method's other options left out."""
    settings = {name: value for name, value in run.settings.items() if name not in ("method", "control")}
    if teacher.model is not None:
        settings = {name: value for name, value in settings.items() if name not in ("model", "training")}
    settings["teacher"] = teacher.settings()
    key = sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:32]
    return folder / "predictions" / f"{key}.teacher.safetensors"


def with_teacher(run: Run, teacher: Teacher, train: Examples, dev: Examples, folder: Path) -> tuple[Examples, Examples]:
    """Return both splits with what the teacher of the run's method says of them, trained unless ``folder`` holds it."""
    from safetensors.numpy import load_file, save_file

    path = teacher_path(folder, run, teacher)
    if path.exists():
        kept = load_file(path)
        return judged(train, kept["train"]), judged(dev, kept["dev"])
    from sfumato.deletions import word_drops
    from sfumato.run import hear_teacher

    path.parent.mkdir(parents=True, exist_ok=True)
    words = path.with_suffix(f".{run.key[:8]}.words")  # of a run that was killed while it deleted words
    heard, heard_dev = hear_teacher(
        train,
        dev,
        teacher,
        architecture=run.architecture,
        training=run.training,
        seed=run.seed,
        device=run.device,
        threads=1,
        read=partial(word_drops, checkpoint=words, afresh=True),
    )
    if heard.teacher is None or heard_dev is None or heard_dev.teacher is None:
        raise InputError(f"{run.built.name}: its teacher judged no rows; a comparison needs training and dev rows")
    save_file({"train": heard.teacher, "dev": heard_dev.teacher}, part := path.with_suffix(f".{run.key[:8]}.part"))
    part.replace(path)
    words.unlink(missing_ok=True)
    return heard, heard_dev
