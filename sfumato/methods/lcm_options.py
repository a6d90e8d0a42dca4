"""What the options of LCM may be; what they mean stands in `sfumato.methods.lcm`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sfumato.errors import InputError
from sfumato.registry import check_choice, check_range, check_whole

CHOICES = {
    "after": ("ce", "ls"),
    "label_encoder": ("mlp", "lstm", "bilstm", "attention"),
    "init": ("keras", "normal"),
    "feature": ("pooled", "logits"),
    "grad": ("both", "detached-features"),
    "mixing": ("softmax", "mix"),
}
FUNCTIONS = ("label_encoder", "feature")  # may be one, in place of a name


def checked_options(owner: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that ``lcm`` and ``lcm-paper`` share, with given label vectors as an array.

    Raises
    ------
    InputError
        for a value that is not allowed, and for two options that contradict each other.
    """
    if options["grad"] == "target-detached":
        raise InputError(
            f"{owner}: grad='target-detached' would leave the label encoder at its random initial values: the "
            "divergence is all that trains it; use 'both', or 'detached-features', which spares the text encoder"
        )
    options = options | {"init": label_vectors_of(owner, options["init"])}
    for name, allowed in CHOICES.items():
        value = options[name]
        if isinstance(value, np.ndarray) or (name in FUNCTIONS and callable(value)):
            continue
        check_choice(owner, name, value, allowed)
    check_stop(owner, options)
    size, given = options["embedding_size"], options["init"]
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        raise InputError(f"{owner}: embedding_size must be a whole number of at least 1, got {size!r}")
    if isinstance(given, np.ndarray) and size not in (None, given.shape[1]):
        raise InputError(
            f"{owner}: init holds label vectors of length {given.shape[1]}, and embedding_size={size} says another; "
            "leave embedding_size out"
        )
    if options["mix_weight"] is not None:
        check_range(owner, "mix_weight", options["mix_weight"], 0, 0.999999, open_low=True)
        if options["mixing"] != "mix":
            raise InputError(f"{owner}: mix_weight needs mixing='mix', got mixing={options['mixing']!r}")
    return options


def check_stop(owner: str, options: dict[str, Any]) -> None:
    """Raise unless there is at most one stop, and a loss after it only with one."""
    stop, stop_step = options["stop"], options["stop_step"]
    if stop is not None:
        check_range(owner, "stop", stop, 0, math.inf)
    if stop_step is not None:
        check_whole(owner, "stop_step", stop_step, 0)
    if stop is not None and stop_step is not None:
        raise InputError(f"{owner}: give stop (epochs) or stop_step (optimizer steps), got {stop} and {stop_step}")
    if options["after"] != "ce" and stop is None and stop_step is None:
        raise InputError(f"{owner}: after={options['after']!r} needs a stop; give stop (epochs) or stop_step")


def label_vectors_of(owner: str, init: Any) -> Any:
    """Return given label vectors as float32 ``(C, e)``; a name stays a name."""
    if isinstance(init, str):
        return init
    try:
        array = np.asarray(init, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"{owner}: init must be 'keras', 'normal' or an array of numbers (C, e): {error}") from error
    if array.ndim != 2 or not array.shape[1]:
        raise InputError(f"{owner}: init must have one row a class, (C, e), got shape {array.shape}")
    wrong = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(wrong):
        raise InputError(f"{owner}: init must be finite; the vector of class {wrong[0] + 1} is not")
    return array
