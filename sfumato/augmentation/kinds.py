"""What kind of character each code point is: what may stand alone in a text, and what belongs to its neighbour."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sfumato.script import RANGES

OTHER, LETTER, DIGIT, CJK, HANGUL, EXTEND, JOINER, SPACE, REGIONAL, HIGH, LOW = range(11)
"""Marks and symbols; letters and digits of words; characters that are units of their own; what extends the character
before it; the joiner of two emoji; blanks; halves of a flag; halves of a character, as UTF-16 writes it."""

ALSO_CJK = "\u3005\u3007\u303b\u309d\u309e\u30fc\u30fd\u30fe"  # repetition and length marks, which script.py leaves out
VOICED = "\uff9e\uff9f"  # half-width kana write their voicing after them
SKIN = range(0x1F3FB, 0x1F400)
TAGS = range(0xE0020, 0xE0080)  # of the flags of England, Scotland and Wales
ASSIGNED = 0x32400  # beyond it there are only selectors and tags
SELECTORS = range(0xE0100, 0xE01F0)
BY_CATEGORY = {"L": LETTER, "N": DIGIT, "M": EXTEND, "Z": SPACE}


@cache
def kinds() -> NDArray[np.uint8]:
    """Return the kind of every code point, (0x110000,)."""
    table = np.full(0x110000, OTHER, dtype=np.uint8)
    categories = [unicodedata.category(chr(code))[0] for code in range(ASSIGNED)]
    table[:ASSIGNED] = [BY_CATEGORY.get(category, OTHER) for category in categories]
    for name, kind in (("Han", CJK), ("Kana", CJK), ("Hangul", HANGUL)):
        for first, last in re.findall(r"(.)(?:-(.))?", RANGES[name], re.DOTALL):
            table[ord(first) : ord(last or first) + 1] = kind
    for characters, kind in ((ALSO_CJK, CJK), (VOICED, EXTEND), ("\t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85", SPACE)):
        table[[ord(c) for c in characters]] = kind
    for codes, kind in ((SKIN, EXTEND), (TAGS, EXTEND), (SELECTORS, EXTEND), (range(0x1F1E6, 0x1F200), REGIONAL)):
        table[codes.start : codes.stop] = kind
    table[ord("_")] = LETTER
    table[0x200D] = JOINER
    table[0x200C] = EXTEND
    table[0xD800:0xDC00], table[0xDC00:0xE000] = HIGH, LOW
    return table
