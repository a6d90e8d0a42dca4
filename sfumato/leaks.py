"""Test texts that also stand in training: a published split is used as it is, and scored without these rows too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def leaked_rows(test_texts: Sequence[Any], train_texts: Sequence[Any]) -> NDArray[np.int64]:
    """Return the positions of the test texts that are in ``train_texts`` too, character by character, ascending.

    A text may also be a list of tokens, which equals another of the same tokens, or an array (a picture), which
    equals another of the same shape and values.
    """
    known = {_key(text) for text in train_texts}
    return np.array([row for row, text in enumerate(test_texts) if _key(text) in known], dtype=np.int64)


def _key(text: Any) -> Any:
    """Return what is hashed for a text: lists and arrays cannot be."""
    if isinstance(text, np.ndarray):
        return text.shape, text.dtype.str, text.tobytes()
    return text if isinstance(text, str) else tuple(text)
