"""Word counts of texts and of labels: split outside Python, sparse, mergeable. Needs no torch.

Shapes: N texts, V words, C labels. A text becomes words in one of four ways (``unit``):

=========  =================================================================================================
unit       words of a text
=========  =================================================================================================
``word``   lower-cased runs of letters, digits and ``_``; a Han, Hiragana or Katakana character is a word
``auto``   as ``word``; where more than 30 % of a text's letters are of those three scripts, also each pair of
           neighbouring characters of them (names and words in these scripts are mostly two characters long)
``char``   every letter or digit, lower-cased, and each pair of neighbours inside a word
``paper``  ``text.split(" ")``: case kept, marks stay on the words, two spaces give an empty word
=========  =================================================================================================

``unit`` may also be a function from a text to its words or a `tokenizers.Tokenizer`; texts that are lists of
words are taken as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from sfumato.errors import InputError
from sfumato.images import are_images
from sfumato.registry import check_choice
from sfumato.targets import Integers

UNITS = ("auto", "word", "char", "paper")
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}"  # scripts that put no space between words
UNSPACED_SHARE = 0.3
CHUNK = 50_000  # texts split at a time: bounds the memory that the words of a large corpus take

Unit = str | Callable[[str], Sequence[str]] | Any


@dataclass(frozen=True, eq=False)
class Counts:
    """How often each word occurs in each text.

    Attributes
    ----------
    matrix : CSR (N, V) float32, sorted indices, no explicit zeros
    vocabulary : the V words, one a column; sorted unless the caller gave an order
    lengths : (N,) float64, words of each text with repeats, also those outside the vocabulary
    """

    matrix: Any
    vocabulary: list[str]
    lengths: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LabelCounts:
    """What a corpus says about words and labels; two of them add up to the one of both corpora.

    Attributes
    ----------
    F : (C, V) float64, occurrences of each word in the texts of each label
    S : (C,) float64, words in the texts of each label, with repeats
    df : (V,) float64, texts that hold the word
    N : number of texts
    vocabulary : the V words
    """

    F: NDArray[np.float64]
    S: NDArray[np.float64]
    df: NDArray[np.float64]
    N: int
    vocabulary: list[str]

    @classmethod
    def of(cls, counts: Counts, labels: Integers, num_classes: int) -> LabelCounts:
        """Count the words of each label; ``labels`` (N,) below ``num_classes``, some may have no text."""
        matrix = counts.matrix
        exact = np.float32 if counts.lengths.sum() < 2**24 else np.float64  # the narrowest that holds every sum
        rows = [np.flatnonzero(labels == k) for k in range(num_classes)]
        F = np.array([np.ones(len(of_label), exact) @ matrix[of_label] for of_label in rows], dtype=np.float64)
        return cls(
            F.reshape(num_classes, len(counts.vocabulary)),
            np.bincount(labels, weights=counts.lengths, minlength=num_classes).astype(np.float64),
            np.bincount(matrix.indices, minlength=len(counts.vocabulary)).astype(np.float64),
            len(labels),
            counts.vocabulary,
        )

    def __add__(self, other: LabelCounts) -> LabelCounts:
        if len(self.S) != len(other.S):
            raise InputError(f"only counts of the same labels add up, got {len(self.S)} and {len(other.S)} labels")
        vocabulary = self.vocabulary
        if vocabulary != other.vocabulary:
            vocabulary = sorted({*vocabulary, *other.vocabulary})
        left, right = self._spread(vocabulary), other._spread(vocabulary)
        return LabelCounts(left.F + right.F, self.S + other.S, left.df + right.df, self.N + other.N, list(vocabulary))

    def _spread(self, vocabulary: list[str]) -> LabelCounts:
        """Put the columns in the order of a larger vocabulary; words never seen here count 0."""
        if vocabulary == self.vocabulary:
            return self
        place = {word: k for k, word in enumerate(vocabulary)}
        columns = [place[word] for word in self.vocabulary]
        F, df = np.zeros((len(self.S), len(vocabulary))), np.zeros(len(vocabulary))
        F[:, columns], df[columns] = self.F, self.df
        return LabelCounts(F, self.S, df, self.N, vocabulary)


def check_unit(owner: str, unit: Any) -> None:
    """Raise unless ``unit`` is one of the names, a function or a tokenizer."""
    if isinstance(unit, str):
        check_choice(owner, "unit", unit, UNITS)
    elif not callable(unit) and not hasattr(unit, "encode_batch"):
        raise InputError(f"{owner}: unit must be a name, a function or a tokenizer, got {unit!r:.60}")


def count_words(texts: Sequence[Any], *, unit: Unit = "auto", vocabulary: Sequence[str] | None = None) -> Counts:
    """Count the words of each text; never holds N × V.

    Parameters
    ----------
    texts : N strings, or N lists of words
    unit : see the module
    vocabulary : count only these words, in this order; None takes all words, sorted

    Raises
    ------
    InputError
        names the first text that is neither a string nor a list of words, or a ``unit`` that does not exist.
    """
    check_unit("count_words", unit)
    if are_images(texts):
        raise InputError("words are counted in texts, and these are images")
    codes = {} if vocabulary is None else _codes(vocabulary)
    parts = []
    for chunk in _chunks(texts):
        tokens, rows = _words(chunk, unit)
        parts.append((_encode(tokens, codes, grow=vocabulary is None), rows, len(chunk)))
    names = sorted(codes) if vocabulary is None else list(vocabulary)
    column = np.empty(len(names) + 1, dtype=np.int64)
    column[[codes[name] for name in names] + [-1]] = [*range(len(names)), -1]
    counted = [_count(column[code], rows, size, len(names)) for code, rows, size in parts]
    matrix = sparse.vstack([m for m, _ in counted], format="csr") if len(counted) > 1 else counted[0][0]
    return Counts(matrix, names, np.concatenate([length for _, length in counted]))


def _chunks(texts: Sequence[Any]) -> Iterator[pl.Series]:
    listed = len(texts) > 0 and isinstance(texts[0], list | tuple)
    wanted, what = ((list, tuple), "a list of words, as the first one is") if listed else ((str,), "a string")
    for start in range(0, max(len(texts), 1), CHUNK):
        part = list(texts[start : start + CHUNK])
        bad = next((i for i, text in enumerate(part) if not isinstance(text, wanted)), None)
        if bad is not None:
            raise InputError(f"text {start + bad + 1} must be {what}, got {part[bad]!r:.60}")
        yield pl.Series(
            [list(text) for text in part] if listed else part, dtype=pl.List(pl.String) if listed else pl.String
        )


def _words(texts: pl.Series, unit: Unit) -> tuple[pl.Series, Integers]:
    """Return all words of the texts, and the text that each comes from."""
    if texts.dtype != pl.String:
        return _flatten(texts)
    if hasattr(unit, "encode_batch"):
        encoded = unit.encode_batch(texts.to_list(), add_special_tokens=False)
        return _flatten(pl.Series([e.tokens for e in encoded], dtype=pl.List(pl.String)))
    if not isinstance(unit, str):
        return _flatten(pl.Series([list(unit(text)) for text in texts], dtype=pl.List(pl.String)))
    if unit == "paper":
        return _flatten(texts.str.split(" "))
    lower = texts.str.to_lowercase()
    if unit == "char":
        return _with_pairs(_flatten(lower.str.extract_all(r"\w")), lower, np.arange(len(lower)), r"\w+")
    ascii_only = (lower.str.len_bytes() == lower.str.len_chars()).all()
    if ascii_only or not lower.str.contains(f"[{UNSPACED}]").any():
        return _flatten(lower.str.extract_all(r"\w+"))
    found = _flatten(lower.str.extract_all(rf"[{UNSPACED}]|[\w--[{UNSPACED}]]+"))
    if unit == "word":
        return found
    letters = lower.str.count_matches(r"\p{L}").to_numpy()
    unspaced = lower.str.count_matches(f"[{UNSPACED}]").to_numpy()
    return _with_pairs(found, lower, np.flatnonzero(unspaced > UNSPACED_SHARE * letters), f"[{UNSPACED}]+")


def _flatten(lists: pl.Series) -> tuple[pl.Series, Integers]:
    sizes = lists.list.len()
    rows = np.repeat(np.arange(len(lists)), sizes.to_numpy())
    return lists.filter(sizes > 0).explode(), rows  # an empty list would explode to one null


def _with_pairs(
    found: tuple[pl.Series, Integers], texts: pl.Series, chosen: Integers, run: str
) -> tuple[pl.Series, Integers]:
    """Add each pair of neighbouring characters inside a ``run`` of the chosen texts."""
    runs, run_rows = _flatten(texts.gather(chosen).str.extract_all(run))
    letters, run_of = _flatten(runs.str.extract_all(r"."))
    if len(letters) < 2:
        return found
    together = run_of[1:] == run_of[:-1]
    pairs = (letters[:-1] + letters[1:]).filter(pl.Series(together))
    rows = chosen[run_rows[run_of[1:][together]]]
    return pl.concat([found[0], pairs]), np.concatenate([found[1], rows])


def _codes(vocabulary: Sequence[str]) -> dict[str, int]:
    codes = {word: k for k, word in enumerate(vocabulary)}
    if len(codes) != len(vocabulary):
        raise InputError(f"vocabulary holds {len(vocabulary) - len(codes)} repeated words; each word needs one column")
    return codes


def _encode(tokens: pl.Series, codes: dict[str, int], *, grow: bool) -> Integers:
    """Return the code of each word, -1 for none; with ``grow``, new words get the next codes in ``codes``."""
    if not len(tokens):
        return np.empty(0, dtype=np.int64)
    local = tokens.cast(pl.Categorical(pl.Categories.random())).to_physical().to_numpy()
    first = np.full(int(local.max()) + 1, -1, dtype=np.int64)
    first[local[::-1]] = np.arange(len(local))[::-1]  # where each distinct word stands first
    used = np.flatnonzero(first >= 0)
    words = tokens.gather(first[used]).to_list()
    if grow:
        new = [word for word in words if word not in codes]
        codes.update(zip(new, range(len(codes), len(codes) + len(new)), strict=True))
    shared = np.full(len(first), -1, dtype=np.int64)
    shared[used] = [codes.get(word, -1) for word in words]
    return np.asarray(shared[local])


def _count(columns: Integers, rows: Integers, size: int, V: int) -> tuple[Any, NDArray[np.float64]]:
    """Return the CSR counts ``(size, V)`` and the words per text; column -1 counts for the length only."""
    lengths = np.bincount(rows, minlength=size).astype(np.float64)
    if len(columns) and columns.min() < 0:
        rows, columns = rows[columns >= 0], columns[columns >= 0]
    bits = max(V - 1, 0).bit_length()  # shifts: a division of each count would cost as much as the sort
    key = np.sort(rows << bits | columns)  # one sort puts equal words of a text side by side
    first = np.ones(len(key), dtype=bool)
    np.not_equal(key[1:], key[:-1], out=first[1:])
    start = np.flatnonzero(first)
    data = np.empty(len(start), dtype=np.float32)
    data[:-1] = start[1:] - start[:-1]
    data[-1:] = len(key) - start[-1:]
    key = key[start]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(key >> bits, minlength=size))])
    return sparse.csr_matrix((data, key & ((1 << bits) - 1), indptr), shape=(size, V)), lengths
