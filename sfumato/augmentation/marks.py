"""The punctuation marks that are put into texts, and those that end a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from sfumato.errors import InputError

ASCII_MARKS = (".", ",", "!", "?", ";", ":")
FULL_MARKS = ("。", "，", "！", "？", "；", "：")
ASCII_ENDS, FULL_ENDS = (".", "?", "!"), ("。", "？", "！")
ENDING = ".?!…。？！～~"  # a sentence that stops with one of these is complete
CLOSING = "\"'”’」』）)】》］]"  # may stand after it


def read_marks(owner: str, name: str, marks: str | Sequence[str], *, single: bool = False) -> tuple[str, ...]:
    """Return the marks of one string or a list; ``single`` wants one character each.

    Raises
    ------
    InputError
        if there is none, or if one is empty, blank, no string, or longer than wanted.
    """
    found = tuple(marks) if isinstance(marks, str | list | tuple) else ()
    if not found or not all(isinstance(mark, str) and mark.strip() for mark in found):
        raise InputError(f"{owner}: {name} must be a string of marks, or a list of them, such as '.,!?', got {marks!r}")
    long = [mark for mark in found if len(mark) > 1]
    if single and long:
        raise InputError(f"{owner}: each of {name} must be one character, got {long[0]!r}")
    return found
