"""``method="auto"``: hard labels, unless another method is better on dev by more than chance explains.

Each candidate is trained like the others on the training rows and asked about the dev rows, which no teacher, fold or
model of wrong labels has seen. With d the differences of right answers, row by row, to hard labels, a method is taken
if its mean d is above its standard error, sd(d) / sqrt(n); of several the one with the largest mean d. That is no
proof: of two equally good methods the second passes in 16 of 100 cases, and then little is lost. Dev has chosen the
epoch of each candidate too, so that all of them look a little better than they are, hard labels as well. A candidate
that cannot read the rows (`adaptive` where no text holds a word) is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.architecture import Architecture, Training
from sfumato.balance import has_rare_class
from sfumato.data import Examples
from sfumato.dev_choice import NOISE_AWARE
from sfumato.errors import InputError
from sfumato.images import are_images
from sfumato.method import Method
from sfumato.methods import METHODS

AUTO = "auto"
BASELINE = "baseline"

TINY = 1e-9  # a gain of one row has itself for its standard error

Right = NDArray[np.float64]


@dataclass(frozen=True)
class Chosen:
    """The method that was taken, what was trained with it, and why, in sentences."""

    method: Method
    trained: Any
    said: tuple[str, ...]


def candidates(train: Examples) -> list[str]:
    """Return the names of the methods that are tried on these rows, hard labels first."""
    names = [BASELINE, "label-smoothing"]
    if not train.multilabel and not are_images(train.inputs):
        names.append("adaptive")
    if not train.multilabel and has_rare_class(train):
        names.append("logit-adjustment")
    return names


def may_choose(train: Examples, dev: Examples | None, architecture: Architecture) -> bool:
    """Whether this is what `fit` does where no method is named: rows with one label, dev rows, a fit of seconds."""
    plain = not train.multilabel and not are_images(train.inputs) and train.votes is None
    return architecture.full_batch and plain and dev is not None and len(dev) > 0


def one_rule(training: Training, train: Examples, architecture: Architecture) -> Training:
    """Return settings by which dev chooses the length of every candidate of ``method="auto"`` in the same way.

    Otherwise adaptive targets would allow for wrong dev labels and hard labels would not, see `sfumato.dev_choice`.
    """
    allowed = training.choose == "auto" and architecture.full_batch and not train.multilabel
    return replace(training, choose=NOISE_AWARE) if allowed else training


def choose(train: Examples, dev: Examples | None, fit: Callable[[Method], Any]) -> Chosen:
    """Train every candidate by ``fit``, which returns a `Trained`, and choose by the dev rows.

    Raises
    ------
    InputError
        without dev rows whose label training knows.
    """
    if dev is None or not len(dev):
        raise InputError(
            "method='auto' chooses by dev rows, and there are none: dev=0, or too few rows to cut any; name a method"
        )
    trained, left_out = {}, []
    for name in candidates(train):
        try:
            trained[name] = fit(METHODS.build(name, {}))
        except InputError as error:
            if name == BASELINE:
                raise
            left_out.append(f"method auto: {name} is not tried: {error}")
    right = {name: right_answers(one.model, dev) for name, one in trained.items()}
    taken, gains = clearly_best(right)
    return Chosen(METHODS.build(taken, {}), trained[taken], (*left_out, *reasons(taken, right, gains)))


def clearly_best(right: Mapping[str, Right]) -> tuple[str, dict[str, tuple[float, float]]]:
    """Return the name that is taken, and what each of the others gains over the first with its standard error.

    ``right`` are the answers to the same dev rows, (N,) each; the first is taken unless another is clearly better.
    """
    first, *others = right
    gains = {name: gain(right[name] - right[first]) for name in others}
    better = {name: mean for name, (mean, error) in gains.items() if mean > error + TINY}
    return (max(better, key=lambda name: better[name]) if better else first), gains


def right_answers(model: Any, dev: Examples) -> Right:
    """Return how right each dev row is answered, (N,): 1 or 0, and of rows of several labels the share of them."""
    logits = np.asarray(model.predict_logits(list(dev.inputs)))
    if not dev.multilabel:
        return np.asarray(logits.argmax(axis=1) == dev.labels, dtype=np.float64)
    return np.asarray(((logits > 0) == dev.gold).mean(axis=1))


def gain(d: Right) -> tuple[float, float]:
    """Return the mean of the differences and its standard error."""
    return float(d.mean()), float(d.std(ddof=1) / np.sqrt(len(d))) if len(d) > 1 else float("inf")


def reasons(taken: str, right: dict[str, Right], gains: dict[str, tuple[float, float]]) -> Sequence[str]:
    """Say what was compared and why one was taken."""
    n = len(right[BASELINE])
    listed = "; ".join(f"{name} {100 * mean:+.1f} ± {100 * error:.1f}" for name, (mean, error) in gains.items())
    base = f"hard labels have {100 * right[BASELINE].mean():.1f} % right on {n:,} dev rows"
    beside = f"{base}; beside them, in points with their standard error: {listed}"
    clear = "better by more than its standard error"
    why = f"no other is {clear}" if taken == BASELINE else f"it is {clear}"
    return [f"method auto: {beside}", f"taken: {taken}, since {why}"]
