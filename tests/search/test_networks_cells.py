"""Networks under losses with kinks, and under softmax beside a free intercept, end in a proof."""

from importlib import import_module

import numpy as np
import pytest

from certify import Problem, Verdict, improve, verify
from certify.atoms import ReLU
from certify.base.clock import Clock
from certify.losses import Absolute, Hinge, Quantile, Softmax, Squared
from certify.offsets import ColumnIntercept
from certify.search.candidate import evaluate
from certify.search.column_generation import Search
from certify.search.coordinates.layers import Net
from certify.search.descent import conic
from certify.search.descent.cells import CellProgram, cells_of
from certify.search.growth import layers
from certify.search.growth.layers import grow

SOLVER = import_module("certify.search.relax.network_cells")
RNG = np.random.default_rng(7)
N = 12
X = RNG.integers(-16, 17, (N, 1)) / 8
Y = np.abs(X) + RNG.integers(-8, 9, (N, 1)) / 32
SIDES = np.where(np.median(Y) < Y, 1.0, -1.0)
SEEN = np.arange(N)[:, None] % 5 != 2
CASES = {
    "absolute": (Absolute(Y), "free", {}),
    "absolute, masked and weighted": (Absolute(Y, 1 + X**2, SEEN), "regularized", {}),
    "quantile": (Quantile(Y, 0.25), "regularized", {"activation": "leaky_relu"}),
    "hinge": (Hinge(SIDES), "free", {}),
    "hinge, linear": (Hinge(SIDES), "none", {"activation": "linear"}),
    "absolute, two outputs": (Absolute(np.hstack([Y, -Y])), "none", {"right": "l1"}),
}


def posed(loss, bias="none", lam=0.25, **kind):
    offsets = [ColumnIntercept()] if bias == "free" else []
    return Problem(loss, ReLU(X, bias=bias, **kind), lam, offsets)


def started(problem, r=4):
    shapes = problem.atom.shapes(problem.loss.dims)
    rng = np.random.default_rng(0)
    return problem.project(tuple(rng.standard_normal((*s, r)) / 8 for s in shapes))


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("name", CASES)
def test_losses_with_kinks_are_certified(name):
    loss, bias, kind = CASES[name]
    problem = posed(loss, bias, **kind)
    found = improve(problem, started(problem), budget=30.0)
    assert found.result.verdict is Verdict.CERTIFIED
    proved = verify(found.result.certificate, problem, found.factors, q=found.q)
    assert proved.verdict is Verdict.CERTIFIED


def line(seed):
    """Return a linear layer of one feature, a bias and two outputs that are not negative."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-2, 3, (20, 1)).astype(float)
    sides = np.where(rng.random((20, 2)) < 0.5, 1.0, -1.0)
    layer = ReLU(X, right="l2+", activation="linear", bias="regularized")
    return Problem(Hinge(sides), layer, 0.001, [ColumnIntercept()])


def rays(seed):
    """Return a layer of one feature and three outputs that are not negative."""
    rng = np.random.default_rng(seed)
    X, data = rng.normal(size=(5, 1)), rng.integers(-4, 5, (5, 3)).astype(float)
    return Problem(Absolute(data), ReLU(X, right="l2+"), 0.05)


@pytest.mark.parametrize(("posed", "seed"), [(line, 0), (line, 6), (rays, 1), (rays, 7)])
def test_outputs_with_signs_are_certified_under_kinks(posed, seed):
    problem = posed(seed)
    nothing = tuple(np.zeros((*s, 0)) for s in problem.atom.shapes(problem.loss.dims))
    result = improve(problem, nothing, budget=30.0).result
    assert result.verdict is Verdict.CERTIFIED


def program_of(problem):
    net = Net(problem)
    factors = net.balance(started(problem))
    q = problem.best_offsets(factors) if problem.offsets else ()
    return CellProgram(problem, cells_of(net, factors, 0), q)


def test_the_multiplier_of_a_program_earns_no_more_than_lam_in_its_cells():
    problem = posed(Absolute(Y), "regularized")
    program = program_of(problem)
    cells, q, W = conic.solve(program, None)
    factors = cells.factors(program.net)
    earned, _ = problem.atom.inner_products(W, factors, problem.loss.observed)
    assert q == ()
    alive = program.net.layer.size(cells.x) > 1e-6
    assert earned[alive] == pytest.approx(
        problem.lam * problem.atom.theta(factors)[alive], rel=1e-5
    )
    gap = problem.objective(factors, ()) - problem.loss.dual_value(W)
    assert 0 <= gap + 1e-9 < 1e-6 * problem.objective(factors, ())


def test_other_programs_have_no_answer(monkeypatch):
    program = program_of(posed(Absolute(Y)))
    for most in ("LARGEST", "ENTRIES"):
        with monkeypatch.context() as patch:
            patch.setattr(conic, most, 1)
            assert conic.solve(program, None) is None
    monkeypatch.setattr(SOLVER.Using, "solve", lambda *_: False)
    assert conic.solve(program, None) is None


@pytest.mark.parametrize(
    ("large", "many", "bias"),
    [(0, 0, "regularized"), (1, 0, "regularized"), (1, 1, "regularized"), (1, 1, "free")],
)
def test_where_a_program_has_no_answer_all_weights_descend(large, many, bias, monkeypatch):
    """It is too large, or of a loss of somebody's own."""
    if large:
        monkeypatch.setattr(conic, "LARGEST", 0)
    if many:
        monkeypatch.setattr(layers, "MANY", 0)
    monkeypatch.setattr(SOLVER, "is_known", lambda _: False)
    problem = posed(Squared(Y), bias)
    start = started(problem)
    q = problem.best_offsets(start) if problem.offsets else ()
    growth = Search(problem, Clock(), evaluate(problem, start, q))
    grow(growth, 0, 1e-6)
    assert growth.gap < 1e-4 * growth.best.value


@pytest.mark.parametrize(("many", "answers"), [(1, 1), (1, 0), (0, 1), (0, 0)])
def test_all_weights_descend_once_and_before_a_slow_program(many, answers, monkeypatch):
    calls, descend, solve = [], layers.descend_jointly, conic.solve

    def told(name, result):
        calls.append(name)
        return result()

    problem = posed(Squared(Y), "regularized")
    start = evaluate(problem, started(problem))
    cells = layers.begin(Search(problem, Clock(), start), Net(problem), 0).cells
    search = Search(problem, Clock(), start)
    monkeypatch.setattr(layers, "MANY", cells.size * N - many)
    monkeypatch.setattr(layers, "descend_jointly", lambda *a: told("descend", lambda: descend(*a)))
    monkeypatch.setattr(
        conic, "solve", lambda *a: told("solve", lambda: solve(*a) if answers else None)
    )
    layers.grow(search, 0, 0.5 * search.best.value)
    expected = {(1, 1): "descend solve", (1, 0): "descend solve", (0, 1): "solve"}
    wanted = expected.get((many, answers), "solve descend").split()
    assert calls[: len(wanted)] == wanted
    assert calls.count("descend") == (calls.count("solve") if "descend" in wanted else 0)


def test_a_solver_without_numbers_has_no_answer(monkeypatch):
    program = program_of(posed(Absolute(Y)))
    monkeypatch.setattr(SOLVER, "numbers", lambda _: None)
    assert conic.solve(program, 1.0) is None


@pytest.mark.thorough
def test_softmax_beside_a_free_intercept_keeps_its_offsets_in_place():
    hot = np.eye(3)[np.digitize(Y[:, 0], np.quantile(Y, [0.33, 0.66]))]
    problem = posed(Softmax(hot), "free", 0.05)
    start = started(problem)
    growth = Search(problem, Clock(), evaluate(problem, start, problem.best_offsets(start)))
    grow(growth, 0, 1e-5)
    assert growth.gap < 1e-5
    assert max(float(np.abs(x).max()) for x in growth.best.q) < 100
