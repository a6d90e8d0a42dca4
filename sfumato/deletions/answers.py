"""The logits of a model for texts without one of their words, in the fastest way that its kind allows.

============  ==============================================================================================
model         what is computed for each deletion
============  ==============================================================================================
``linear``    the n-grams that touch the word; the rest of the sums is that of the whole text
``bag``       the same, with hashed n-grams
``textcnn``   the windows that touch the word; of the others the maxima to the left and to the right are known
``lstm``,     what follows the word, from the state before it (``textrnn``: the same from each end, with one layer)
``textrnn``
any other     the text without the word, each distinct text once, in batches of one length
============  ==============================================================================================

Where a text is longer than the model reads, another word moves in at its end: so many more of its tokens are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sfumato.deletions.words import Words, stretches
from sfumato.targets import Floats, Integers

if TYPE_CHECKING:
    from sfumato.model import Model

Way = Callable[..., Floats]


def logits_without(
    model: Model, words: Words, chosen: Integers, *, delete: str = "one", fast: bool = True, exact: bool = False
) -> Floats:
    """Return the logits (D, C) of the texts without each word ``chosen`` (D,), an index into those of ``words``.

    Parameters
    ----------
    delete : "one" occurrence, or "all_occurrences" of the word in its text
    fast : False deletes in the plain way for every model, each distinct text once
    exact : compute an encoder in float32 also where the processor has bf16
    """
    import torch

    from sfumato.deletions.plain import plain_logits

    device = torch.device(model.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    model.network.to(device).eval()
    closed = fast_way(model) if fast else None
    logits = np.empty((len(chosen), len(model.classes)), dtype=np.float32)
    with torch.inference_mode():
        short = words.lengths[words.owner[chosen]] <= model.max_length
        if words.tokens is None:
            short[:] = True
        short &= ~holds_padding(words)[words.owner[chosen]]
        if delete == "all_occurrences":
            short &= occurrences(words)[chosen] == 1
        simple = np.flatnonzero(short) if closed else np.empty(0, dtype=np.int64)
        other = np.setdiff1d(np.arange(len(chosen)), simple)
        if closed and len(simple):
            for part, own, inside in cut_texts(words, chosen[simple], model.max_length):
                if not len(part):
                    continue
                logits[simple[part]] = closed(model, own, inside, device)
        if len(other):
            every = delete == "all_occurrences"
            logits[other] = plain_logits(model, words, chosen[other], device, every=every, exact=exact)
    return logits * np.float32(model.folded)


def cut_texts(words: Words, chosen: Integers, longest: int) -> Iterator[tuple[Integers, Words, Integers]]:
    """Yield places in ``chosen``, their texts so cut that ``longest`` tokens are left without the word, and the words.

    Where the word stands behind the cut, the first tokens there are deleted in its place: what is left is the same.
    """
    owner = words.owner[chosen]
    size = words.end[chosen] - words.start[chosen]
    long = words.lengths[owner] > longest
    yield np.flatnonzero(~long), words, chosen[~long]
    for each in np.unique(size[long]):
        part = np.flatnonzero(long & (size == each))
        needed, text = np.unique(owner[part], return_inverse=True)
        lengths = np.minimum(words.lengths[needed], longest + each)
        places, first = stretches(words.offsets[needed], lengths)
        at = np.minimum(words.start[chosen[part]] - words.offsets[owner[part]], lengths[text] - each)
        start, key = first[text] + at, words.key[chosen[part]]
        cut = Words(words.flat[places], np.append(first, len(places)), text, start, start + each, key, words.vocabulary)
        yield part, cut, np.arange(len(part))


def fast_way(model: Model) -> Way | None:
    """Return the function for the kind of the network, or None."""
    from sfumato.deletions.bag import bag_logits
    from sfumato.deletions.linear import linear_logits
    from sfumato.deletions.recurrent import recurrent_logits
    from sfumato.deletions.textcnn import textcnn_logits
    from sfumato.models.bag import Bag
    from sfumato.models.linear import LinearClassifier
    from sfumato.models.lstm import LSTMClassifier
    from sfumato.models.textcnn import TextCNN
    from sfumato.models.textrnn import TextRNN

    ways: dict[type, Way] = {LinearClassifier: linear_logits, Bag: bag_logits, TextCNN: textcnn_logits}
    ways |= {LSTMClassifier: recurrent_logits}
    if len(getattr(model.network, "rightwards", ())) == 1:
        ways |= {TextRNN: recurrent_logits}
    return ways.get(type(model.network))


def holds_padding(words: Words) -> NDArray[np.bool_]:
    """Return which texts (N,) hold the token of padding: one can spell it, and a model of words takes it as the end."""
    found = np.zeros(len(words), dtype=bool)
    if words.tokens is None:
        found[np.searchsorted(words.offsets, np.flatnonzero(words.flat == 0), side="right") - 1] = True
    return found


def occurrences(words: Words) -> Integers:
    """Return how often each word (W,) stands in its own text."""
    pairs = words.owner * max(len(words.vocabulary), 1) + words.key
    _, place, counts = np.unique(pairs, return_inverse=True, return_counts=True)
    return np.asarray(counts[place], dtype=np.int64)
