"""Cuts passages into sentences that know where they stand, with the segmenter that Wikimedia keeps (sentencex)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from unicodedata import normalize

from sfumato.errors import InputError, MissingExtraError

HAN, KANA, LETTER = (re.compile(signs) for signs in ("[\u4e00-\u9fff]", "[\u3040-\u30ff]", r"[^\W\d_]"))
UNSPACED_SHARE = 0.3
SAMPLE = 1000  # passages that the language is guessed from

Span = tuple[int, int]


def sentence_spans(text: str, language: str) -> list[Span]:
    """Return where the sentences of ``text`` begin and end, in characters, without the blanks around them.

    Raises
    ------
    InputError
        if the segmenter gives pieces that are not the text again: offsets would be wrong
    MissingExtraError
        if it is not installed
    """
    try:
        from sentencex import segment
    except ModuleNotFoundError as error:
        raise MissingExtraError("cutting passages needs sentencex: pip install 'sfumato[retrieval]'") from error
    pieces: list[str] = segment(language, text)
    if "".join(pieces) != text:
        raise InputError(f"the segmenter does not keep this passage as it is, so its offsets are lost: {text[:60]!r}")
    spans, start = [], 0
    for piece in pieces:
        begin = start + len(piece) - len(piece.lstrip())
        start += len(piece)
        if piece.strip():
            spans.append((begin, begin + len(piece.strip())))
    return spans


def check_language(language: str) -> None:
    """Raise unless ``language`` looks like a code; the segmenter takes its rules for English where it has none."""
    if not isinstance(language, str) or not language.replace("-", "").isalpha():
        raise InputError(f"language must be a code such as 'en' or 'zh', or 'auto', got {language!r}")


def language_of(passages: Iterable[str]) -> str:
    """Return "zh" or "ja" where more than 30 % of the letters are Han or kana, else "en"."""
    text = "".join(passage for passage, _ in zip(passages, range(SAMPLE), strict=False))
    han, kana = len(HAN.findall(text)), len(KANA.findall(text))
    if han + kana <= UNSPACED_SHARE * len(LETTER.findall(text)) or not han + kana:
        return "en"
    return "ja" if kana > 0.1 * (han + kana) else "zh"


def composed(text: str) -> str:
    """Return ``text`` with each letter and its accent as one sign (NFC), as most texts are written."""
    return text if text.isascii() else normalize("NFC", text)


def on_one_line(text: str) -> str:
    """Return ``text`` with each run of blanks and line breaks as one blank, none at its ends."""
    return " ".join(text.split())
