"""Relaxations of every small problem of the zoo agree with its known optimum and check()."""

import numpy as np
import pytest

import problems
from certify import Problem, Verdict, check, improve
from certify.atoms import DeepLinear, RankOne, Symmetric
from certify.losses import Logistic, Squared
from certify.norms import gauge
from certify.offsets import Smooth, Sparse
from certify.search.relax import columns, convex, dual_point, symmetric_witness
from certify.search.relax._solve import ANSWERED
from tests.solver_polars import exact

pytestmark = pytest.mark.slow  # a general solver runs in every test

SOLVED = 1e-6
SMALL = 100  # entries
ZOO = {
    f"{name}-{case}": instance
    for name in problems.names()
    for case, instance in problems.load(name).items()
    if instance.problem.lam > 0 and np.prod(instance.problem.loss.shape) <= SMALL
}


def is_exact(atom):
    if isinstance(atom, Symmetric):
        return atom.norm == "l2"
    return isinstance(atom, DeepLinear) or (isinstance(atom, RankOne) and exact(*atom.gauges))


def slack_of(instance):
    held = instance.problem
    zero = tuple(np.zeros((*s, 0)) for s in held.atom.shapes(held.loss.dims))
    if held.loss.name == "kullback_leibler":
        return SOLVED * (1 + abs(instance.optimum))
    return SOLVED * (abs(instance.optimum) + abs(held.objective(zero, held.best_offsets(zero))))


def test_the_zoo_has_small_problems():
    assert len(ZOO) > 60


@pytest.mark.parametrize("name", ZOO)
def test_relaxation_is_at_most_the_optimum_and_equal_where_it_is_exact(name):
    instance = ZOO[name]
    told, slack = convex(instance.problem), slack_of(instance)
    assert told.status in ANSWERED
    assert told.value <= instance.optimum + slack
    if is_exact(instance.problem.atom) and instance.problem.l1 is None:  # which is left out
        assert told.value == pytest.approx(instance.optimum, abs=slack)


@pytest.mark.parametrize(
    "name", [n for n, i in ZOO.items() if n.split("-")[1] in ("optimal", "best")]
)
def test_check_with_the_relaxation_is_never_stronger_than_the_truth(name):
    instance = ZOO[name]
    result = check(instance.problem, instance.factors, q=instance.q, method="cvxpy", budget=2)
    assert result.lower <= instance.optimum * (1 + SOLVED) + SOLVED
    assert result.verdict in (Verdict.CERTIFIED, Verdict.UNDECIDED)


# --- what the zoo lacks -----------------------------------------------------------------

rng = np.random.default_rng(8)
Y = rng.integers(-16, 17, (5, 4)) / 8
SQUARE = np.triu(rng.integers(-8, 9, (5, 5))) / 4
SQUARE = SQUARE + SQUARE.T
EDGES = np.array([[0, 1], [1, 2], [2, 3], [3, 4]])


@pytest.mark.parametrize("norm", ["l2", "l2+", "l1+"])
@pytest.mark.parametrize("loss", [Squared(SQUARE), Logistic((SQUARE > 0).astype(float))])
def test_symmetric_atoms_are_relaxed(norm, loss):
    problem = Problem(loss, Symmetric(norm), 0.4)
    told, found = convex(problem), columns(problem)
    assert told.status in ANSWERED
    assert told.value <= found.value + SOLVED
    W = dual_point(problem)
    assert symmetric_witness(W, gauge(norm)).upper == pytest.approx(0.4, rel=1e-4)
    result = check(problem, found.factors, method="cvxpy", budget=3)
    assert result.lower <= found.value
    if norm == "l2":
        assert told.value == pytest.approx(found.value, rel=1e-4)


@pytest.mark.parametrize(
    "offsets",
    [
        (Sparse(0.4),),
        (Smooth(EDGES, 0.5, 0.25),),
        (Smooth(EDGES, 0.5, 0.25, weights=[1.0, 2, 0.5, 4]), Sparse(0.5)),
    ],
    ids=["sparse", "smooth", "both"],
)
@pytest.mark.parametrize("mask", [None, rng.random((5, 4)) < 0.8], ids=["all", "masked"])
def test_sparse_and_smooth_parts_are_relaxed(offsets, mask):
    problem = Problem(Squared(Y, mask=mask), RankOne(), 0.75, offsets)
    told = convex(problem)
    found = improve(problem, (np.zeros((5, 1)), np.zeros((4, 1))), budget=10)
    assert [x.shape for x in told.q] == [o.shape(problem.loss.observed) for o in offsets]
    assert found.result.lower - SOLVED <= told.value <= found.objective + SOLVED
    assert found.result.relative_gap < 1e-4


def test_a_gauge_object_is_its_key():
    keyed = convex(Problem(Squared(Y), RankOne("l2+", "linf"), 0.5))
    given = convex(Problem(Squared(Y), RankOne(gauge("l2+"), gauge("linf")), 0.5))
    assert keyed.value == given.value
