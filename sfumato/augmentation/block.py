"""Some texts at a time as one array of code points, with the gaps between their units.

Shapes: N texts, K code points together, G gaps: one before each unit and one after the last unit of each text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.augmentation.draws import within
from sfumato.targets import Integers

Codes = NDArray[Any]  # uint8 where all is ASCII, else uint32


@dataclass(frozen=True, eq=False)
class Block:
    """N texts and where their units begin.

    Attributes
    ----------
    texts : the N texts
    codes : (K,) their code points
    ends : (N + 1,) text i is ``codes[ends[i]:ends[i + 1]]``
    gaps : (G,) the place in ``codes`` of each gap
    first : (N + 1,) text i has the gaps ``first[i]`` to ``first[i + 1] - 1``
    cjk : most of it is written in Chinese or Japanese, so marks are full-width
    spaced : units are words with a blank between them, and an inserted mark is one more word
    """

    texts: Sequence[str]
    codes: Codes
    ends: Integers
    gaps: Integers
    first: Integers
    cjk: bool
    spaced: bool

    @property
    def sizes(self) -> Integers:
        """Units of each text, (N,)."""
        sizes: Integers = np.diff(self.first) - 1
        return sizes

    def units(self) -> list[list[str]]:
        """Return the units of each text; " ".join or "".join makes the text again, as ``spaced`` says."""
        skip = int(self.spaced)
        found = []
        for i, text in enumerate(self.texts):
            at = (self.gaps[self.first[i] : self.first[i + 1]] - self.ends[i]).tolist()
            at[-1] = len(text) + skip  # what follows the last gap belongs to the last unit
            found.append([text[a : b - skip] for a, b in pairwise(at)] if len(at) > 1 else [])
        return found

    def take(self, index: Integers) -> Block:
        """Return the texts with these numbers, with the units that they have here."""
        lengths, counts = np.diff(self.ends)[index], np.diff(self.first)[index]  # characters and gaps of each
        ends, first = np.zeros(len(index) + 1, dtype=np.int64), np.zeros(len(index) + 1, dtype=np.int64)
        np.cumsum(lengths, out=ends[1:])
        np.cumsum(counts, out=first[1:])
        codes = self.codes[np.repeat(self.ends[index], lengths) + within(lengths)]
        gaps = self.gaps[np.repeat(self.first[index], counts) + within(counts)]
        gaps += np.repeat(ends[:-1] - self.ends[index], counts)
        texts = [self.texts[i] for i in index.tolist()]
        return replace(self, texts=texts, codes=codes, ends=ends, gaps=gaps, first=first)


def encode(texts: Sequence[str]) -> tuple[Codes, Integers]:
    """Return the code points of the texts after each other, and where each text ends, (N + 1,) from 0."""
    together = "".join(texts)
    ends = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(list(map(len, texts)), out=ends[1:])
    if together.isascii():
        return np.frombuffer(together.encode("ascii"), dtype=np.uint8), ends
    return np.frombuffer(together.encode("utf-32-le", "surrogatepass"), dtype="<u4"), ends


def decode(codes: Codes, ends: Integers) -> list[str]:
    """Return the texts that `encode` took."""
    one = codes.tobytes()
    together = one.decode("ascii") if codes.dtype == np.uint8 else one.decode("utf-32-le", "surrogatepass")
    at = ends.tolist()
    return [together[a:b] for a, b in pairwise(at)]


def make_block(
    texts: Sequence[str],
    codes: Codes,
    ends: Integers,
    starts: Integers,
    counts: Integers,
    last: Integers,
    *,
    cjk: bool,
    spaced: bool,
) -> Block:
    """Build a block from where units begin.

    Parameters
    ----------
    starts : the place in ``codes`` of each unit, text by text
    counts : (N,) units of each text
    last : (N,) the place of the gap after the last unit of each text
    """
    first = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(counts + 1, out=first[1:])
    gaps = np.empty(first[-1], dtype=np.int64)
    closing = np.zeros(len(gaps), dtype=bool)
    closing[first[1:] - 1] = True
    gaps[closing], gaps[~closing] = last, starts
    return Block(texts, codes, ends, gaps, first, cjk, spaced)


def inserted(block: Block, gaps: Integers, marks: Integers, written: Sequence[str]) -> list[str]:
    """Return the texts with ``written[marks[m]]`` put into gap ``gaps[m]``.

    Parameters
    ----------
    gaps : (M,) numbers of gaps, ascending; a gap may come again
    marks : (M,) which of ``written`` it gets
    """
    token, token_ends = encode(written)
    codes = block.codes
    if codes.dtype != token.dtype:
        codes, token = codes.astype("<u4"), token.astype("<u4")
    sizes = np.diff(token_ends)[marks]  # (M,)
    total = np.cumsum(sizes)
    at = block.gaps[gaps] + total - sizes  # where each begins in the result
    inner = within(sizes)
    place = np.repeat(at, sizes) + inner
    result = np.empty(len(codes) + len(place), dtype=codes.dtype)
    kept = np.ones(len(result), dtype=bool)
    kept[place] = False
    result[place] = token[np.repeat(token_ends[marks], sizes) + inner]
    result[kept] = codes
    before = np.concatenate([[0], total])[np.searchsorted(gaps, block.first)]  # characters put in before each text
    return decode(result, block.ends + before)
