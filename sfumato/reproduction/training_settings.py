"""Training settings as a table's file gives them, each checked to be what the training loop takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from sfumato.architecture import OPTIMIZERS, THRESHOLDS, Training
from sfumato.dev_choice import BY
from sfumato.errors import InputError, nearest
from sfumato.reproduction.checking import mapping, number, one_of, whole

TYPES = {field.name: str(field.type) for field in fields(Training)}
WORDS: Mapping[str, tuple[str, ...]] = {"optimizer": OPTIMIZERS, "schedule": ("constant", "linear"), "choose": BY}
RANGES = {
    "lr": (1e-12, 100.0),
    "warmup": (0.0, 1.0),
    "momentum": (0.0, 1.0),
    "thresholds": (1e-12, 1.0),
    "eval_every": (0.01, 10_000.0),
}
LARGEST = 1e6


def check_training(name: str, where: str, given: Any, models: Iterable[str] = ()) -> Mapping[str, Any]:
    """Return training settings as they are given, or raise.

    Parameters
    ----------
    name : of the table
    where : "model 'CNN'" or "scale small"
    models : titles that may have settings of their own, ``{ epochs = 8, CNN = { epochs = 4 } }``
    """
    entry = mapping(name, f"training of {where}", given, "{ epochs = 8 }")
    known = (*TYPES, *models)
    for key, value in entry.items():
        if key in models:
            check_training(name, f"{key!r} in {where}", value)
        elif key in TYPES:
            _check(name, f"{key} of the training of {where}", key, value)
        else:
            listed = ", ".join(known)
            raise InputError(
                f"table {name}: training of {where} has no setting {key!r}{nearest(key, known)}; it takes: {listed}"
            )
    return entry


def _check(name: str, said: str, key: str, value: Any) -> None:
    if key in WORDS or (key == "thresholds" and isinstance(value, str)):
        one_of(name, said, value, WORDS.get(key, THRESHOLDS))
    elif TYPES[key].startswith("int"):
        whole(name, said, value, 1)
    else:
        number(name, said, value, *RANGES.get(key, (0.0, LARGEST)))
