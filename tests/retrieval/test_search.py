"""Exact search in blocks is the sorted list of all scores; ties go to the lower row; sizes and numbers are checked."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from sfumato.errors import InputError
from sfumato.retrieval import search
from sfumato.retrieval.search import Approximate, best, sparse_top_k, top_k


def by_the_book(scores: np.ndarray, k: int) -> list[list[int]]:
    return [sorted(range(len(row)), key=lambda j: (-row[j], j))[:k] for row in scores]


@pytest.mark.parametrize("block", [1, 7, 50, 64, 1000])
@pytest.mark.parametrize("k", [1, 5, 64, 100])
def test_any_block_gives_the_sorted_list_with_ties_to_the_lower_row(block: int, k: int) -> None:
    generator = np.random.default_rng(0)
    queries = generator.integers(-2, 3, size=(9, 4)).astype(np.float32)  # whole numbers: sums are exact, and many ties
    matrix = generator.integers(-2, 3, size=(64, 4)).astype(np.float32)
    top = top_k(queries, matrix, k, block=block)
    scores = queries @ matrix.T
    assert top.rows.tolist() == by_the_book(scores, k)
    assert (top.scores == np.take_along_axis(scores, top.rows, axis=1)).all()
    assert top.rows.shape == (9, min(k, 64))
    assert top.scores.dtype == np.float32
    assert top.rows.dtype == np.int64


def test_more_questions_than_are_searched_at_a_time_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    queries, matrix = generator.standard_normal((30, 8)), generator.standard_normal((200, 8))
    whole = top_k(queries, matrix, 10)
    monkeypatch.setattr(search, "QUERIES", 4)
    assert (top_k(queries, matrix, 10, block=32).rows == whole.rows).all()
    assert top_k(queries[:0], matrix, 10).rows.shape == (0, 10)


def test_memory_stays_far_below_all_scores() -> None:
    generator = np.random.default_rng(2)
    queries, matrix = (generator.standard_normal((n, 4)).astype(np.float32) for n in (1000, 20_000))
    tracemalloc.start()
    top_k(queries, matrix, 10, block=1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1000 * 20_000 * 4 / 10


def test_vectors_of_another_size_and_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="vectors of 3 numbers and candidates of 4"):
        top_k(np.ones((1, 3)), np.ones((2, 4)), 1)
    with pytest.raises(InputError, match="there is no candidate"):
        top_k(np.ones((1, 3)), np.ones((0, 3)), 1)
    with pytest.raises(InputError, match="matrix must hold finite numbers; row 2 does not"):
        top_k(np.ones((1, 2)), [[1, 2], [np.nan, 1]], 1)
    with pytest.raises(InputError, match=r"queries must be vectors in rows, got the shape \(3,\)"):
        top_k(np.ones(3), np.ones((2, 3)), 1)
    with pytest.raises(InputError, match="k must be at least 1"):
        top_k(np.ones((1, 3)), np.ones((2, 3)), 0)
    with pytest.raises(InputError, match="queries must be vectors of one size"):
        top_k([[1.0, 1.0], [1.0]], np.ones((2, 2)), 1)
    with pytest.raises(InputError, match="ann must be None, 'auto' or an Approximate, got True"):
        top_k(np.ones((1, 3)), np.ones((2, 3)), 1, ann=True)


def test_products_that_float32_cannot_hold_are_refused_and_large_ones_are_not() -> None:
    with pytest.raises(InputError, match=r"numbers up to 1e\+30 in queries and 1e\+30 in matrix"):
        top_k([[1e30, 1e30]], [[1e30, -1e30], [1, 1]], 1)
    assert top_k([[1e18, -1e18]], [[1e18, 1e18], [1, -1]], 2.0).rows.tolist() == [[1, 0]]


def test_sparse_search_finds_what_dense_search_finds_and_no_candidate_without_a_common_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = np.random.default_rng(3)
    queries, matrix = (generator.integers(0, 3, size=(n, 12)) * (generator.random((n, 12)) < 0.2) for n in (20, 50))
    scores = (queries @ matrix.T).astype(np.float32)
    wanted = [[j if row[j] else -1 for j in found] for row, found in zip(scores, by_the_book(scores, 30), strict=True)]
    for cells in (1 << 24, 60):
        monkeypatch.setattr(search, "CELLS", cells)
        top = sparse_top_k(sparse.csr_matrix(queries), sparse.csr_matrix(matrix.T), 30)
        assert top.rows.tolist() == wanted
    assert (top.rows == -1).any()
    assert (top.scores[top.rows == -1] == 0).all()


def test_the_best_of_equal_scores_are_the_first() -> None:
    top = best(np.zeros((2, 5), dtype=np.float32), 3)
    assert top.rows.tolist() == [[0, 1, 2]] * 2


def test_an_approximate_index_is_said_and_finds_nearly_the_same() -> None:
    pytest.importorskip("usearch")
    generator = np.random.default_rng(4)
    matrix = generator.standard_normal((500, 8)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    near = Approximate(matrix)
    exact = top_k(matrix[:50], matrix, 5)
    with pytest.warns(UserWarning, match="500 candidates is approximate"):
        found = top_k(matrix[:50], matrix, 5, ann=near)
    assert (found.rows == exact.rows).mean() > 0.9
    assert found.scores[:, 0] == pytest.approx(exact.scores[:, 0], abs=1e-5)
    with pytest.raises(InputError, match=r"is of vectors \(500, 8\), and the matrix has \(400, 8\)"):
        top_k(matrix[:1], matrix[:400], 5, ann=near)


@pytest.mark.parametrize("number", [1, 3])
def test_what_an_approximate_index_does_not_find_is_minus_one(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("usearch")
    matrix = np.eye(6, dtype=np.float32)
    near = Approximate(matrix)
    for row in (1, 2, 3):
        near.index.remove(row)  # so that it finds three of six
    monkeypatch.setattr(search, "CELLS", 6 * 6 * 2)
    with pytest.warns(UserWarning, match="approximate"):
        found = top_k(matrix[:number], matrix, 6, ann=near)
    assert found.rows.shape == (number, 6)
    assert found.rows[0, 0] == 0
    assert (found.rows[:, 3:] == -1).all()
    assert (found.scores[:, 3:] == 0).all()


def test_auto_makes_an_approximate_index_above_the_limit_only(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("usearch")
    matrix = np.eye(20, dtype=np.float32)
    assert top_k(matrix, matrix, 1, ann="auto").rows.ravel().tolist() == list(range(20))  # no warning: exact
    monkeypatch.setattr(search, "ANN_ROWS", 19)
    with pytest.warns(UserWarning, match="approximate"):
        found = top_k(matrix, matrix, 1, ann="auto")
    assert found.rows.ravel().tolist() == list(range(20))
