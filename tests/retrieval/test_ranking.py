"""Ranks and measures against plain loops, and what ties and missing candidates count."""

import math
from dataclasses import replace

import numpy as np
import pytest

from sfumato.errors import InputError
from sfumato.retrieval import Corpus, Questions
from sfumato.retrieval.execution import write_ranks
from sfumato.retrieval.ranking import (
    NOT_FOUND,
    compared,
    evaluate,
    mrr_at_10,
    ndcg_at_10,
    overlap,
    overlap_quartiles,
    per_question,
    ranks,
    ranks_of_scores,
    recall_at,
)
from sfumato.retrieval.search import best
from sfumato.run_files import predictions_path, read_row_scores


def drawn(questions: int = 40, candidates: int = 120, seed: int = 0) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return scores with many ties, and one to twelve positives a question."""
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, 25, size=(questions, candidates)).astype(np.float32)
    sizes = generator.integers(1, 13, size=questions)
    return scores, [np.sort(generator.choice(candidates, size=size, replace=False)) for size in sizes]


def order_by_the_book(row: np.ndarray) -> list[int]:
    return sorted(range(len(row)), key=lambda k: (-row[k], k))


def test_every_measure_is_what_plain_loops_give() -> None:
    scores, positives = drawn()
    recall, reciprocal, gain = {1: 0.0, 10: 0.0, 50: 0.0, 100: 0.0}, 0.0, 0.0
    for row, right in zip(scores, positives, strict=True):
        order = order_by_the_book(row)
        rank = next(place for place, k in enumerate(order, 1) if k in right)
        for k in recall:
            recall[k] += (rank <= k) / len(scores)
        reciprocal += (1 / rank if rank <= 10 else 0) / len(scores)
        dcg = sum(1 / math.log2(1 + place) for place, k in enumerate(order[:10], 1) if k in right)
        gain += dcg / sum(1 / math.log2(1 + place) for place in range(1, min(len(right), 10) + 1)) / len(scores)
    found = evaluate(best(scores, 100), positives)
    wanted = {f"recall@{k}": value for k, value in recall.items()} | {"mrr@10": reciprocal, "ndcg@10": gain}
    assert found == pytest.approx(wanted)


def test_ranks_of_all_scores_and_of_the_candidates_found_agree() -> None:
    scores, positives = drawn(seed=1)
    full = ranks_of_scores(scores, positives)
    assert (ranks(best(scores, 120).rows, positives) == full).all()
    found = ranks(best(scores, 5).rows, positives)
    assert ((found == full) | ((full > 5) & (found == NOT_FOUND))).all()


def test_an_equal_score_counts_before_the_positive_only_from_a_lower_row() -> None:
    scores = np.array([[1.0, 2.0, 2.0, 2.0]])
    assert [ranks_of_scores(scores, [[k]])[0] for k in range(4)] == [4, 1, 2, 3]
    assert ranks_of_scores(scores, [[0, 3]])[0] == 3


def test_a_right_candidate_at_rank_11_counts_for_recall_at_50_alone() -> None:
    index = np.arange(50)[None]
    values = {name: value[0] for name, value in per_question(index, [[10]]).items()}
    assert values == {"recall@1": 0, "recall@10": 0, "recall@50": 1, "mrr@10": 0, "ndcg@10": 0}  # 100: not known
    assert per_question(index, [[9]])["mrr@10"][0] == pytest.approx(0.1)


def test_one_of_two_right_sentences_is_enough_for_recall_and_not_for_ndcg() -> None:
    index = np.array([[4, 7, 1]])
    assert recall_at(ranks(index, [[4, 9]]), 1)[0] == 1
    assert ndcg_at_10(index, [[4, 9]])[0] == pytest.approx(1 / (1 + 1 / math.log2(3)))
    assert ndcg_at_10(index, [[4, 7]])[0] == pytest.approx(1)


def test_places_without_a_candidate_are_never_right() -> None:
    index = np.array([[3, -1, -1], [-1, -1, -1]])
    assert ranks(index, [[2], [0]]).tolist() == [NOT_FOUND, NOT_FOUND]
    assert ranks(index, [[3], [0]]).tolist() == [1, NOT_FOUND]
    assert mrr_at_10(ranks(index, [[3], [0]])).tolist() == [1, 0]


def test_questions_without_positives_and_lists_of_another_length_are_refused() -> None:
    index = np.zeros((2, 1), dtype=np.int64)
    with pytest.raises(InputError, match="question 2 has no right candidate"):
        evaluate(index, [[0], []])
    with pytest.raises(InputError, match="1 lists for 2 questions"):
        evaluate(index, [[0]])
    with pytest.raises(InputError, match=r"rows of candidates, \(Q, k\), got the shape \(2,\)"):
        evaluate(np.zeros(2), [[0], [0]])
    with pytest.raises(InputError, match="no question to measure"):
        evaluate(np.zeros((0, 1)), [])


def test_the_paired_bootstrap_finds_a_difference_and_none_between_equals() -> None:
    generator = np.random.default_rng(0)
    worse = (generator.random(400) < 0.5).astype(float)
    better = np.maximum(worse, generator.random(400) < 0.3)
    found = compared(better, worse)
    assert found.difference == pytest.approx(better.mean() - worse.mean())
    assert 0 < found.low < found.difference < found.high
    assert found.p < 0.001
    assert compared(worse, worse).p == 1


def asked() -> tuple[Questions, Corpus]:
    sentences = ["the river Tiber is in Rome", "cats sleep all day", "a dog barks", "where is the river"]
    corpus = Corpus(sentences, list("abcd"), sentences, list("abcd"), np.arange(4))
    texts = ["where is the Tiber", "when do they rest", "which dog barks", "where is the river"]
    positives = [np.array([0, 1]), np.array([1]), np.array([2]), np.array([3])]
    return Questions(texts, list("efgh"), positives, np.arange(4)), corpus


def test_overlap_is_what_sets_of_words_give() -> None:
    questions, corpus = asked()
    for kind in ("jaccard", "containment"):
        wanted = []
        for text, rows in zip(questions.texts, questions.positives, strict=True):
            own = set(text.lower().split())
            others = [set(corpus.sentences[k].lower().split()) for k in rows]
            wanted.append(max(len(own & o) / len(own | o if kind == "jaccard" else own) for o in others))
        assert overlap(questions, corpus, kind=kind).tolist() == pytest.approx(wanted)
    twice = replace(questions, positives=[np.array([0, 3]), *questions.positives[1:]])
    assert overlap(twice, corpus)[0] == pytest.approx(3 / 5)  # the larger of 3 / 7 and 3 / 5, not their sum
    assert overlap(questions, corpus).tolist() == pytest.approx([3 / 7, 0, 0.5, 1])


def test_recall_by_quartile_of_overlap_starts_with_the_lowest() -> None:
    questions, corpus = asked()
    found = overlap_quartiles(questions, corpus, np.array([[0], [0], [2], [3]]))
    assert [part["questions"] for part in found] == [1, 1, 1, 1]
    assert [part["from"] for part in found] == pytest.approx([0, 3 / 7, 0.5, 1])
    assert [part["recall@1"] for part in found] == [0, 1, 1, 1]


@pytest.mark.parametrize("metric", ["recall@1", "recall@10", "recall@100", "mrr@10"])
def test_the_scores_of_rows_that_are_kept_have_the_metric_as_their_mean(metric, tmp_path) -> None:
    generator = np.random.default_rng(0)
    rows = np.array([generator.permutation(300)[:100] for _ in range(80)])
    positives = [np.sort(generator.choice(300, size, replace=False)) for size in generator.integers(1, 4, 80)]
    write_ranks(predictions_path(tmp_path, "run"), ranks(rows, positives))
    kept = read_row_scores(tmp_path, "run", metric)
    assert kept.mean() == pytest.approx(evaluate(rows, positives)[metric])
    np.testing.assert_allclose(kept, per_question(rows, positives)[metric])
