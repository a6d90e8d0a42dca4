"""Texts as sparse rows of word and character n-grams, weighted by TF-IDF.

Words are runs of letters, marks, digits and underscores in lower case; each ideograph and each kana is a word of
its own. Character n-grams are read inside a word with one space on either side, for words of two letters and more,
so that a word that was never seen still shares its parts. An n-gram is one int64, a number written with the ids of
its parts as digits: exact, sortable, and found again by `numpy.searchsorted`.

Weights: ``(1 + ln tf) * (1 + ln((1 + N) / (1 + df)))``, then every row is scaled to length 1. N texts, V n-grams.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sfumato.data import Floats, Integers
from sfumato.errors import InputError

IDEOGRAPH = r"\p{Han}\p{Hiragana}\p{Katakana}"
PATTERN = rf"[{IDEOGRAPH}]|[\p{{L}}\p{{M}}\p{{N}}_&&[^{IDEOGRAPH}]]+"  # read alike by polars and by tokenizers
UNKNOWN = "[UNK]"
SHORT = 200  # characters: shorter texts on average get character n-grams; in longer ones words say enough
TINY = 200  # texts: below that, n-grams of a single text are kept
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


def weigh(counts: Any, idf: Floats) -> Any:
    """Turn counts, CSR (N, V), into TF-IDF rows of length 1; a row without n-grams stays empty."""
    from scipy.sparse import csr_matrix

    data = (1 + np.log(counts.data)) * idf[counts.indices]
    owner = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    norms = np.sqrt(np.bincount(owner, weights=data.astype(np.float64) ** 2, minlength=counts.shape[0]))
    data = (data / norms[owner]).astype(np.float32)
    return csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape)


@dataclass(frozen=True, eq=False)
class EncodedNgrams:
    """N texts as a CSR ``matrix`` (N, V) float32, and the number of words of each, ``lengths`` (N,)."""

    matrix: Any
    lengths: Integers

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, index: Integers) -> dict[str, Any]:
        """Return the rows ``index`` as ``features``, a torch sparse CSR tensor (B, V)."""
        import torch

        rows = self.matrix[np.asarray(index)]
        parts = (rows.indptr.astype(np.int64), rows.indices.astype(np.int64), rows.data)
        crow, columns, values = (torch.from_numpy(part) for part in parts)
        return {"features": torch.sparse_csr_tensor(crow, columns, values, size=rows.shape, check_invariants=False)}


class Reading:
    """N tokenized texts read with a vocabulary: which n-grams of a block occur, and how often in each text."""

    def __init__(self, tokens: Tokens, vocabulary: tuple[str, ...], alphabet: int) -> None:
        self.tokens = tokens
        known = pl.Series(vocabulary, dtype=pl.String)
        self.words = (positions(tokens.kinds, known) + 1)[tokens.kind]  # (T,), 0 = unknown
        self.word_base = len(vocabulary) + 1
        self.letters = np.array([ord(letter) for letter in vocabulary[:alphabet]], dtype=np.int64)

    def occurrences(self, block: str) -> tuple[Integers, Integers]:
        """Return ``(text, code)`` of each word n-gram, or ``(kind of word, code)`` of each character n-gram."""
        unit, _, length = block.partition("-")
        if unit == "words":
            return join_digits(self.words, self.tokens.owner, int(length), self.word_base)
        kinds, points = spaced_characters(self.tokens.kinds)
        place = np.searchsorted(self.letters, points).clip(max=len(self.letters) - 1)
        digits = np.where(self.letters[place] == points, place + 1, 0)
        return join_digits(digits, kinds, int(length), len(self.letters) + 1)

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


@dataclass(frozen=True, eq=False)
class NgramEncoder:
    """The n-grams of a training split and their weights.

    Attributes
    ----------
    vocabulary : every known character (``alphabet`` of them, by code point), then the known words; id = position + 1
    alphabet : number of tokens that are the digits of character n-grams
    codes : the n-grams, sorted, by block: ``words-1``, ``words-2``, ``characters-3``, ...
    idf : (V,) float32, the blocks one after the other
    """

    vocabulary: tuple[str, ...]
    alphabet: int
    codes: dict[str, Integers]
    idf: Floats

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        *,
        words: int | None = None,
        characters: tuple[int, ...] | None = None,
        min_df: int | None = None,
    ) -> NgramEncoder:
        """Collect the n-grams that occur in at least ``min_df`` texts.

        ``words`` is the longest run of words (None: 3 where most words are ideographs, else 2); ``characters`` are
        the lengths of character n-grams (None: 3 and 4 where texts are short); ``min_df`` None is 2, or 1 below
        200 texts.

        Raises
        ------
        InputError
            if no text holds a word, or no n-gram is frequent enough.
        """
        tokens = tokenize(texts)
        if not len(tokens.kind):
            raise InputError(f"none of the {len(texts)} training texts holds a letter or a digit; linear reads words")
        min_df = (2 if len(texts) >= TINY else 1) if min_df is None else min_df
        words = (3 if ideograph_share(tokens) > 0.5 else 2) if words is None else words
        characters = short_text_characters(texts, tokens) if characters is None else characters
        alphabet = common_letters(tokens.kinds, max(characters)) if characters else []
        frequent = frequent_words(tokens, min_df)
        vocabulary = (*alphabet, *sorted(set(frequent) - set(alphabet)))
        reading = Reading(tokens, vocabulary, len(alphabet))
        blocks = [f"words-{n}" for n in range(1, words + 1)] + [f"characters-{n}" for n in characters]
        codes, frequencies = {}, []
        for block in blocks:
            found, counts = reading.counts(block)
            texts_with = np.bincount(counts.indices, minlength=len(found))  # (codes,)
            codes[block] = found[texts_with >= min_df]
            frequencies.append(texts_with[texts_with >= min_df])
        df = np.concatenate(frequencies)
        if not len(df):
            raise InputError(f"no n-gram occurs in {min_df} of the {len(texts)} training texts; lower min_df")
        idf = 1 + np.log((1 + len(texts)) / (1 + df))
        return cls(vocabulary, len(alphabet), codes, idf.astype(np.float32))

    @property
    def num_features(self) -> int:
        """Number of n-grams V."""
        return len(self.idf)

    def encode(self, texts: Sequence[str], max_length: int | None = None) -> EncodedNgrams:
        """Return the TF-IDF rows of ``texts``, each text cut to ``max_length`` words."""
        from scipy.sparse import hstack

        tokens = tokenize(texts, max_length)
        reading = Reading(tokens, self.vocabulary, self.alphabet)
        counts = hstack([reading.counts(block, codes)[1] for block, codes in self.codes.items()], format="csr")
        return EncodedNgrams(weigh(counts, self.idf), tokens.lengths)

    def names(self, columns: Integers | None = None) -> list[str]:
        """Return the n-gram of each column as text (all of them by default)."""
        columns = np.arange(self.num_features) if columns is None else columns
        starts = np.cumsum([0, *(len(codes) for codes in self.codes.values())])
        named = []
        for column in columns:
            k = int(np.searchsorted(starts, column, side="right")) - 1
            block, codes = list(self.codes.items())[k]
            named.append(self.name(block, int(codes[column - starts[k]])))
        return named

    def name(self, block: str, code: int) -> str:
        """Return the n-gram with this code as text."""
        words = block.startswith("words")
        base = (len(self.vocabulary) if words else self.alphabet) + 1
        parts = []
        while code:
            code, digit = divmod(code, base)
            parts.append(self.vocabulary[digit - 1])
        return (" " if words else "").join(reversed(parts))

    def save(self, folder: Path) -> None:
        """Write ``tokenizer.json`` (pattern and vocabulary) and ``ngrams.safetensors`` (codes and idf)."""
        from safetensors.numpy import save_file
        from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

        ids = {token: k for k, token in enumerate((UNKNOWN, *self.vocabulary))}
        tokenizer = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(PATTERN), "removed", invert=True)
        tokenizer.save(str(folder / "tokenizer.json"))
        arrays: dict[str, Any] = {"idf": self.idf, **{f"codes.{k}.{block}": c for k, (block, c) in enumerate(self.codes.items())}}
        save_file(arrays, folder / "ngrams.safetensors", metadata={"alphabet": str(self.alphabet)})

    @classmethod
    def load(cls, folder: Path) -> NgramEncoder:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            if a file is missing, damaged or does not belong to the other.
        """
        from safetensors import SafetensorError, safe_open
        from tokenizers import Tokenizer

        names = [folder / "tokenizer.json", folder / "ngrams.safetensors"]
        for path in names:
            if not path.is_file():
                raise InputError(f"{folder} has no {path.name}; a linear model needs it: save the model again")
        try:
            ids = Tokenizer.from_file(str(names[0])).get_vocab()
            with safe_open(names[1], framework="numpy") as file:
                arrays = {name: file.get_tensor(name) for name in sorted(file.keys())}
                alphabet = int(file.metadata()["alphabet"])
            codes = {name.split(".")[2]: arrays[name] for name in arrays if name.startswith("codes.")}
            idf = arrays["idf"]
        except (SafetensorError, KeyError, TypeError, ValueError, Exception) as error:
            raise InputError(f"{folder} is damaged or no linear model: {error}") from error
        vocabulary = tuple(sorted(set(ids) - {UNKNOWN}, key=ids.__getitem__))
        if sum(map(len, codes.values())) != len(idf) or alphabet > len(vocabulary):
            raise InputError(f"{names[1]} does not belong to {names[0]}; save the model again")
        return cls(vocabulary, alphabet, codes, idf)


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


def short_text_characters(texts: Sequence[str], tokens: Tokens) -> tuple[int, ...]:
    """Return the lengths of character n-grams that suit the texts: none where they are long or of ideographs."""
    mean = sum(map(len, texts)) / len(texts)
    return (3, 4) if mean < SHORT and ideograph_share(tokens) <= 0.5 else ()


def common_letters(kinds: pl.Series, n: int) -> list[str]:
    """Return the characters of the words and the space, sorted; the most frequent where ``n`` of them would not fit."""
    points, counts = np.unique(spaced_characters(kinds)[1], return_counts=True)
    most = largest_base(n) - 1
    kept = points[np.argsort(-counts, kind="stable")[:most]]
    return [chr(point) for point in np.sort(kept)]
