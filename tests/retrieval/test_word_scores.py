"""KWLS with sentences as labels, against the equations in plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import sparse

from sfumato.errors import InputError
from sfumato.methods.kwls import kwls, kwls_paper
from sfumato.retrieval import word_scores
from sfumato.retrieval.batches import Pairs
from sfumato.retrieval.word_scores import WordScores

SENTENCES = [
    "the holder fits any lipstick",
    "it is not too big",
    "the bag is too small for the holder",
    "I would recommend it",
]
QUESTIONS = ["what does the holder fit", "what size is the holder", "how big is it", "what would the user recommend"]
POSITIVES = [[0], [1, 2], [1], [3]]
K1, B, K2 = 2.0, 0.75, 2.0


def pairs_of(positives):
    return Pairs.from_lists([np.array(rows) for rows in positives])


def plain_relevance(i, m, *, leave_out):
    """Eqs. 1 to 7 for question i and sentence m, a word at a time."""
    texts = [[s.lower().split(), *[QUESTIONS[q].lower().split() for q, rows in enumerate(POSITIVES) if n in rows]]
             for n, s in enumerate(SENTENCES)]  # fmt: skip
    own = QUESTIONS[i].lower().split()
    questions = [q.lower().split() for q in QUESTIONS]
    sizes = [sum(len(text) for text in label) for label in texts]
    S_avg = sum(sizes) / len(sizes)
    left_out = leave_out and m in POSITIVES[i]

    def F(label, word):
        count = sum(text.count(word) for text in texts[label])
        return count - own.count(word) if leave_out and label in POSITIVES[i] else count

    total = 0.0
    for word in set(own):
        size = sizes[m] - len(own) if left_out else sizes[m]
        K = K1 * (1 - B + B * size / S_avg)
        f = F(m, word)
        wlc = K1 * f / (f + K)  # Eq. 1
        holding = sum(F(label, word) > 0 for label in range(len(SENTENCES)))
        wlw = math.log(len(SENTENCES) / max(holding, 1)) + 1  # Eq. 2
        wic = K2 * own.count(word) / (own.count(word) + K2)  # Eq. 4
        wiw = math.log(len(questions) / sum(word in q for q in questions)) + 1  # Eq. 5
        total += wlc * wlw * wic * wiw  # Eqs. 3, 6, 7
    return total / (sum(map(len, questions)) / len(questions))


@pytest.mark.parametrize("leave_out", [False, True])
def test_relevance_is_that_of_the_equations_in_plain_loops(leave_out):
    options = {"temperature": 1.0, "leave_one_out": leave_out, "length_norm": "corpus", "unit": "word"}
    labels = kwls_paper(K1, B, K2, **options).transforms[0]
    scores = WordScores(labels, SENTENCES, QUESTIONS, pairs_of(POSITIVES))
    candidates = np.array([0, 1, 3])
    found = scores.relevance(np.array([1, 0, 2, 3]), candidates)
    wanted = [[plain_relevance(i, m, leave_out=leave_out) for m in candidates] for i in (1, 0, 2, 3)]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_own_words_count_for_the_own_sentence_only_in_sample():
    strange = [*QUESTIONS[:3], "zzz yyy xxx"]  # shares no word with its sentence
    for leave_out, positive in ((False, True), (True, False)):
        labels = kwls_paper(temperature=1.0, leave_one_out=leave_out, unit="word").transforms[0]
        scores = WordScores(labels, SENTENCES, strange, pairs_of(POSITIVES))
        assert (scores.relevance(np.array([3]), np.array([0, 3]))[0, 1] > 0) is np.bool_(positive)


def test_the_length_or_its_root_divides_each_question_by_its_own():
    by_none, by_root, by_document = (
        WordScores(kwls(temperature=1.0, length_norm=norm).transforms[0], SENTENCES, QUESTIONS, pairs_of(POSITIVES))
        for norm in ("none", "root", "document")
    )
    rows, columns = np.arange(4), np.arange(4)
    lengths = np.array([len(q.split()) for q in QUESTIONS])
    np.testing.assert_allclose(
        by_root.relevance(rows, columns), by_none.relevance(rows, columns) / np.sqrt(lengths)[:, None]
    )
    np.testing.assert_allclose(
        by_document.relevance(rows, columns), by_none.relevance(rows, columns) / lengths[:, None]
    )


def test_questions_without_a_word_are_refused():
    labels = kwls().transforms[0]
    with pytest.raises(InputError, match="none of the 2 questions holds a word"):
        WordScores(labels, SENTENCES, ["", "?!"], pairs_of([[0], [1]]))


def test_the_product_of_a_few_rows_is_that_of_scipy(monkeypatch):
    generator = np.random.default_rng(0)
    left, right = (sparse.random(30, 50, 0.1, "csr", rng=generator) for _ in range(2))
    for rows, columns in (([3, 3, 7, 0], [1, 5]), ([0], [2, 9, 11]), ([4, 5], [])):
        rows, columns = np.array(rows, dtype=np.int64), np.array(columns, dtype=np.int64)
        wanted = (left[rows] @ right[columns].T).toarray()
        for most in (word_scores.DENSE, 0):
            monkeypatch.setattr(word_scores, "DENSE", most)
            np.testing.assert_allclose(word_scores.product(left, rows, right, columns), wanted)
        monkeypatch.undo()
    empty = sparse.csr_matrix((30, 50))
    assert not word_scores.product(empty, np.array([1, 2]), right, np.array([0])).any()
