"""EDA and softEDA: training on the rows and on copies with words replaced, put in, swapped or deleted.

EDA: J. Wei, K. Zou, "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification Tasks",
EMNLP-IJCNLP 2019, https://aclanthology.org/D19-1670, section 2. The copies keep the hard label of their row.

softEDA: J. Choi, K. Jin, J. Lee, S. Song, Y. Kim, "SoftEDA: Rethinking Rule-Based Data Augmentation with Soft
Labels", ICLR 2023 Tiny Papers, arXiv:2402.05591. What a copy says may have changed, so its label is less sure:

    q_aug = (1 - eps) y + eps / C

for the copies alone; the rows themselves keep y. Two faults of the published baselines: docs/augmentation.md.

Shapes: N rows with their copies, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sfumato.augmentation.registered import AUGMENTERS
from sfumato.augmentation.units import Unit
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.method import Method
from sfumato.methods.augmented import Copies, copies_of, copying
from sfumato.methods.label_smoothing import smoothed_sets, smoothed_table
from sfumato.registry import check_choice, check_range
from sfumato.targets import DenseTargets, Floats

SOFT = ("augmented", "all")


def version_of(lexicon: str | Path | None) -> int:
    """Return the version: since 2, "film" and "film," are one word of a lexicon; nothing changed without one."""
    return 1 if lexicon is None else 2


def softened(examples: Examples, eps: float) -> Floats:
    """Return ``(1 - eps) y + eps / C``, (N, C), of hard labels; with several a row, each answer towards one half."""
    if examples.multilabel:
        return smoothed_sets(examples.gold, eps)
    return np.asarray(smoothed_table(eps, examples.num_classes)[examples.labels], dtype=np.float32)


def soften_copies(examples: Examples, *, eps: float, on: str) -> Examples:
    """Soften the targets of the copies, or of all rows."""
    soft = softened(examples, eps)
    if on == "augmented":
        if examples.copy is None:
            raise InputError("softeda softens copies, and these rows have none (Examples.copy)")
        itself = examples.copy == 0
        soft[itself] = softened(examples.take(np.flatnonzero(itself)), 0.0)
    return replace(examples, targets=DenseTargets(soft))


def eda(
    copies: int = 4,
    *,
    lexicon: str | Path | None = None,
    alpha_sr: float = 0.1,
    alpha_ri: float = 0.1,
    alpha_rs: float = 0.1,
    p_rd: float = 0.1,
    operations: Sequence[str] | str | None = None,
    unit: Unit = "auto",
    seed: int | None = None,
) -> Method:
    """Train on the rows and on copies with a few words replaced, put in, swapped or deleted.

    Parameters
    ----------
    copies : of each row, 1 to 1000
    lexicon : file of synonyms; without one, words are only swapped and deleted
    alpha_sr, alpha_ri, alpha_rs : share of the words that are replaced, inserted, swapped; one at least
    p_rd : chance of each word to be deleted
    operations : those to choose from: ``synonyms``, ``insertion``, ``swap``, ``deletion``
    unit : what is a word, see `sfumato.augmentation.units`; synonyms of Chinese words need ``rjieba``
    seed : of the copies; None is that of the run, so that each repeat draws its own
    """
    options: dict[str, Any] = {
        "lexicon": None if lexicon is None else str(lexicon),
        "alpha_sr": alpha_sr,
        "alpha_ri": alpha_ri,
        "alpha_rs": alpha_rs,
        "p_rd": p_rd,
        "operations": operations,
        "unit": unit,
    }
    made = copying("eda", copies, seed, options, notes=AUGMENTERS.build("eda", options).notes)
    return replace(made, version=version_of(lexicon))


def softeda(
    eps: float = 0.2,
    *,
    copies: int = 1,
    on: str = "augmented",
    augmenter: str = "eda",
    lexicon: str | Path | None = None,
    seed: int | None = None,
) -> Method:
    """Train on the rows and on copies whose labels are softened, as a copy may have changed what the text says.

    Parameters
    ----------
    eps : mass of a copy's label that is spread evenly over all classes, 0 to 1
    copies : of each row, 1 to 1000; the paper makes one
    on : ``augmented`` softens the copies alone, ``all`` the rows themselves too
    augmenter : ``eda``, ``aeda`` or ``lcda-text``, with its default options
    lexicon : file of synonyms for ``eda``; without one, words are only swapped and deleted
    seed : of the copies; None is that of the run, so that each repeat draws its own
    """
    check_range("softeda", "eps", eps, 0, 1)
    check_choice("softeda", "on", on, SOFT)
    check_choice("softeda", "augmenter", augmenter, tuple(AUGMENTERS))
    if lexicon is not None and augmenter != "eda":
        raise InputError(f"softeda: lexicon={str(lexicon)!r} is for augmenter='eda', got augmenter={augmenter!r}")
    given = {} if lexicon is None else {"lexicon": str(lexicon)}
    step: Copies = copies_of("softeda", augmenter, copies, seed, given)
    options = {"eps": eps, "copies": copies, "on": on, "augmenter": augmenter, "seed": seed}
    return Method(
        "softeda",
        (step, partial(soften_copies, eps=eps, on=on)),
        options={**options, "lexicon": None if lexicon is None else str(lexicon)},
        label_only=True,
        even=on == "all",
        needs_texts=True,
        replaces_targets=True,
        multilabel=True,
        augments=True,
        notes=AUGMENTERS.build(augmenter, given).notes,
        version=version_of(lexicon),
    )
