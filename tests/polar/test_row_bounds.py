"""Bounds of a hidden layer's rows by other rows: they hold, are found, tighten, and are proved."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from certify.atoms import ReLU
from certify.base.checkpoint import Checkpoint, save_to
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel.exact import Exact
from certify.polar.ascent.layers import attain
from certify.polar.branching import layers as tree
from certify.polar.branching.layer_parts import bounder
from certify.polar.relaxation import layer_admm, layers
from certify.polar.relaxation.layer_admm import Run, solve
from certify.polar.relaxation.layer_multiplier import best_multiplier
from certify.polar.relaxation.row_bounds import (
    CENTRAL,
    LEAST,
    SHARE,
    CombinationProgram,
    RowBound,
    find_row_bounds,
    keep_used,
    row_bound,
    with_zeros,
)
from certify.polar.relaxation.steps import Stop
from tests.network_cases import proved
from tests.tolerance import EPS

ROWS, DIMS = 64, 4
RNG = np.random.default_rng(0)
V = np.round(RNG.standard_normal((ROWS, DIMS)) * 64) / 64
W = RNG.standard_normal((ROWS, 1))
FITTED = np.maximum(V @ RNG.standard_normal((DIMS, 40)), 0)  # W is what 40 neurons leave
W = np.round((W - FITTED @ np.linalg.lstsq(FITTED, W, rcond=1e-2)[0]) * 64) / 64
ATOMS = {"relu": {}, "leaky": {"activation": "leaky_relu", "slope": 0.25}, "free": {"bias": "free"}}


def part(atom=None, sign=1):
    """Return the form of one sign of v, beside the cut by the sign of w^T p."""
    solver = bounder((atom or ReLU(V)).query(W))
    return solver.at((next(c for c in solver.by_sign() if c.sign == sign),))


def points(form, count, rng):
    """Return columns (p, u, s) of neurons in even units of F, |b| <= reach s."""
    u = rng.standard_normal((form.F.shape[1], count))
    s = np.linalg.norm(u[: form.norm_size], axis=0)
    u[form.norm_size :] = rng.uniform(-1, 1, (len(u) - form.norm_size, count)) * form.reach * s
    return np.vstack([np.maximum(form.F @ u, 0), u, s])


def loosest(form, steps):
    """Return X of the relaxation without such bounds."""
    with pytest.MonkeyPatch.context() as change:
        change.setattr(layers, "CROWDED", np.inf)
        return solve(form, Stop(0.0, steps, 0.0, lambda: False)).X


@pytest.mark.parametrize("atom", ATOMS)
def test_a_bound_of_a_row_holds_of_every_neuron(atom):
    rng = np.random.default_rng(1)
    form = part(ReLU(V, **ATOMS[atom]))
    for _ in range(50):
        c = rng.standard_normal(ROWS) * (rng.random(ROWS) < 0.2)
        k = int(rng.integers(ROWS))
        c[k] = 0.0
        x = points(form, 200, rng)
        for scale, F in ((1.0, form.F), (form.scale, form.F * form.scale)):
            line = row_bound(k, c).line(F, form.reach)
            y = np.vstack([scale * x[:ROWS], x[ROWS:]])
            assert (line @ y >= -64 * EPS * (np.abs(line) @ np.abs(y))).all()


def test_a_bound_whose_rows_leave_something_over_is_paid_for_by_s():
    form = part()
    i = next(i for i in range(1, ROWS) if form.F[0] @ (form.F[0] - form.F[i]) > 0)
    u = form.F[0] - form.F[i]  # p_0 is larger than p_i there
    line = RowBound(0, np.array([i]), np.array([1.0])).line(form.F, form.reach)
    assert line[-1] == pytest.approx(np.linalg.norm(u), rel=1e-12)
    x = np.concatenate([np.maximum(form.F @ u, 0), u, [np.linalg.norm(u)]])
    assert line[:-1] @ x[:-1] < 0
    assert line @ x >= -64 * EPS * (np.abs(line) @ np.abs(x))


def test_the_least_sum_is_that_of_a_linear_program(capfd):
    form, rng = part(), np.random.default_rng(2)
    prices = rng.random(2 * ROWS)
    combinations = CombinationProgram(form.F, prices)
    for k in (3, 0, 17, 3):
        value, c = combinations.least(k, form.F[k])
        both = np.hstack([form.F.T, -form.F.T])
        others = np.delete(np.arange(2 * ROWS), [k, ROWS + k])
        want = linprog(prices[others], A_eq=both[:, others], b_eq=form.F[k])
        assert value == pytest.approx(want.fun, rel=1e-9)
        assert c[k] == 0
        assert np.allclose(c @ form.F, form.F[k], atol=1e-9)
        paid = prices[:ROWS] @ np.maximum(c, 0) - prices[ROWS:] @ np.minimum(c, 0)
        assert paid == pytest.approx(value, rel=1e-9)
    assert capfd.readouterr() == ("", "")


def test_mixtures_of_neurons_violate_no_bound():
    form, rng = part(), np.random.default_rng(3)
    for count in (1, 3, 12):
        x = points(form, count, rng)
        assert form.find_row_bounds(x @ x.T) == ()
    assert form.find_row_bounds(np.zeros((form.size, form.size))) == ()


def test_a_relaxation_is_cut_off_where_it_gains_most():
    form = part()
    X = loosest(form, 400)
    found = form.find_row_bounds(X)
    assert 0 < len(found) <= np.ceil(SHARE * ROWS)
    p = np.maximum(X[:ROWS, -1], 0)
    q = np.maximum(p - form.F @ X[ROWS : ROWS + DIMS, -1], 0)
    weights = np.maximum(form.A[:ROWS, 0], 0)
    combinations = CombinationProgram(form.F, np.concatenate([p, q]))
    gains = np.array(
        [w * (p[k] - combinations.least(k, form.F[k])[0]) for k, w in enumerate(weights)]
    )
    assert [x.row for x in found] == [int(k) for k in np.argsort(-gains)[: len(found)]]
    unit = max(p.max(), q.max())
    for x in found:
        excess = -float(x.line(form.F, form.reach) @ X[:, -1]) * weights[x.row]
        assert excess == pytest.approx(gains[x.row], rel=1e-5)
        assert excess > LEAST * unit * weights.max() * (1 - 1e-6)


def test_the_search_for_bounds_ends_with_the_time(monkeypatch):
    form, solved = part(), list[int]()
    X = loosest(form, 400)
    least = CombinationProgram.least

    def counted(self, k, f):
        solved.append(k)
        return least(self, k, f)

    monkeypatch.setattr(CombinationProgram, "least", counted)
    whole = [x.row for x in form.find_row_bounds(X)]
    assert len(solved) > 3
    solved.clear()
    found = form.find_row_bounds(X, lambda: len(solved) >= 3)
    assert len(solved) == 3
    assert found
    assert {x.row for x in found} <= {*solved}
    assert [x.row for x in found if x.row in whole] == [k for k in whole if k in solved]
    assert form.find_row_bounds(X, lambda: True) == ()
    assert len(solved) == 3


def test_a_solve_looks_for_no_bounds_once_its_time_is_over(monkeypatch):
    asked = list[bool]()

    def find(_form, _X, expired):
        asked.append(expired())
        return ()

    monkeypatch.setattr(layers.LayerForm, "find_row_bounds", find)
    for over in (False, True):
        looks = iter([False] * layer_admm.WIDEN + [over] * 9)
        stop = Stop(0.0, layer_admm.WIDEN + 1, 0.0, lambda looks=looks: next(looks))
        solve(part(), stop)
    assert asked == [False, True]


OTHER_THREADS = """
import highspy
import numpy as np

user = highspy.Highs()
user.setOptionValue("output_flag", False)
user.setOptionValue("threads", 2)
x = user.addVariable(lb=1)
user.minimize(x)
assert user.getModelStatus() == highspy.HighsModelStatus.kOptimal

from certify.polar.relaxation.row_bounds import CombinationProgram

prices = np.array([3.0, 1.0, 2.0, 9.0, 9.0, 9.0])
value, c = CombinationProgram(np.ones((3, 1)), prices).least(0, np.ones(1))
assert value == 1
assert c.tolist() == [0, 1, 0]
"""


def test_bounds_are_found_beside_a_user_of_the_same_solver_with_more_threads():
    subprocess.run([sys.executable, "-c", OTHER_THREADS], check=True)


def test_bounds_of_rows_tighten_the_relaxation_and_never_cut_a_neuron_off():
    query = ReLU(V).query(W)
    solver, lower = bounder(query), attain(query)[0]
    bounds = dict[int, float]()
    for crowded in (DIMS, ROWS):
        with pytest.MonkeyPatch.context() as change:
            change.setattr(layers, "CROWDED", crowded)
            stop = Stop(0.0, 3000, 0.0, lambda: False)
            bounds[crowded] = max(solve(solver.at((c,)), stop).best.bound for c in solver.by_sign())
    assert lower <= bounds[DIMS] * (1 + 1e-9)
    assert bounds[DIMS] < bounds[ROWS] - 0.1 * (bounds[ROWS] - lower)


def test_steps_go_on_from_their_multipliers_beside_more_bounds_of_rows():
    run = Run(part(), None)
    for _ in range(200):
        run.step()
    found = run.original.find_row_bounds(run.over())
    wider = run.with_row_bounds(found)
    n = len(run.U)
    assert wider.original.row_bounds == found
    assert wider.rho == run.rho
    assert np.array_equal(wider.U[:n, :n], run.U)
    assert not wider.U[n:].any()
    assert np.array_equal(wider.Z, wider.products(run.over()))
    for _ in range(20):
        wider.step()
    assert wider.U[n:].any()


def test_only_rows_that_gain_are_bounded():
    form = part()
    X = loosest(form, 400)
    gains = form.A[:ROWS, 0]
    assert find_row_bounds(form.F, np.abs(gains), X) != ()
    assert find_row_bounds(form.F, -np.abs(gains), X) == ()


def test_bounds_of_small_multipliers_are_left_out():
    bounds = tuple(RowBound(k, np.array([9]), np.ones(1)) for k in range(3))
    U = np.zeros((5, 5))
    U[2, 0] = U[0, 2] = 1.0
    U[3, 1] = U[1, 3] = 0.05
    U[4, 1] = U[1, 4] = -0.5
    used, left = keep_used(bounds, U)
    assert [x.row for x in used] == [0, 2]
    assert np.array_equal(left, U[np.ix_([0, 1, 2, 4], [0, 1, 2, 4])])
    assert keep_used(bounds, np.zeros((5, 5)))[0] == ()
    assert keep_used((), U)[1].shape == (5, 5)
    assert np.array_equal(np.flatnonzero(with_zeros(np.ones((2, 2)), 1).sum(axis=0)), [0, 2])


@pytest.mark.parametrize("tier", [Exact, Flint, Rounded])
@pytest.mark.parametrize("atom", ATOMS)
def test_the_kernel_proves_a_tree_whose_leaves_use_them(atom, tier, monkeypatch):
    monkeypatch.setattr(layer_admm, "WIDEN", 100)
    monkeypatch.setattr(layers, "CROWDED", 1)
    layer = ReLU(V, **ATOMS[atom])
    query = replace(layer.query(W), nodes=3)
    found = tree.proposal(query)
    added = [x for x in found.proof["nodes"] if "above" in x]
    assert added
    bound = proved(tier, layer, W, found.proof)
    assert attain(query)[0] * (1 - 1e-9) <= bound <= found.upper * (1 + 1e-8)


def test_a_tree_with_such_bounds_is_kept_and_grows_on():
    query = ReLU(V).query(W)
    whole = tree.grow_tree(replace(query, nodes=9))
    with save_to(Checkpoint()):
        first = tree.grow_tree(replace(query, nodes=5))
        again = tree.grow_tree(replace(query, nodes=5))
    rows = [x.solved.witness.row_bounds for x in first.leaves if x.solved.witness]
    assert sum(map(len, rows)) > 0
    kept = [x.solved.witness.row_bounds for x in again.leaves if x.solved.witness]
    assert [[x.row for x in r] for r in rows] == [[x.row for x in r] for r in kept]
    assert whole.upper <= first.upper


def test_a_multiplier_keeps_the_bounds_that_it_is_of():
    form = part()
    wider = form.with_row_bounds(form.find_row_bounds(loosest(form, 200)))
    N, Y = np.zeros((wider.facts, wider.facts)), wider.no_cones()
    assert best_multiplier(wider, N, Y).row_bounds == wider.row_bounds
    assert len(wider.cuts) == len(form.cuts) + len(wider.row_bounds)
    assert len(wider.with_row_bounds(()).cuts) == len(form.cuts)


def test_bounds_of_rows_are_for_many_rows_and_a_sign():
    form = part()
    assert form.crowded
    assert not replace(form, F=form.F[:-1]).crowded
    assert not replace(form, sign=0).crowded


def test_a_combination_of_rows_is_in_its_range_at_every_break_of_a_bias():
    atom = ReLU(np.random.default_rng(5).standard_normal((30, 4)), bias="free")
    form = layers.form_of(atom.query(np.linspace(-1, 1, 30)[:, None]))
    F, rng = form.scale * form.F, np.random.default_rng(6)
    signed = form.with_cuts(np.zeros((0, 35)), 1)
    lines = np.array([x.line(F) for x in form.bias_ranges])
    assert len(form.bias_ranges) == 2 * CENTRAL == len(signed.cuts)
    assert len(form.cuts) == len(form.with_cuts(np.zeros((0, 35))).cuts) == 0
    least = np.inf
    for u in np.vstack([rng.standard_normal((50, 4)), F[:, :4], F[0, :4] - F[1:, :4]]):
        for k in range(30):
            z = F @ np.append(u, -F[k, :4] @ u / F[k, 4])
            x = np.concatenate([np.maximum(z, 0.0), u, [-F[k, :4] @ u / F[k, 4]]])
            values = lines @ np.append(x, np.linalg.norm(u))
            assert values.min() >= -1e-12 * np.abs(x).max()
            least = min(least, values.min() / np.linalg.norm(u))
    assert least <= 0.2  # one is nearly attained


@pytest.mark.parametrize("tier", [Exact, Flint, Rounded])
@pytest.mark.parametrize("right", ["l2", "l2+", "l2-"])
def test_the_kernel_proves_a_tree_with_the_ranges_of_a_bias(right, tier):
    rng = np.random.default_rng(3)
    atom, W = ReLU(rng.standard_normal((14, 5)), bias="free", right=right), rng.standard_normal(14)
    W = np.round(W[:, None] * 64) / 64
    W[-1] -= W.sum()
    found = tree.proposal(replace(atom.query(W), nodes=9))
    kinds = [next(iter(node)) for node in found.proof["nodes"]]
    assert kinds.count("range") == 2 * CENTRAL * (2 if right == "l2" else 1)
    bound = float(proved(tier, atom, W, found.proof))
    assert atom.attain(W, 0)[0] <= bound == pytest.approx(found.upper, rel=1e-6)


def test_the_ranges_of_a_bias_tighten_the_relaxation_after_as_many_steps():
    rng = np.random.default_rng(4)
    X, w = rng.standard_normal((40, 8)), rng.standard_normal((40, 1))
    fitted = np.maximum(X @ rng.standard_normal((8, 30)) + 1, 0)  # w is what 30 neurons leave
    w -= fitted @ np.linalg.lstsq(fitted, w, rcond=1e-2)[0]
    form = layers.form_of(ReLU(X, bias="free").query(w - w.mean()))
    with_ranges, without = (
        solve(x.with_cuts(np.zeros((0, 49)), 1), Stop(-np.inf, 200, -1.0)).best.bound
        for x in (form, replace(form, bias_ranges=()))
    )
    assert with_ranges < 0.75 * without
