"""Texts to units, the pieces between which marks are put, and which are swapped, deleted or replaced.

==============  =====================================================================================================
unit            units of a text
==============  =====================================================================================================
``word``        split at single blanks: two blanks have an empty word between them, a tab or line break is part of one
``character``   a CJK character (Han, kana, Hangul) or a mark each; letters and digits of other scripts in runs; an
                ASCII token such as ``3.5``, ``C++`` or a web address is one, and so is a character with all that
                combines with it; blanks belong to the unit after them
``auto``        ``character`` where more than 30 % of the letters of the text are Han or kana, else ``word``
``rjieba``      as ``auto``, with the words that rjieba finds in place of characters (``sfumato[zh]``)
==============  =====================================================================================================

A function from a text to its units may be given too: joined without blanks where that makes the text again, and with
blanks where not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sfumato.augmentation.block import Block, Codes, encode, make_block
from sfumato.augmentation.kinds import (
    CJK,
    DIGIT,
    EXTEND,
    HANGUL,
    HIGH,
    JOINER,
    LETTER,
    LOW,
    OTHER,
    REGIONAL,
    SPACE,
    kinds,
)
from sfumato.errors import InputError, MissingExtraError, unknown
from sfumato.targets import Integers

Split = Callable[[str], Sequence[str]]
Unit = str | Split

UNITS = ("auto", "word", "character", "rjieba")
CJK_SHARE = 0.3  # as for keywords: of the letters; Korean is written with blanks and does not count
TOKEN = np.zeros(128, dtype=bool)  # ASCII characters that begin or end a token; others may stand inside it
TOKEN[[c for c in range(128) if chr(c).isalnum() or chr(c) in "_%+#$@&"]] = True


def check_unit(unit: Unit) -> None:
    """Raise for a unit that does not exist, or whose segmenter is not installed."""
    if callable(unit):
        return
    if unit not in UNITS:
        raise unknown("unit", str(unit), (*UNITS, "or in Python a function"))
    if unit == "rjieba":
        rjieba()


def rjieba() -> Split:
    """Return the function that splits Chinese into words.

    Raises
    ------
    MissingExtraError
        if rjieba is not installed.
    """
    try:
        import rjieba
    except ModuleNotFoundError as error:
        raise MissingExtraError("the unit rjieba needs the package rjieba: pip install 'sfumato[zh]'") from error
    cut: Split = rjieba.cut
    return cut


def split_texts(texts: Sequence[str], unit: Unit, *, protect: str = "ascii") -> list[tuple[Integers, Block]]:
    """Return the texts as blocks of one way of writing each, with the numbers of the texts in each.

    How a text is split depends on nothing but the text.

    Parameters
    ----------
    protect : what stays whole between CJK characters: "ascii" tokens, "none", or what this regular expression finds
    """
    cjk = mostly_cjk(texts)
    blocks = []
    for style in (False, True):
        chosen = np.flatnonzero(cjk == style)
        part = list(texts) if len(chosen) == len(texts) else [texts[i] for i in chosen.tolist()]
        if not len(chosen):
            continue
        if callable(unit) or (unit == "rjieba" and style):
            blocks += _custom_blocks(chosen, part, unit if callable(unit) else rjieba(), cjk=style)
        elif unit == "word" or (unit != "character" and not style):
            blocks.append((chosen, word_block(part, cjk=style)))
        else:
            blocks.append((chosen, character_block(part, cjk=style, protect=protect)))
    return blocks


def _custom_blocks(chosen: Integers, texts: Sequence[str], split: Split, *, cjk: bool) -> list[tuple[Integers, Block]]:
    lists = [_checked(split(text), text) for text in texts]
    apart = np.array(["".join(units) != text for units, text in zip(lists, texts, strict=True)])
    blocks = []
    for spaced in (False, True):
        part = np.flatnonzero(apart == spaced)
        if len(part):
            joined = [(" " if spaced else "").join(lists[i]) or texts[i] for i in part.tolist()]  # no units: it stays
            blocks.append((chosen[part], listed_block(joined, [lists[i] for i in part], cjk=cjk, spaced=spaced)))
    return blocks


def mostly_cjk(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Tell of each text, (N,), whether more than 30 % of its letters are Han or kana."""
    if "".join(texts).isascii():
        return np.zeros(len(texts), dtype=bool)
    codes, ends = encode(texts)
    kind = kinds()[codes]
    own = np.diff(np.concatenate([[0], np.cumsum(kind == CJK)])[ends])
    others = np.diff(np.concatenate([[0], np.cumsum((kind == LETTER) | (kind == HANGUL))])[ends])
    told: NDArray[np.bool_] = own > CJK_SHARE * (own + others)
    return told


def visible(texts: Sequence[str], codes: Codes, ends: Integers) -> NDArray[np.bool_]:
    """Tell which texts hold more than blanks, (N,)."""
    first = np.append(codes, 0)[ends[:-1]]
    begun = (first > 32) & (first < 127) & (np.diff(ends) > 0)  # as most texts begin
    for i in np.flatnonzero(~begun).tolist():
        begun[i] = bool(texts[i].strip())
    return begun


def word_block(texts: Sequence[str], *, cjk: bool) -> Block:
    """Split at single blanks, as ``text.split(" ")`` does; a text of blanks has no units."""
    codes, ends = encode(texts)
    blanks = np.flatnonzero(codes == 32)
    per_text = np.diff(np.searchsorted(blanks, ends))
    has_words = visible(texts, codes, ends)
    if not has_words.all():
        blanks = blanks[np.repeat(has_words, per_text)]
    counts = np.where(has_words, per_text + 1, 0)
    starts = np.empty(counts.sum(), dtype=np.int64)
    opening = np.zeros(len(starts), dtype=bool)
    opening[(np.cumsum(counts) - counts)[has_words]] = True
    starts[opening], starts[~opening] = ends[:-1][has_words], blanks + 1
    return make_block(texts, codes, ends, starts, counts, ends[1:], cjk=cjk, spaced=True)


def listed_block(texts: Sequence[str], lists: Sequence[list[str]], *, cjk: bool, spaced: bool) -> Block:
    """Take the units as they were given; without blanks between them, a unit of blanks goes with the one after it."""
    codes, ends = encode(texts)
    counts = np.array([len(units) for units in lists], dtype=np.int64)
    sizes = np.array([len(unit) + spaced for units in lists for unit in units], dtype=np.int64)
    row = np.repeat(np.arange(len(texts)), counts)
    before = np.concatenate([[0], np.cumsum(sizes)])
    starts = ends[row] + before[:-1] - before[np.cumsum(counts) - counts][row]
    if spaced:
        return make_block(texts, codes, ends, starts, counts, ends[1:], cjk=cjk, spaced=True)
    blank = np.array([unit.isspace() for units in lists for unit in units], dtype=bool)
    after_blank = np.zeros(len(blank), dtype=bool)
    after_blank[1:] = blank[:-1] & (row[1:] == row[:-1])
    return _without_last_blanks(texts, codes, ends, starts[~after_blank], cjk)


def _without_last_blanks(texts: Sequence[str], codes: Codes, ends: Integers, starts: Integers, cjk: bool) -> Block:
    """Let the blanks at the end of a text belong to its last unit, and the last gap come before them."""
    last = ends[1:]
    if any(map(str.isspace, [text[-1:] for text in texts])):
        last = ends[:-1] + np.array([len(text.rstrip()) for text in texts])
    row = np.searchsorted(ends, starts, side="right") - 1
    kept = starts < last[row]
    counts = np.bincount(row[kept], minlength=len(texts))
    return make_block(texts, codes, ends, starts[kept], counts, last, cjk=cjk, spaced=False)


def _checked(units: Sequence[str], text: str) -> list[str]:
    found = list(units)
    wrong = next((unit for unit in found if not isinstance(unit, str)), None)
    if wrong is not None or isinstance(units, str):
        got = repr(units if wrong is None else wrong)
        raise InputError(f"the function given as unit must return a list of strings, got {got:.60} for {text!r:.60}")
    return [unit for unit in found if unit]


def character_block(texts: Sequence[str], *, cjk: bool, protect: str = "ascii") -> Block:
    """Split into characters; see the module for what stays whole."""
    codes, ends = encode(texts)
    kind = kinds()[codes]
    opens = np.zeros(len(codes) + 1, dtype=bool)
    opens[ends] = True
    opens = opens[:-1]
    stays = _goes_on(kind, opens)
    if protect == "ascii":
        _keep_tokens(stays, codes, opens)
    elif protect != "none":
        _keep_found(stays, texts, ends, protect)
    stays[1:] |= kind[:-1] == SPACE
    return _without_last_blanks(texts, codes, ends, np.flatnonzero(~stays | opens), cjk)


def _goes_on(kind: NDArray[np.uint8], opens: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which code points belong to the character or the run of letters before them, (K,)."""
    extends = (kind == EXTEND) | (kind == JOINER)
    base = kind
    if extends.any():
        solid = np.where(extends & ~opens, 0, np.arange(len(kind)))
        base = kind[np.maximum.accumulate(solid)]  # what an accent stands on
    word = (base == LETTER) | (base == DIGIT)
    stays: NDArray[np.bool_] = extends
    stays[1:] |= word[1:] & word[:-1]
    stays[1:] |= (kind[1:] == OTHER) & (kind[:-1] == JOINER)
    stays[1:] |= (kind[1:] == LOW) & (kind[:-1] == HIGH)
    flags = np.flatnonzero(kind == REGIONAL)
    if len(flags):
        new = np.diff(flags, prepend=-2) != 1
        new |= opens[flags]
        run = np.flatnonzero(new)[np.cumsum(new) - 1]
        stays[flags[(np.arange(len(flags)) - run) % 2 == 1]] = True
    return stays


def _keep_tokens(stays: NDArray[np.bool_], codes: Codes, opens: NDArray[np.bool_]) -> None:
    """Mark, in ``stays``, all but the first character of each ASCII token, as ``3.5`` or ``a.b/c?d=1``."""
    at = np.flatnonzero((codes > 32) & (codes < 127))
    if not len(at):
        return
    new = np.diff(at, prepend=-2) != 1
    new |= opens[at]
    run = np.cumsum(new)
    edge = np.flatnonzero(TOKEN[codes[at]])
    first, last = np.full(run[-1] + 1, len(at)), np.full(run[-1] + 1, -1)
    first[run[edge[::-1]]], last[run[edge]] = edge[::-1], edge  # of equal places the one written last stays
    place = np.arange(len(at))
    stays[at[(place > first[run]) & (place <= last[run])]] = True


def _keep_found(stays: NDArray[np.bool_], texts: Sequence[str], ends: Integers, pattern: str) -> None:
    """Mark, in ``stays``, all but the first character of what a regular expression finds."""
    for text, start in zip(texts, ends.tolist(), strict=False):
        for found in re.finditer(pattern, text):
            stays[start + found.start() + 1 : start + found.end()] = True
