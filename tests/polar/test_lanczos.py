"""Singular values of sparse matrices by Lanczos: never above the true ones, and their vectors."""

import numpy as np
import pytest
from scipy import sparse

from certify.atoms import RankOne
from certify.polar import PolarQuery, lanczos
from certify.polar import eigen as spectra
from certify.polar.methods import spectral

SHAPES = [(120, 90), (90, 120)]


def field(shape: tuple[int, int], seed: int = 0) -> sparse.csr_array:
    """Return a sparse matrix with a few large singular values."""
    rng = np.random.default_rng(seed)
    seen = rng.random(shape) < 0.2
    low = rng.standard_normal((shape[0], 3)) @ rng.standard_normal((3, shape[1]))
    return sparse.csr_array(np.where(seen, low + rng.standard_normal(shape), 0.0))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [1, 5, 20])
def test_pairs_are_those_of_the_dense_matrix(shape, count):
    W = field(shape)
    values, left, right = lanczos.largest(W, count, tol=1e-9)
    wanted = np.linalg.svd(W.toarray(), compute_uv=False)[:count]
    assert (values <= wanted * (1 + 1e-12)).all()
    assert np.allclose(values[:1], wanted[:1], rtol=1e-9)
    assert np.allclose(values, wanted, rtol=1e-3)
    assert np.allclose(np.einsum("mk,mk->k", left, W @ right), values)
    for vectors, size in ((left, shape[0]), (right, shape[1])):
        assert vectors.shape == (size, count)
        assert np.allclose(np.square(vectors).sum(axis=0), 1.0)


@pytest.mark.parametrize("shape", SHAPES)
def test_parts_of_the_rows_are_multiplied_at_once(monkeypatch, shape):
    W = field(shape)
    whole = lanczos.largest(W, 3, tol=1e-9)
    monkeypatch.setattr(lanczos, "TOGETHER", 0)
    monkeypatch.setattr(lanczos, "CORES", 3)
    tall = W if shape[0] > shape[1] else W.T
    parts = lanczos.lines(tall)
    assert len(parts) == 3
    assert np.array_equal(np.vstack([p.toarray() for p in parts]), tall.toarray())
    assert np.allclose(lanczos.largest(W, 3, tol=1e-9).values, whole.values, rtol=1e-12)


def test_vectors_that_are_near_leave_less_to_do(monkeypatch):
    W = field((300, 200))
    monkeypatch.setattr(lanczos, "LEAST", 1)
    monkeypatch.setattr(lanczos, "MOST", 1)
    near = np.linalg.svd(W.toarray())[2][:4].T
    plain = lanczos.largest(W).values[0]
    assert lanczos.largest(W, near=near).values[0] > plain * 1.01


def test_an_expired_clock_ends_it_with_an_estimate_from_below():
    W = field((300, 200))
    found = lanczos.largest(W, expired=lambda: True).values[0]
    assert 0 < found < np.linalg.norm(W.toarray(), 2)


@pytest.mark.parametrize("share", [0.9, 1.1])
def test_a_large_sparse_matrix_has_the_bound_of_the_dense_one(monkeypatch, share):
    W = field((120, 90))
    top = float(np.linalg.norm(W.toarray(), 2))
    dense = RankOne().polar(W.toarray())
    monkeypatch.setattr(lanczos, "LARGE", 20)
    monkeypatch.setattr("certify.polar.eigen.DENSE", 20)
    large = spectral.of_matrix(W, target=share * top)
    assert "L" not in large.proof
    assert top < dense.upper < top * (1 + 1e-9)
    # at the target where that is above sigma_1, else with the coarse margin
    assert max(top, share * top) <= large.upper <= max(top * (1 + 1e-5), share * top * (1 + 1e-8))
    assert top <= RankOne().polar(W).upper <= top * (1 + 1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_estimate_promises_a_margin_above_it_or_the_target(monkeypatch, shape):
    W = field(shape)
    exact = spectral.of_estimate(W, None, 0)  # a small matrix has its factor
    assert "L" in exact.proof
    monkeypatch.setattr(lanczos, "LARGE", 20)
    monkeypatch.setattr("certify.polar.eigen.DENSE", 20)
    top = lanczos.largest(W, tol=spectra.SHARP).values[0]
    query = PolarQuery(W, *RankOne().gauges, seed=0)
    for margin in (0.0, 0.21):
        found = spectral.estimated_bound(query, margin)
        assert np.isclose(found.upper, top * (1 + margin) ** 0.5, rtol=1e-12)
        assert (found.proof["rule"], found.proof["axis"]) == ("spectral", int(shape[0] > shape[1]))
        assert np.isclose(found.proof["shift"], found.upper**2, rtol=1e-15)
    assert np.isclose(spectral.of_estimate(W, 2 * top, 0).upper, 2 * top, rtol=1e-15)
    assert spectral.of_estimate(W * 0, None, 0).upper > 0
