"""Ninety tickets with five wrong labels, and what an audit says of them."""

from typing import Any

import pytest

import sfumato

Tickets = dict[str, list[str]]
WRONG = (3, 20, 41, 62, 85)  # rows of the tickets that get another label


@pytest.fixture(scope="module")
def noisy(tickets: Tickets) -> tuple[list[str], list[str]]:
    """Return 90 tickets of three departments, five of them with a label that is not theirs."""
    labels = list(tickets["label"])
    names = sorted(set(labels))
    for row in WRONG:
        labels[row] = names[(names.index(labels[row]) + 1) % 3]
    return tickets["text"], labels


@pytest.fixture(scope="module")
def found(noisy: tuple[list[str], list[str]]) -> Any:
    return sfumato.audit(*noisy)
