"""Gram matrices of sparse matrices: exact on integers, within their radius on floats, not dense."""

import tracemalloc
from array import array
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse

from certify.base import gram
from certify.base.rigor.bounds import gamma, square_sum
from certify.base.rigor.fields import Ball
from certify.base.rigor.rounded import Rounded
from certify.kernel.arrays import Array
from certify.kernel.errors import RejectedError
from certify.kernel.exact import Exact
from certify.kernel.patterns import Pattern
from certify.kernel.scalars import power

SHAPES = [(1, 1), (1, 7), (9, 1), (30, 20), (20, 30), (60, 5)]
LIMITS = {"ROWS": 7, "LINES": 3, "WORK": 40}
EXACT, ROUNDED = Exact(), Rounded()


@pytest.fixture(params=[0.0, np.inf], ids=["dense blocks", "sparse products"])
def _split(request, monkeypatch):
    """Make blocks small, and choose how they are multiplied."""
    for name, value in LIMITS.items():
        monkeypatch.setattr(gram, name, value)
    monkeypatch.setattr(gram, "CHEAPER", request.param)


def field(shape: tuple[int, int], seed: int) -> sparse.csr_array:
    """Return a sparse matrix whose columns are of unequal counts, some empty."""
    rng = np.random.default_rng(seed)
    seen = rng.random(shape) < rng.random(shape[1]) ** 2
    return sparse.csr_array(np.where(seen, rng.standard_normal(shape), 0.0))


@pytest.mark.usefixtures("_split")
@pytest.mark.parametrize("shape", SHAPES)
def test_the_gram_of_integers_is_exact(shape):
    X = field(shape, 0)
    X.data = np.rint(64 * X.data)
    dense = X.toarray()
    assert np.array_equal(gram.gram(X), dense.T @ dense)
    assert np.array_equal(X.toarray(), dense)


@pytest.mark.usefixtures("_split")
@pytest.mark.parametrize("axis", [0, 1])
def test_the_gram_is_within_its_radius_of_exact_integers(axis):
    X = field((25, 18), 1).tocoo()
    at = Pattern(*X.shape, *(array("q", x.tolist()) for x in (X.row, X.col)))
    held = Array((X.nnz,), X.data)
    exact, ball = (
        EXACT.gram(EXACT.load(held), axis, at)[0],
        ROUNDED.gram(ROUNDED.load(held), axis, at)[0],
    )
    truth = [Fraction(v) * power(exact.exp) for v in exact.ints]
    found = [Fraction(v) for v in ball.mid.reshape(-1).tolist()]
    away = sum((a - b) ** 2 for a, b in zip(truth, found, strict=True))
    assert 0 < away <= ball.rad**2
    # a product that is left out is seen: the radius is no excuse for it
    assert float(X.data.max()) ** 4 > ball.rad**2


def test_the_radius_counts_the_entries_of_the_fullest_line():
    rows, cols = array("q", [0, 0, 1, 2, 3]), array("q", [0, 1, 1, 1, 0])
    held = ROUNDED.load(Array((5,), np.ones(5)))
    for axis, most in ((1, 3), (0, 2)):
        rad = ROUNDED.gram(held, axis, Pattern(4000, 2000, rows, cols))[0].rad
        assert gamma(most) * 5 < rad < gamma(most + 3) * square_sum(held.mid).hi


def test_a_sparse_matrix_is_never_made_dense():
    rng = np.random.default_rng(0)
    m, n, count = 400_000, 300, 60_000  # dense: 960 MB
    places = rng.integers(m, size=count), rng.integers(n, size=count)
    X = sparse.csr_array((rng.standard_normal(count), places), shape=(m, n))
    tracemalloc.start()
    found = gram.gram(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6
    assert np.allclose(found.trace(), np.square(X.data).sum())


def made(n: int, kind: str) -> np.ndarray:
    """Return a positive semidefinite matrix that owns its memory or does not, or is lopsided."""
    X = np.random.default_rng(1).standard_normal((n + 5, n))
    if kind == "a view":
        return (X.T @ X).reshape(-1).reshape(n, n)
    return X.T @ X + (kind == "lopsided") * np.triu(np.ones((n, n)), 1) / 2**20


@pytest.mark.parametrize("kind", ["its own memory", "a view", "lopsided"])
@pytest.mark.parametrize("n", [3, 600])
def test_a_bound_of_eigenvalues_leaves_the_gram_matrix_as_it_was(kind, n):
    g = made(n, kind)
    assert g.flags.owndata == (kind != "a view")
    before, top = g.copy(), float(np.linalg.eigvalsh(g)[-1])
    held = Ball(g, Fraction(0) if kind != "lopsided" else Fraction(n, 2**20))
    for shift in (2 * top, top / 2):
        found = ROUNDED.top(held, Fraction(shift), None)
        assert found >= Fraction(top)
        assert np.array_equal(g, before)
        assert (found < 2 * shift) == (shift > top)  # |G|_inf where no Cholesky completes
    g[0, -1] = g[-1, 0] = np.inf
    with pytest.raises(RejectedError, match="overflow"):
        ROUNDED.top(held, Fraction(2 * top), None)


def test_a_bound_of_eigenvalues_holds_one_matrix():
    g = np.eye(2000)
    tracemalloc.start()
    found = ROUNDED.top(Ball(g, Fraction(0)), Fraction(3), None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 1 <= found < 2  # |G|_inf
    assert peak < 0.6 * g.nbytes  # blocks of 512 lines
