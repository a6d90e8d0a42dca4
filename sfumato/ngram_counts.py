"""How often each text holds each n-gram of words or of characters: an n-gram is one int64.

Words are runs of letters, marks, digits and underscores in lower case; each ideograph, each kana and each other
sign is a word of its own. The first word also forms n-grams with the start of the text. Character n-grams are read
inside a word of two letters and more, with one space on either side, so that a word that was never seen still
shares its parts. The number of an n-gram has the ids of its parts as digits: exact, sortable, and found again by
`numpy.searchsorted`. N texts, T words in all, K kinds of word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from sfumato.targets import Integers

IDEOGRAPH = r"\p{Han}\p{Hiragana}\p{Katakana}"
LETTER = r"\p{L}\p{M}\p{N}_"
PATTERN = rf"[{IDEOGRAPH}]|[{LETTER}&&[^{IDEOGRAPH}]]+|[^\s{LETTER}]"  # read alike by polars and by tokenizers
START = "[START]"
LARGEST = 2**63 - 1


@dataclass(frozen=True, eq=False)
class Tokens:
    """The words of N texts: each word's text ``owner`` (T,) and its ``kind`` (T,), a row of ``kinds`` (K distinct)."""

    owner: Integers
    kind: Integers
    kinds: pl.Series
    lengths: Integers  # (N,)


def tokenize(texts: Sequence[str], max_length: int | None = None) -> Tokens:
    """Split texts into words, each text cut to ``max_length`` of them."""
    lists = pl.Series("text", list(texts), dtype=pl.String).str.normalize("NFKC").str.to_lowercase()
    lists = lists.str.extract_all(PATTERN)
    if max_length is not None:
        lists = lists.list.head(max_length)
    lengths = lists.list.len().to_numpy().astype(np.int64)
    words = lists.filter(pl.Series(lengths > 0)).explode()
    kinds = words.unique().sort()
    return Tokens(np.repeat(np.arange(len(lengths)), lengths), positions(words, kinds), kinds, lengths)


def positions(words: pl.Series, vocabulary: pl.Series) -> Integers:
    """Return the position of each word in ``vocabulary``, or -1."""
    if not len(vocabulary):
        return np.full(len(words), -1, dtype=np.int64)
    found = words.cast(pl.Enum(vocabulary), strict=False).to_physical().cast(pl.Int64).fill_null(-1)
    return found.to_numpy().astype(np.int64)


def join_digits(digits: Integers, groups: Integers, n: int, base: int) -> tuple[Integers, Integers]:
    """Return ``(group, code)`` of every run of ``n`` digits inside a group; a run that holds a 0 (unknown) is left out.

    ``digits`` and ``groups`` are (T,), groups in order; the code of a run is its number in base ``base``.
    """
    last = max(len(digits) - n + 1, 0)
    codes = np.zeros(last, dtype=np.int64)
    keep = groups[:last] == groups[len(groups) - last :]
    for k in range(n):
        part = digits[k : k + last]
        codes = codes * base + part
        keep &= part > 0
    return groups[:last][keep], codes[keep]


def largest_base(n: int) -> int:
    """Return the largest base in which every number of ``n`` digits fits into an int64."""
    base = int(LARGEST ** (1 / n))
    while base**n > LARGEST:
        base -= 1
    return base


def spaced_characters(kinds: pl.Series) -> tuple[Integers, Integers]:
    """Return ``(word, code point)`` of each character of the words of two letters and more, with a space around."""
    words = np.flatnonzero(kinds.str.len_chars().to_numpy() > 1)
    text = "".join(f" {word} " for word in kinds.gather(words).to_list())
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.int64)
    sizes = kinds.gather(words).str.len_chars().to_numpy().astype(np.int64) + 2
    return np.repeat(words, sizes), points


def count_matrix(rows: Integers, columns: Integers, shape: tuple[int, int]) -> Any:
    """Return how often each (row, column) occurs, a CSR matrix float32 with sorted indices and no duplicates."""
    from scipy.sparse import coo_matrix

    ones = np.ones(len(rows), dtype=np.float32)
    matrix = coo_matrix((ones, (rows.astype(np.int32), columns.astype(np.int32))), shape=shape).tocsr()
    matrix.sum_duplicates()
    return matrix


class Reading:
    """N tokenized texts read with a vocabulary: which n-grams of a block occur, and how often in each text."""

    def __init__(self, tokens: Tokens, vocabulary: tuple[str, ...], alphabet: int) -> None:
        self.tokens = tokens
        known = pl.Series(vocabulary, dtype=pl.String)
        self.words = (positions(tokens.kinds, known) + 1)[tokens.kind]  # (T,), 0 = unknown
        self.start = len(vocabulary) + 1
        self.letters = np.array([ord(letter) for letter in vocabulary[:alphabet]], dtype=np.int64)

    def occurrences(self, block: str) -> tuple[Integers, Integers]:
        """Return ``(text, code)`` of each word n-gram, or ``(kind of word, code)`` of each character n-gram."""
        unit, _, length = block.partition("-")
        if unit == "words":
            digits, owner = (self.words, self.tokens.owner) if length == "1" else self.started()
            return join_digits(digits, owner, int(length), self.start + 1)
        kinds, points = spaced_characters(self.tokens.kinds)
        place = np.searchsorted(self.letters, points).clip(max=len(self.letters) - 1)
        digits = np.where(self.letters[place] == points, place + 1, 0)
        return join_digits(digits, kinds, int(length), len(self.letters) + 1)

    def started(self) -> tuple[Integers, Integers]:
        """Return the words with the start of its text before each first one, and the text of each, (T + N,)."""
        texts = np.arange(len(self.tokens.lengths))
        first = np.cumsum(self.tokens.lengths + 1) - self.tokens.lengths - 1  # (N,)
        digits = np.full(len(self.words) + len(texts), self.start, dtype=np.int64)
        inside = np.ones(len(digits), dtype=bool)
        inside[first] = False
        digits[inside] = self.words
        return digits, np.repeat(texts, self.tokens.lengths + 1)

    def counts(self, block: str, codes: Integers | None = None) -> tuple[Integers, Any]:
        """Return the codes (by default those that occur) and how often each text holds each, CSR (N, codes)."""
        owner, found = self.occurrences(block)
        codes = np.unique(found) if codes is None else codes
        place = np.searchsorted(codes, found).clip(max=max(len(codes) - 1, 0))
        known = codes[place] == found if len(codes) else np.zeros(len(found), dtype=bool)
        owner, place = owner[known], place[known]
        num_texts, num_kinds = len(self.tokens.lengths), len(self.tokens.kinds)
        if block.startswith("words"):
            return codes, count_matrix(owner, place, (num_texts, len(codes)))
        kinds = count_matrix(self.tokens.owner, self.tokens.kind, (num_texts, num_kinds))
        counts = (kinds @ count_matrix(owner, place, (num_kinds, len(codes)))).tocsr()
        counts.sort_indices()
        return codes, counts


def frequent_words(tokens: Tokens, min_df: int) -> list[str]:
    """Return the words that occur in at least ``min_df`` texts, sorted."""
    counts = count_matrix(tokens.owner, tokens.kind, (len(tokens.lengths), len(tokens.kinds)))
    texts_with = np.bincount(counts.indices, minlength=len(tokens.kinds))
    found: list[str] = tokens.kinds.gather(np.flatnonzero(texts_with >= min_df)).to_list()
    return found


def ideograph_share(tokens: Tokens) -> float:
    """Return the share of the words that are ideographs or kana."""
    single = tokens.kinds.str.contains(rf"^[{IDEOGRAPH}]$").to_numpy()
    return float(single[tokens.kind].mean())


def common_letters(kinds: pl.Series, n: int) -> list[str]:
    """Return the characters of the words and the space, sorted; the most frequent where ``n`` of them would not fit."""
    points, counts = np.unique(spaced_characters(kinds)[1], return_counts=True)
    most = largest_base(n) - 1
    kept = points[np.argsort(-counts, kind="stable")[:most]]
    return [chr(point) for point in np.sort(kept)]
