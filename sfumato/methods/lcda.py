"""LCDA: copies of Chinese texts with marks put in and replaced, and label distributions learned by label confusion.

Sun, Lin, Liang, Guo: Data augmentation technique incorporating label confusion for Chinese text classification.
Journal of Computer Applications 45(4), 2025, 1113-1119. https://doi.org/10.11772/j.issn.1001-9081.2024040550.

The text side is `sfumato.augmentation.lcda_text`, a reconstruction; the label side is LCM, with its simulated label
distribution in place of each one-hot label: we read that as of rows and copies alike (``soft_on="all"``).
`lcda_text` is the first without the second (the paper's ablation, Table 10). The paper's best copies by rows a class:
4 for 50, 2 for 200, 1 for 500 (Table 6). It gives no settings of LCM: our `lcm` is the default, and ``alpha=4`` is
that of the LCM paper.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sfumato.augmentation.augment import check_copies
from sfumato.augmentation.lcda_text import NOTE
from sfumato.errors import InputError
from sfumato.method import Method, Plan, combine
from sfumato.methods.augmented import copying
from sfumato.methods.lcm import LARGEST_ALPHA, LARGEST_MASS, lcm, lcm_paper
from sfumato.registry import check_choice, check_range

if TYPE_CHECKING:
    from sfumato.base import Criterion

GOLD_MASS = 0.9  # the default of `lcm`


def lcda_text(
    copies: int = 4,
    *,
    insert_prob: float = 0.2,
    replace_prob: float = 0.2,
    complete_end: bool = True,
    marks: str | Sequence[str] | None = None,
    end_marks: str | Sequence[str] | None = None,
    protect: str = "ascii",
    seed: int | None = None,
) -> Method:
    """Train on the rows and on copies with marks put between characters, replaced, and the last one completed.

    Parameters
    ----------
    copies : of each row, 1 to 1000
    insert_prob : chance of a mark before each character
    replace_prob : chance that a mark of the text is replaced; the paper does not give it
    complete_end : add the mark that ends a sentence where there is none
    marks : the marks to draw from; full-width ones for Chinese if not given
    end_marks : those that end a sentence
    protect : what stays whole beside runs of letters: "ascii" tokens, "none", or what a regular expression finds
    seed : of the copies; None is that of the run, so that each repeat draws its own
    """
    options: dict[str, Any] = {
        "insert_prob": insert_prob,
        "replace_prob": replace_prob,
        "complete_end": complete_end,
        "marks": marks,
        "end_marks": end_marks,
        "protect": protect,
    }
    return copying("lcda-text", copies, seed, options, notes=(NOTE,))


def for_copies(method: Method) -> Method:
    """Return a method with a loss of its own as one whose loss is for the copies; the rows have cross-entropy."""
    own = method.criterion
    if own is None:
        raise InputError(f"{method.name} has no loss of its own that could be for the copies alone")

    def criterion(plan: Plan) -> Criterion:
        from sfumato.losses import OnCopies, SoftCrossEntropy
        from sfumato.sigmoid_losses import SigmoidCrossEntropy

        return OnCopies(own(plan), SigmoidCrossEntropy() if plan.multilabel else SoftCrossEntropy())

    return replace(method, criterion=criterion)


def lcda(
    copies: int = 4,
    *,
    insert_prob: float = 0.2,
    replace_prob: float = 0.2,
    complete_end: bool = True,
    soft_on: str = "all",
    gold_mass: float | None = None,
    alpha: float | None = None,
    stop: float | None = None,
    seed: int | None = None,
) -> Method:
    """Train on rows and copies by `lcda_text`, with targets that are learned as `lcm` learns them.

    Parameters
    ----------
    copies : of each row, 1 to 1000
    insert_prob, replace_prob, complete_end : of the marks, as of ``lcda-text``
    soft_on : ``all`` rows have learned targets, or the ``augmented`` copies alone
    gold_mass : share that the given label keeps while nothing is learned, 0.9 if not given, as of ``lcm``
    alpha : the LCM paper's weight of the given label, in place of ``gold_mass``
    stop : epochs after which plain cross-entropy takes over; None never stops
    seed : of the copies; None is that of the run, so that each repeat draws its own
    """
    check_copies(copies, owner="lcda")
    check_choice("lcda", "soft_on", soft_on, ("all", "augmented"))
    _check_own(insert_prob=insert_prob, replace_prob=replace_prob, gold_mass=gold_mass, alpha=alpha, stop=stop)
    if alpha is not None and gold_mass is not None:
        raise InputError(f"lcda: give gold_mass or alpha, got gold_mass={gold_mass!r} and alpha={alpha!r}")
    text: dict[str, Any] = {"insert_prob": insert_prob, "replace_prob": replace_prob, "complete_end": complete_end}
    marked = lcda_text(copies, **text, seed=seed)
    mass = GOLD_MASS if gold_mass is None else gold_mass
    learning = lcm(mass, stop=stop) if alpha is None else lcm_paper(alpha, stop=stop)
    both = combine(marked, learning if soft_on == "all" else for_copies(learning))
    options = {
        "copies": copies,
        **text,
        "soft_on": soft_on,
        "gold_mass": None if gold_mass == GOLD_MASS else gold_mass,  # one run, so one key of its results
        "alpha": alpha,
        "stop": stop,
        "seed": seed,
    }
    return replace(both, name="lcda", title="", version=1, options=options)


def _check_own(**options: float | None) -> None:
    """Check what goes on to ``lcda-text`` and ``lcm``, whose errors would name them."""
    ranges = {"insert_prob": 1.0, "replace_prob": 1.0, "gold_mass": LARGEST_MASS, "alpha": LARGEST_ALPHA}
    for name, value in options.items():
        if value is not None:
            open_low = name in ("gold_mass", "alpha")
            check_range("lcda", name, value, 0, ranges.get(name, math.inf), open_low=open_low)
