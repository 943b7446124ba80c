"""pyscnn's networks are judged by the objective that its own solver reports."""

import cvxpy as cp
import numpy as np
import pytest

from certify import InputError, OutOfScopeError, Verdict, check, verify
from certify.adapters.arrays import scnn_gated, scnn_relu
from tests.network_models import objective
from tests.sklearn_models import figures

RNG = np.random.default_rng(21)
N, D, C, P = 14, 3, 2, 6
X = RNG.normal(size=(N, D)) * [1.0, 4.0, 0.25]
Y = RNG.normal(size=(N, C))
ONES = np.column_stack([X, np.ones(N)])
LAM = 0.01


def report(features, f, weights, *, unit=True):
    """Return 1/(2 n c) |f - y|^2 + lam sum |N u|_2, u the rows of the weights."""
    norms = np.linalg.norm(features, axis=0) if unit else np.ones(features.shape[1])
    paid = np.linalg.norm(weights * norms, axis=-1).sum()
    return ((f - Y) ** 2).sum() / (2 * N * C) + LAM * paid


@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("bias", [False, True])
def test_the_relu_objective_is_that_of_unit_columns(bias, unit):
    W1, b, W2 = RNG.normal(size=(5, D)), RNG.normal(size=5), RNG.normal(size=(C, 5))
    features = ONES if bias else X
    U = np.column_stack([W1, b]) if bias else W1
    hidden = np.maximum(features @ U.T, 0)
    split = (W2[:, :, None] * U).reshape(-1, U.shape[1])  # one output a unit: l1 over outputs
    wanted = report(features, hidden @ W2.T, split, unit=unit)
    parameters = [W1, b, W2] if bias else [W1, W2]
    problem, factors = scnn_relu(parameters, X, Y, LAM, unitize_data=unit)
    assert objective(problem, factors) / factors.multiple == pytest.approx(wanted, rel=1e-12)
    assert factors.multiple == N * C
    assert (problem.atom.right, problem.atom.bias) == ("l1", "none")
    if bias:  # what the package returns without its bias taken off
        whole = scnn_relu([U, W2], X, Y, LAM, unitize_data=unit)
        assert objective(*whole) == objective(problem, factors)
    twin, other = scnn_relu(parameters, X, Y, LAM, unitize_data=not unit)
    assert objective(twin, other) != pytest.approx(objective(problem, factors), rel=1e-3)


@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("bias", [False, True])
def test_gates_act_on_unit_columns(bias, unit):
    features = ONES if bias else X
    d = features.shape[1]
    norms = np.linalg.norm(features, axis=0) if unit else np.ones(d)
    G, U = RNG.normal(size=(d, P)), RNG.normal(size=(C, P, d))
    U[0, 2] = 0
    open_gates = (features / norms @ G > 0).astype(float)
    f = np.einsum("nd,cpd,np->nc", features, U, open_gates)
    wanted = report(features, f, U, unit=unit)
    parts = [U[..., :-1], U[..., -1]] if bias else [U]
    problem, factors = scnn_gated(parts, G, X, Y, LAM, unitize_data=unit, reported=wanted)
    assert objective(problem, factors) / factors.multiple == pytest.approx(wanted, rel=1e-12)
    assert factors[0].shape == (P * d, C * P - 1)
    with pytest.raises(InputError, match="pass the X, y, gates and lam of the fit") as error:
        scnn_gated(parts, G, X[::-1], Y, LAM, unitize_data=unit, reported=wanted)
    assert figures(error)[0] == pytest.approx(wanted, rel=1e-8)


def test_a_zero_column_is_left_alone():
    data = X * [1, 0, 1]
    problem, factors = scnn_relu([np.ones((2, D)), np.ones((C, 2))], data, Y, LAM)
    assert not problem.atom.layer.features[:, 1].any()
    assert not factors[0][1].any()  # what no data see costs nothing


def test_a_vector_of_targets_is_one_output():
    one = scnn_relu([np.ones((2, D)), np.ones((1, 2))], X, Y[:, 0], LAM)
    assert one[1].multiple == N
    assert check(*one, budget=1.0).upper / N == pytest.approx(objective(*one) / N)


# --- a sample of the patterns, and all of them --------------------------------------------

PLANE = RNG.normal(size=(9, 2))
SEEN = RNG.integers(-8, 9, (9, 1)) / 4
NORMS = np.linalg.norm(PLANE, axis=0)


def patterns():
    """Return every activation pattern of points in the plane: one between each two kinks."""
    x, y = (PLANE / NORMS).T
    kinks = np.sort(np.arctan2(-x, y) % np.pi)
    ends = np.concatenate([kinks, kinks + np.pi, kinks[:1] + 2 * np.pi])
    at = (ends[1:] + ends[:-1]) / 2
    return (PLANE / NORMS @ np.array([np.cos(at), np.sin(at)]) > 0).T.astype(float)


def solved(opened, lam, *, gated):
    """Solve the package's program over some patterns; return u = N^-1 v of each, and signs."""
    X1 = PLANE / NORMS
    parts = [cp.Variable(2) for _ in opened for _ in (0, 1)]
    signs = [1.0, -1.0] * len(opened)
    gates = np.repeat(opened, 2, axis=0)
    f = sum(s * cp.multiply(g, X1 @ v) for s, g, v in zip(signs, gates, parts, strict=True))
    paid = lam * sum(cp.norm(v) for v in parts)
    cone = [cp.multiply(2 * g - 1, X1 @ v) >= 0 for g, v in zip(gates, parts, strict=True)]
    goal = cp.Minimize(cp.sum_squares(f - SEEN[:, 0]) / (2 * len(SEEN)) + paid)
    cp.Problem(goal, [] if gated else cone).solve(solver="CLARABEL")
    found = np.array([v.value for v in parts]) / NORMS
    alive = np.linalg.norm(found, axis=1) > 1e-6
    return found[alive], np.array(signs)[alive], gates[alive]


@pytest.mark.thorough
def test_an_optimum_over_sampled_patterns_is_told_from_a_global_one():
    whole, lam = patterns(), 0.02
    assert len(np.unique(whole, axis=0)) == 18
    values = {}
    for name, opened in (("all", whole), ("some", whole[:4])):
        U, signs, _ = solved(opened, lam, gated=False)
        problem, factors = scnn_relu([U, signs[None]], PLANE, SEEN, lam)
        found = check(problem, factors, rtol=1e-4, budget=20.0)
        values[name] = objective(problem, factors)
        assert found.lower <= values["all"] * (1 + 1e-6)
        if name == "all":
            assert found.verdict is Verdict.CERTIFIED
            assert verify(found.certificate, problem, factors, rtol=1e-4).lower == found.lower
        else:
            assert found.verdict in (Verdict.REFUTED, Verdict.RANK_LIMITED)
    assert values["some"] > 1.01 * values["all"]


def test_a_gated_optimum_is_certified_for_its_own_gates():
    angles = np.arange(4) * 0.7
    gates, lam = np.array([np.cos(angles), np.sin(angles)]), 0.02
    opened = (PLANE / NORMS @ gates > 0).T.astype(float)
    U, signs, closed = solved(opened, lam, gated=True)
    parameters = np.zeros((1, 4, 2))
    for u, sign, g in zip(U, signs, closed, strict=True):
        parameters[0, (opened == g).all(axis=1).argmax()] += sign * u
    problem, factors = scnn_gated([parameters], gates, PLANE, SEEN, lam)
    found = check(problem, factors, rtol=1e-4, budget=10.0)
    assert found.verdict is Verdict.CERTIFIED
    problem, factors = scnn_gated([parameters * 1.25], gates, PLANE, SEEN, lam)
    assert check(problem, factors, rtol=1e-4, budget=10.0).verdict is Verdict.REFUTED


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: scnn_relu([np.ones((2, D)), np.ones((C, 2))], X, Y, 0), OutOfScopeError, "lam=0"),
        (
            lambda: scnn_relu([np.ones((2, 9)), np.ones((C, 2))], X, Y, 1),
            InputError,
            r"W1 \(r, 3\)",
        ),
        (
            lambda: scnn_relu([np.ones((2, D)), np.ones((2, 3))], X, Y, 1),
            InputError,
            r"W2 \(2, r\)",
        ),
        (lambda: scnn_relu([np.ones((C, P, D))] * 2, X, Y, 1), InputError, "return_convex=False"),
        (lambda: scnn_relu([np.full((2, D), np.nan), np.ones((C, 2))], X, Y, 1), InputError, "nan"),
        (lambda: scnn_gated([np.ones((C, P, D))], np.ones((D, 2)), X, Y, 1), InputError, "gates"),
        (
            lambda: scnn_gated([np.ones((9, P, D))], np.ones((D, P)), X, Y, 1),
            InputError,
            "2 outputs",
        ),
    ],
)
def test_what_does_not_fit_is_named(call, error, told):
    with pytest.raises(error, match=told):
        call()
