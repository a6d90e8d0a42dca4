"""What scikit-learn's users give as X and y: read as texts, and as classes that keep their dtype."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from sfumato.data import Examples, mean_one
from sfumato.errors import InputError
from sfumato.label_name import find_clash, label_name
from sfumato.label_sets import are_label_sets
from sfumato.model import check_texts
from sfumato.softening import SoftTargets
from sfumato.targets import DenseTargets, Integers, one_hot


class Classes(NamedTuple):
    """The classes of N labels: ``values`` (C,) sorted, in the user's dtype, and ``labels`` (N,), indices into them."""

    values: NDArray[Any]
    labels: Integers

    @property
    def names(self) -> tuple[str, ...]:
        """The classes as the rest of the library names them."""
        return tuple(label_name(value) for value in self.values)


def read_texts(X: Any) -> list[str]:
    """Return the texts of a list, an array or a series.

    Raises
    ------
    InputError
        for a frame or another table of two dimensions, one text in place of a list, or an entry that is no text.
    """
    shape = np.shape(X) if hasattr(X, "shape") else ()
    if len(shape) > 1 or hasattr(X, "columns"):
        raise InputError(
            f"X must be one text a row, of one dimension, got {type(X).__name__} of shape {tuple(shape)}; "
            "choose one column of it, as X['text'] or X[:, 0]"
        )
    if not hasattr(X, "__len__") or isinstance(X, dict | bytes) or (hasattr(X, "shape") and not shape):
        raise InputError(f"X must be a list, an array or a series of texts, got {type(X).__name__}")
    return check_texts(X)


def read_labels(y: Any, rows: int, *, owner: str) -> Classes:
    """Return the classes of ``rows`` labels and the index of each label.

    Raises
    ------
    InputError
        if there is not one label a row, a label is absent, or two are alike (`sfumato.label_name`); ValueError, in
        scikit-learn's words, for numbers that are no classes.
    """
    if y is None:
        raise InputError(f"{owner} requires y to be passed, but the target y is None")
    if isinstance(y, str):
        raise InputError(f"expected a list of labels, got one string: {y[:60]!r}")
    if are_several(y):
        raise InputError(
            f"{owner} takes one label a row, and y gives several; SoftLabelClassifier learns such rows, and "
            "sfumato.soften(texts, labels) gives their soft labels"
        )
    labels = list(y if isinstance(y, list | tuple) else np.asarray(y))  # an array of a list writes 1 and "1" the same
    clash = find_clash(labels, [label_name(label) for label in labels])
    if clash:
        raise InputError(clash)
    absent = [row for row, label in enumerate(labels, start=1) if label is None or _not_itself(label)]
    if absent:
        raise InputError(f"y holds NaN or None in {len(absent)} rows, the first in row {absent[0]}; leave them out")
    if len({isinstance(label, str) for label in labels}) > 1:  # an array would make texts of the numbers
        one, other = (next(label for label in labels if isinstance(label, str) == text) for text in (True, False))
        raise InputError(f"the labels must be of one kind, all texts or all numbers; got {one!r} and {other!r}")
    array = column_or_1d(y, warn=True)  # refuses rows of several labels
    if len(array) != rows:
        raise InputError(f"there must be one label a row, got {rows} rows in X and {len(array)} labels in y")
    try:
        check_classification_targets(array)
        values, indices = np.unique(array, return_inverse=True)
    except TypeError as error:
        raise InputError(f"the labels must be of one kind to be sorted, all texts or all numbers: {error}") from error
    return Classes(values, np.asarray(indices, dtype=np.int64))


def as_indicator(y: Any) -> Any:
    """Return equally long lists of zeros and ones as the matrix that scikit-learn reads them as; else ``y`` itself."""
    if hasattr(y, "shape") or not isinstance(y, Sequence) or isinstance(y, str) or not y:
        return y
    if not all(isinstance(row, list | tuple | np.ndarray) and len(row) == len(y[0]) > 1 for row in y):
        return y
    numbers = all(isinstance(value, int | float | np.number) and value in (0, 1) for row in y for value in row)
    return np.asarray(y) if numbers else y


def are_several(y: Any) -> bool:
    """Return whether ``y`` gives several labels a row: an indicator matrix (N, C), dense or sparse, or N lists."""
    shape: tuple[int, ...] = tuple(getattr(y, "shape", ()))
    if len(shape) == 2:
        return int(shape[1]) > 1 or hasattr(y, "tocsr")
    if y is None or isinstance(y, str):
        return False
    rows = list(y if hasattr(y, "__len__") else np.asarray(y))
    return len(rows) > 0 and are_label_sets(rows, "y")


def read_label_sets(texts: list[str], y: Any, *, owner: str) -> tuple[Examples, NDArray[Any]]:
    """Return multi-label examples, and the classes, (C,): the numbers of the columns, or the labels that are listed.

    Raises
    ------
    InputError
        if there is not one row of labels a text, or a matrix holds something else than 0 and 1.
    """
    rows = int(y.shape[0]) if hasattr(y, "shape") else len(y)
    if rows != len(texts):
        raise InputError(f"there must be one row of labels a text, got {len(texts)} rows in X and {rows} in y")
    if len(getattr(y, "shape", ())) != 2:
        sets = [list(each) for each in y]
        flat = [label for each in sets for label in each]
        values = read_labels(flat, len(flat), owner=owner).values
        examples = Examples.from_label_sets(texts, sets, classes=[label_name(value) for value in values])
        return examples, values
    matrix = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
    wrong = np.argwhere((matrix != 0) & (matrix != 1))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise InputError(
            f"{owner}: y of two dimensions must hold 0 and 1, a column a label; row {row + 1}, column {column + 1} "
            f"holds {matrix[row, column].item()!r}"
        )
    labels = matrix.astype(np.int64)
    width = len(str(labels.shape[1] - 1))
    names = tuple(f"{k:0{width}d}" for k in range(labels.shape[1]))  # sorted by name they are in the same order
    return Examples(texts, labels, DenseTargets(labels.astype(np.float32)), names), np.arange(labels.shape[1])


def _not_itself(label: Any) -> bool:
    """Whether a label is NaN, NaT or pandas' NA."""
    return not isinstance(label, str) and str(label) in ("nan", "NaT", "<NA>")


def read_examples(X: Any, y: Any, *, owner: str, several: bool = False) -> tuple[Examples, NDArray[Any]]:
    """Return texts and labels as `Examples`, and the classes in the user's dtype, (C,), in the order of the columns.

    With ``several``, the rows of ``y`` may have several labels (`are_several`).
    """
    texts = read_texts(X)
    if not texts:
        raise InputError(f"X holds no text; {owner} needs at least one of each of two classes")
    if several and are_several(y):
        return read_label_sets(texts, y, owner=owner)
    classes = read_labels(y, len(texts), owner=owner)
    targets = one_hot(classes.labels, len(classes.values))
    return Examples(texts, classes.labels, targets, classes.names), classes.values


def read_weights(sample_weight: Any, rows: int) -> NDArray[np.float64]:
    """Return example weights, ``(rows,)``, as they are given, or say what is wrong with them."""
    array = np.asarray(sample_weight, dtype=np.float64)
    if array.shape != (rows,):
        raise InputError(f"sample_weight must have shape ({rows},), one number a row, got {array.shape}")
    mean_one(array)  # refuses negative and infinite ones, and nothing but zeros
    return array


def in_order(soft: SoftTargets, names: tuple[str, ...]) -> SoftTargets:
    """Return soft targets with their columns in the order of ``names``; classes of other names are left alone."""
    if set(soft.classes) != set(names) or soft.classes == names:
        return soft
    order = [soft.classes.index(name) for name in names]
    place = np.argsort(order)  # of each old column
    labels = soft.labels[:, order] if soft.multilabel else place[soft.labels]
    return replace(soft, targets=soft.targets[:, order], classes=names, labels=labels)
