"""A Cholesky that runs in the place of the matrix leaves the matrix as it was."""

import numpy as np
import pytest

from certify.base.rigor.layout import completes_with, sparse_lines
from certify.kernel.patterns import Pattern


def of_kind(kind, k):
    """A symmetric matrix of normal numbers, stored in one way or another."""
    x = np.random.default_rng(k).standard_normal((k, k))
    g = x @ x.T
    g = (g + g.T) / 2
    if kind == "columns":
        return np.asfortranarray(g)
    if kind == "view":
        return np.pad(g, ((0, 1), (0, 1)))[:k, :k]
    if kind == "not symmetric":
        g[0, -1] += 1e-3
    return g


@pytest.mark.parametrize("share", [1.01, 0.5])
@pytest.mark.parametrize("kind", ["rows", "columns", "view", "not symmetric"])
@pytest.mark.parametrize("k", [1, 2, 5, 513])  # 512 rows are a block
def test_a_matrix_is_as_it_was_after_its_factor(k, kind, share):
    """-G with the diagonal c - G_ii is c I - G: positive definite for c above lambda_max alone."""
    g = of_kind(kind, k)
    before = g.copy(order="K")
    diagonal = share * np.linalg.eigvalsh(g)[-1] - g.diagonal()
    lower = -np.tril(g, -1)
    expected = lower + lower.T + np.diag(diagonal)
    assert completes_with(g, diagonal) == (np.linalg.eigvalsh(expected)[0] > 0)
    assert np.array_equal(g, before)


@pytest.mark.parametrize("axis", [0, 1])
def test_zeros_are_no_products_of_a_gram_matrix(axis):
    rows, cols = np.divmod(np.arange(12), 3)
    values = np.array([1.0, 0, 2, 0, 0, 3, 4, 0, -0.0, 5, 0, 6])
    lines, most = sparse_lines(values, axis, Pattern(4, 3, rows, cols))
    assert lines.nnz == 6
    assert most == (2 if axis == 0 else 3)
    dense = values.reshape(4, 3)
    assert np.array_equal(lines.toarray(), dense if axis else dense.T)
