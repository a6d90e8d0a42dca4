"""How far the words of a text hold each class up: what a model's probability loses when a word is deleted.

MaskLoss, appendix A.3: a word has a label among its *dependent labels* if deleting it somewhere makes the probability
of the label drop by more than a threshold tau, and the group of a text is the union of the dependent labels of its
words. So all that a text needs for any tau is the largest such drop of each label over its words, (N, C).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from sfumato.calibration import sigmoid
from sfumato.data import Examples, Predictor
from sfumato.deletions.answers import logits_without
from sfumato.deletions.kept import Kept
from sfumato.deletions.words import Words, words_of
from sfumato.errors import InputError
from sfumato.method import Deletions
from sfumato.targets import Floats, Integers

if TYPE_CHECKING:
    from sfumato.model import Model

BLOCK = 2_000_000  # entries of the answers held at once
Report = Callable[[int, int], None]


class Keyword(NamedTuple):
    """A word, the labels that depend on it, and by how much each one's probability drops without it."""

    word: str
    labels: tuple[str, ...]
    drops: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class WordDrops:
    """What each word of the training texts was found to hold up.

    Attributes
    ----------
    encoder : of the model, which says what the words of a text are
    unit : "word" or "token"
    vocabulary : word -> row of ``table``
    table : (V, C) float32, the largest drop of each class (the ``min_count``-th largest); 0 for a word never deleted
    classes : the class names
    deleted, rows : how many words were deleted, and from how many texts
    """

    encoder: Any
    unit: str
    vocabulary: dict[str, int]
    table: Floats
    classes: tuple[str, ...]
    deleted: int
    rows: int

    def __call__(self, examples: Examples) -> Floats:
        """Return the largest drop over the words of each text, (N, C)."""
        return self.of_words(words_of(self.encoder, examples.inputs, unit=self.unit))

    def of_words(self, words: Words) -> Floats:
        """Return the largest drop over the words of each text, (N, C); 0 for one without a known word."""
        row = np.array([self.vocabulary.get(word, -1) for word in words.vocabulary], dtype=np.int64)
        found = row[words.key] if len(row) else np.empty(0, dtype=np.int64)
        known = np.flatnonzero(found >= 0)
        drops = np.zeros((len(words), len(self.classes)), dtype=np.float32)
        owner = words.owner[known]
        begin = np.flatnonzero(np.diff(owner, prepend=-1))
        for first in range(0, len(begin), 4096):
            part = begin[first : first + 4096]
            end = begin[first + 4096] if first + 4096 < len(begin) else len(known)
            held = self.table[found[known[part[0] : end]]]
            drops[owner[part]] = np.maximum.reduceat(held, part - part[0], axis=0)
        return drops

    def keywords(self, tau: float) -> list[Keyword]:
        """Return the words with a dependent label at the threshold ``tau``, the largest drop first."""
        words = list(self.vocabulary)
        rows = np.flatnonzero((self.table > tau).any(axis=1))
        found = []
        for row in rows[np.argsort(-self.table[rows].max(axis=1), kind="stable")]:
            labels = [k for k in np.argsort(-self.table[row], kind="stable") if self.table[row, k] > tau]
            drops = tuple(float(self.table[row, k]) for k in labels)
            found.append(Keyword(words[row], tuple(self.classes[k] for k in labels), drops))
        return found


def word_drops(
    model: Predictor,
    train: Examples,
    deletions: Deletions,
    *,
    fast: bool = True,
    exact: bool = False,
    checkpoint: Path | None = None,
    afresh: bool = False,
    report: Report | None = None,
) -> WordDrops:
    """Delete the words of the chosen training rows, one at a time, and return what each word holds up.

    Parameters
    ----------
    model : a trained `sfumato.model.Model`
    fast, exact : see `logits_without`
    checkpoint : a file for what is found so far; the same call with the same model goes on from it
    afresh : start anew, with a warning, where that file is of another model, other texts or options; else it is refused
    report : called with the number of words deleted so far and in all
    """
    trained = cast("Model", model)
    if not hasattr(trained, "network"):
        raise InputError("words are deleted from the texts of a trained sfumato model, and this teacher is none")
    if train.labels.ndim == 2 and deletions.decide == "argmax":
        raise InputError("decide='argmax' is for one label a row; leave 'threshold' for several")
    words = words_of(trained.encoder, train.inputs, unit=deletions.unit)
    before = sigmoid(trained.predict_logits(train.inputs))
    rows = source_rows(deletions, train.gold, before)
    chosen = words.of(rows)
    if deletions.delete == "all_occurrences":
        chosen = chosen[first_of_their_text(words)[chosen]]
    work = Work(trained, words, chosen, before, deletions, fast, exact)
    table = work.run(Kept(checkpoint, afresh), report)
    vocabulary = {word: row for row, word in enumerate(words.vocabulary)}
    return WordDrops(trained.encoder, deletions.unit, vocabulary, table, train.classes, len(chosen), int(rows.sum()))


def source_rows(deletions: Deletions, gold: NDArray[np.bool_], before: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Return which rows (N,) have their words deleted, from labels and probabilities (N, C)."""
    if deletions.source == "all":
        return np.ones(len(gold), dtype=bool)
    if deletions.decide == "threshold":
        right = ((before > 0.5) == gold).all(axis=1)
    else:
        right = gold[np.arange(len(gold)), before.argmax(axis=1)]
    return np.asarray(right if deletions.source == "correct" else ~right)


def first_of_their_text(words: Words) -> NDArray[np.bool_]:
    """Return which words (W,) stand in their text for the first time."""
    first = np.zeros(len(words.key), dtype=bool)
    pairs = words.owner * max(len(words.vocabulary), 1) + words.key
    first[np.unique(pairs, return_index=True)[1]] = True
    return first


@dataclass(eq=False)
class Work:
    """The deletions of a run, a block of words at a time."""

    model: Model
    words: Words
    chosen: Integers
    before: NDArray[np.floating[Any]]
    deletions: Deletions
    fast: bool
    exact: bool

    def run(self, kept: Kept, report: Report | None) -> Floats:
        """Return the table (V, C), going on from what is kept, if anything is."""
        C, m = self.before.shape[1], int(self.deletions.min_count)
        best = np.zeros((m, len(self.words.vocabulary), C), dtype=np.float32)
        step, done = max(BLOCK // max(C, 1), 1), 0
        settings = self.settings() if kept.path is not None else ""
        best, done = kept.read(settings) or (best, done)
        while done < len(self.chosen):
            part = self.chosen[done : done + step]
            logits = logits_without(
                self.model, self.words, part, delete=self.deletions.delete, fast=self.fast, exact=self.exact
            )
            drop = (self.before[self.words.owner[part]] - sigmoid(logits)).astype(np.float32)
            keep_largest(best, self.words.key[part], drop)
            done += len(part)
            kept.write(settings, best, done)
            if report is not None:
                report(done, len(self.chosen))
        return np.asarray(best[-1])

    def settings(self) -> str:
        """Return a hash of what decides the answers: the options, the words and the model's answers."""
        said = sha256(json.dumps(asdict(self.deletions), sort_keys=True).encode())
        for array in (self.words.flat, self.words.key, self.chosen, np.asarray(self.before, dtype=np.float32)):
            said.update(np.ascontiguousarray(array).tobytes())
        return said.hexdigest()


def keep_largest(best: Floats, keys: Integers, drops: Floats) -> None:
    """Put the drops (D, C) of some words into the largest ones so far, (m, V, C), in place."""
    if len(best) == 1:
        order = np.argsort(keys, kind="stable")
        begin = np.flatnonzero(np.diff(keys[order], prepend=-1))
        if len(begin):
            found = np.maximum.reduceat(drops[order], begin, axis=0)
            row = keys[order][begin]
            best[0, row] = np.maximum(best[0, row], found)
        return
    for key, drop in zip(keys, drops, strict=True):
        column = np.sort(np.concatenate([best[:, key], drop[None]]), axis=0)[::-1]
        best[:, key] = column[: len(best)]
