"""What a norm says of its unit ball is true, and what the base class says is true of any norm."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse

from certify.norms import L2, Gauge
from certify.search.relax._cvxpy import cp
from certify.search.relax._norms import dual_cost, lengths, square
from tests.norm_cases import IDS, VARIANTS, made

D = 4
ROUNDED = 1e-12  # of a few flops on numbers of size one
ITERATED = 1e-6  # of a dual norm that is found by iteration
each_norm = pytest.mark.parametrize(("name", "cone"), VARIANTS, ids=IDS)


@dataclass(frozen=True)
class Bare(Gauge):
    """Another norm of which nothing is said but the four methods of the contract."""

    of: Gauge

    name = "bare"

    def value(self, x):
        return self.of.value(x)

    def dual(self, y):
        return self.of.dual(y)

    def maximizer(self, y):
        return self.of.maximizer(y)

    def prox(self, x, t):
        return self.of.prox(x, t)


def bare(norm):
    return Bare(norm, cone=norm.cone)


def points(norm, count=200):
    """Vectors of the cone with g = 1: maximizers, and directions of any kind."""
    rng = np.random.default_rng(0)
    Y = np.hstack([rng.integers(-2, 3, (D, count)).astype(float), np.eye(D), -np.eye(D)])
    X = np.column_stack([norm.maximizer(y) for y in Y.T])
    other = norm.project_cone(Y)
    other = other[:, np.abs(other).max(axis=0) > 0]
    return np.hstack([X, other / norm.value(other)])


@each_norm
def test_the_ellipsoids_contain_the_ball_and_are_it_where_they_are_said_to_be(name, cone):
    norm = made(name, cone, D)
    X = points(norm)
    for held in (norm, bare(norm)):
        around = held.ellipsoids(D)
        sums = np.array([np.bincount(around.labels, around.weights * x * x) for x in X.T])
        assert sums.max() <= 1 + ITERATED
        assert around.single or not held.is_round
        d = np.random.default_rng(1).standard_normal(D)
        assert held.cost(d) >= (d[:, None] * X * X).sum(axis=0).max() - ITERATED
        if held.exact:
            inside = X / np.sqrt(sums.max(axis=1))
            assert np.abs(held.value(inside)).max() <= 1 + ROUNDED
    assert not bare(norm).exact


@each_norm
def test_what_a_norm_says_it_is_it_is(name, cone):
    norm = made(name, cone, D)
    X = norm.project_cone(np.random.default_rng(2).standard_normal((D, 50)))
    told, sizes = np.asarray(norm.value(X)), np.abs(X)
    if norm.spherical:
        assert np.allclose(told, np.linalg.norm(X, axis=0), rtol=ROUNDED)
    if norm.cubic:
        assert (told == sizes.max(axis=0)).all()
    if norm.axial:
        assert np.allclose(told, sizes.sum(axis=0), rtol=ROUNDED)
    if norm.summed:
        parts = [np.linalg.norm(X[list(g)], axis=0) for g in norm.blocks(D)]
        assert np.allclose(told, np.sum(parts, axis=0), rtol=ROUNDED)
    if norm.mixture is not None:
        jumps, long = np.abs(norm.mixture.A(D) @ X).sum(axis=0), np.linalg.norm(X, axis=0)
        assert np.allclose(told, norm.mixture.a * jumps + norm.mixture.b * long, rtol=ROUNDED)
        low, high = norm.mixture.reach(D)
        assert (
            (low * long <= jumps * (1 + ROUNDED)) & (jumps <= high * long * (1 + ROUNDED))
        ).all()
        p, q = norm.mixture.chord(D)
        assert (p * jumps**2 + q * long**2 <= told**2 * (1 + ROUNDED)).all()
    assert np.allclose(norm.unit_sizes(D), bare(norm).unit_sizes(D), rtol=ROUNDED)


@pytest.mark.thorough
@each_norm
def test_facts_change_the_speed_and_not_the_numbers(name, cone):
    norm = made(name, cone, D)
    Y = np.random.default_rng(3).integers(-3, 4, (D, 40)).astype(float)
    Y[:, 0] = 0.0
    assert np.allclose(norm.maximizers(Y), bare(norm).maximizers(Y), rtol=ROUNDED, atol=ROUNDED)
    stored = sparse.csc_array(Y)
    for lines in (Y, stored):
        assert np.allclose(norm.dual_columns(lines), norm.dual(Y), rtol=ITERATED)
        assert np.allclose(bare(norm).dual_columns(lines), norm.dual(Y), rtol=ITERATED)
    allowed = (np.arange(40) % 3 > 0, np.arange(40) % 2 > 0)
    top = norm.line_values(Y, allowed)[0].max()
    for held in (norm, bare(norm)):
        bound, evidence = held.longest(stored, allowed)
        assert top * (1 - ITERATED) <= bound
        assert (bound <= top * (1 + ITERATED)) or "flow" in evidence
    assert norm.free_dual(Y[:, 1]) == float(made(name, "", D).dual(Y[:, 1]))


@pytest.mark.sampled(5)
@each_norm
def test_what_cvxpy_sees_is_at_most_the_norm(name, cone):
    norm = made(name, cone, D)
    X = points(norm, 20)
    for held in (norm, bare(norm)):
        told = float(lengths(held, cp.Constant(X.T)).value)
        assert told <= X.shape[1] * (1 + ITERATED)
        if held is norm and (norm.exact or norm.summed or norm.mixture is not None):
            assert told >= X.shape[1] * (1 - ITERATED)
        for x in X.T:
            assert float(square(held, cp.Constant(np.outer(x, x))).value) <= 1 + ITERATED


@pytest.mark.thorough
@each_norm
def test_what_is_matched_with_the_square_is_below_it(name, cone):
    norm = made(name, cone, D)
    C = np.diag([1.0, 2.0, -1.0, 0.5])
    for held in (norm, bare(norm)):
        own = dual_cost(held, D)
        psd = cp.Variable((D, D), PSD=True)
        program = cp.Problem(cp.Minimize(own.cost), [*own.cone, psd == own.C - C])
        cost = float(program.solve(solver="CLARABEL"))
        assert cost >= np.einsum("ir,ij,jr->r", points(norm), C, points(norm)).max() - ITERATED


@pytest.mark.parametrize(
    ("cone", "signs"),
    [
        ("", [0, 0, 0]),
        ("+", [1, 1, 1]),
        ("-", [-1, -1, -1]),
        ("*+-", [0, 1, -1]),
        ("0-+", [0, -1, 1]),
    ],
)
def test_the_signs_of_coordinates(cone, signs):
    assert L2(cone=cone).signs(3).tolist() == signs
