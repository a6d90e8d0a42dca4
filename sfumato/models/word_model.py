"""What the models of words share: the vocabulary, vectors learned from nothing or given, the options, the architecture.

Given vectors: Y. Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP 2014, sections 3.1 and 3.2
(``tune=True`` is CNN-non-static, ``tune=False`` CNN-static); LSTM-pre and CNN-pre of the LCM paper.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import normalizers
from torch import nn

from sfumato.architecture import Architecture, Training
from sfumato.augmentation.units import rjieba
from sfumato.encode import GIVEN, UNITS, TokenEncoder, train_tokenizer
from sfumato.errors import InputError
from sfumato.registry import check_choice, check_range, check_whole
from sfumato.script import RANGES
from sfumato.vectors import WordVectors, read_vectors, vector_size

SPREAD = 0.1  # word vectors start uniform within it; torch's N(0, 1) costs 5 points on short questions (LOG.md)
TINY = 200  # texts: below that, words of a single text are kept
DIM = 64  # of learned vectors
FEW = 0.5  # share of the words of the texts below which given vectors are warned of
SEGMENTED = "rjieba"
WHOLE = 1_000_000  # tokens: no text is cut where they are counted
BESIDE = r"[A-Za-z0-9+#&._%-]+"  # stands in words of rjieba, as in T恤
HAN = rf"[{RANGES['Han']}\uf900-\ufaff]"
RUN = re.compile(rf"(?:(?<![\w+#&.%-]){BESIDE})?{HAN}(?:{HAN}|{BESIDE}(?={HAN}))*(?:{BESIDE}(?!\w))?")


@dataclass(frozen=True, eq=False)
class WordEncoder(TokenEncoder):
    """Texts to word ids; where vectors were given, those of these words, and what is to be said of them."""

    vectors: WordVectors | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class SegmentedEncoder(WordEncoder):
    """Texts to the ids of the words that rjieba finds in them; it must be installed wherever the model is used."""

    def prepared(self, texts: Sequence[str]) -> Sequence[str]:
        """Return the texts with blanks between their words, their width as the tokenizer reads it."""
        return segmented(texts, normalize_width=isinstance(self.tokenizer.normalizer, normalizers.Sequence))


def segmented(texts: Sequence[str], *, normalize_width: bool = False) -> list[str]:
    """Put blanks around the words that rjieba finds in runs of Han, with the ASCII beside them; the rest stays.

    ``normalize_width`` reads full-width signs as half-width ones before (NFKC).
    """
    cut = rjieba()
    if normalize_width:
        texts = [text if text.isascii() else unicodedata.normalize("NFKC", text) for text in texts]
    return [text if text.isascii() else RUN.sub(lambda run: f" {' '.join(cut(run.group()))} ", text) for text in texts]


@dataclass(frozen=True)
class Words:
    """The options about words that all models of words have.

    Attributes
    ----------
    dim : size of the word vectors; None is 64, or that of the given vectors
    vocabulary, min_count : the most frequent words kept, and how often one must occur (once in fewer than 200 texts)
    unit : ``word``, ``character``, or ``rjieba``: Chinese words
    vectors : file of word vectors in text format, or None
    tune : False keeps the given vectors as they are
    normalize_width : full-width letters, digits and marks are read as half-width ones (Unicode's NFKC)
    """

    owner: str
    dim: int | None
    vocabulary: int
    min_count: int
    unit: str
    vectors: str | Path | None
    tune: bool
    normalize_width: bool = False

    def __post_init__(self) -> None:
        check_whole(self.owner, "vocabulary", self.vocabulary, 3, 10_000_000)
        check_whole(self.owner, "min_count", self.min_count, 1, 10_000_000)
        check_choice(self.owner, "unit", self.unit, (*UNITS, SEGMENTED))
        if self.unit == SEGMENTED:
            rjieba()
        if not isinstance(self.normalize_width, bool):
            raise InputError(f"{self.owner}: normalize_width must be true or false, got {self.normalize_width!r}")
        if self.dim is not None:
            check_whole(self.owner, "dim", self.dim, 1, 10_000_000)
        if not isinstance(self.tune, bool):
            raise InputError(f"{self.owner}: tune must be true or false, got {self.tune!r}")
        if self.vectors is not None and not isinstance(self.vectors, str | Path):
            raise InputError(f"{self.owner}: vectors must be the path of a file, got {self.vectors!r}")
        if not self.vectors and not self.tune:
            raise InputError(f"{self.owner}: tune=False keeps given vectors as they are; give them with vectors=FILE")

    def size(self) -> int:
        """Return the size of the word vectors, reading the beginning of the file where vectors are given.

        Raises
        ------
        InputError
            if the file cannot be used, or its vectors have another size than ``dim``.
        """
        if not self.vectors:
            return self.dim or DIM
        size = vector_size(self.vectors)
        if self.dim not in (None, size):
            raise InputError(
                f"{self.owner}: the vectors of {self.vectors} have {size} numbers and dim is {self.dim}; "
                f"leave dim out, or give dim={size}"
            )
        return size

    def encoder(self, texts: Sequence[str]) -> WordEncoder:
        """Return the encoder of the words of ``texts``, with their given vectors."""
        least = self.min_count if len(texts) >= TINY else 1
        own, unit = (SegmentedEncoder, GIVEN) if self.unit == SEGMENTED else (WordEncoder, self.unit)
        tokens = train_tokenizer(
            segmented(texts, normalize_width=self.normalize_width) if self.unit == SEGMENTED else texts,
            unit=unit,
            vocabulary=self.vocabulary,
            min_count=least,
            normalize_width=self.normalize_width,
        )
        if not self.vectors:
            return own(tokens.tokenizer)
        words = [str(tokens.tokenizer.id_to_token(row)) for row in range(tokens.vocabulary_size)]
        vectors = read_vectors(self.vectors, words)
        counts = np.bincount(own(tokens.tokenizer).encode(texts, WHOLE).flat, minlength=len(words))
        return own(tokens.tokenizer, 0, vectors, coverage_notes(vectors, counts))

    def load(self, folder: Path) -> WordEncoder:
        """Read the encoder of a model folder."""
        return (SegmentedEncoder if self.unit == SEGMENTED else WordEncoder).load(folder)

    def options(self) -> dict[str, Any]:
        """Return the options as a record holds them; vectors and width only where they are given."""
        kept: dict[str, Any] = {"vocabulary": self.vocabulary, "min_count": self.min_count, "unit": self.unit}
        kept |= {"normalize_width": True} if self.normalize_width else {}
        return kept | ({"vectors": str(self.vectors), "tune": self.tune} if self.vectors else {})


def coverage_notes(vectors: WordVectors, counts: Any) -> tuple[str, ...]:
    """Say how much of the vocabulary and of the texts has a vector, and warn where that is little.

    ``counts`` (V,) says how often each word occurs; the rows of padding and unknown words are no words.
    """
    words = int(vectors.found[2:].sum()), len(vectors.found) - 2
    known = vectors.coverage(counts)
    said = (
        f"word vectors: {words[0]:,} of {words[1]:,} words have one in {vectors.source}, which are {known:.0%} of the "
        "words of the texts as they occur"
    )
    if known < FEW:
        warnings.warn(f"{said}; is it the right language, and words for words?", stacklevel=2)
    if vectors.promised is not None and vectors.promised != vectors.read:
        short = f"{vectors.source} holds {vectors.read:,} vectors, its header promises {vectors.promised:,}"
        warnings.warn(f"{short}: the file may be cut off", stacklevel=2)
        return said, short
    return (said,)


def word_embedding(vocabulary_size: int, dim: int) -> nn.Embedding:
    """Return vectors that start uniform within ±`SPREAD`; that of padding is zero and stays so."""
    embedding = nn.Embedding(vocabulary_size, dim, padding_idx=0)
    with torch.no_grad():
        embedding.weight[1:].uniform_(-SPREAD, SPREAD)
    return embedding


def take_vectors(embedding: nn.Embedding, vectors: WordVectors, *, tune: bool) -> None:
    """Put the given vectors in place.

    Words without one stay uniform, with the variance of those that have one (Kim, section 4.3).
    """
    found = torch.from_numpy(vectors.found)
    given = torch.from_numpy(vectors.matrix)[found]
    with torch.no_grad():
        embedding.weight *= float(given.std(correction=0)) * 3**0.5 / SPREAD
        embedding.weight[found] = given
        embedding.weight[0] = 0
    embedding.weight.requires_grad_(tune)


def word_architecture(
    words: Words,
    network: Callable[..., nn.Module],
    sizes: Mapping[str, Any],
    *,
    training: Training,
    version: int,
) -> Architecture:
    """Return the architecture of a network of words.

    Parameters
    ----------
    network : ``network(vocabulary_size, num_classes, dim=..., **sizes)``, whose word vectors are ``embedding``
    sizes : the options of the network alone
    """
    options = {**sizes, "dim": words.size()}

    def build(encoder: TokenEncoder, num_classes: int) -> nn.Module:
        built = network(encoder.vocabulary_size, num_classes, **options)
        vectors = getattr(encoder, "vectors", None)  # an encoder read from a model folder has none
        if vectors is not None:
            take_vectors(built.embedding, vectors, tune=words.tune)  # type: ignore[arg-type]
        return built

    return Architecture(
        name=words.owner,
        fit_encoder=words.encoder,
        load_encoder=lambda folder: words.load(Path(folder)),
        build=build,
        training=training,
        options=options | words.options(),
        version=version,
    )


def check_sizes(owner: str, *, dropout: float, **sizes: Any) -> None:
    """Raise unless every size is a whole number of at least 1 (or None) and ``dropout`` a share."""
    for name, size in sizes.items():
        if size is not None:
            check_whole(owner, name, size, 1, 10_000_000)
    check_range(owner, "dropout", dropout, 0, 1)
