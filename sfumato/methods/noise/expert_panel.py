"""The two experts of one table with their folds, asked with the given labels or with shares of them.

Shapes: E experts, N texts, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from typing import Any

from sfumato.errors import InputError
from sfumato.keywords import Counts, Unit, check_unit, count_words
from sfumato.methods.noise.experts import best_steps, keyword_scores, soft_keyword_scores, soft_linear
from sfumato.methods.noise.judged_rows import Mask, first_of, learnable, mean_of_copies, places, sampled
from sfumato.methods.noise.model import Array, standardised
from sfumato.ngrams import NgramEncoder
from sfumato.recent import Recent
from sfumato.registry import check_choice, check_range, check_truth, check_whole
from sfumato.row_squares import RowSquares
from sfumato.split import fold_rows
from sfumato.targets import Integers

EXPERTS = ("both", "linear", "keywords")
SQUARES: Recent[RowSquares] = Recent(2**27)  # of the last texts: methods that are compared ask for the same
HELD_OUT: Recent[tuple[int, Array]] = Recent(2**26)  # steps and logits of the linear expert, by texts and given labels


@dataclass(frozen=True)
class Settings:
    """What `adaptive` and `adaptive_fast` are given; see there."""

    folds: int = 5
    experts: str = "both"
    rounds: int | str = "auto"
    family: str = "auto"
    bias: bool = True
    guard: float = 0.05
    shrink: bool = True
    floor: float = 0.0
    unit: Unit = "auto"
    seed: int = 0
    owner: str = field(default="adaptive", compare=False)  # of the errors

    def __post_init__(self) -> None:
        owner = self.owner
        check_whole(owner, "folds", self.folds, 2, 100)
        check_choice(owner, "experts", self.experts, EXPERTS)
        rounds: Any = self.rounds
        if rounds != "auto":
            if isinstance(rounds, bool) or not isinstance(rounds, Real):
                raise InputError(f"{owner}: rounds must be a whole number or 'auto', got {rounds!r}")
            check_whole(owner, "rounds", rounds, 0, 20)
        check_choice(owner, "family", self.family, ("auto", "none", "uniform", "pairwise"))
        check_range(owner, "guard", self.guard, 0, 1)
        check_range(owner, "floor", self.floor, 0, 1)
        check_whole(owner, "seed", self.seed, 0)
        check_truth(owner, "bias", self.bias)
        check_truth(owner, "shrink", self.shrink)
        check_unit(owner, self.unit)
        for name in ("folds", "seed"):  # 5.0 is 5
            object.__setattr__(self, name, int(getattr(self, name)))


class Experts:
    """The experts of a table, asked with the given labels or with shares of them."""

    def __init__(self, texts: Sequence[str], labels: Integers, C: int, settings: Settings) -> None:
        self.texts, self.labels, self.C, self.settings = texts, labels, C, settings
        self.fold = fold_rows(labels, texts, folds=min(settings.folds, len(set(texts))), seed=settings.seed)
        self.place = places(texts, labels)
        self.once = first_of(self.place)  # of each different row the first
        self.counts = None if settings.experts == "linear" else self._counted()
        self.steps = 0

    def check_words(self) -> None:
        """Raise an `InputError` where words are counted and no text holds one."""
        if self.counts is not None and not self.counts.matrix.nnz:
            told = f"none of the {len(self.texts)} texts holds a word (unit={self.settings.unit!r})"
            raise InputError(f"{self.settings.owner}: {told}, so no label can be judged")

    def kept(self) -> Mask:
        """Return which rows keep their label, (N,): those whose label no text of another fold has."""
        return ~learnable(self.labels, self.fold, self.C)

    def fitted_rows(self) -> Integers:
        """Return the rows that the model of wrong labels is fitted to: different ones that can be judged."""
        judged = self.once[~self.kept()[self.once]]
        return judged[sampled(len(judged), self.settings.seed)]

    def _counted(self) -> Counts:
        """Return the words of the different rows."""
        return count_words([self.texts[i] for i in self.once], unit=self.settings.unit)

    def given(self) -> Array:
        """Return the scores by the given labels, (E, N, C)."""
        found = []
        if self.settings.experts != "keywords":
            found.append(self.linear())
        if self.counts is not None:
            found.append(self.of_keywords(self.counts)[self.place])
        return standardised(found)

    def of_keywords(self, counts: Counts) -> Array:
        """Return the relevance of the labels to the different rows by the given labels."""
        return keyword_scores(counts, self.labels[self.once], self.C)

    def linear(self) -> Array:
        """Return the held-out logits of the linear expert by the given labels, (N, C)."""
        key = (self.labels.tobytes(), self.C, self.settings.folds, self.settings.seed)
        found = HELD_OUT.find(self.texts, *key)
        if found is None:
            found = best_steps(self.squares, self.labels, self.C, self.fold)
            HELD_OUT.keep(found, found[1].nbytes, self.texts, *key)
        self.steps, logits = found
        return logits

    @cached_property
    def squares(self) -> RowSquares:
        """The n-grams of the texts, made where they are asked for."""
        return squares_of(self.texts)

    def soft(self, q: Array) -> Array:
        """Return the scores where row i has the share q_ij of label j, (E, N, C)."""
        linear = self.settings.experts != "keywords"
        found = [soft_linear(self.squares, q, self.fold, self.steps)] if linear else []
        if self.counts is not None:
            found.append(soft_keyword_scores(self.counts, mean_of_copies(q, self.place))[self.place])
        return standardised(found)


def judged_by_others(owner: str, inputs: Sequence[Any]) -> list[Any]:
    """Return the texts, lists of words as tuples of them.

    Raises
    ------
    InputError
        if there are not two different ones.
    """
    texts = [tuple(text) if isinstance(text, list) else text for text in inputs]
    if not texts:
        raise InputError(f"{owner}: there is no row; give texts and labels")
    if len(set(texts)) < 2:
        raise InputError(
            f"{owner}: each text is judged by others, and all {len(texts)} texts are the same: {texts[0][:60]!r}"
        )
    return texts


def squares_of(texts: Sequence[str]) -> RowSquares:
    """Return the n-grams of the texts, words of a list with spaces between, for classifiers fitted several times."""
    found = SQUARES.find(texts)
    if found is None:
        joined = [text if isinstance(text, str) else " ".join(text) for text in texts]
        found = RowSquares(NgramEncoder.fit(joined).encode(joined).matrix)
        SQUARES.keep(found, found.nbytes, texts)
    return found
