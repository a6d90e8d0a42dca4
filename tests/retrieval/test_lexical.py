"""BM25, TF-IDF and fusion by the book, beside bm25s and scikit-learn called by hand."""

import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sfumato.errors import InputError
from sfumato.retrieval import build
from sfumato.retrieval.lexical import BM25, TfidfCosine, fused
from sfumato.retrieval.ranking import evaluate

SENTENCES = [
    "Rome lies on the river Tiber.",
    "The river Tiber, the river of Rome: a river.",
    "Cats sleep.",
    "The cat of Rome sleeps on the wall by the river.",
    "Oslo lies on a fjord.",
]
QUESTIONS = ["Where is the river Tiber?", "cats", "river river Rome", "nothing here matches 42"]


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def bm25_by_the_book(question: str, k1: float, b: float) -> list[float]:
    """Lucene's form: idf = ln(1 + (N - df + .5) / (df + .5)); tf / (tf + k1 (1 - b + b length / mean length))."""
    texts = [Counter(words_of(sentence)) for sentence in SENTENCES]
    mean = sum(text.total() for text in texts) / len(texts)
    scores = []
    for text in texts:
        score = 0.0
        for word in words_of(question):
            df = sum(word in other for other in texts)
            idf = math.log(1 + (len(texts) - df + 0.5) / (df + 0.5))
            score += idf * text[word] / (text[word] + k1 * (1 - b + b * text.total() / mean))
        scores.append(score)
    return scores


@pytest.mark.parametrize(("k1", "b"), [(1.5, 0.75), (0.9, 0.4), (1.2, 0.0)])
def test_bm25_is_what_plain_loops_give(k1: float, b: float) -> None:
    top = BM25(SENTENCES, k1=k1, b=b).top_k(QUESTIONS, 5)
    for question, scores, rows in zip(QUESTIONS, top.scores, top.rows, strict=True):
        wanted = bm25_by_the_book(question, k1, b)
        order = [j for j in sorted(range(5), key=lambda j: (-wanted[j], j)) if wanted[j]]
        assert rows.tolist() == order + [-1] * (5 - len(order))
        assert scores[: len(order)].tolist() == pytest.approx([wanted[j] for j in order], rel=1e-5)
    assert top.rows[3].tolist() == [-1] * 5


def test_tfidf_is_scikit_learns_cosine() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(token_pattern=r"\w+")
    wanted = (vectorizer.fit_transform(SENTENCES) @ vectorizer.transform(QUESTIONS).T).toarray().T
    top = TfidfCosine(SENTENCES).top_k(QUESTIONS, 3)
    for row, scores, found in zip(wanted, top.scores, top.rows, strict=True):
        order = [j for j in np.argsort(-row, kind="stable")[:3].tolist() if row[j]]
        assert [j for j in found.tolist() if j >= 0] == order
        assert scores[: len(order)].tolist() == pytest.approx([row[j] for j in order], rel=1e-5)


@pytest.mark.parametrize("kind", [BM25, TfidfCosine])
def test_chinese_is_searched_by_characters_and_pairs(kind: type) -> None:
    top = kind(["北京是中国的首都", "上海是一个港口城市", "猫在睡觉"]).top_k(["哪个城市有港口", "首都在哪里"], 1)
    assert top.rows.ravel().tolist() == [1, 0]


def test_candidates_without_any_word_are_refused_and_one_without_is_never_found() -> None:
    with pytest.raises(InputError, match="none of 2 candidates has a word"):
        BM25(["...", "!"])
    assert BM25(["...", "a cat"]).top_k(["cat ..."], 2).rows.tolist() == [[1, -1]]
    with pytest.raises(InputError, match="b must be at least 0 and at most 1"):
        BM25(SENTENCES, b=2)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("a cat", r"candidates must be a list of texts, got the text 'a cat'; write \[text\]"),
        (object(), "candidates must be a list of texts, got object; of a corpus write .sentences"),
        (["a cat", None], "candidates must be texts; number 2 is NoneType"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(given: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        BM25(given)
    with pytest.raises(InputError, match=words.replace("candidates", "questions")):
        TfidfCosine(SENTENCES).top_k(given, 1)


def test_fusion_adds_reciprocal_ranks() -> None:
    first, second = np.array([[3, 1, 2]]), np.array([[1, 4, -1]])
    top = fused(first, second)
    wanted = {3: 1 / 61, 1: 1 / 62 + 1 / 61, 2: 1 / 63, 4: 1 / 62}
    assert top.rows.tolist() == [[1, 3, 4]]
    assert top.scores[0].tolist() == pytest.approx([wanted[k] for k in (1, 3, 4)])
    assert fused(first, second, k=6).rows.tolist() == [[1, 3, 4, 2, -1, -1]]
    assert fused(first, second, k=10**12).rows.tolist() == fused(first, second, k=6).rows.tolist()
    assert fused(np.array([[5]]), np.array([[2]])).rows.tolist() == [[2]]  # of equal scores the lower row
    with pytest.raises(InputError, match=r"lists of the same questions, got \[1, 2\]"):
        fused(first, np.zeros((2, 1)))


def test_fusion_with_weights_counts_the_ranks_of_each_list_so_often() -> None:
    first, second = np.array([[3, 1, 2]]), np.array([[1, 4, -1]])
    top = fused(first, second, weights=(3, 0.5))
    wanted = {3: 3 / 61, 1: 3 / 62 + 0.5 / 61, 2: 3 / 63, 4: 0.5 / 62}
    order = sorted(wanted, key=lambda row: -wanted[row])[:3]
    assert top.rows.tolist() == [order]
    assert top.scores[0].tolist() == pytest.approx([wanted[row] for row in order])
    assert fused(first, second, weights=[2, 2]).rows.tolist() == fused(first, second).rows.tolist()


@pytest.mark.parametrize("weights", [(1,), (1, 2, 3), (1, 0), (1, -1), (1, float("inf")), (1, float("nan")), 2, "12"])
def test_weights_that_are_none_of_the_lists_are_refused(weights: Any) -> None:
    with pytest.raises(InputError, match="weights must be 2 numbers above 0, one for each list, got"):
        fused(np.array([[3, 1]]), np.array([[1, 4]]), weights=weights)


@pytest.mark.slow
@pytest.mark.data
def test_bm25_on_new_wiki_is_bm25s_called_by_hand(data_folder: Path) -> None:
    import bm25s

    task = build("squadshifts_new_wiki", data=data_folder)
    chosen = task.questions.take(np.arange(0, len(task.questions), 8))
    hand = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    hand.index([words_of(text) for text in task.corpus.sentences], show_progress=False)
    rows, scores = hand.retrieve([words_of(text) for text in chosen.texts], k=10, show_progress=False)
    top = BM25(task.corpus.sentences, unit=words_of).top_k(chosen.texts, 10)
    found = top.rows >= 0
    assert top.scores[found] == pytest.approx(scores[found], rel=1e-4)
    ours, theirs = (evaluate(index, chosen.positives)["recall@1"] for index in (top.rows, rows))
    assert ours == pytest.approx(theirs, abs=0.003)  # they differ in ties alone
    assert ours > 0.6
