"""The keywords of shares of labels, in plain loops."""

import math

import numpy as np
import pytest

from sfumato.keywords import count_words
from sfumato.methods.noise import experts
from sfumato.methods.noise.experts import keyword_scores, soft_keyword_scores

TEXTS = ["the red car", "a red red house", "the blue car stops", "blue sky", "", "the house is red and blue"]
Q = np.array([[0.8, 0.2, 0], [1, 0, 0], [0.1, 0.6, 0.3], [0, 1, 0], [1, 0, 0], [0.2, 0.3, 0.5]])


def plain(i, j):
    """Return the relevance of label j to text i, a word at a time."""
    words = [text.split() for text in TEXTS]
    vocabulary = sorted({word for text in words for word in text})
    C, k1, b, k2 = 3, 2.0, 0.75, 2.0
    F = {(m, w): sum(Q[n][m] * words[n].count(w) for n in range(len(TEXTS))) for m in range(C) for w in vocabulary}
    S = [sum(Q[n][m] * len(words[n]) for n in range(len(TEXTS))) for m in range(C)]
    S_avg, total = sum(S) / C, 0.0
    for w in set(words[i]):
        f = words[i].count(w)
        left = F[j, w] - Q[i][j] * f
        K = k1 * (1 - b + b * (S[j] - Q[i][j] * len(words[i])) / S_avg)
        others = [F[m, w] - Q[i][m] * f for m in range(C)]
        shares = [count / sum(others) if sum(others) > 1e-9 else 0 for count in others]
        labels = math.exp(-sum(share * math.log(share) for share in shares if share > 0))
        df = sum(w in text for text in words)
        wic, wiw = k2 * f / (f + k2), math.log(len(TEXTS) / df) + 1
        total += k1 * left / (left + K) * (math.log(C / labels) + 1) * wic * wiw
    return total / math.sqrt(max(len(words[i]), 1))


@pytest.mark.parametrize("cells", [experts.CELLS, 6])  # all texts at once, and a few at a time
def test_soft_keywords_are_those_of_plain_loops_with_the_own_words_left_out(cells, monkeypatch):
    monkeypatch.setattr(experts, "CELLS", cells)
    found = soft_keyword_scores(count_words(TEXTS, unit="word"), Q)
    np.testing.assert_allclose(found, [[plain(i, j) for j in range(3)] for i in range(len(TEXTS))], atol=1e-9)


def test_a_row_does_not_hear_its_own_label_again():
    """Labels by chance and texts of chance: the own label ranks as any other."""
    random, C = np.random.default_rng(0), 5
    frequency = 1 / np.arange(1, 3001)
    texts = [" ".join(f"w{k}" for k in random.choice(3000, 12, p=frequency / frequency.sum())) for _ in range(1500)]
    labels = random.integers(0, C, len(texts))
    scores = soft_keyword_scores(count_words(texts), np.eye(C)[labels])
    own = scores[np.arange(len(texts)), labels][:, None]
    rank = ((own > scores).sum(axis=1) / (C - 1)).mean()
    assert abs(rank - 0.5) < 0.03  # its standard error is .009


def test_the_own_label_says_nothing_about_a_row_that_is_alone():
    counts = count_words(["one two", "three four", "five six"], unit="word")
    assert not keyword_scores(counts, np.arange(3), 3).any()
    assert not soft_keyword_scores(counts, np.eye(3)).any()
