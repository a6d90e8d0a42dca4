"""Texts as sparse rows of word and character n-grams, weighted by how rare they are.

The weight of an n-gram in a text is ``(1 + ln tf) * idf ** 1.5``, halved for character n-grams, with
``idf = 1 + ln((1 + N) / (1 + df))``; then every row is scaled to length 1. The exponent and the half were chosen by
cross-validation on training rows (benchmarks/linear.md). N texts, V n-grams.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sfumato.errors import InputError
from sfumato.ngram_counts import (
    PATTERN,
    START,
    Reading,
    Tokens,
    common_letters,
    frequent_words,
    ideograph_share,
    tokenize,
)
from sfumato.recent import Recent
from sfumato.targets import Floats, Integers

UNKNOWN = "[UNK]"
SHORT = 300  # characters: shorter texts on average get character n-grams; longer ones would take too long
TINY = 200  # texts: below that, n-grams of a single text are kept
POWER = 1.5  # of idf
CHARACTER_WEIGHT = 0.5
KEPT = 2**26  # bytes of what was fitted, and of what was encoded, that are kept for whoever asks for the same again


def stack(blocks: Sequence[Any]) -> Any:
    """Join blocks of n-grams, CSR (codes, N), to the rows of the texts, CSR (N, V) with sorted indices."""
    from scipy.sparse import vstack

    return vstack(blocks, format="csr").T.tocsr()


def weigh(counts: Any, weights: Floats) -> Any:
    """Turn counts, CSR (N, V), into weighted rows of length 1; a row without n-grams stays empty."""
    from scipy.sparse import csr_matrix

    data = (1 + np.log(counts.data)) * weights[counts.indices]
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
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
            features = torch.sparse_csr_tensor(crow, columns, values, size=rows.shape, check_invariants=False)
        return {"features": features}


@dataclass(frozen=True, eq=False)
class NgramEncoder:
    """The n-grams of a training split and their weights.

    Attributes
    ----------
    vocabulary : every known character (``alphabet`` of them, by code point), then the known words; id = position + 1
    alphabet : number of tokens that are the digits of character n-grams
    codes : the n-grams, sorted, by block: ``words-1``, ``words-2``, ``characters-3``, ...
    weights : (V,) float32, the blocks one after the other
    """

    vocabulary: tuple[str, ...]
    alphabet: int
    codes: dict[str, Integers]
    weights: Floats

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

        ``words`` is the longest run of words, ``characters`` are the lengths of character n-grams; None lets the
        texts decide (`choose`).

        Raises
        ------
        InputError
            if no text holds a word, or no n-gram is frequent enough.
        """
        known = FITTED.find(texts, words, characters, min_df)
        if known is not None:
            return known
        tokens = tokenize(texts)
        if not len(tokens.kind):
            raise InputError(f"none of the {len(texts)} training texts holds a word; linear reads words")
        auto_words, auto_characters, auto_min_df = choose(texts, tokens)
        encoder, blocks = cls._of_tokens(
            tokens,
            auto_words if words is None else words,
            auto_characters if characters is None else characters,
            auto_min_df if min_df is None else min_df,
        )
        FITTED.keep(encoder, encoder.size, texts, words, characters, min_df)
        if 8 * sum(block.nnz for block in blocks) <= ENCODED.most:
            encoder._encoded(blocks, tokens.lengths, texts)
        return encoder

    @classmethod
    def _of_tokens(
        cls, tokens: Tokens, words: int, characters: tuple[int, ...], min_df: int
    ) -> tuple[NgramEncoder, list[Any]]:
        """Return the encoder fitted on tokenized texts, and how often each n-gram of a block is in each, (codes, N)."""
        alphabet = common_letters(tokens, max(characters)) if characters else []
        vocabulary = (*alphabet, *sorted(set(frequent_words(tokens, min_df)) - set(alphabet)))
        reading, N = Reading(tokens, vocabulary, len(alphabet)), len(tokens.lengths)
        codes, blocks, weights = {}, [], []
        for block in [f"words-{n}" for n in range(1, words + 1)] + [f"characters-{n}" for n in characters if alphabet]:
            found, counts = reading.counts(block)
            df = np.diff(counts.indptr)  # (codes,)
            kept = np.flatnonzero(df >= min_df)
            codes[block] = found[kept]
            blocks.append(counts[kept])
            idf = 1 + np.log((1 + N) / (1 + df[kept]))
            weights.append(idf**POWER * (1 if block.startswith("words") else CHARACTER_WEIGHT))
        if not sum(map(len, weights)):
            raise InputError(f"no n-gram occurs in {min_df} of the {N} training texts; lower min_df")
        return cls(vocabulary, len(alphabet), codes, np.concatenate(weights).astype(np.float32)), blocks

    @property
    def num_features(self) -> int:
        """Number of n-grams V."""
        return len(self.weights)

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return 100 * len(self.vocabulary) + 12 * self.num_features

    def encode(self, texts: Sequence[str], max_length: int | None = None) -> EncodedNgrams:
        """Return the TF-IDF rows of ``texts``, each text cut to ``max_length`` words."""
        known = ENCODED.find(texts, self)
        if known is not None and (max_length is None or known.lengths.max(initial=0) <= max_length):
            return known
        tokens = tokenize(texts, max_length)
        reading = Reading(tokens, self.vocabulary, self.alphabet)
        blocks = [reading.counts(block, codes)[1] for block, codes in self.codes.items()]
        whole = max_length is None or tokens.lengths.max(initial=0) < max_length
        return self._encoded(blocks, tokens.lengths, texts if whole else None)

    def _encoded(self, blocks: list[Any], lengths: Integers, whole: Sequence[str] | None) -> EncodedNgrams:
        """Return the rows of counted n-grams, and keep them if they are those of ``whole`` texts."""
        encoded = EncodedNgrams(weigh(stack(blocks), self.weights), lengths)
        if whole is not None:
            ENCODED.keep(encoded, self.size + 8 * (encoded.matrix.nnz + 2 * len(lengths)), whole, self)
        return encoded

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
        base = len(self.vocabulary) + 2 if words else self.alphabet + 1
        tokens = (*self.vocabulary, START)
        parts = []
        while code:
            code, digit = divmod(code, base)
            parts.append(tokens[digit - 1])
        return (" " if words else "").join(reversed(parts))

    def save(self, folder: Path) -> None:
        """Write ``tokenizer.json`` (pattern and vocabulary) and ``ngrams.safetensors`` (codes and weights)."""
        from safetensors.numpy import save_file
        from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

        ids = {token: k for k, token in enumerate((UNKNOWN, *self.vocabulary))}
        tokenizer = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(PATTERN), "removed", invert=True)
        tokenizer.save(str(folder / "tokenizer.json"))
        arrays: dict[str, Any] = {
            "weights": self.weights,
            **{f"codes.{k}.{block}": c for k, (block, c) in enumerate(self.codes.items())},
        }
        save_file(arrays, folder / "ngrams.safetensors", metadata={"alphabet": str(self.alphabet)})

    @classmethod
    def load(cls, folder: Path) -> NgramEncoder:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            if a file is missing, damaged or does not belong to the other.
        """
        from safetensors import safe_open
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
            weights = arrays["weights"]
        except Exception as error:  # tokenizers raises no class of its own
            raise InputError(f"{folder} is damaged or no linear model: {error}") from error
        vocabulary = tuple(sorted(set(ids) - {UNKNOWN}, key=ids.__getitem__))
        if sum(map(len, codes.values())) != len(weights) or alphabet > len(vocabulary):
            raise InputError(f"{names[1]} does not belong to {names[0]}; save the model again")
        return cls(vocabulary, alphabet, codes, weights)


def choose(texts: Sequence[str], tokens: Tokens) -> tuple[int, tuple[int, ...], int]:
    """Return the longest run of words, the lengths of character n-grams and min_df that suit the texts.

    Where most words are ideographs, the characters are those of numbers and foreign words, and a pair that was seen
    once is kept; elsewhere it is dropped, unless there are few texts.
    """
    if ideograph_share(tokens) > 0.5:
        return 2, (1, 2), 1
    short = sum(map(len, texts)) / len(texts) < SHORT
    return 2, (3, 4) if short else (), 1 if len(texts) < TINY else 2


FITTED: Recent[NgramEncoder] = Recent(KEPT)
ENCODED: Recent[EncodedNgrams] = Recent(KEPT)
