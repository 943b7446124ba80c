"""Relaxations of every pair of norms: below every factorization, dual to their polars."""

import numpy as np
import pytest

from certify import InputError, Problem
from certify.atoms import RankOne
from certify.losses import Squared
from certify.norms import L2, Elastic, Group, Variation, Weighted, gauge
from certify.search.relax import convex, dual_point, symmetric_witness
from certify.search.relax._cvxpy import cp
from certify.search.relax._norms import square
from certify.search.relax._solve import ANSWERED, attempt
from certify.search.relax.omega import by_squares, omega
from tests.solver_polars import exact, polar

pytestmark = pytest.mark.slow  # a general solver runs in every test

SOLVED = 1e-6  # an interior-point solver's accuracy, in the units of these small numbers
D = 4
NORMS = {
    "l1": gauge("l1"),
    "l1+": gauge("l1+"),
    "l2": gauge("l2"),
    "l2+": gauge("l2+"),
    "l2-": gauge("l2-"),
    "linf": gauge("linf"),
    "linf+": gauge("linf+"),
    "mixed": L2(cone="*+-0"),
    "weighted": Weighted((0.25, 1.0, 2.0, 4.0)),
    "elastic": Elastic(0.25),
    "elastic+": Elastic(0.5, cone="+"),
    "groups": Group([[0, 2], [1], [3]]),
    "largest group": Group([[0, 3], [1, 2]], outer="linf"),
    "variation": Variation([(0, 1), (1, 2), (2, 3)], 0.5),
}
FEW = [(a, b) for k, a in enumerate(NORMS) for j, b in enumerate(NORMS) if (k + j) % 3 == 0]
SOME = pytest.mark.parametrize(("a", "b"), FEW)


def data(seed):
    return np.random.default_rng(seed).integers(-8, 9, (D, D)) / 4


def gauged(Z, *norms):
    """Return Omega(Z) of a given Z, as the solver finds it."""
    held = cp.Variable(Z.shape)
    price, cone = omega(held, *norms)
    program = cp.Problem(cp.Minimize(price), [held == Z, *cone])
    assert attempt(program, "CLARABEL", None) == "optimal"
    return float(program.value)


def slices(norms, count, seed):
    """Return slices in the cones and the sum of their theta."""
    rng = np.random.default_rng(seed)
    factors = [g.project_cone(rng.standard_normal((D, count))) for g in norms]
    return factors, float(RankOne(*norms).theta(tuple(factors)).sum())


@SOME
def test_polar_program_is_above_the_best_slice_and_at_it_where_it_is_exact(a, b):
    W, norms = data(1), (NORMS[a], NORMS[b])
    told, (found, _) = polar(W, *norms), RankOne(*norms).attain(W, 0)
    assert told.status == "optimal"
    slack = SOLVED * np.linalg.norm(W)
    assert found - slack <= told.value
    loose = 1.5  # the worst here is 1.37, of an elastic norm and linf+
    assert told.value <= (found + slack if exact(*norms) else loose * found)


@SOME
def test_gauge_is_at_most_the_price_of_any_factorization_and_at_least_its_dual_bound(a, b):
    norms, W = (NORMS[a], NORMS[b]), data(2)
    (U, V), price = slices(norms, 5, 3)
    Z = U @ V.T
    told = gauged(Z, *norms)
    assert told <= price * (1 + SOLVED)
    assert told >= np.vdot(W, Z) / polar(W, *norms).value - SOLVED * price


@SOME
def test_the_polar_of_the_dual_point_is_lam(a, b):
    norms = NORMS[a], NORMS[b]
    lam = 0.25 * polar(data(4), *norms).value
    problem = Problem(Squared(data(4)), RankOne(*norms), lam)
    assert convex(problem).status in ANSWERED
    assert polar(dual_point(problem), *norms).value == pytest.approx(lam, rel=10 * SOLVED)


@pytest.mark.parametrize("name", NORMS)
def test_a_pair_and_its_transpose_agree(name):
    W = data(5)
    for other in ("l1", "l2", "linf+", "groups", "elastic"):
        first = polar(W, NORMS[name], NORMS[other]).value
        assert polar(W.T, NORMS[other], NORMS[name]).value == pytest.approx(first, rel=SOLVED)


@pytest.mark.parametrize("name", NORMS)
def test_lifted_square_of_a_vector_is_at_most_its_square(name):
    norm = NORMS[name]
    for seed in range(20):
        x = norm.project_cone(np.random.default_rng(seed).standard_normal(D))
        told = float(square(norm, cp.Constant(np.outer(x, x))).value)
        assert told <= float(norm.value(x)) ** 2 * (1 + SOLVED)
        if not isinstance(norm, Elastic | Variation):
            assert told == pytest.approx(float(norm.value(x)) ** 2)


def test_lifted_square_of_an_elastic_norm_is_exact_at_both_ends():
    norm = Elastic(0.25)
    for x in (np.eye(D)[0], np.ones(D)):
        told = float(square(norm, cp.Constant(np.outer(x, x))).value)
        assert told == pytest.approx(float(norm.value(x)) ** 2)
    assert norm.mixture.chord(1) == (0.0, 1.0)


def test_lifted_square_of_variation_is_exact_on_constants():
    norm = NORMS["variation"]
    told = float(square(norm, cp.Constant(np.ones((D, D)))).value)
    assert told == pytest.approx(D)
    X = np.random.default_rng(0).standard_normal((D, 500))
    jumps = np.abs(norm.mixture.A(D) @ X).sum(axis=0) / np.linalg.norm(X, axis=0)
    most = norm.mixture.reach(D)[1]
    assert 0.75 * most < jumps.max() <= most


# --- known values ---------------------------------------------------------------------

HADAMARD = np.array([[1.0, 1], [1, -1]])


def test_grothendiecks_bound_of_the_hadamard_matrix_is_2_root_2():
    assert polar(HADAMARD, "linf", "linf").value == pytest.approx(8**0.5, rel=SOLVED)
    assert RankOne("linf", "linf").polar(HADAMARD).lower == pytest.approx(2)


def test_the_cycle_of_five_shows_the_gap_of_motzkin_and_straus():
    edges = np.array([[abs(i - j) in (1, 4) for j in range(5)] for i in range(5)], dtype=float)
    told = symmetric_witness(edges, gauge("l1+")).upper
    assert told == pytest.approx(1 - 1 / 5**0.5, rel=SOLVED)  # Lovasz's theta is root 5, not 2
    full = np.ones((5, 5)) - np.eye(5)
    assert symmetric_witness(full, gauge("l1+")).upper == pytest.approx(1 - 1 / 5, rel=SOLVED)


@pytest.mark.parametrize("norm", ["l2", "l2+", "l1+"])
def test_symmetric_gauge_and_symmetric_polar_are_dual(norm):
    W, X = data(6), np.abs(data(7))[:, :2]
    held = cp.Variable((D, D))
    price, cone = by_squares(held, gauge(norm))
    program = cp.Problem(cp.Minimize(price), [held == X @ X.T, *cone])
    assert attempt(program, "CLARABEL", None) == "optimal"
    cost = float((gauge(norm).value(X) ** 2).sum())
    assert program.value <= cost * (1 + SOLVED)
    bound = symmetric_witness(W, gauge(norm)).upper
    assert np.vdot(W, X @ X.T) <= bound * program.value * (1 + SOLVED)
    if norm == "l2":
        assert bound == pytest.approx(max(np.linalg.eigvalsh((W + W.T) / 2)[-1], 0), abs=SOLVED)


def test_a_norm_of_another_length_is_named():
    with pytest.raises(InputError, match="weights must have length 2"):
        polar(np.ones((2, 2)), NORMS["weighted"], "l2")
