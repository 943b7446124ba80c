"""Searches among networks end at the optimum over all sizes: oracles in the plane and on paper."""

from itertools import pairwise

import numpy as np
import pytest

from certify import InputError, OutOfScopeError, Problem, Verdict, check, improve
from certify.atoms import RankOne, ReLU
from certify.atoms.relu import gated
from certify.base.clock import Clock
from certify.losses import Absolute, Huber, Logistic, Poisson, Softmax, Squared
from certify.offsets import ColumnIntercept, Linear, RowIntercept
from certify.polar.ascent.layers import above, cell_maximum, cosines, cross_cells, distinct
from certify.search.candidate import evaluate
from certify.search.coordinates.layers import Net
from certify.search.descent.cells import CellProgram, cells_of
from certify.search.descent.conic import solve
from certify.search.descent.layers import Descent, descend, on_kinks
from certify.search.dual import scaling
from certify.search.envelope import Smoothed
from certify.search.families import search
from certify.search.growth.layers import ALIKE, field_of, prune
from certify.search.lam_max import lam_max

EPSILON = 1e-6  # relative: the gap that the searches are asked to leave


def plane_polar(net, W):
    """The polar where u has two coordinates and v is in l2, exactly: every cell is an arc."""
    F, rows, slope = net.layer.features, net.layer.spread(net.dense(W)), net.layer.slope
    angles = np.concatenate([np.arctan2(-F[:, 0], F[:, 1]) + k * np.pi for k in (0, 1)])
    angles = np.unique(np.mod(angles, 2 * np.pi))
    ends = np.append(angles, angles[0] + 2 * np.pi)
    tries = []
    for a, b in pairwise(ends):
        middle = np.array([np.cos(0.5 * (a + b)), np.sin(0.5 * (a + b))])
        M = rows.T @ (np.where(F @ middle > 0, 1.0, slope)[:, None] * F)
        top = np.linalg.svd(M)[2][0]
        tries += [np.array([np.cos(a), np.sin(a)])]
        for u in (top, -top):
            where = np.mod(np.arctan2(u[1], u[0]) - a, 2 * np.pi)
            tries += [u] if where <= b - a else []
    hidden = net.layer.act(np.array(tries).T)
    return np.linalg.norm(net.dense(W).T @ hidden, axis=0).max()


def line_polar(net, W):
    """The polar of one feature and an unpriced bias: u is 1 or -1, b at a kink."""
    F, W = net.layer.features, net.dense(W)
    U = np.hstack([[np.full(len(F), s), -s * F[:, 0]] for s in (1.0, -1.0)])
    return np.linalg.norm(W.T @ net.layer.act(U), axis=0).max()


def random_start(problem, r, seed=0):
    rng = np.random.default_rng(seed)
    shapes = problem.atom.shapes(problem.loss.dims)
    return evaluate(problem, tuple(0.3 * rng.standard_normal((*s, r)) for s in shapes))


def searched(problem, r=4, seed=0):
    start = random_start(problem, r, seed)
    return start, search(problem, start, Clock(), 0, (EPSILON * abs(start.value), None))


def gap_of(problem, found, polar):
    """The gap that an exact polar proves at the dual point found."""
    net, W = Net(problem), found.duals[0]
    s = scaling.best_scale(problem, W, polar(net, W))
    return found.best.value - scaling.value(problem, W, s)


def planar(rows=12, outputs=1, seed=3):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, 2)), rng.standard_normal((rows, outputs))


X, Y = planar()
LOSSES = {
    "squared": Squared(Y),
    "weights": Squared(Y, weights=np.linspace(0.5, 2.0, 12)[:, None]),
    "hidden": Squared(Y, mask=np.arange(12)[:, None] != 5),
    "huber": Huber(Y, 0.5),
    "logistic": Logistic((Y > 0).astype(float)),
    "poisson": Poisson(np.round(np.abs(2 * Y))),
    "absolute": Absolute(Y),
    "outputs": Squared(planar(outputs=3)[1]),
    "softmax": Softmax(np.eye(3)[np.arange(12) % 3]),
}
CASES = [(name, "relu") for name in LOSSES]
CASES += [(n, a) for n in ("squared", "outputs") for a in ("leaky_relu", "abs", "linear")]


@pytest.mark.sampled(5)
@pytest.mark.parametrize(("name", "activation"), CASES)
def test_the_optimum_over_all_sizes_in_the_plane(name, activation):
    problem = Problem(LOSSES[name], ReLU(X, activation=activation), 0.4)
    start, found = searched(problem)
    assert gap_of(problem, found, plane_polar) <= EPSILON * start.value
    assert found.best.value < start.value


@pytest.mark.sampled(3)
@pytest.mark.parametrize("offsets", [(ColumnIntercept(),), (ColumnIntercept(0.5), Linear(X))])
@pytest.mark.parametrize("loss", ["squared", "logistic", "outputs"])
def test_offsets_are_refitted(offsets, loss):
    problem = Problem(LOSSES[loss], ReLU(X), 0.4, offsets)
    start, found = searched(problem)
    assert gap_of(problem, found, plane_polar) <= EPSILON * start.value


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("outputs", [1, 2])
def test_a_bias_without_a_price(outputs):
    y = planar(outputs=outputs)[1]
    problem = Problem(Squared(y), ReLU(X[:, :1], bias="free"), 0.4, (ColumnIntercept(),))
    start, found = searched(problem)
    assert gap_of(problem, found, line_polar) <= EPSILON * start.value


def test_a_constant_neuron_costs_nothing_and_goes_to_the_intercept():
    problem = Problem(Squared(Y), ReLU(X[:, :1], bias="free"), 0.4, (ColumnIntercept(),))
    start = evaluate(problem, (np.array([[0.0, 1.0], [1.0, 0.5]]), np.ones((1, 2))))
    found = search(problem, start, Clock(), 0, (EPSILON, None))
    assert (Net(problem).sizes(found.best.factors) > 0).all()
    assert gap_of(problem, found, line_polar) <= EPSILON


def test_pooled_rows():
    problem = Problem(Squared(Y[:6]), ReLU(X, samples=np.arange(12) // 2), 0.4)
    start, found = searched(problem)
    assert gap_of(problem, found, plane_polar) <= EPSILON * start.value


@pytest.mark.parametrize(("beta", "optimum"), [(0.1, 0.22), (1.0, 1.32)])
def test_identity_data(beta, optimum):
    """V = I: theta = |u| |v| of (u)_+ v^T prices each sign of Z by its norm."""
    y = np.array([[1.5], [-0.8]])
    problem = Problem(Squared(y), ReLU(np.eye(2), form="sum"), beta)
    found = searched(problem, 2)[1]
    # both signs shrink on their own: sum of beta |y| - beta^2 / 2, exact
    assert found.best.value == pytest.approx(optimum, rel=EPSILON)


def test_five_points_on_a_line():
    V = np.column_stack([np.arange(-2.0, 3.0), np.ones(5)])
    y = np.array([[1.0], [-1.0], [1.0], [1.0], [-1.0]])
    problem = Problem(Squared(y), ReLU(V, form="sum"), 0.1)
    found = searched(problem, 6)[1]
    assert found.best.value == pytest.approx(0.8914472, abs=5e-8)
    assert gap_of(problem, found, plane_polar) <= EPSILON


def test_one_sample():
    problem = Problem(Squared([[3.0]]), ReLU([[3.0, 4.0]]), 2.0)
    # z = s(5) v at a price of 2 |z| / 5: z = 3 - 0.4
    found = searched(problem, 2)[1]
    assert found.best.value == pytest.approx(0.5 * 0.4**2 + 0.4 * 2.6, rel=EPSILON)


def test_more_features_than_samples():
    V = np.hstack([np.eye(2), np.zeros((2, 3))])
    problem = Problem(Squared([[1.5], [-0.8]]), ReLU(V), 0.1)
    assert searched(problem, 3)[1].best.value == pytest.approx(0.22, rel=EPSILON)


def test_outputs_that_are_zero():
    problem = Problem(Squared(np.zeros((12, 1))), ReLU(X), 0.4)
    found = searched(problem)[1]
    assert found.best.value == 0


def test_dead_and_repeated_neurons_are_dropped_and_merged():
    problem = Problem(Squared(np.abs(Y) + 1), ReLU(np.abs(X)), 0.4)
    U = np.array([[1.0, 1.0, -1.0, 0.0], [1.0, 1.0, -1.0, 0.0]])
    start = evaluate(problem, (U, np.ones((1, 4))))
    found = search(problem, start, Clock(), 0, (EPSILON, None))
    hidden = Net(problem).layer.act(found.best.factors[0])
    assert hidden.any(axis=0).all()
    units = Net(problem).units(found.best.factors)[0]
    assert np.tril(units.T @ units, -1).max() < 1 - EPSILON
    assert gap_of(problem, found, plane_polar) <= EPSILON


@pytest.mark.parametrize("activation", ["relu", "linear"])
def test_parallel_neurons_of_a_start_are_merged_where_no_program_follows_the_descent(activation):
    rng = np.random.default_rng(0)
    V, Z = rng.standard_normal((40, 3)), rng.standard_normal((40, 2))
    atom = ReLU(V, activation=activation)
    problem = Problem(Squared(Z), atom, 0.2 * atom.attain(Z, 0)[0])
    once = [rng.standard_normal((*shape, 4)) for shape in atom.shapes(Z.shape)]
    start = evaluate(problem, tuple(np.hstack([x, 0.7 * x, 1.3 * x[:, :2]]) for x in once))
    best = search(problem, start, Clock(), 0, (EPSILON, None)).best
    net = Net(problem)
    alike = cosines(net.layer, net.balance(best.factors))
    assert np.tril(alike, -1).max() < 1 - ALIKE
    assert best.value < start.value


@pytest.mark.thorough
def test_rows_that_are_zero_repeated_and_opposite():
    V = np.vstack([X, X[:2], -X[:2], np.zeros((2, 2))])
    y = np.concatenate([Y, Y[:4], np.ones((2, 1))])
    problem = Problem(Squared(y), ReLU(V), 0.4)
    start, found = searched(problem)
    keep = np.abs(V).max(axis=1) > 0
    inner = Problem(Squared(y[keep]), ReLU(V[keep]), 0.4)
    assert found.best.value == pytest.approx(searched(inner)[1].best.value + 1.0, rel=EPSILON)
    assert start.value > found.best.value


def test_from_no_neurons_at_all():
    problem = Problem(Squared(Y), ReLU(X), 0.4)
    start = evaluate(problem, (np.zeros((2, 0)), np.zeros((1, 0))))
    found = search(problem, start, Clock(), 0, (EPSILON, None))
    assert gap_of(problem, found, plane_polar) <= EPSILON


def test_gates_make_a_group_lasso():
    gates = (np.random.default_rng(0).random((12, 4)) < 0.5).astype(float)
    problem = Problem(Squared(Y), gated(X, gates), 0.4)
    start, found = searched(problem, 3)

    def group_polar(net, W):
        return max(np.linalg.norm(X.T @ (g * net.dense(W)[:, 0])) for g in gates.T)

    assert gap_of(problem, found, group_polar) <= EPSILON * start.value


@pytest.mark.thorough
def test_l1_output_weights_part_the_outputs():
    y = planar(outputs=2)[1]
    problem = Problem(Squared(y), ReLU(X, right="l1"), 0.4)
    apart = [searched(Problem(Squared(c[:, None]), ReLU(X), 0.4))[1].best.value for c in y.T]
    assert searched(problem)[1].best.value == pytest.approx(sum(apart), rel=EPSILON)


@pytest.mark.thorough
def test_output_weights_keep_their_sign():
    problem = Problem(Squared(Y), ReLU(X, right="l2+"), 0.4)
    start = evaluate(problem, (np.ones((2, 2)), np.ones((1, 2))))
    found = search(problem, start, Clock(), 0, (EPSILON, None))
    assert (found.best.factors[1] >= 0).all()
    assert found.best.value > searched(Problem(Squared(Y), ReLU(X), 0.4))[1].best.value


def test_the_same_size_is_kept_and_steps_only_fall():
    problem = Problem(Squared(Y), ReLU(X), 0.1)
    start, found = searched(problem, 1)
    assert found.same.size == 1
    assert found.best.size > 1
    assert start.value > found.same.value > found.best.value
    values = [s.value for _, s in found.steps]
    assert values == sorted(values, reverse=True)


@pytest.mark.thorough
def test_the_same_call_gives_the_same_network():
    problem = Problem(Squared(Y), ReLU(X), 0.2)
    once, again = (searched(problem)[1] for _ in range(2))
    for a, b in zip(once.best.factors, again.best.factors, strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(once.duals[0], again.duals[0])


@pytest.mark.parametrize("loss", ["squared", "softmax", "poisson"])
def test_the_programs_dual_point_is_inside_its_cells(loss):
    problem = Problem(LOSSES[loss], ReLU(X), 0.4)
    net, start = Net(problem), random_start(problem, 5)
    cells = cells_of(net, start.factors, 0)
    done, q, W = solve(CellProgram(problem, cells, ()), None)
    value = problem.objective(done.factors(net), q)
    assert value - problem.loss.dual_value(W) <= 2e-8 * (1 + value)
    z, F = net.layer.features @ done.x, net.layer.features
    signs = np.where(cells.S == 1, 1.0, -1.0)
    assert (signs * z >= -1e-9 * np.abs(z).max()).all()
    for k in range(5):  # the dual of one cell: no point of it earns more than lam
        c = F.T @ (cells.S[:, k] * (net.dense(W) @ cells.V[:, k]))
        inside = np.random.default_rng(k).standard_normal((2, 4000))
        inside /= np.linalg.norm(inside, axis=0)
        inside = inside[:, (signs[:, [k]] * (F @ inside) >= 0).all(axis=0)]
        assert (c @ inside).max(initial=0.0) <= problem.lam * (1 + 1e-6)


@pytest.mark.parametrize("name", ["squared", "outputs", "logistic", "softmax"])
@pytest.mark.parametrize("bias", ["regularized", "free"])
def test_the_descent_has_the_slope_of_its_value(name, bias):
    problem = Problem(LOSSES[name], ReLU(X, bias=bias), 0.4, (ColumnIntercept(),))
    start = random_start(problem, 3)
    task = Descent(problem, Smoothed(problem.loss), start.factors, start.q)
    z, h = task.start(), 2.0**-20
    slope = task.at(z)[1]
    for k in range(len(z)):
        e = np.zeros_like(z)
        e[k] = h
        there = (task.at(z + e)[0] - task.at(z - e)[0]) / (2 * h)
        assert slope[k] == pytest.approx(there, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("outputs", [1, 3])
def test_ascents_find_the_polar(outputs):
    for seed in range(5):
        V, W = planar(30, outputs, seed)
        net = Net(Problem(Squared(W), ReLU(V), 1.0))
        none = np.zeros((2, 0))
        top, (U, U_out) = above(field_of(net, W), 0.5 * plane_polar(net, W), none, 0)
        assert top == pytest.approx(plane_polar(net, W), rel=1e-9)
        earned = np.einsum("nr,no,or->r", net.layer.act(U), W, U_out)
        assert earned[0] == pytest.approx(top, rel=1e-12)
        assert (np.diff(earned) <= 0).all()


@pytest.mark.thorough
def test_a_free_bias_needs_an_intercept():
    atom = ReLU(X, bias="free")
    U, V = np.ones((3, 1)), np.ones((1, 1))
    for offsets in ((), (ColumnIntercept(0.5),), (RowIntercept(),), (Linear(X),)):
        result = check(Problem(Squared(Y), atom, 1.0, offsets), (U, V))
        assert result.verdict is Verdict.OUT_OF_SCOPE
        assert "add ColumnIntercept()" in result.reason
    pooled = ReLU(X, bias="free", samples=np.minimum(np.arange(12), 10))
    result = check(Problem(Squared(Y[:11]), pooled, 1.0, (ColumnIntercept(),)), (U, V))
    assert result.verdict is Verdict.OUT_OF_SCOPE
    assert "samples of different numbers" in result.reason
    covered = Problem(Squared(Y), atom, 1.0, (Linear(np.column_stack([X, np.ones(12)])),))
    assert check(covered, (U, V), budget=5.0).verdict is not Verdict.OUT_OF_SCOPE


@pytest.mark.thorough
def test_better_weights_of_the_same_size_refute():
    problem = Problem(Squared(Y), ReLU(X), 0.2)
    found = searched(problem, 6)[1]
    worse = tuple(1.1 * x for x in found.best.factors)
    result = check(problem, worse)
    assert result.verdict is Verdict.REFUTED
    assert result.better[0].shape[1] <= worse[0].shape[1]


@pytest.mark.thorough
def test_one_neuron_too_few_is_told():
    problem = Problem(Squared(Y), ReLU(X), 0.1)
    start = random_start(problem, 1)
    best = search(problem, start, Clock(), 0, (EPSILON, None)).same
    result = check(problem, best.factors)
    assert result.verdict is Verdict.RANK_LIMITED
    assert result.better[0].shape[1] > 1


@pytest.mark.thorough
def test_improve_ends_at_the_optimum():
    problem = Problem(Squared(Y), ReLU(X), 0.2)
    start = random_start(problem, 2)
    done = improve(problem, start.factors)
    best = searched(problem)[1].best.value
    assert done.objective == pytest.approx(best, rel=EPSILON)
    values = [v for _, v in done.history]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("offsets", [(), (ColumnIntercept(),)])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_the_smallest_lam_of_an_empty_network(loss, offsets):
    problem = Problem(LOSSES[loss], ReLU(X), 1.0, offsets)
    none = (np.zeros((2, 0)), np.zeros((1, 0)))
    zero = evaluate(problem, none)
    top = plane_polar(Net(problem), problem.dual_point(none, zero.q))
    found = lam_max(problem)
    slack = 1e-8 if offsets else 1e-12  # of the offsets' fit, and of W's grid
    assert found.lower <= top * (1 + slack)
    assert found.upper >= top * (1 - slack)
    assert found.upper <= top * (1 + slack + 1e-6)
    for share, empty in ((1.01, True), (0.99, False)):
        best = searched(Problem(LOSSES[loss], ReLU(X), share * top, offsets))[1].best
        assert (best.value >= zero.value * (1 - EPSILON**2)) is empty


def test_a_smallest_lam_needs_a_gradient_and_a_finite_polar():
    with pytest.raises(InputError, match="loss with a gradient, got Absolute"):
        lam_max(Problem(Absolute(Y), ReLU(X), 1.0))
    with pytest.raises(OutOfScopeError, match="add ColumnIntercept"):
        lam_max(Problem(Squared(Y), ReLU(X, bias="free"), 1.0))


def test_the_smallest_lam_of_other_atoms():
    Q = np.arange(12.0).reshape(4, 3)
    found = lam_max(Problem(Squared(Q), RankOne("l2", "l2"), 1.0))
    assert found.lower <= np.linalg.norm(Q, 2) <= found.upper <= found.lower * (1 + 1e-9)


def test_opposite_neurons_are_two_and_equal_ones_are_one():
    net = Net(Problem(Squared(Y), ReLU(X), 0.4))
    u, turn = np.array([0.6, 0.8]), np.array([[1.0, -1.0]])
    opposite = cells_of(net, (np.column_stack([u, -u]), turn), 0)
    assert prune(net, opposite).size == 2
    equal = prune(net, cells_of(net, (np.column_stack([u, 2 * u]), np.abs(turn)), 0))
    assert equal.size == 1
    assert net.layer.size(equal.x) == pytest.approx(3.0, rel=1e-15)
    W = np.where(X @ u > 0, 1.0, -1.0)[:, None]
    assert distinct(field_of(net, W), np.column_stack([u, -u, u])).shape[1] == 2


def test_an_ascent_ends_where_no_border_is_worth_crossing():
    rng = np.random.default_rng(0)
    V, W = rng.standard_normal((30, 4)), rng.standard_normal((30, 1))
    field = field_of(Net(Problem(Squared(W), ReLU(V), 1.0)), W)
    for start in rng.standard_normal((4, 20)).T:
        u = cross_cells(field, start / np.linalg.norm(start))
        value, v = field.best(u[:, None])
        z = V @ u
        for i in np.nonzero(np.abs(z) < 1e-9)[0]:
            for side in (0.0, 1.0):
                S = np.where(z > 0, 1.0, 0.0)
                S[i] = side
                there = cell_maximum(field, S, W @ v[:, 0])[0]
                assert there is None or field.best(there[:, None])[0] <= value * (1 + 1e-9)


def test_neurons_stay_on_their_kinks_where_that_is_asked():
    problem = Problem(LOSSES["outputs"], ReLU(X), 0.4)
    U = np.column_stack([[-X[0, 1], X[0, 0]], [X[3, 1], -X[3, 0]]])
    V = np.ones((3, 2))
    kept = on_kinks(Net(problem), U)
    for hold in (kept, None):
        task = Descent(problem, Smoothed(problem.loss), (U, V), (), hold)
        slope = task.at(task.start())[1][:4].reshape(2, 2)
        away = max(abs(X[0] @ slope[:, 0]), abs(X[3] @ slope[:, 1]))
        assert (away < 1e-12) == (hold is not None)
    held = Descent(problem, Smoothed(problem.loss), (U, V), (), kept)
    found = descend(held, 50, 0.0, bool)[0][0]
    assert max(abs(X[0] @ found[:, 0]), abs(X[3] @ found[:, 1])) < 1e-12
