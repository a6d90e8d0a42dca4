import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from sfumato.row_products import RowProducts, SparseRows, gram, gram_pays


def rows(N=40, V=60, density=0.15, seed=0):
    """Rows of which the first columns are in most texts and the last ones in one text at most."""
    rng = np.random.default_rng(seed)
    share = np.linspace(6 * density, 0, V) ** 2
    dense = rng.random((N, V)) * (rng.random((N, V)) < share)
    dense[3] = 0  # a text without any known n-gram
    return csr_matrix(dense.astype(np.float32))


@pytest.mark.parametrize("steps", [0, 10**9])
def test_both_ways_through_the_rows_are_the_plain_product(steps):
    matrix = rows()
    found = RowProducts(matrix, classes=3, steps=steps)
    assert (found.gram is not None) == (steps > 0)
    assert (found.own is not None) == (steps == 0)
    A = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    X = torch.from_numpy(matrix.toarray())
    torch.testing.assert_close(found.to_weights(A), X.T @ A, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.through(A), X @ (X.T @ A), atol=1e-5, rtol=1e-5)
    assert found.through(A)[3].tolist() == [0, 0, 0]


def test_the_table_of_products_is_symmetric_and_that_of_numpy():
    matrix = rows()
    found = gram(matrix.T.tocsr()).numpy()
    dense = matrix.toarray().astype(float)
    np.testing.assert_allclose(found, dense @ dense.T, atol=1e-5)


def test_rows_that_share_nothing_are_multiplied_too():
    found = RowProducts(csr_matrix(np.diag([1.0, 2.0, 3.0]).astype(np.float32)))
    A = torch.ones(3, 2)
    assert found.through(A)[:, 0].tolist() == [1, 4, 9]
    assert found.to_weights(A)[:, 0].tolist() == [1, 2, 3]


def test_other_rows_are_multiplied_with_weights():
    matrix = rows(7, seed=1)
    weight = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(SparseRows(matrix) @ weight, torch.from_numpy(matrix.toarray()) @ weight)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_largest_eigenvalue_is_that_of_numpy(weighted):
    matrix = rows()
    weights = np.linspace(0.2, 1.8, 40) if weighted else np.ones(40)
    dense = matrix.toarray().astype(float)
    expected = np.linalg.eigvalsh(dense.T @ (dense * weights[:, None]) / 40).max()
    given = torch.from_numpy(weights.astype(np.float32)) if weighted else None
    assert RowProducts(matrix, given).largest == pytest.approx(expected, rel=1e-3)


def test_rows_without_any_ngram_have_an_eigenvalue_to_divide_by():
    assert RowProducts(csr_matrix((4, 5), dtype=np.float32)).largest == 1.0


def test_the_table_is_made_for_few_long_rows_and_many_steps_only():
    columns = rows(200, 3000, 0.1).T.tocsr()
    short = rows(200, 3000, 0.01).T.tocsr()
    assert gram_pays(columns, 20, 120)
    assert not gram_pays(columns, 20, 1)
    assert not gram_pays(short, 20, 120)
    assert not gram_pays(csr_matrix((10, 4001), dtype=np.float32), 20, 10**9)
