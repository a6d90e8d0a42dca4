"""Deletions for any model: the rows without the word, each distinct row once, in batches of one length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sfumato.architecture import Encoded
from sfumato.deletions.words import Words
from sfumato.encode import EncodedIds
from sfumato.limits import precision
from sfumato.ngrams import NgramEncoder
from sfumato.targets import Floats, Integers

if TYPE_CHECKING:
    from sfumato.model import Model

TOKENS = 8192  # of a batch
ENCODER_TOKENS = 1024  # of a batch of an encoder on a processor, whose cache holds what its layers make of so many
ROWS = 32_768  # deletions whose rows are held at once


def plain_logits(
    model: Model, words: Words, chosen: Integers, device: Any, *, every: bool = False, exact: bool = False
) -> Floats:
    """Return the logits (D, C) of the texts without each chosen word.

    ``every`` deletes all occurrences of the word in its text; ``exact`` computes an encoder in float32 everywhere.
    """
    parts = [chosen[first : first + ROWS] for first in range(0, len(chosen), ROWS)]
    answers = [
        distinct_logits(model, words, rows_without(words, part, every=every), device, exact=exact) for part in parts
    ]
    return np.concatenate(answers)


def rows_without(words: Words, chosen: Integers, *, every: bool) -> list[Integers]:
    """Return the tokens of each text without its chosen word."""
    rows = []
    begin = np.searchsorted(words.owner, np.arange(len(words) + 1))  # words are in the order of their texts
    for w in chosen:
        owner = words.owner[w]
        row = slice(words.offsets[owner], words.offsets[owner + 1])
        kept = np.ones(row.stop - row.start, dtype=bool)
        own = range(begin[owner], begin[owner + 1]) if every else (w,)
        for other in own:
            if words.key[other] == words.key[w]:
                kept[words.start[other] - row.start : words.end[other] - row.start] = False
        rows.append(words.flat[row][kept])
    return rows


def distinct_logits(model: Model, words: Words, rows: list[Integers], device: Any, *, exact: bool) -> Floats:
    """Return the logits of rows of tokens, (D, C), reading equal rows once."""
    number: dict[bytes, int] = {}
    place = np.array([number.setdefault(row.tobytes(), len(number)) for row in rows], dtype=np.int64)
    first = np.unique(place, return_index=True)[1]
    return read_rows(model, words, [rows[i] for i in first], device, exact=exact)[place]


def read_rows(model: Model, words: Words, rows: list[Integers], device: Any, *, exact: bool) -> Floats:
    """Return the logits of rows of tokens, (D, C), cut as the model cuts texts; rows of one length side by side."""
    from sfumato.inference import to_tensors

    encoded = encoded_rows(model, words, rows)
    order = np.argsort(encoded.lengths, kind="stable")
    is_encoder = hasattr(model.network, "positions")
    mixed = not exact and is_encoder and precision(device) == "bf16"
    tokens = ENCODER_TOKENS if is_encoder and device.type == "cpu" else TOKENS
    logits = np.empty((len(rows), len(model.classes)), dtype=np.float32)
    start = 0
    while start < len(order):
        longest = max(int(encoded.lengths[order[start]]), 1)
        batch = order[start : start + max(tokens // longest, 1)]
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            output = model.network(**to_tensors(encoded.batch(batch), device))
        logits[batch] = output.logits.float().cpu().numpy()
        start += len(batch)
    return logits


def encoded_rows(model: Model, words: Words, rows: list[Integers]) -> Encoded:
    """Return rows of tokens as the network reads them."""
    if isinstance(model.encoder, NgramEncoder):  # its tokens, with spaces between them, are its tokens again
        texts = [" ".join(words.vocabulary[k] for k in row) for row in rows]
        return model.encoder.encode(texts, model.max_length)
    cut = [shortened(row, model) for row in rows]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in cut])]).astype(np.int64)
    return EncodedIds(np.concatenate(cut).astype(np.int32), offsets, getattr(model.encoder, "pad_id", 0))


def shortened(row: Integers, model: Model) -> Integers:
    """Cut a row as its tokenizer does: the special tokens at the end stay."""
    over = len(row) - model.max_length
    if over <= 0:
        return row
    tokenizer: Any = getattr(model.encoder, "tokenizer", None)
    behind = tokenizer.num_special_tokens_to_add(False) // 2 if tokenizer is not None else 0
    return np.delete(row, np.s_[len(row) - behind - over : len(row) - behind])
