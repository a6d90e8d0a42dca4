"""Soft targets that the user gives: matched to the rows, checked, and put in the place of a method's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.images import content, shown
from sfumato.method import Method
from sfumato.targets import DenseTargets, Integers, check_label_probabilities, check_soft_targets

if TYPE_CHECKING:
    from sfumato.source import Source


def with_soft_targets(source: Source, method: Method, soft_targets: Any) -> tuple[Examples, Method]:
    """Replace the targets of all rows by the user's: for a criterion that takes them, or for soft cross-entropy.

    There must be one row a text, or one a row of the table: then those of the rows left out are left out too. Where
    rows may have several labels, each entry is a probability of its own. What
    the method would have made of the targets before training is left out, and so is its teacher.

    Raises
    ------
    InputError
        if the method scores with a loss of its own that is not for given targets, or a row is not a distribution.
    """
    if method.criterion is not None and not method.takes_targets:
        raise InputError(
            f"{method.name} has a loss of its own, made for its own targets, so soft targets cannot replace them; "
            "give soft_targets with method='baseline', or with one that starts from given targets, as 'lcm'"
        )
    examples = source.examples
    check_same_rows(soft_targets, examples.classes, examples.labels, examples.inputs)
    array = as_matrix(getattr(soft_targets, "targets", soft_targets))
    if len(array) != len(examples) and source.malformed:
        raise InputError(
            f"{source.malformed} rows of the table could not be read, so {len(array)} soft targets cannot be matched "
            f"to {len(examples)} texts; mend the table, or give one row for each text that is left"
        )
    if len(array) == source.rows != len(examples):
        array = array[examples.ids]
    check = check_label_probabilities if examples.multilabel else check_soft_targets
    checked = check(array, len(examples), examples.num_classes)
    return replace(examples, targets=DenseTargets(checked)), on_given_targets(method)


def on_given_targets(method: Method) -> Method:
    """Return what is left of a method whose targets are given: its criterion, if it has one, and nothing before it."""
    if method.augments:  # copies carry the target of their row
        copies = tuple(step for step in method.transforms if hasattr(step, "plain"))
        return replace(
            method,
            name=f"soft-targets+{method.name}",
            title=f"soft targets + {method}",
            transforms=copies,
            teacher=None,
            has_targets=True,
            label_only=False,
            even=False,
        )
    if method.criterion is None:
        return Method("soft-targets", options={"given_with": method.name}, multilabel=method.multilabel)
    return replace(
        method, name=f"soft-targets+{method.name}", title=f"soft targets + {method}", transforms=(), teacher=None
    )


def check_same_rows(
    soft_targets: Any, names: Sequence[str], labels: Integers, texts: Sequence[Any] | None = None
) -> None:
    """Raise if soft targets that carry classes, labels and texts were made for other ones, or in another order.

    Parameters
    ----------
    names : (C,), the classes of the data
    labels : (N,), indices into them, or (N, C) of 0 and 1
    texts : (N,); None where the rows are no texts, and then only their labels are compared
    """
    classes = getattr(soft_targets, "classes", None)
    if classes is None:
        return
    if tuple(classes) != tuple(names):
        raise InputError(f"the soft targets have the classes {list(classes)}, the labels have {list(names)}")
    made_for = list(getattr(soft_targets, "texts", ()))
    own = made_for if texts is None else texts
    given = list(zip(made_for, getattr(soft_targets, "labels", ()), strict=False))
    if len(given) != len(labels):
        return
    for row, ((text, label), own_text, own_label) in enumerate(zip(given, own, labels, strict=True), start=1):
        if content(text) != content(own_text) or not np.array_equal(label, own_label):
            raise InputError(
                f"soft targets: row {row} was made for {shown(text)[:40]!r} ({named(label, classes)}), the data have "
                f"{shown(own_text)[:40]!r} ({named(own_label, classes)}) there; make them from the same rows in the "
                "same order"
            )


def named(label: Any, classes: Sequence[str]) -> str:
    """Return the name of a label, or those of a row (C,) of 0 and 1."""
    if np.ndim(label) == 0:
        return str(classes[label])
    return ", ".join(classes[k] for k in np.flatnonzero(label).tolist()) or "no label"


def as_matrix(soft_targets: Any) -> np.ndarray[Any, Any]:
    """Return soft targets as a float array of two dimensions, or say what they are instead."""
    try:
        array = np.asarray(soft_targets, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"soft targets must be numbers, one row of shares a text: {error}") from error
    if array.ndim != 2:
        raise InputError(f"soft targets must have two dimensions, (texts, classes), got shape {array.shape}")
    return array
