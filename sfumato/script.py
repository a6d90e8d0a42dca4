"""In which script texts are written: letters counted by their range in Unicode."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sfumato.images import are_images

RANGES = {
    "Latin": "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a",
    "Cyrillic": "\u0400-\u052f",
    "Greek": "\u0370-\u03ff\u1f00-\u1fff",
    "Arabic": "\u0620-\u064a\u066e-\u06d3\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc",
    "Hebrew": "\u05d0-\u05f2",
    "Devanagari": "\u0904-\u0963\u0971-\u097f",
    "Hangul": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "Kana": "\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d",
    "Han": "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002fa1f",
    "Thai": "\u0e01-\u0e3a\u0e40-\u0e4e",
}
RUNS = {name: re.compile(f"[{letters}]+") for name, letters in RANGES.items()}


def letters_of(text: str) -> Counter[str]:
    """Count the letters of ``text`` by script.

    Japanese and Korean write Han characters among their own, so those count as the Kana or Hangul beside them.
    """
    names = ("Latin",) if text.isascii() else RUNS
    counts = Counter({name: sum(map(len, RUNS[name].findall(text))) for name in names})
    for own in ("Kana", "Hangul"):
        if counts[own] and counts["Han"]:
            counts[own] += counts.pop("Han")
    return +counts


LANGUAGES = {"Han": "Chinese", "Kana": "Japanese", "Hangul": "Korean"}  # of the others the script is named
UNSPACED = ("Han", "Kana")
READ = {"Han": "characters", "Kana": "Chinese characters one by one, runs of kana as words"}  # by models of words
UNSPACED_SHARE = 0.3  # of the letters, as for words and marks
LOOKED_AT = 1000  # texts


def language_note(texts: Sequence[str]) -> str:
    """Say in what the texts are written, and what models of words read; nothing of texts in Latin letters.

    Looks at a thousand texts, spread evenly.
    """
    chosen = [texts[k * len(texts) // LOOKED_AT] for k in range(LOOKED_AT)] if len(texts) > LOOKED_AT else texts
    totals: Counter[str] = Counter()
    for text in chosen:
        totals.update(letters_of(text))
    if not totals:
        return ""
    unspaced = sum(totals[name] for name in UNSPACED)
    apart = unspaced > UNSPACED_SHARE * totals.total()
    most = max(UNSPACED, key=totals.__getitem__) if apart else totals.most_common(1)[0][0]
    if most == "Latin":
        return ""
    return f"texts: {LANGUAGES.get(most, most)} ({READ.get(most, 'words')})"


def written_in(inputs: Sequence[Any]) -> list[str]:
    """Return the note on the texts among the inputs of a run, if there is one; images have none."""
    texts = [] if are_images(inputs) else [text for text in inputs if isinstance(text, str)]
    said = language_note(texts)
    return [said] if said else []


def second_scripts(texts: Sequence[str], *, letters: float, rows: float) -> dict[str, tuple[float, list[int]]]:
    """Return the scripts beside the commonest one: their share of all letters, and the texts written in them.

    A script counts if more than the share ``letters`` of all letters is written in it, or at least the share
    ``rows`` of the texts has most of its letters in it. The texts, by position, are those with at least a fifth
    of their letters in it; if there are none, all that hold a letter of it.
    """
    counted = [letters_of(text) for text in texts]
    totals: Counter[str] = Counter()
    for each in counted:
        totals.update(each)
    found = {}
    for name, number in totals.most_common()[1:]:
        shares = {k: each[name] / each.total() for k, each in enumerate(counted) if each[name]}
        mostly = sum(share > 0.5 for share in shares.values())
        if number > letters * totals.total() or mostly >= rows * len(texts):
            clear = [k for k, share in shares.items() if share >= 0.2]
            found[name] = (number / totals.total(), clear or list(shares))
    return found
