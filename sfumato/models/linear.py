"""``linear``: TF-IDF of n-grams and one linear layer, fitted on the whole split at once by `sfumato.full_batch`.

Fast, hard to beat on short texts and few rows, and it can be read: a weight belongs to an n-gram and a class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sfumato.architecture import Architecture, Training
from sfumato.base import Output
from sfumato.errors import InputError
from sfumato.ngrams import NgramEncoder
from sfumato.registry import check_choice, check_range

VERSION = 1


class LinearClassifier(nn.Module):
    """Sparse rows (B, V) to `Output`; the features that a criterion sees are the logits (B, C)."""

    predict_batch = 4096  # torch copies the weights for every sparse product: benchmarks/predict.md

    def __init__(self, num_inputs: int, num_classes: int) -> None:
        super().__init__()
        self.num_features = num_classes
        self.output_layer = nn.Linear(num_inputs, num_classes)
        nn.init.zeros_(self.output_layer.weight)
        nn.init.zeros_(self.output_layer.bias)

    def forward(self, features: Tensor) -> Output:
        with torch.autocast(features.device.type, enabled=False):  # torch has no sparse product in bfloat16
            logits = features @ self.output_layer.weight.T + self.output_layer.bias
        return Output(logits, logits)


def linear(
    words: int | str = "auto",
    *,
    characters: Sequence[int] | int | str = "auto",
    min_df: int | str = "auto",
    steps: int = 60,
) -> Architecture:
    """TF-IDF n-grams and one linear layer.

    Parameters
    ----------
    words : longest run of words; ``auto`` is 2
    characters : lengths of character n-grams inside words; ``auto`` chooses by the texts; 0 has none
    min_df : texts that an n-gram must occur in; ``auto`` chooses by the texts
    steps : most steps of the solver; dev chooses how many of them
    """
    longest = number("words", words, 1, 5)
    lengths = (characters,) if isinstance(characters, int) else characters
    if isinstance(lengths, str):
        check_choice("linear", "characters", lengths, ("auto",))
    else:
        lengths = tuple(sorted({number("characters", n, 0, 8) or 0 for n in lengths} - {0}))
    frequency = number("min_df", min_df, 1, 1_000_000)
    check_range("linear", "steps", steps, 1, 100_000)

    def fit_encoder(texts: Sequence[str]) -> NgramEncoder:
        given = None if isinstance(lengths, str) else lengths
        return NgramEncoder.fit(texts, words=longest, characters=given, min_df=frequency)

    return Architecture(
        name="linear",
        fit_encoder=fit_encoder,
        load_encoder=NgramEncoder.load,
        build=lambda encoder, num_classes: LinearClassifier(encoder.num_features, num_classes),
        training=Training(epochs=steps, max_length=100_000),
        options=plain({"words": words, "characters": characters, "min_df": min_df, "steps": steps}),
        version=VERSION,
        full_batch=True,
    )


def number(name: str, value: object, low: int, high: int) -> int | None:
    """Return a whole number, or None for ``auto``."""
    if isinstance(value, str):
        check_choice("linear", name, value, ("auto",))
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"linear: {name} must be a whole number or 'auto', got {value!r}")
    check_range("linear", name, value, low, high)
    return value


def plain(options: dict[str, Any]) -> dict[str, Any]:
    """Return options that JSON can hold."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}
