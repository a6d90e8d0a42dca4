"""Texts to token ids with Hugging Face ``tokenizers``: whole words, characters or a given subword vocabulary.

A tokenizer is saved as ``tokenizer.json`` beside the model. Nothing here needs torch.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from sfumato.errors import InputError
from sfumato.registry import check_choice

PAD, UNKNOWN = "[PAD]", "[UNK]"
UNITS = ("word", "character")
WIDE = 8  # characters of a token and the blank after it; of the few texts that have wider ones, all is read
GIVEN = "given"  # words that were found before, with blanks between them


@dataclass(frozen=True, eq=False)
class EncodedIds:
    """Token ids of N texts held as one flat array; padded only when a batch is asked for.

    Attributes
    ----------
    flat : (T,) int32, the ids of all texts after each other
    offsets : (N + 1,) int64, text i is ``flat[offsets[i]:offsets[i + 1]]``
    pad_id : id that fills a batch
    """

    flat: NDArray[np.int32]
    offsets: NDArray[np.int64]
    pad_id: int = 0

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of tokens of each text, (N,)."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def batch(self, index: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Return ``input_ids`` and ``attention_mask`` of the rows ``index``, (B, L), padded to the longest of them."""
        start, length = self.offsets[index], self.offsets[index + 1] - self.offsets[index]
        columns = np.arange(max(int(length.max(initial=0)), 1))
        mask = columns < length[:, None]  # (B, L)
        ids = np.full(mask.shape, self.pad_id, dtype=np.int64)
        ids[mask] = self.flat[(start[:, None] + columns)[mask]]
        return {"input_ids": ids, "attention_mask": mask.astype(np.int64)}


@dataclass(frozen=True, eq=False)
class TokenEncoder:
    """A tokenizer that maps texts to `EncodedIds`."""

    tokenizer: Tokenizer
    pad_id: int = 0

    @property
    def vocabulary_size(self) -> int:
        """Number of ids, special tokens included."""
        return int(self.tokenizer.get_vocab_size(with_added_tokens=True))

    def prepared(self, texts: Sequence[str]) -> Sequence[str]:
        """Return the texts as the tokenizer reads them."""
        return texts

    def encode(self, texts: Sequence[str], max_length: int) -> EncodedIds:
        """Return the ids of ``texts``, each cut to ``max_length`` tokens."""
        texts = list(self.prepared(texts))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(max_length)
        blanks = isinstance(self.tokenizer.pre_tokenizer, pre_tokenizers.Whitespace | pre_tokenizers.BertPreTokenizer)
        heads = [head(text, WIDE * max_length) for text in texts] if blanks else texts
        rows = self._ids(heads)
        short = [i for i, row in enumerate(rows) if len(row) < max_length and len(heads[i]) < len(texts[i])]
        for i, row in zip(short, self._ids([texts[i] for i in short]), strict=True):
            rows[i] = row
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        flat = np.fromiter((i for row in rows for i in row), dtype=np.int32, count=int(offsets[-1]))
        return EncodedIds(flat, offsets, self.pad_id)

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(texts)]

    def save(self, folder: Path) -> None:
        """Write ``tokenizer.json`` without the cut and the padding of the last call."""
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.tokenizer.save(str(folder / "tokenizer.json"))

    @classmethod
    def load(cls, folder: Path, *, pad_id: int = 0) -> Self:
        """Read ``tokenizer.json``.

        Raises
        ------
        InputError
            if the file is missing, cut off, or not a tokenizer.
        """
        path = folder / "tokenizer.json"
        try:
            return cls(Tokenizer.from_file(str(path)), pad_id)
        except Exception as error:  # the Rust side raises a bare Exception
            raise InputError(f"{path} is not a readable tokenizer: {error}") from error


def head(text: str, characters: int) -> str:
    """Return the start of a long text, up to a blank: no token holds one, so its tokens are the first of the text."""
    stop = text.find(" ", characters) if len(text) > characters else -1
    return text if stop < 0 else text[:stop]


def train_tokenizer(
    texts: Sequence[str],
    *,
    unit: str = "word",
    vocabulary: int = 30_000,
    min_count: int = 1,
    normalize_width: bool = False,
) -> TokenEncoder:
    """Collect the ``vocabulary`` most frequent units of ``texts``.

    Parameters
    ----------
    unit : ``word`` (lower-cased words and single punctuation marks; every Chinese character is a word of its own),
        ``character``, or ``given``, the words as blanks and marks part them, whatever the script
    min_count : units seen less often become unknown
    normalize_width : full-width letters, digits and marks are read as half-width ones (Unicode's NFKC)
    """
    check_choice("tokenizer", "unit", unit, (*UNITS, GIVEN))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
    cleaned = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=unit == "word", strip_accents=False, lowercase=True
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), cleaned]) if normalize_width else cleaned
    split = pre_tokenizers.Split("", "isolated") if unit == "character" else pre_tokenizers.Whitespace()
    tokenizer.pre_tokenizer = split
    trainer = trainers.WordLevelTrainer(
        vocab_size=vocabulary, min_frequency=min_count, special_tokens=[PAD, UNKNOWN], show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer, length=len(texts))
    return TokenEncoder(tokenizer, pad_id=0)
