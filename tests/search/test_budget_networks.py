"""A budget bounds the work on a hidden layer, and leaves a bracket."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from certify import Problem, Verdict, check, verify
from certify.atoms import ReLU
from certify.base.clock import Clock
from certify.losses import Logistic, Squared
from certify.offsets import ColumnIntercept
from certify.pipeline.prove import affordable
from certify.polar.ascent import layers as climb
from certify.problem.proof_time import relaxed_leaves
from certify.search import evidence
from certify.search.candidate import evaluate
from certify.search.coordinates.layers import Net
from certify.search.dual import points as duals
from certify.search.dual import scaling
from certify.search.growth.layers import field_of
from certify.search.search_result import Evidence
from tests.network_models import counted

UNITS = 24


@pytest.fixture(scope="module")
def patients():
    """Return all the diabetes data, at a fifth of the least lam of an empty network."""
    X, y = load_diabetes(return_X_y=True)
    X, y = ((a - a.mean(axis=0)) / a.std(axis=0) for a in (X, y[:, None]))
    atom = ReLU(X, bias="regularized")
    problem = Problem(Squared(y), atom, 0.2 * atom.attain(y, 0)[0])
    rng = np.random.default_rng(1)
    shapes = atom.shapes(problem.loss.dims)
    return problem, tuple(0.1 * rng.standard_normal((*s, UNITS)) for s in shapes)


@pytest.fixture(scope="module")
def second(patients):
    """Return what a second finds."""
    problem, factors = patients
    return check(problem, factors, budget=1.0)


def test_a_second_on_all_the_patients_leaves_a_bracket(patients, second):
    assert second.verdict in (Verdict.UNDECIDED, Verdict.REFUTED, Verdict.RANK_LIMITED)
    assert 0 < second.lower < second.upper
    proved = verify(second.certificate, *patients, tier="rounded")
    assert (proved.lower, proved.upper) == (second.lower, second.upper)


def test_a_proof_that_takes_longer_than_the_budget_is_rounded(second):
    assert second.tier == "rounded"
    assert relaxed_leaves(second.certificate.proof["polar"]) >= 1


def test_the_time_that_is_left_chooses_the_arithmetic(patients):
    problem, _ = patients
    leaf = {"level": "0x1p+0"}

    def tier(polar, left):
        dual = type("Dual", (), {"polar": type("Polar", (), {"proof": polar})})
        return affordable(problem, Evidence(None, dual), left).tier

    one, both = {"nodes": [leaf, {"cut": 0}]}, {"each": [{"nodes": [leaf]}, {"nodes": [leaf]}]}
    assert (relaxed_leaves(one), relaxed_leaves(both), relaxed_leaves({"rule": "linear"})) == (
        1,
        2,
        0,
    )
    assert [tier(one, s) for s in (0.0, 1.5, 2.0, None)] == ["rounded", "rounded", "exact", "exact"]
    assert [tier(both, s) for s in (2.0, 4.0)] == ["rounded", "exact"]
    assert tier({"nodes": [{"mu": []}] * 10_000}, 0.0) == "exact"  # cells


@pytest.mark.thorough
def test_without_time_nothing_climbs_from_cell_to_cell(patients, monkeypatch):
    problem, factors = patients
    cells, climbs = (counted(monkeypatch, climb, k) for k in ("cell_maximum", "climb_cells"))
    steps = counted(monkeypatch, climb, "best_bias")
    found = check(problem, factors, budget=0.0)
    assert 0 < found.lower < found.upper
    assert climbs
    assert not steps  # one look at the starts
    assert not cells


@pytest.mark.thorough
def test_without_time_no_free_bias_is_searched_for(monkeypatch):
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((40, 6)), rng.standard_normal((40, 1))
    problem = Problem(Squared(y), ReLU(X, bias="free"), 2.0, [ColumnIntercept()])
    factors = rng.standard_normal((7, 5)), rng.standard_normal((1, 5))
    levels = counted(monkeypatch, climb, "best_bias")
    again = counted(monkeypatch, evidence, "bound_point")
    found = check(problem, factors, budget=0.0)
    assert 0 < found.lower < found.upper
    assert not levels
    assert not again
    assert check(problem, factors, budget=1.0).lower > found.lower
    assert levels


@pytest.mark.thorough
def test_a_climb_ends_when_time_does(patients, monkeypatch):
    problem, factors = patients
    net, called = Net(problem), counted(monkeypatch, climb, "cross_cells")
    field = field_of(net, problem.loss.data)
    left = iter([False] * (climb.STEPS + 5))
    top, _ = climb.above(field, np.inf, factors[0], 0, lambda: next(left, True))
    assert 0 < len(called) <= climb.STEPS + 5
    assert 0 < top <= climb.above(field, np.inf, factors[0], 0)[0]


@pytest.mark.parametrize(("lam", "count"), [(0.25, 1), (64.0, 2)])
def test_a_multiple_that_the_kernel_takes_by_itself_is_not_bounded_again(monkeypatch, lam, count):
    """At a small lam W is shortened by lam over its polar; at a large one another is better."""
    rng = np.random.default_rng(4)
    X, y = rng.standard_normal((12, 3)), np.arange(12.0)[:, None] % 2
    problem = Problem(Logistic(y), ReLU(X), lam)
    one = evaluate(problem, (rng.standard_normal((3, 2)), rng.standard_normal((1, 2))), None)
    tried = counted(monkeypatch, duals, "bound_inside")
    found = duals.bound(duals.Run(problem, one, 1e-6, Clock(), 0, given=True), 0.5 * (y - 0.5))
    assert len(tried) == count
    s = min(1.0, lam / found.polar.upper)
    assert found.value == scaling.value(problem, found.point.W, s)
