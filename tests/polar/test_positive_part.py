"""The positive part of a matrix that moves, found from its last eigenvectors."""

import numpy as np
import pytest

from certify.atoms import RankOne
from certify.polar import positive_part
from certify.polar.positive_part import FAR, GUARD, MOVED, WHOLE, PositivePart, eigenpairs_near
from certify.polar.relaxation import pair_admm
from certify.polar.relaxation.pairs import cell, of_pair
from certify.polar.relaxation.steps import Stop
from tests.tolerance import EPS


def symmetric(n, positive, seed=0):
    """Return a matrix with so many positive eigenvalues, and a direction to move it."""
    rng = np.random.default_rng(seed)
    frame = np.linalg.qr(rng.standard_normal((n, n)))[0]
    values = np.where(np.arange(n) < positive, 1.0, -1.0) * (0.1 + rng.random(n))
    move = rng.standard_normal((n, n))
    return (frame * values) @ frame.T, (move + move.T) / np.linalg.norm(move)


def exact(A):
    """Return the nearest positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(A)
    return (vectors * np.maximum(values, 0.0)) @ vectors.T


def product(pairs):
    """Return the matrix of these eigenpairs."""
    values, vectors = pairs
    return (vectors * values) @ vectors.T


@pytest.fixture
def counts(monkeypatch):
    """Sizes of the matrices whose eigenvalues are all found."""
    sizes, plain = [], np.linalg.eigh
    monkeypatch.setattr(positive_part.np.linalg, "eigh", lambda a: sizes.append(len(a)) or plain(a))
    return sizes


@pytest.mark.parametrize("positive", [1, 6, 10])
def test_it_follows_a_matrix_that_moves(positive, counts):
    A, move = symmetric(80, positive)
    part = PositivePart()
    for k in range(2 * WHOLE):
        now = A + 1e-3 * k * move
        found = product(part(now))
        assert np.linalg.norm(found - exact(now)) <= 1e-4 * np.linalg.norm(found)
    kept = positive + GUARD
    sizes = [kept, kept + min(kept, MOVED)]  # of R^T R, and of the span
    assert [size for size in counts if size < 80] == sizes * (2 * WHOLE - 2)


def test_the_span_has_the_directions_that_move_the_farthest():
    """Of A V, which leaves the span of V along MOVED coordinates, and two shorter ones."""
    k = MOVED + 2
    A = np.zeros((2 * k, 2 * k))
    A[:k, k:] = np.diag(np.append(np.full(MOVED, 2.0), [1.0, 1.0]))
    A += A.T
    A[:k, :k] = 20 * np.eye(k)
    values, vectors = eigenpairs_near(A, np.eye(2 * k, k))
    ends = 10 - 104**0.5, 20.0, 10 + 104**0.5  # of [[20, 2], [2, 0]]
    assert values == pytest.approx(np.repeat(ends, [MOVED, 2, MOVED]), abs=1280 * EPS)
    assert vectors.T @ vectors == pytest.approx(np.eye(k + MOVED), abs=64 * EPS)
    assert vectors.T @ A @ vectors == pytest.approx(np.diag(values), abs=1280 * EPS)


@pytest.mark.parametrize(("left_out", "near"), [(0.9, True), (1.1, False)])
def test_a_span_that_leaves_out_too_much_is_not_near(left_out, near):
    """Of A V, which leaves the span of V along MOVED coordinates, and along one more by less."""
    k = MOVED + 1
    A, size = np.eye(2 * k), FAR * k**0.5
    A[:k, k:] = np.diag(np.append(left_out * size, np.full(MOVED, 2.0)))
    A += np.triu(A, 1).T
    assert (eigenpairs_near(A, np.eye(2 * k, k)) is not None) == near


def test_a_matrix_that_moves_far_is_not_followed(counts):
    """Its positive part is exact then."""
    part = PositivePart()
    for seed in range(4):
        A, _ = symmetric(200, 50, seed)
        assert product(part(A)) == pytest.approx(exact(A), abs=200 * 200 * EPS)
    assert counts.count(50 + GUARD) == 3


def test_a_span_that_a_matrix_leaves_where_it_is_needs_no_other(counts):
    """Rounding is no direction."""
    values, _ = eigenpairs_near(np.diag(np.arange(1.0, 7.0)), np.eye(6, 3))
    assert values == pytest.approx([1.0, 2.0, 3.0])
    assert counts == [3, 3]


def test_all_eigenvalues_are_found_again_after_some_steps():
    """An eigenvalue that turns positive outside the span is missed until then."""
    part, A = PositivePart(), np.diag(np.append([3.0, 2.0], -np.arange(1.0, 59.0)))
    part(A)
    A[59, 59] = 5.0
    seen = [part(A)[0].size for _ in range(WHOLE + 1)]
    assert seen == [2] * WHOLE + [3]


def test_many_positive_eigenvalues_are_found_all_at_once(counts):
    """24 of 60 vectors would be kept, whose steps cost as much as all eigenvalues."""
    A, move = symmetric(60, 20)
    part = PositivePart()
    for k in range(3):
        now = A + 0.3 * k * move
        assert np.allclose(product(part(now)), exact(now), atol=1e-12)
    assert counts == [60] * 6


def test_values_rise_and_are_positive():
    part = PositivePart()
    for _ in range(2):
        values, vectors = part(np.diag([2.0, -1.0, *[-3.0] * 40, 1.0]))
        assert np.allclose(values, [1.0, 2.0])
        assert np.allclose(np.abs(vectors).argmax(axis=0), [42, 0])
    assert part(-np.eye(43))[0].size == 0


def test_the_relaxation_of_a_pair_follows_its_eigenvectors(counts):
    rng = np.random.default_rng(0)
    W = rng.random((50, 40)) - 0.4
    part = cell(of_pair(W, *RankOne("l2+", "l2+").gauges), ())
    steps = pair_admm.solve(part, Stop(0.0, 60)).steps
    assert sum(size == 90 for size in counts) < steps / 3
