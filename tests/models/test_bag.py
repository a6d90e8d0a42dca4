"""Bag by the book: means with plain loops, n-grams by their own hash."""

import numpy as np
import pytest
import torch

from sfumato.models.bag import Bag, hashed_ngrams

ROWS = [[3, 5, 2, 7, 4], [6], [], [2, 9]]


@pytest.fixture(autouse=True)
def own_random_state():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def padded(rows, width=None):
    width = width or max(map(len, rows))
    return torch.tensor([row + [0] * (width - len(row)) for row in rows])


def row_of(gram, buckets):
    """The row of one n-gram, with Python's whole numbers that never overflow."""
    limit = 2**40
    hashed = gram[0]
    for i in gram[1:]:
        hashed = (hashed * 1_000_003 + i) % limit
    mixed = (hashed ^ (hashed >> 15)) * 0x2C1B3C6D % limit
    return 1 + (mixed ^ (mixed >> 13)) % buckets


@pytest.mark.parametrize("ngrams", [1, 2, 3])
def test_features_are_the_mean_of_words_and_ngrams(ngrams):
    network = Bag(12, 3, ngrams=ngrams, buckets=40, dim=4).eval()
    words = network.embedding.weight.tolist()
    features = network(padded(ROWS, width=8)).features.detach().numpy()
    for row, ids in enumerate(ROWS):
        vectors = [words[i] for i in ids]
        for n in range(2, ngrams + 1):
            table = network.ngrams.weight.tolist()
            vectors += [table[row_of(ids[i : i + n], 40)] for i in range(len(ids) - n + 1)]
        expected = [sum(column) / len(vectors) for column in zip(*vectors, strict=True)] or [0.0] * 4
        np.testing.assert_allclose(features[row], expected, rtol=1e-4, atol=1e-6)


def test_the_hash_of_large_ids_does_not_overflow():
    ids = [9_999_999, 123_456, 9_876_543, 7]
    rows = hashed_ngrams(torch.tensor([ids]), 3, 1_000_000)[0].tolist()
    grams = [ids[i : i + n] for n in (2, 3) for i in range(5 - n)]
    assert rows == [row_of(gram, 1_000_000) for gram in grams]


def test_pairs_spread_evenly_over_the_rows():
    ids = torch.cartesian_prod(torch.arange(2, 302), torch.arange(2, 302))
    counts = torch.bincount(hashed_ngrams(ids, 2, 1000)[:, 0], minlength=1001)[1:]
    assert counts.sum() == 90_000
    expected = 90.0
    chi_squared = float(((counts - expected) ** 2 / expected).sum())
    assert chi_squared < 1000 + 4 * 2000**0.5, "999 degrees of freedom"


def test_the_order_of_the_words_matters_with_pairs_only():
    for ngrams, same in ((1, True), (2, False)):
        network = Bag(12, 3, ngrams=ngrams, buckets=40, dim=4).eval()
        one, other = network(torch.tensor([[3, 4, 5], [5, 4, 3]])).features
        assert torch.allclose(one, other) is same


def test_the_rows_of_padding_stay_zero():
    network = Bag(12, 3, buckets=40, dim=4)
    network(padded(ROWS)).logits.logsumexp(dim=1).sum().backward()
    for table in (network.embedding, network.ngrams):
        assert table.weight[0].abs().sum() == 0
        assert table.weight.grad[0].abs().sum() == 0
