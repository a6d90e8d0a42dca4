"""MaskLoss with groups of each text, found by deleting its words from a model that was trained without a mask.

Sunan Liu, Changsong Dai, Ranran Zhen, Qingliang Meng, Tian Li, "MaskLoss: A Regularizing Loss by Masking Similar
Labels", section 3.3 and appendix A.3; the loss is that of `sfumato.methods.maskloss`.

The basic model is trained with the sigmoid loss and judges the training texts (p_1), then the same texts without each
of their words in turn (p_4). Labels whose probability drops by more than tau are the dependent labels of the word, I.
The group of a text, G, is the union of the dependent labels of all its words, and those of them that it does not have
may be masked. Keywords come from the texts that the basic model judges right (``source``), groups are given to all.

What the deletions find does not depend on tau: `Examples.teacher` holds, for each text and label, the largest drop
that any of its words showed (`sfumato.deletions`), so runs of several tau hear the same teacher.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.method import Deletions, Method, Teacher
from sfumato.methods.maskloss import MaskOptions, MaskWarning, baseline_sigmoid, mask_criterion
from sfumato.methods.self_distillation import check_teacher
from sfumato.registry import check_choice, check_range, check_whole
from sfumato.targets import Floats

SOURCES = ("correct", "incorrect", "all")
DECIDE = ("threshold", "argmax")
UNITS = ("word", "token")
DELETE = ("one", "all_occurrences")
AGGREGATE = ("text", "label")
SHARE = 0.5  # of the texts of a label, in whose groups another one must be, with aggregate="label"


def dependent_labels(drops: Floats, tau: float) -> NDArray[np.bool_]:
    """Return the group of each text, G (N, C), from the largest drop of each label over its words, (N, C)."""
    return np.asarray(drops > tau)  # A.3 (4): p_1 > p_4 + tau


def groups_of_labels(groups: NDArray[np.bool_], gold: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which two labels are similar, (C, C): one is in the groups of at least half of the texts of the other."""
    y = gold.astype(np.float64)
    share = (y.T @ groups.astype(np.float64)) / np.maximum(y.sum(axis=0), 1)[:, None]
    similar: NDArray[np.bool_] = np.maximum(share, share.T) >= SHARE
    np.fill_diagonal(similar, False)
    return similar


@dataclass(frozen=True)
class ElementMask:
    """A transform: the dependent labels of a text's words that it does not have may be masked."""

    options: MaskOptions
    tau: float
    aggregate: str = "text"
    permuted: int | None = None  # the seed of a control in which the classes have changed their places

    def __call__(self, examples: Examples) -> Examples:
        self.options.refuse_softmax(examples)
        owner, gold = self.options.owner, examples.gold
        if examples.teacher is None:
            raise InputError(f"{owner} needs Examples.teacher, how far the words of each text hold each label up")
        groups = dependent_labels(examples.teacher, self.tau)
        if self.permuted is not None:
            groups = groups[:, np.random.default_rng((self.permuted, 7)).permutation(examples.num_classes)]
        if self.aggregate == "label":
            groups = (gold.astype(np.float32) @ groups_of_labels(groups, gold).astype(np.float32)) > 0
        similar = groups & ~gold
        if not similar.any():
            largest = float(np.where(gold, 0, examples.teacher).max(initial=0))
            warnings.warn(
                f"{owner}: no text has a similar label, so nothing is masked: no word of a text moves a label that "
                f"it does not have by more than tau={self.tau:g} (the most is {largest:.3f})",
                MaskWarning,
                stacklevel=2,
            )
        return replace(examples, similar=similar)

    def with_random_groups(self, seed: int) -> ElementMask:
        """Return the same mask with the classes in other places: as large groups, of labels that depend on nothing."""
        return replace(self, permuted=seed)


def maskloss_elem(
    tau: float = 0.5,
    *,
    alpha: float = 0.2,
    source: str = "correct",
    decide: str = "threshold",
    unit: str = "word",
    delete: str = "one",
    min_count: int = 1,
    aggregate: str = "text",
    granularity: str = "step",
    mode: str = "bernoulli",
    normalize: str = "C",
    activation: str = "sigmoid",
    teacher: str | None = None,
) -> Method:
    """Leave labels that depend on the text's words out of the loss, in a share 1 - ``alpha`` of the steps.

    Parameters
    ----------
    tau : drop of a probability that makes a label depend on a word, above 0; 1 never does, as ``baseline-sigmoid``
    alpha : probability of the full loss
    source : texts whose words are deleted, by the basic model's judgement: "correct", "incorrect" or "all"
    decide : a correct text has every probability on its side of one half ("threshold"), or the largest right ("argmax")
    unit : what is deleted, a "word" or a "token" of the model
    delete : "one" occurrence at a time, or "all_occurrences" of the word in the text
    min_count : deletions of a word that must show the drop
    aggregate : groups of each "text", or of each "label": those in the groups of half of its texts, either way
    granularity, mode, normalize, activation : as in `sfumato.methods.maskloss.maskloss_label`
    teacher : name of the basic model; None is the student's own
    """
    name = "maskloss-elem"
    mask = MaskOptions(name, alpha, granularity, mode, normalize, activation)
    check_range(name, "tau", tau, 0, 1, open_low=True)
    check_choice(name, "source", source, SOURCES)
    check_choice(name, "decide", decide, DECIDE)
    check_choice(name, "unit", unit, UNITS)
    check_choice(name, "delete", delete, DELETE)
    check_choice(name, "aggregate", aggregate, AGGREGATE)
    check_whole(name, "min_count", min_count, 1, 1000)
    check_teacher(name, teacher)
    options = {
        "tau": tau,
        "alpha": alpha,
        "source": source,
        "decide": decide,
        "unit": unit,
        "delete": delete,
        "min_count": min_count,
        "aggregate": aggregate,
        "granularity": granularity,
        "mode": mode,
        "normalize": normalize,
        "activation": activation,
        "teacher": teacher,
    }
    deletions = Deletions(source, decide, unit, delete, int(min_count))
    basic = Teacher(folds=0, model=teacher, calibrate=False, method=baseline_sigmoid(), deletions=deletions)
    return Method(
        name,
        (ElementMask(mask, tau, aggregate),),
        mask_criterion(mask),
        options=options,
        has_targets=False,
        masks=True,
        multilabel=True,
        version=2,
        needs_texts=True,
        teacher=basic,
    )
