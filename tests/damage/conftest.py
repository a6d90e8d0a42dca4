"""Splits whose texts are numbered, so that a row can be followed through any damage."""

from collections.abc import Callable, Mapping

import pytest

from sfumato.data import Examples


@pytest.fixture(scope="session")
def split_of() -> Callable[[Mapping[str, int]], Examples]:
    """Return a function from class sizes to examples with the texts "text 0", "text 1", ... and mixed classes."""

    def build(sizes: Mapping[str, int], classes: tuple[str, ...] | None = None) -> Examples:
        labels = [name for round_ in range(max(sizes.values())) for name in sizes if round_ < sizes[name]]
        return Examples.from_labels([f"text {i}" for i in range(len(labels))], labels, classes=classes or tuple(sizes))

    return build
