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
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from sfumato.recent import Recent
from sfumato.targets import Integers

IDEOGRAPH = r"\p{Han}\p{Hiragana}\p{Katakana}"
LETTER = r"\p{L}\p{M}\p{N}_"
PATTERN = rf"[{IDEOGRAPH}]|[{LETTER}&&[^{IDEOGRAPH}]]+|[^\s{LETTER}]"  # read alike by polars and by tokenizers
START = "[START]"
LARGEST = 2**63 - 1
KEPT = 2**26  # bytes of tokens that are kept for whoever reads the same texts again


@dataclass(frozen=True, eq=False)
class Tokens:
    """The words of N texts: each word's text ``owner`` (T,) and its ``kind`` (T,), a row of ``kinds`` (K distinct)."""

    owner: Integers
    kind: Integers
    kinds: pl.Series
    lengths: Integers  # (N,)

    @cached_property
    def counts(self) -> Any:
        """How often each kind is in each text, CSR (K, N)."""
        return count_matrix(self.kind, self.owner, (len(self.kinds), len(self.lengths)))

    @cached_property
    def characters(self) -> tuple[Integers, Integers]:
        """``(kind, code point)`` of each character of the kinds of two letters and more, with a space around."""
        return spaced_characters(self.kinds)


def tokenize(texts: Sequence[str], max_length: int | None = None) -> Tokens:
    """Split texts into words, each text cut to ``max_length`` of them.

    Texts that begin with those of a call before (dev rows after the training rows) are read from there on.
    """
    start = READ.find_start(texts)
    if start is None:
        tokens = read_tokens(texts, max_length)
    elif max_length is not None and start[0].lengths.max(initial=0) > max_length:
        return read_tokens(texts, max_length)
    else:
        known, rows = start
        if rows == len(texts):
            return known
        tokens = join_tokens(known, read_tokens(texts[rows:], max_length))
    if max_length is None or tokens.lengths.max(initial=0) < max_length:
        READ.keep(tokens, 24 * len(tokens.kind), texts)
    return tokens


def read_tokens(texts: Sequence[str], max_length: int | None) -> Tokens:
    """Split texts into words, whatever was read before."""
    given = pl.Series("text", list(texts), dtype=pl.String)
    foreign = np.array([row for row, text in enumerate(texts) if not text.isascii()], dtype=np.int64)
    if len(foreign):  # to normalize ASCII is slow and changes nothing
        given = given.scatter(foreign, given.gather(foreign).str.normalize("NFKC"))
    lists = given.str.to_lowercase().str.extract_all(PATTERN)
    if max_length is not None:
        lists = lists.list.head(max_length)
    lengths = lists.list.len().to_numpy().astype(np.int64)
    words = lists.filter(pl.Series(lengths > 0)).explode()
    kinds = words.unique().sort()
    return Tokens(np.repeat(np.arange(len(lengths)), lengths), positions(words, kinds), kinds, lengths)


def join_tokens(first: Tokens, second: Tokens) -> Tokens:
    """Return the tokens of two lists of texts, one after the other."""
    kinds = pl.concat([first.kinds, second.kinds]).unique().sort()
    kind = [positions(part.kinds, kinds)[part.kind] for part in (first, second)]
    owner = [first.owner, second.owner + len(first.lengths)]
    lengths = np.concatenate([first.lengths, second.lengths])
    return Tokens(np.concatenate(owner), np.concatenate(kind), kinds, lengths)


def positions(words: pl.Series, vocabulary: pl.Series) -> Integers:
    """Return the position of each word in ``vocabulary``, or -1."""
    if not len(vocabulary):
        return np.full(len(words), -1, dtype=np.int64)
    found = words.cast(pl.Enum(vocabulary), strict=False).to_physical().cast(pl.Int64).fill_null(-1)
    return found.to_numpy().astype(np.int64)


def places(numbers: Integers, sorted_numbers: Integers) -> Integers:
    """Return the position of each number among distinct ``sorted_numbers``, or -1."""
    known = pl.DataFrame({"number": sorted_numbers, "place": np.arange(len(sorted_numbers))})
    asked = pl.DataFrame({"number": numbers})
    found = asked.join(known, on="number", how="left", maintain_order="left")["place"]
    return found.fill_null(-1).to_numpy()


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
        self.ids = positions(tokens.kinds, pl.Series(vocabulary, dtype=pl.String)) + 1  # (K,), 0 = unknown
        self.words = self.ids[tokens.kind]  # (T,)
        self.start = len(vocabulary) + 1
        self.letters = np.array([ord(letter) for letter in vocabulary[:alphabet]], dtype=np.int64)

    @cached_property
    def characters(self) -> tuple[Integers, Integers]:
        """The kind of word, and the position in the alphabet from 1, of each character; 0 is unknown."""
        kinds, points = self.tokens.characters
        place = np.searchsorted(self.letters, points).clip(max=len(self.letters) - 1)
        return kinds, np.where(self.letters[place] == points, place + 1, 0)

    def occurrences(self, block: str) -> tuple[Integers, Integers]:
        """Return ``(text, code)`` of each n-gram of two words and more, elsewhere ``(kind of word, code)``."""
        unit, _, length = block.partition("-")
        if unit == "characters":
            kinds, digits = self.characters
            return join_digits(digits, kinds, int(length), len(self.letters) + 1)
        if length == "1":
            known = np.flatnonzero(self.ids)
            return known, self.ids[known]
        digits, owner = self.started()
        return join_digits(digits, owner, int(length), self.start + 1)

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
        """Return the codes (by default those that occur) and how often each is in each text, CSR (codes, N)."""
        owner, found = self.occurrences(block)
        if codes is None:
            codes, place = np.unique(found, return_inverse=True)
        else:
            place = places(found, codes)
            owner, place = owner[place >= 0], place[place >= 0]
        if block.startswith("words") and block != "words-1":
            return codes, count_matrix(place, owner, (len(codes), len(self.tokens.lengths)))
        counts = count_matrix(place, owner, (len(codes), len(self.tokens.kinds))) @ self.tokens.counts
        return codes, counts.tocsr()


def frequent_words(tokens: Tokens, min_df: int) -> list[str]:
    """Return the words that occur in at least ``min_df`` texts, sorted."""
    texts_with = np.diff(tokens.counts.indptr)  # (K,)
    found: list[str] = tokens.kinds.gather(np.flatnonzero(texts_with >= min_df)).to_list()
    return found


def ideograph_share(tokens: Tokens) -> float:
    """Return the share of the words that are ideographs or kana."""
    single = tokens.kinds.str.contains(rf"^[{IDEOGRAPH}]$").to_numpy()
    return float(single[tokens.kind].mean())


def common_letters(tokens: Tokens, n: int) -> list[str]:
    """Return the characters of the words and the space, sorted; the most frequent where ``n`` of them would not fit."""
    points, counts = np.unique(tokens.characters[1], return_counts=True)
    most = largest_base(n) - 1
    kept = points[np.argsort(-counts, kind="stable")[:most]]
    return [chr(point) for point in np.sort(kept)]


READ: Recent[Tokens] = Recent(KEPT)
