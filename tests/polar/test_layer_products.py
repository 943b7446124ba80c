"""The products of a hidden layer's facts, the cones of s = |u|, and the prices that are left."""

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest

from certify.atoms import ReLU
from certify.polar.branching import layers
from certify.polar.layer_query import LayerQuery
from certify.polar.relaxation.frame import WEIGHT
from certify.polar.relaxation.layer_leaf import GRIDS, cones_on_grid
from certify.polar.relaxation.layer_multiplier import diagonal_price
from certify.polar.relaxation.layer_products import Products
from certify.polar.relaxation.layers import LayerForm, form_of

BIASES = ("none", "free")


def form_and_rows(bias, sign=1, seed=0):
    """Return a form with a cut, and where its products are."""
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((5, 1))
    query = LayerQuery(ReLU(rng.standard_normal((5, 3)), bias=bias).layer, W - W.mean())
    plain = form_of(query)
    form = plain.with_cuts(rng.standard_normal((1, sum(plain.F.shape))), sign)
    return form, Products(form)


def symmetric(rng, n):
    """Return a random symmetric matrix."""
    A = rng.standard_normal((n, n))
    return A + A.T


def size_of(rows):
    """Return the number of rows."""
    return len(rows.facts) + len(rows.u) + len(rows.s)


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("known", [False, True])
def test_a_projection_is_the_nearest_point_of_the_products_and_the_cones(bias, known):
    form, rows = form_and_rows(bias)
    rng = np.random.default_rng(1)
    V, m = symmetric(rng, size_of(rows)), len(form.F)
    column = np.abs(rng.standard_normal(m)) if known else None
    Z, near = cp.Variable(V.shape, symmetric=True), rows.project(V, column)
    facts, ball = rows.facts, rows.ball
    held = [Z[i, j] >= 0 for i in facts for j in facts if abs(i - j) != m or max(i, j) >= 2 * m]
    held += [Z[i, m + i] == 0 for i in range(m)]
    held += [cp.norm(Z[i, ball[:-1]]) <= Z[i, ball[-1]] for i in facts]
    held += [Z[i, ball[-1]] == column[i] for i in range(m) if known]
    program = cp.Problem(cp.Minimize(cp.sum_squares(Z - V)), held)
    program.solve(solver="CLARABEL")
    assert np.array_equal(near, near.T)
    assert np.square(near - V).sum() == pytest.approx(program.value, rel=1e-5)
    assert near == pytest.approx(Z.value, abs=1e-3)
    assert rows.project(near, column) == pytest.approx(near, abs=1e-12)


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("bias", BIASES)
def test_true_points_are_kept_and_what_is_left_of_others_are_multipliers(bias, sign):
    form, rows = form_and_rows(bias, sign)
    rng = np.random.default_rng(2)
    u = rng.standard_normal(form.F.shape[1])
    s = np.linalg.norm(u[: form.norm_size])
    p = np.maximum(form.F @ u, 0)
    cut = np.abs(form.rows @ np.concatenate([p, u, [s] * abs(sign)]))
    own = [WEIGHT * u, [WEIGHT * s] * abs(sign)]
    point = np.concatenate([p, p - form.F @ u, *own, cut])
    truth = np.outer(point, point)
    assert rows.project(truth) == pytest.approx(truth, rel=1e-12)
    V = symmetric(rng, len(point))
    U = V - rows.project(V)
    N, Y = rows.multipliers(U)
    at = np.arange(len(form.F))
    free = np.zeros(N.shape, dtype=bool)
    free[at, len(at) + at] = free[len(at) + at, at] = True
    assert (N[~free] >= 0).all()
    if sign:
        assert (np.linalg.norm(Y[:, :-1], axis=1) <= Y[:, -1] * (1 + 1e-12)).all()
        assert Y.any()
    back = rows.place(N, Y)
    assert back == pytest.approx(U, abs=1e-12)
    assert float((back * truth).sum()) <= 1e-12  # -U is nonnegative on true points


def test_rows_of_a_cone_stay_in_it_on_every_grid():
    rng = np.random.default_rng(3)
    Y = rng.standard_normal((40, 4)) * np.exp2(rng.integers(-20, 20, (40, 1)))
    Y[:, -1] = np.linalg.norm(Y[:, :-1], axis=1)
    Y[0] = 0
    for bits in GRIDS:
        out = cones_on_grid(Y, bits)
        exact = [[int(x * 2**80) for x in row] for row in out.tolist()]
        assert all(sum(x * x for x in row[:-1]) <= row[-1] ** 2 for row in exact)
        assert np.array_equal(out, out.astype(np.float32))
    assert out == pytest.approx(Y, rel=1e-6, abs=1e-6 * np.abs(Y).max())


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", ["dense", "diagonal", "tiny", "zero"])
def test_prices_are_the_least_that_hold(sign, bias, kind):
    form, _ = form_and_rows(bias, sign)
    form = replace(form, reach=1.7 * bool(form.reach))
    d, free = form.norm_size, bool(form.reach)
    S = symmetric(np.random.default_rng(4), d + free + sign)
    unit = 2.0**-600 if kind == "tiny" else 1.0
    S = {"diagonal": np.diag(np.diagonal(S)), "zero": 0.0 * S}.get(kind, S)
    found = diagonal_price(form, S * unit)
    prices = [found.level] * d + [found.bias] * free + [found.radial] * sign
    assert np.linalg.eigvalsh(np.diag(prices) / unit - S)[0] >= -1e-9
    total = found.level + found.radial + form.reach**2 * found.bias
    assert found.bound == pytest.approx(max(total, 0.0), rel=1e-9)
    x = cp.Variable(3)  # level, bias, radial
    wanted = cp.hstack([*[x[0]] * d, *[x[1]] * free, *[x[2]] * sign])
    held = [cp.diag(wanted) - S >> 0, x[1] >= 0, *([] if sign else [x[0] >= 0, x[2] == 0])]
    program = cp.Problem(cp.Minimize(x[0] + x[2] + form.reach**2 * x[1]), held)
    program.solve(solver="CLARABEL")
    assert found.bound / unit == pytest.approx(max(program.value, 0.0), rel=1e-3, abs=1e-6)


def test_cones_narrow_the_halves_of_a_layer(monkeypatch):
    rng = np.random.default_rng(7)
    V, W = rng.standard_normal((16, 5)), rng.standard_normal((16, 1))
    W -= 0.95 * V @ np.linalg.lstsq(V, W)[0]
    query = replace(ReLU(V).query(W), nodes=3)
    whole = layers.grow_tree(query)
    plain = LayerForm.with_cuts
    monkeypatch.setattr(LayerForm, "with_cuts", lambda form, cuts, _: plain(form, cuts))
    without = layers.grow_tree(query)  # of the square, without s
    assert whole.upper - whole.lower <= 0.5 * (without.upper - whole.lower)
