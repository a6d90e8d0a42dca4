"""From phrase templates to the text of a ticket: slots, wordings, greetings and letter case.

Nothing here looks at the department, so the wording of a ticket says nothing about its label.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

CASES = ("as written", "lower", "loud")
CASE_CHANCES = (0.75, 0.2, 0.05)


def write_ticket(phrases: Sequence[str], wordings: Mapping[str, Any], rng: np.random.Generator) -> str:
    """Join filled phrases with a greeting and a closing, in one of three letter cases."""
    parts = [pick(wordings["greetings"], rng), *phrases, pick(wordings["closings"], rng)]
    sentences = [fill(part, wordings["slots"], rng) for part in parts if part]
    case = rng.choice(CASES, p=CASE_CHANCES)
    if case == "lower":
        sentences = [sentence.lower() for sentence in sentences]
    elif case == "loud":
        shouted = int(rng.integers(len(sentences)))
        sentences[shouted] = sentences[shouted].upper().rstrip(".") + "!!"
    return " ".join(sentences)


def fill(template: str, slots: Mapping[str, Sequence[str]], rng: np.random.Generator) -> str:
    """Choose among ``[one|other]`` wordings and fill every ``{slot}``."""
    chosen = re.sub(r"\[([^]]*)\]", lambda found: pick(found[1].split("|"), rng), template)
    return re.sub(r"\{(\w+)\}", lambda found: value(found[1], slots, rng), chosen)


def value(slot: str, slots: Mapping[str, Sequence[str]], rng: np.random.Generator) -> str:
    """Return a value for a slot: a number, a price, or an entry of its list."""
    if slot == "number":
        return str(rng.integers(10_000, 100_000))
    if slot == "amount":
        return f"${rng.integers(400, 20_000) / 100:.2f}"
    return pick(slots[slot], rng)


def pick(choices: Sequence[str], rng: np.random.Generator) -> str:
    """Return one of ``choices``, all equally likely."""
    return choices[int(rng.integers(len(choices)))]
