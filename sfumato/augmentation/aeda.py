"""AEDA: punctuation marks put before randomly chosen words; all words stay, and their order.

Karimi, Rossi, Prati: AEDA: An Easier Data Augmentation Technique for Text Classification. Findings of EMNLP 2021.
https://aclanthology.org/2021.findings-emnlp.234. Section 2; the ranges are those of the authors' code.

A text of n words gets q marks, q drawn evenly from 1 to floor(0.3 n) + 1, before q different words, each mark drawn
evenly from ``. , ! ? ; :``; never one after the last word, and never two side by side (as in that code, an empty word
stands between two blanks, and after one at the end). The paper says "from 1 to n / 3" instead (``preset="paper"``),
which leaves texts of one or two words as they are.

Shapes: N texts, M marks together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sfumato.augmentation.block import Block, inserted
from sfumato.augmentation.draws import Keys, below, subsets, within
from sfumato.augmentation.marks import ASCII_MARKS, FULL_MARKS, read_marks
from sfumato.augmentation.units import Unit, check_unit
from sfumato.registry import check_choice, check_range
from sfumato.targets import Integers

RATIO = {"reference": 0.3, "paper": 1 / 3}


def most_marks(n: Integers, *, ratio: float, preset: str) -> Integers:
    """Return the largest number of marks of a text of ``n`` units, (N,); 0 leaves it as it is."""
    most = np.floor(ratio * n).astype(np.int64)
    return most if preset == "paper" else np.where(n > 0, most + 1, 0)


@dataclass(frozen=True)
class Aeda:
    """See the module, and `aeda` for the options."""

    ratio: float
    preset: str
    marks: tuple[str, ...] | None
    unit: Unit
    allow_end: bool
    replacement: bool
    protect: str = "ascii"
    notes: tuple[str, ...] = ()

    def write(self, block: Block, keys: Keys) -> list[str]:
        """Return one copy of each text; draw 0 is q, then come a mark and a place in turn."""
        states, n = keys.states(), block.sizes  # (N,)
        places = n + (self.allow_end & (n > 0))
        most = most_marks(n, ratio=self.ratio, preset=self.preset)
        if not self.replacement:
            most = np.minimum(most, places)
        q = np.where(most > 0, 1 + below(most, states, np.zeros(1, dtype=np.int64)), 0)
        row, number = np.repeat(np.arange(len(n)), q), within(q)  # (M,)
        if self.replacement:
            place = below(places[row], states[row], 2 * number + 2)
            place = place[np.lexsort((place, row))]
        else:
            place = subsets(states, places, q, 2 * within(places) + 2)
        marks = self.marks or (FULL_MARKS if block.cjk else ASCII_MARKS)
        mark = below(len(marks), states[row], 2 * number + 1)
        before = [f"{mark} " if block.spaced else mark for mark in marks]
        after = [f" {mark}" if block.spaced else mark for mark in marks]
        return inserted(block, block.first[row] + place, mark + len(marks) * (place == n[row]), before + after)


def aeda(
    *,
    ratio: float | None = None,
    preset: str = "reference",
    marks: str | Sequence[str] | None = None,
    unit: Unit = "auto",
    allow_end: bool = False,
    replacement: bool = False,
) -> Aeda:
    """Put marks before randomly chosen words.

    Parameters
    ----------
    ratio : marks per word at most; 0.3, or 1/3 for the paper
    preset : ``reference``, floor(ratio n) + 1 marks at most, as in the authors' code, or ``paper``, floor(ratio n)
    marks : the marks to draw from, one string of them or a list; full-width ones for Chinese if not given
    unit : what is a word, see `sfumato.augmentation.units`
    allow_end : a mark may stand after the last word
    replacement : the places are drawn with replacement, so a word may get several marks
    """
    check_choice("aeda", "preset", preset, tuple(RATIO))
    if ratio is not None:
        check_range("aeda", "ratio", ratio, 0, 1, open_low=True)
    check_unit(unit)
    given = None if marks is None else read_marks("aeda", "marks", marks)
    return Aeda(RATIO[preset] if ratio is None else ratio, preset, given, unit, bool(allow_end), bool(replacement))
