"""Texts as rows of a model's tokens, and the words that these tokens belong to; N texts, T tokens, W words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import models, normalizers, pre_tokenizers

from sfumato.encode import TokenEncoder
from sfumato.errors import InputError
from sfumato.ngram_counts import Tokens, tokenize
from sfumato.ngrams import NgramEncoder
from sfumato.targets import Integers

UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # each such sign is a word
WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")
WHOLE = 1_000_000_000  # tokens: no text is cut here


@dataclass(frozen=True, eq=False)
class Words:
    """N texts as tokens that are not cut, and the words in them.

    Attributes
    ----------
    flat : (T,) int64, the token ids of all texts after each other (of ``linear``: positions in ``tokens.kinds``)
    offsets : (N + 1,) int64, text i is ``flat[offsets[i]:offsets[i + 1]]``
    owner : (W,) int64, the text of each word, in order
    start, end : (W,) int64, its tokens, ``flat[start:end]``
    key : (W,) int64, which of ``vocabulary`` it is; words are compared in lower case, or as a tokenizer of words
        writes them
    tokens : how ``linear`` read the texts, else None
    """

    flat: Integers
    offsets: Integers
    owner: Integers
    start: Integers
    end: Integers
    key: Integers
    vocabulary: list[str]
    tokens: Tokens | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Integers:
        """Number of tokens of each text, (N,)."""
        return np.diff(self.offsets)

    def of(self, texts: NDArray[np.bool_]) -> Integers:
        """Return which words, of those W, stand in the texts (N,) that are marked."""
        return np.flatnonzero(texts[self.owner])


def words_of(encoder: Any, texts: Sequence[str], *, unit: str = "word") -> Words:
    """Read texts as the encoder of a model does; with ``unit="token"`` each token is a word.

    Raises
    ------
    InputError
        if the model reads neither n-grams nor tokens.
    """
    if isinstance(encoder, NgramEncoder):
        return words_of_ngrams(texts, unit)
    if isinstance(encoder, TokenEncoder):
        texts = encoder.prepared(texts)
        if splits_at_spaces(encoder):
            return words_of_pieces(encoder, texts, unit)
        return words_of_tokens(encoder, texts, unit)
    raise InputError(
        f"words are deleted from texts, and this model reads {getattr(encoder, 'reads', 'something else')}"
    )


def words_of_ngrams(texts: Sequence[str], unit: str) -> Words:
    """Read texts as ``linear``: its tokens are words and single signs, and a sign is no word."""
    tokens = tokenize(texts)
    flat = tokens.kind.astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(tokens.lengths)]).astype(np.int64)
    is_word = np.ones(len(tokens.kinds), dtype=bool)
    if unit == "word":
        is_word = tokens.kinds.str.contains(r"\w").to_numpy()
    start = np.flatnonzero(is_word[flat]) if len(flat) else np.empty(0, dtype=np.int64)
    owner = tokens.owner.astype(np.int64)[start]
    return Words(flat, offsets, owner, start, start + 1, flat[start], tokens.kinds.to_list(), tokens)


def splits_at_spaces(encoder: TokenEncoder) -> bool:
    """Return whether the tokens of a text are those of its pieces between spaces, as for a tokenizer of words."""
    tokenizer = encoder.tokenizer
    return (
        isinstance(tokenizer.model, models.WordLevel)
        and isinstance(tokenizer.pre_tokenizer, pre_tokenizers.Whitespace)
        and isinstance(tokenizer.normalizer, normalizers.BertNormalizer)
        and not tokenizer.num_special_tokens_to_add(False)
    )


def words_of_pieces(encoder: TokenEncoder, texts: Sequence[str], unit: str) -> Words:
    """Read each distinct piece between spaces once, and put the texts together from them."""
    number: dict[str, int] = {}
    pieces = [[number.setdefault(piece, len(number)) for piece in pieces_of(text)] for text in texts]
    read = words_of_tokens(encoder, list(number), unit)
    of = np.fromiter((k for each in pieces for k in each), dtype=np.int64)  # (P,) pieces of all texts
    text = np.repeat(np.arange(len(texts)), [len(each) for each in pieces])
    flat, first = stretches(read.offsets[:-1][of], read.lengths[of])
    offsets = np.concatenate([[0], np.cumsum(np.bincount(text, weights=read.lengths[of], minlength=len(texts)))])
    held = np.bincount(read.owner, minlength=len(number))
    words, _ = stretches((np.cumsum(held) - held)[of], held[of])
    piece = np.repeat(np.arange(len(of)), held[of])
    moved = (first - read.offsets[:-1][of])[piece]
    start, end = read.start[words] + moved, read.end[words] + moved
    return Words(read.flat[flat], offsets.astype(np.int64), text[piece], start, end, read.key[words], read.vocabulary)


def pieces_of(text: str) -> list[str]:
    """Return what stands between the spaces of a text; one with signs that a tokenizer may drop stays whole."""
    if not text.isprintable():
        text = text.replace("\n", " ").replace("\r", " ").replace("\t", " ")
    return text.split(" ") if text.isprintable() else [text]


def stretches(start: Integers, length: Integers) -> tuple[Integers, Integers]:
    """Return the places of stretches (P,) one after the other, and where each begins among them, (P,)."""
    first = np.cumsum(length) - length
    return np.repeat(start - first, length) + np.arange(int(length.sum())), first


def words_of_tokens(encoder: TokenEncoder, texts: Sequence[str], unit: str) -> Words:
    """Read texts as a model of words or subwords; special tokens belong to no word."""
    encoder.tokenizer.no_padding()
    encoder.tokenizer.no_truncation()
    encodings = encoder.tokenizer.encode_batch(list(texts))
    flat = np.fromiter((i for one in encodings for i in one.ids), dtype=np.int64)
    sizes = [len(one.ids) for one in encodings]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    special = np.zeros(len(flat), dtype=np.int64)
    if encoder.tokenizer.num_special_tokens_to_add(False):
        special = np.fromiter((m for one in encodings for m in one.special_tokens_mask), np.int64, count=len(flat))
    if unit == "token":
        start = np.flatnonzero(special == 0)
        owner = np.repeat(np.arange(len(sizes)), sizes)[start]
        names = [str(encoder.tokenizer.id_to_token(i)) for i in range(encoder.vocabulary_size)]
        return Words(flat, offsets, owner, start, start + 1, flat[start], names)
    places = np.fromiter((pair[0] for one in encodings for pair in one.offsets), dtype=np.int64, count=len(flat))
    places = np.where(special == 0, places, -1)
    if not isinstance(encoder.tokenizer.model, models.WordLevel):
        return grouped(texts, flat, offsets, places)
    stops = np.fromiter((pair[1] for one in encodings for pair in one.offsets), dtype=np.int64, count=len(flat))
    return grouped(texts, flat, offsets, places, stops=stops, name=lambda shown: normal(encoder, shown))


def normal(encoder: TokenEncoder, shown: str) -> str:
    """Return a stretch of a text as the tokenizer writes it."""
    normalizer = encoder.tokenizer.normalizer
    return shown.lower() if normalizer is None else str(normalizer.normalize_str(shown)).strip()


def grouped(
    texts: Sequence[str],
    flat: Integers,
    offsets: Integers,
    places: Integers,
    *,
    stops: Integers | None = None,
    name: Callable[[str], str] = str.lower,
) -> Words:
    """Give each token that begins inside a word of its text to that word; ``places`` (T,) is its character, or -1.

    With ``stops`` (T,), where each token ends, a word goes on to the end of its last token, as a run of kana does.
    ``name`` writes a word as it is compared.
    """
    of, ends = spans_of(texts)
    base = np.concatenate([[0], np.cumsum([len(text) + 1 for text in texts])]).astype(np.int64)
    first, last = base[of] + ends[:, 0], base[of] + ends[:, 1]
    owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    where = base[owner] + places  # (T,)
    word = np.searchsorted(first, where, side="right") - 1
    inside = (places >= 0) & (word >= 0)
    inside[inside] = where[inside] < last[word[inside]]
    tokens = np.flatnonzero(inside)
    named, begin, size = np.unique(
        word[tokens], return_index=True, return_counts=True
    )  # tokens of a word are neighbours
    start = tokens[begin] if len(tokens) else np.empty(0, dtype=np.int64)
    bounds = ends[named]
    if stops is not None and len(named):
        bounds[:, 1] = np.maximum(bounds[:, 1], stops[start + size - 1])
    shown = [texts[i][a:b] for i, (a, b) in zip(of[named].tolist(), bounds.tolist(), strict=True)]
    key, vocabulary = numbered(shown, name)
    return Words(flat, offsets, of[named], start, start + size, key, vocabulary)


def spans_of(texts: Sequence[str]) -> tuple[Integers, Integers]:
    """Return the text of each word, (W,), and from where to where it stands in it, (W, 2)."""
    spans = [[match.span() for match in WORD.finditer(text)] for text in texts]
    of = np.repeat(np.arange(len(texts)), [len(each) for each in spans])
    return of, np.array([span for each in spans for span in each], dtype=np.int64).reshape(-1, 2)


def numbered(shown: Sequence[str], name: Callable[[str], str]) -> tuple[Integers, list[str]]:
    """Return the number of each word, (W,), equal for words of equal names, and the names."""
    names = {each: name(each) for each in dict.fromkeys(shown)}
    number: dict[str, int] = {}
    keys = (number.setdefault(names[each], len(number)) for each in shown)
    return np.fromiter(keys, dtype=np.int64, count=len(shown)), list(number)
