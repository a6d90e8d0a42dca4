"""AEDA as a method: training on the rows and on copies of them with punctuation marks put in; the labels stay hard.

Karimi, Rossi, Prati: AEDA: An Easier Data Augmentation Technique for Text Classification. Findings of EMNLP 2021.
https://aclanthology.org/2021.findings-emnlp.234. The drawing of the marks (section 2) is
`sfumato.augmentation.aeda`; here the copies join the training rows, as in the paper's experiments.

The paper makes 16 copies of each row for 500 rows, 8 for 2,000 and 4 for more (section 3); 4 is our default.
"""

from __future__ import annotations

from collections.abc import Sequence

from sfumato.augmentation.units import Unit
from sfumato.method import Method
from sfumato.methods.augmented import copying


def aeda(
    copies: int = 4,
    *,
    ratio: float | None = None,
    preset: str = "reference",
    marks: str | Sequence[str] | None = None,
    unit: Unit = "auto",
    allow_end: bool = False,
    replacement: bool = False,
    seed: int | None = None,
) -> Method:
    """Train on the rows and on copies with marks before randomly chosen words.

    Parameters
    ----------
    copies : of each row, 1 to 1000
    ratio : marks per word at most; 0.3, or 1/3 for the paper
    preset : ``reference``, floor(ratio n) + 1 marks at most in a text of n words, or ``paper``, floor(ratio n)
    marks : the marks to draw from, one string of them or a list; full-width ones for Chinese if not given
    unit : what is a word, see `sfumato.augmentation.units`
    allow_end : a mark may stand after the last word
    replacement : the places are drawn with replacement, so a word may get several marks
    seed : of the copies; None is that of the run, so that each repeat draws its own
    """
    options = {
        "ratio": ratio,
        "preset": preset,
        "marks": marks,
        "unit": unit,
        "allow_end": allow_end,
        "replacement": replacement,
    }
    return copying("aeda", copies, seed, options)
