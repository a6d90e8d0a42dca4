"""The text side of LCDA: marks put into Chinese texts, marks replaced, and the mark that ends the sentence added.

Sun, Lin, Liang, Guo: Data augmentation technique incorporating label confusion for Chinese text classification.
Journal of Computer Applications 45(4), 2025, 1113-1119. https://doi.org/10.11772/j.issn.1001-9081.2024040550.

This is a reconstruction: the paper prints no algorithm that we could read, and from its abstract, Table 1 (four
copies of one title) and Table 5 (INSERT_PROB from .1 to .5, best at .2) we took these steps. Before each character
of a text, a mark is put with chance ``insert_prob``; each mark of the text is replaced with chance ``replace_prob``
by one drawn from all of them (a last mark by one that ends a sentence); and a text that ends without such a mark
gets one. All other characters stay, in order, and nothing is put inside an ASCII token such as ``3.5``. In the
fourth copy of Table 1 a character is missing; we took that for a slip.

Shapes: N texts, U units together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sfumato.augmentation.block import Block, inserted
from sfumato.augmentation.draws import Keys, Words, below, uniform, within
from sfumato.augmentation.kinds import SPACE, kinds
from sfumato.augmentation.marks import ASCII_ENDS, ASCII_MARKS, CLOSING, ENDING, FULL_ENDS, FULL_MARKS, read_marks
from sfumato.registry import check_range
from sfumato.targets import Integers

NOTE = "lcda-text is a reconstruction from the paper's abstract and its Tables 1 and 5; its algorithm is not printed"
REPLACED = "".join((*FULL_MARKS, *ASCII_MARKS, "、"))


@cache
def among(characters: str) -> NDArray[np.bool_]:
    """Tell of every code point whether it is one of ``characters``, (0x110000,)."""
    table = np.zeros(0x110000, dtype=bool)
    table[[ord(c) for c in characters]] = True
    return table


@dataclass(frozen=True)
class LcdaText:
    """See the module, and `lcda_text` for the options."""

    insert_prob: float
    replace_prob: float
    complete_end: bool
    marks: tuple[str, ...] | None
    end_marks: tuple[str, ...] | None
    protect: str
    unit: str = "character"
    notes: tuple[str, ...] = (NOTE,)

    def write(self, block: Block, keys: Keys) -> list[str]:
        """Return one copy of each text; unit j takes draw 2j to insert and 2j + 1 to replace."""
        marks = self.marks or (FULL_MARKS if block.cjk else ASCII_MARKS)
        ends = self.end_marks or (FULL_ENDS if block.cjk else ASCII_ENDS)
        states, n = keys.states(), block.sizes  # (N,)
        row, number = np.repeat(np.arange(len(n)), n), within(n)  # (U,)
        gap, of_unit = block.first[row] + number, states[row]
        block = self._replaced(block, gap, number == n[row] - 1, uniform_after(of_unit, number), marks, ends)
        chance = uniform(of_unit, 2 * number)
        chosen = np.flatnonzero(chance < self.insert_prob)
        at, mark = gap[chosen], _of(chance[chosen], self.insert_prob, len(marks))
        if self.complete_end:
            open_rows = np.flatnonzero(unfinished(block))
            last = below(len(ends), states[open_rows], 2 * n[open_rows])
            at = np.concatenate([at, block.first[open_rows + 1] - 1])
            order = np.argsort(at, kind="stable")
            at, mark = at[order], np.concatenate([mark, len(marks) + last])[order]
        return inserted(block, at, mark, [*marks, *ends])

    def _replaced(
        self,
        block: Block,
        gap: Integers,
        is_last: NDArray[np.bool_],
        chance: NDArray[np.float64],
        marks: tuple[str, ...],
        ends: tuple[str, ...],
    ) -> Block:
        """Return the block with some marks replaced; a unit is a mark if it is one character, blanks left out."""
        place = block.gaps[gap + 1] - 1  # the last character of each unit
        alone = (place == block.gaps[gap]) | (kinds()[block.codes[place - 1]] == SPACE)
        chosen = np.flatnonzero(among(REPLACED)[block.codes[place]] & alone & (chance < self.replace_prob))
        if not len(chosen):
            return block
        codes = block.codes.astype("<u4")
        share = chance[chosen]
        plain = np.array([ord(c) for c in marks])[_of(share, self.replace_prob, len(marks))]
        final = np.array([ord(c) for c in ends])[_of(share, self.replace_prob, len(ends))]
        codes[place[chosen]] = np.where(is_last[chosen] & self.complete_end, final, plain)
        return replace(block, codes=codes)


def uniform_after(states: Words, number: Integers) -> NDArray[np.float64]:
    """Return the draw that decides whether, and by what, each unit is replaced."""
    return uniform(states, 2 * number + 1)


def _of(chance: NDArray[np.float64], probability: float, count: int) -> Integers:
    """Return which of ``count`` a draw below ``probability`` falls on: its share of the way there is uniform too."""
    return np.minimum((chance / probability * count).astype(np.int64), count - 1)


def unfinished(block: Block) -> NDArray[np.bool_]:
    """Tell which texts end without a mark that ends a sentence, closing quotes and brackets left out, (N,)."""
    last = np.maximum(block.gaps[block.first[1:] - 1] - 1, 0)
    if not len(block.codes):
        return np.zeros(len(block.texts), dtype=bool)
    closed = among(CLOSING)[block.codes[last]] & (last > block.ends[:-1])
    last -= closed
    return (block.sizes > 0) & ~among(ENDING)[block.codes[last]]


def lcda_text(
    *,
    insert_prob: float = 0.2,
    replace_prob: float = 0.2,
    complete_end: bool = True,
    marks: str | Sequence[str] | None = None,
    end_marks: str | Sequence[str] | None = None,
    protect: str = "ascii",
) -> LcdaText:
    """Put marks between characters, replace marks, and complete the end of the sentence.

    Parameters
    ----------
    insert_prob : chance of a mark before each character
    replace_prob : chance that a mark of the text is replaced; the paper does not give it
    complete_end : add the mark that ends a sentence where there is none
    marks : the marks to draw from; full-width ones for Chinese if not given
    end_marks : those that end a sentence
    protect : what stays whole beside runs of letters: "ascii" tokens, "none", or what a regular expression finds
    """
    check_range("lcda-text", "insert_prob", insert_prob, 0, 1)
    check_range("lcda-text", "replace_prob", replace_prob, 0, 1)
    check_protect(protect)
    given = None if marks is None else read_marks("lcda-text", "marks", marks, single=True)
    ends = None if end_marks is None else read_marks("lcda-text", "end_marks", end_marks, single=True)
    return LcdaText(insert_prob, replace_prob, bool(complete_end), given, ends, protect)


def check_protect(protect: str) -> None:
    """Raise unless ``protect`` is "ascii", "none" or a regular expression."""
    import re

    from sfumato.errors import InputError

    try:
        re.compile(protect)
    except (re.error, TypeError) as error:
        raise InputError(
            f"lcda-text: protect must be 'ascii', 'none' or a regular expression, got {protect!r}: {error}"
        ) from error
