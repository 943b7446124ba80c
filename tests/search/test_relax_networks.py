"""Convex programs of hidden layers by general solvers, against enumeration and the zoo."""

import sys

import numpy as np
import pytest

import problems
from certify import InputError, Problem, check
from certify.atoms import DeepLinear, DeepReLU, ReLU
from certify.atoms.relu import gated
from certify.losses import Absolute, Logistic, Squared
from certify.offsets import ColumnIntercept
from certify.search import relax
from certify.search.relax import Using, _solve, network_omega, proposals
from certify.search.relax.network_witness import network_witness
from problems import network_line
from problems._networks import cells, rational
from tests.network_cases import made, truth

SOLVED = 2.0**-16  # relative accuracy of a solver that says it is done; cost of a test, no truth
DISTINCT = {  # one case of each problem
    f"{n}/{k}": case
    for n in problems.names()
    if n.startswith("network")
    for k, case in problems.load(n).items()
    if case.verdict.name == "CERTIFIED" and "given" not in k and "twelve" not in k
}


def near(found, wanted, by=SOLVED):
    """Whether two numbers agree as far as a solver goes."""
    return abs(found - wanted) <= by * (1 + abs(wanted))


# --- cells --------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "d"), [(1, 1), (6, 1), (6, 2), (5, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_patterns_are_the_cells_of_rational_arithmetic(rows, d, seed):
    V = np.random.default_rng(seed).integers(-2, 3, (rows, d)).astype(float)
    found = relax.patterns(V)
    exact = {tuple(s > 0 for s in signs) for signs in cells(rational(V), d)}
    assert {tuple(p) for p in found.T.tolist()} == exact
    assert found.shape == (rows, len(exact))


def test_the_toy_has_ten_patterns():
    V = np.column_stack([network_line.V, np.ones(5)])
    assert relax.patterns(V).shape == (5, 10)
    assert relax.patterns(V, most=10).shape == (5, 10)
    assert relax.patterns(V, most=9) is None


@pytest.mark.parametrize("bad", [[[np.nan]], [1.0], [["x"]]])
def test_patterns_want_a_finite_matrix(bad):
    with pytest.raises(InputError, match="V"):
        relax.patterns(bad)


# --- the convex problem -------------------------------------------------------------------


LARGE = ("network_biases/tiled_optimal",)  # whose program takes seconds


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "name",
    [pytest.param(k, marks=[pytest.mark.thorough] if k in LARGE else []) for k in DISTINCT],
)
def test_the_convex_program_finds_the_optimum(name):
    case = DISTINCT[name]
    found = relax.convex(case.problem)
    assert near(found.value, case.optimum)
    if case.q is None and case.problem.offsets:
        assert abs(found.W.sum()) <= SOLVED


@pytest.mark.parametrize("kwargs", [{}, {"activation": "abs"}, {"right": "l2+"}, {"bias": "free"}])
def test_the_dual_point_of_all_cells_is_feasible_and_tight(kwargs):
    rng = np.random.default_rng(2)
    V, Y = rng.standard_normal((6, 1 if "bias" in kwargs else 2)), rng.standard_normal((6, 1))
    atom, offset = ReLU(V, **kwargs), (ColumnIntercept(),) if "bias" in kwargs else ()
    found = relax.convex(Problem(Squared(Y), atom, 0.25, offset))
    assert near(truth(atom, found.W), 0.25)


def test_outputs_in_l1_part():
    rng = np.random.default_rng(4)
    V, Y = rng.standard_normal((6, 2)), rng.standard_normal((6, 2))
    both = relax.convex(Problem(Squared(Y), ReLU(V, right="l1"), 0.3)).value
    each = [relax.convex(Problem(Squared(y[:, None]), ReLU(V), 0.3)).value for y in Y.T]
    assert near(both, sum(each))


@pytest.mark.sampled(6)
@pytest.mark.parametrize("right", ["l2", "l2+", "linf", "l1"])
@pytest.mark.parametrize(
    "kwargs", [{}, {"activation": "abs"}, {"bias": "free"}, {"samples": [0, 1, 2] * 2}]
)
def test_the_lifted_gauge_is_a_lower_bound_and_no_empty_one(monkeypatch, right, kwargs):
    atom, _ = made(6, (6, 1 if "bias" in kwargs else 2, 1), right=right, **kwargs)
    Y = np.random.default_rng(1).standard_normal((len(set(kwargs.get("samples", range(6)))), 1))
    offset = (ColumnIntercept(),) if "bias" in kwargs else ()
    problem = Problem(Squared(Y), atom, 0.125, offset)
    exact = relax.convex(problem).value
    monkeypatch.setattr(network_omega, "MOST", 0)
    lifted = relax.convex(problem)
    assert lifted.value <= exact + SOLVED
    assert lifted.value >= exact * (0.5 if "bias" in kwargs else 0.75)


@pytest.mark.parametrize("right", ["l2", "linf", "l2+", "linf-"])
def test_several_outputs_are_bounded_from_below(right):
    rng = np.random.default_rng(3)
    V, Y = rng.standard_normal((5, 2)), rng.standard_normal((5, 2))
    atom = ReLU(V, right=right)
    problem = Problem(Squared(Y), atom, 0.25)
    found = relax.convex(problem)
    polar = truth(atom, found.W)
    s = min(1.0, 0.25 / polar)
    exact = s * float((found.W * Y).sum()) - s * s * float((found.W**2).sum()) / 2
    assert exact <= found.value + SOLVED + 0.1 * found.value
    assert polar >= 0.25 * 0.75


@pytest.mark.parametrize("loss", [Absolute, Logistic])
def test_other_losses_have_a_convex_program(loss):
    rng = np.random.default_rng(3)
    V, Y = rng.standard_normal((6, 2)), rng.integers(0, 2, (6, 1)).astype(float)
    atom = ReLU(V)
    problem = Problem(loss(Y), atom, 0.125)
    found = relax.convex(problem)
    s = min(1.0, 0.125 / truth(atom, found.W))
    assert near(problem.loss.dual_value(s * found.W), found.value, by=2.0**-10)


def test_the_scale_of_the_data_matters_to_no_one():
    rng = np.random.default_rng(5)
    V, Y = rng.standard_normal((5, 2)), rng.standard_normal((5, 1))
    plain = relax.convex(Problem(Squared(Y), ReLU(V), 0.25)).value
    far = relax.convex(Problem(Squared(Y), ReLU(V * 2.0**20), 0.25 * 2.0**20)).value
    assert near(far, plain)
    linear = [
        relax.convex(Problem(Squared(Y), ReLU(V * s, activation="linear"), 0.25 * s)).value
        for s in (1.0, 2.0**20)
    ]
    assert near(*linear)


def test_a_linear_layer_with_a_free_bias_is_a_regression_with_an_intercept():
    rng = np.random.default_rng(6)
    V, Y = rng.standard_normal((6, 2)), rng.standard_normal((6, 1))
    atom = ReLU(V, activation="linear", bias="free")
    found = relax.convex(Problem(Squared(Y), atom, 0.5, (ColumnIntercept(),)))
    centred, y = V - V.mean(axis=0), Y - Y.mean()
    other = relax.convex(Problem(Squared(y), ReLU(centred, activation="linear"), 0.5))
    assert near(found.value, other.value)


def test_the_gates_of_all_cells_bound_the_network_from_below():
    """Without the cones of the cells the price can only fall: the group lasso of its gates."""
    rng = np.random.default_rng(7)
    V, Y = rng.standard_normal((6, 2)), rng.standard_normal((6, 1))
    gates = relax.patterns(V).astype(float)
    loose = relax.convex(Problem(Squared(Y), gated(V, gates), 0.25)).value
    exact = relax.convex(Problem(Squared(Y), ReLU(V), 0.25)).value
    assert 0.5 * exact <= loose <= exact + SOLVED


def test_check_takes_the_relaxations_dual_point():
    case = DISTINCT["network_plane/optimal"]
    result = check(case.problem, case.factors, method="cvxpy")
    assert 0 < result.lower <= case.optimum <= result.upper


# --- witnesses ------------------------------------------------------------------------------


def test_a_solver_that_fails_gives_no_witness(monkeypatch):
    atoms = [made(2, (3, 2, 2), right=right) for right in ("l2", "l1", "linf")]
    atoms.append(made(2, (3, 2, 1)))
    monkeypatch.setattr(_solve, "PREFERRED", ())
    for atom, W in atoms:
        assert network_witness(W, atom.layer, Using()) is None
    atom, W = made(2, (3, 2, 1), activation="linear", left="linf")
    assert network_witness(W, atom.layer, Using()).upper >= truth_linear(atom, W)


def truth_linear(atom, W):
    """Return sup of w^T F u over the cube."""
    return float(np.abs(atom.layer.features.T @ W).sum())


def test_no_witness_where_parts_of_outputs_fail(monkeypatch):
    module = sys.modules[network_witness.__module__]
    atom, W = made(2, (3, 2, 2), right="linf")
    whole = network_witness(W, atom.layer, Using())
    monkeypatch.setattr(module, "by_outputs", lambda *_: None)
    again = network_witness(W, atom.layer, Using())
    assert again.upper >= whole.upper
    assert again.proof["rule"] == "network"


def test_zero_has_a_witness_of_nearly_zero():
    atom, W = made(2, (3, 2, 1))
    assert network_witness(0 * W, atom.layer, Using()).upper <= SOLVED


def test_parallel_deep_networks_are_relaxed_exactly_where_they_are_linear():
    for case in problems.load("deep").values():
        if isinstance(case.problem.atom, DeepLinear):
            found = check(case.problem, case.factors, method="cvxpy")
            assert case.optimum * (1 - 1e-6) <= found.lower <= case.optimum
            told = relax.convex(case.problem)
            assert told.value == pytest.approx(case.optimum, rel=1e-6)
        else:
            told = relax.convex(case.problem)
            assert told.value <= case.optimum * (1 + 1e-6)


@pytest.mark.parametrize("slope", [0.0, 0.25, -2.0])
@pytest.mark.parametrize("scale", [0.0, 1.0, 2.0**500])
def test_a_solver_bounds_the_polar_of_deep_networks_as_the_engine_does(slope, scale):
    V = np.array([[1.0, -2.0], [0.0, 3.0], [2.0, 1.0]])
    W = scale * np.array([[2.0, -1.0], [1.0, 1.0], [-3.0, 0.5]])
    atom = DeepReLU(V, (2, 1), slope)
    engine, solver = atom.polar(W), atom.polar(W, method="cvxpy")
    assert solver.upper >= solver.lower
    assert near(solver.upper / (scale or 1.0), engine.upper / (scale or 1.0))


def test_deep_networks_without_data_fit_nothing():
    problem = Problem(Squared(np.eye(2)), DeepReLU(np.zeros((2, 2)), (2,)), 1.0)
    assert relax.convex(problem).value == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("answer", [0.5, -1.0, 1e200])
def test_a_wrong_spectral_norm_proves_nothing_false(answer, monkeypatch):
    monkeypatch.setattr(proposals, "numbers", lambda _: [np.array(answer)])
    found = DeepReLU(np.eye(2), (2,)).polar(np.diag([3.0, 2.0]), method="cvxpy")
    assert found.upper >= found.lower > 2.99


def test_without_a_spectral_norm_there_is_no_bound(monkeypatch):
    monkeypatch.setattr(proposals, "numbers", lambda _: None)
    assert DeepReLU(np.eye(2), (2,)).polar(np.diag([3.0, 2.0]), method="cvxpy").upper == np.inf
