"""Linear programs of a loss with kinks: optimal components, offsets and dual point together."""

from functools import partial

import numpy as np
import pytest

from certify import Problem, Verdict, improve
from certify.atoms import CP, RankOne, ReLU, Symmetric
from certify.base.clock import Clock
from certify.losses import Absolute, Hinge, Huber, Quantile, Squared
from certify.offsets import ColumnIntercept, Intercept, RowIntercept, Smooth, Sparse
from certify.search import masters, relax
from certify.search.candidate import evaluate
from certify.search.column_generation import Search
from certify.search.families import family
from certify.search.masters import applies, fields, refine, scale_slices, solve, unit_slices

RNG = np.random.default_rng(7)
DATA = np.round(RNG.standard_normal((5, 4)) * 8) / 8
LABELS = np.where(RNG.standard_normal((5, 4)) > 0, 1.0, -1.0)
TENSOR = np.round(RNG.standard_normal((4, 3, 3)) * 8) / 8
FEATURES = np.round(RNG.standard_normal((5, 3)) * 8) / 8
MASK = RNG.random((5, 4)) > 0.2

PROBLEMS = {
    "columns": Problem(Quantile(DATA, 0.3), RankOne("l2+"), 0.8, offsets=(ColumnIntercept(),)),
    "cubes": Problem(Absolute(DATA), RankOne("linf", "linf+"), 3.0, offsets=(ColumnIntercept(),)),
    "two": Problem(Absolute(DATA), RankOne(), 1.0, offsets=(RowIntercept(), ColumnIntercept())),
    "labels": Problem(Hinge(LABELS), RankOne("l2", "l1"), 0.7, offsets=(Intercept(),)),
    "holes": Problem(Absolute(DATA, weights=1 + MASK, mask=MASK), RankOne("l2+", "l2+"), 0.6),
    "tensor": Problem(Absolute(TENSOR), CP(("l2+",) * 3), 1.0),
    "layer": Problem(Quantile(DATA, 0.4), ReLU(FEATURES), 0.6, offsets=(Intercept(),)),
    "symmetric": Problem(Absolute(DATA[:4] + DATA[:4].T), Symmetric("l2+"), 0.8),
}


def one(problem):
    """Return one component of any signs that the atom takes."""
    shapes = problem.atom.shapes(problem.loss.dims)
    return problem.atom.project(tuple(0.1 + np.abs(RNG.standard_normal((*s, 1))) for s in shapes))


def refined(problem, wanted=0.0, over=lambda: False):
    """Return a search after its masters, and whether they ended."""
    search = Search(problem, Clock(), evaluate(problem, one(problem)))
    earn = partial(family(problem).earn, problem, expired=lambda: False)
    return search, refine(search, earn, wanted, over, 0)


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_master_is_optimal_for_its_components(name):
    """Weak duality closes: its W is feasible, and its value is that of c and q."""
    problem = PROBLEMS[name]
    slices = unit_slices(
        problem, tuple(RNG.random((*s, 9)) for s in problem.atom.shapes(problem.loss.dims))
    )
    design = fields(problem, slices)
    W, c, q = solve(problem, design)
    assert np.array_equal(W, problem.loss.clip_dual(W))
    assert (design.T @ W.reshape(-1)).max() <= problem.lam * (1 + 1e-9)
    for o in problem.offsets:
        assert np.abs(o.operator(problem.loss.observed).T @ W.reshape(-1)).max() <= 1e-9
    value = problem.objective(scale_slices(problem, slices, c), q)
    assert value == pytest.approx(problem.loss.dual_value(W), rel=1e-9)


@pytest.mark.parametrize("name", PROBLEMS)
def test_masters_end_at_the_optimum_of_a_general_solver(name):
    """The price of the components found is lam, so that the dual value is that of the factors."""
    problem = PROBLEMS[name]
    search, ended = refined(problem)
    assert ended
    other = relax.columns(problem, search.best.factors, rounds=3)
    assert search.best.value <= other.value * (1 + 1e-6)
    assert abs(search.gap) <= 1e-8 * search.best.value


@pytest.mark.parametrize("name", ["columns", "cubes", "labels", "layer"])
def test_a_loss_with_kinks_is_certified(name):
    problem = PROBLEMS[name]
    made = improve(problem, one(problem))
    assert made.result.verdict is Verdict.CERTIFIED


def test_the_dual_point_is_as_long_as_its_polar_allows():
    """A shorter one would be bounded by lam, and not lengthened any more."""
    V = [[-11, 1, -9], [-5, 1, 4], [-9, 6, -14], [4, -13, -10], [5, -3, -6], [-4, 4, 0], [0, 8, -6]]
    Y = [[1, 1], [-1, 1], [-1, 1], [-1, -1], [1, -1], [-1, 1], [-1, 1]]
    atom = ReLU(np.array(V) / 8)
    problem = Problem(Hinge(np.array(Y, float)), atom, 1.1663, offsets=(ColumnIntercept(),))
    search, ended = refined(problem)
    assert ended
    point = problem.loss.clip_dual(search.W)
    assert problem.loss.dual_value(point) == pytest.approx(search.best.value, rel=1e-8)
    assert improve(problem, search.best.factors).result.verdict is Verdict.CERTIFIED


@pytest.mark.parametrize(
    "problem",
    [
        Problem(Squared(DATA), RankOne(), 0.5),
        Problem(Huber(DATA, 0.5), RankOne(), 0.5),
        Problem(Absolute(DATA), RankOne(), 0.5, offsets=(ColumnIntercept(ridge=1.0),)),
        Problem(Absolute(DATA), RankOne(), 0.5, offsets=(Smooth([(0, 1)], 1.0),)),
        Problem(Absolute(DATA), RankOne(), 0.5, offsets=(Sparse(0.3),)),
        Problem(Absolute(TENSOR), CP(("l2",) * 3), 0.5),
        Problem(Absolute(np.ones((50, 50))), RankOne(), 0.5),
    ],
    ids=["smooth", "Huber", "ridge", "curved", "sparse", "free tensor", "large"],
)
def test_masters_are_linear_programs_of_few_entries(problem):
    assert not applies(problem)
    assert applies(PROBLEMS["columns"])


def test_masters_end_with_the_time():
    calls = []
    search, ended = refined(PROBLEMS["two"], 0.0, lambda: calls.append(0) or len(calls) == 3)
    assert len(calls) == 3
    assert not ended
    assert search.history


def test_a_program_without_a_solution_changes_nothing(monkeypatch):
    class Failed:
        x = None

    monkeypatch.setattr(masters, "linprog", lambda *_, **__: Failed())
    search, ended = refined(PROBLEMS["columns"])
    assert not ended
    assert not search.history
    assert search.W is None


def test_components_of_no_size_are_left_out():
    problem = PROBLEMS["two"]
    slices = tuple(np.hstack([x, np.ones_like(x)]) for x in one(problem))
    assert scale_slices(problem, slices, np.array([1.0, 0.0]))[0].shape[1] == 1
    none = tuple(np.hstack([x, 0 * x]) for x in one(problem))
    assert unit_slices(problem, none)[0].shape[1] == 1
    assert fields(problem, tuple(x[:, :0] for x in none)).shape == (20, 0)
