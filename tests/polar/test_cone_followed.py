"""The positive part of a matrix that moves from step to step, and the units of a layer's steps."""

from dataclasses import replace

import numpy as np
import pytest

from certify.atoms import RankOne, ReLU
from certify.polar.branching.layer_parts import bounder, start_child
from certify.polar.layer_query import LayerQuery
from certify.polar.relaxation import cone, pair_admm
from certify.polar.relaxation import layer_admm as admm
from certify.polar.relaxation.frame import WEIGHT, Frame
from certify.polar.relaxation.layers import CUT, SPREAD, even_units, form_of
from certify.polar.relaxation.pairs import cell, of_pair
from certify.polar.relaxation.steps import Stop


def asked(m, d, seed):
    rng = np.random.default_rng(seed)
    return ReLU(rng.standard_normal((m, d))).query(rng.standard_normal((m, 1)))


def framed(seed=3, rows=9):
    """A frame, its objective, and a symmetric matrix over its rows."""
    frame = Frame(form_of(asked(rows, 4, seed)))
    D = np.random.default_rng(seed).standard_normal((len(frame.Q),) * 2)
    return frame, frame.objective, D + D.T


def exact(frame, C, D, rho):
    """Q S_+ Q^T by one decomposition."""
    values, V = np.linalg.eigh(frame.Q.T @ D @ frame.Q + C / rho)
    return frame.Q @ (V * np.maximum(values, 0)) @ V.T @ frame.Q.T


def counted(monkeypatch):
    """Count the decompositions of a cone."""
    calls, plain = [], cone.Cone.decompose
    monkeypatch.setattr(cone.Cone, "decompose", lambda *a: (calls.append(1), plain(*a)))
    return calls


def test_a_first_projection_is_exact():
    frame, C, D = framed()
    held = cone.Cone(frame, C)
    assert not held.Y.any()
    truth = pytest.approx(exact(frame, C, D, 2.0), abs=1e-12)
    assert held.project(D, 2.0) == truth
    over = frame.Q @ held.Y @ frame.Q.T
    assert over == truth


def test_a_small_change_is_followed_to_first_order(monkeypatch):
    frame, C, D = framed()
    E = framed(8)[2]
    errors = []
    for t in (1e-2, 1e-3):
        held = cone.Cone(frame, C)
        held.project(D, 2.0)
        calls = counted(monkeypatch)
        got = held.project(D + t * E, 2.0)
        assert not calls
        errors.append(np.abs(got - exact(frame, C, D + t * E, 2.0)).max())
        assert np.linalg.eigvalsh(got)[0] >= -1e-12
    moved = np.abs(exact(frame, C, D + 1e-3 * E, 2.0) - exact(frame, C, D, 2.0)).max()
    assert errors[1] <= 0.02 * moved
    assert errors[1] <= 0.03 * errors[0]  # of second order


def test_a_large_change_and_a_long_way_are_decomposed(monkeypatch):
    frame, C, D = framed(rows=20)
    held, calls = cone.Cone(frame, C), counted(monkeypatch)
    held.project(D, 2.0)
    E = framed(8, rows=20)[2]
    assert held.project(E, 2.0) == pytest.approx(exact(frame, C, E, 2.0), abs=1e-12)
    assert len(calls) == 2
    for _ in range(cone.OFTEN):
        held.project(E, 2.0)
    assert len(calls) == 2
    held.project(E, 2.0)
    assert len(calls) == 3


def test_pairs_are_those_of_positive_eigenvalues():
    held = cone.Cone(cone.Columns(np.eye(43)), np.zeros((43, 43)))
    D = np.diag([2.0, -1.0, *[-3.0] * 40, 1.0])
    for t in (1.0, 1.5):
        values, vectors = held.pairs(t * D)
        assert values == pytest.approx([2 * t, t][:: 1 if t == 1 else -1])
        assert (vectors * values) @ vectors.T == pytest.approx(np.maximum(t * D, 0.0))
    assert held.age == 1
    assert held.pairs(-np.eye(43))[0].size == 0


def test_the_relaxation_of_a_pair_turns_its_eigenvectors(monkeypatch):
    W = np.random.default_rng(0).random((50, 40)) - 0.4
    part, calls = cell(of_pair(W, *RankOne("l2+", "l2+").gauges), ()), counted(monkeypatch)
    steps = pair_admm.solve(part, Stop(0.0, 60)).steps
    assert steps // cone.OFTEN <= len(calls) < steps / 3


def test_even_units_change_nothing_but_units():
    rng = np.random.default_rng(5)
    V, W = rng.standard_normal((7, 3)), rng.standard_normal((7, 1))
    V[2] *= 1e3
    W[4] = 0.0
    form = form_of(ReLU(V).query(W)).with_cuts(rng.normal(size=(2, 10)))
    inner, x_units, fact_units = even_units(form)
    x = rng.normal(size=form.size)
    p, u = x[:7], x[7:10]
    facts = np.concatenate([p, p - form.F @ u, form.rows @ x])
    y = x * x_units
    p, u = y[:7], y[7:10]
    within = np.concatenate([p, p - inner.F @ u, inner.rows @ y])
    assert within == pytest.approx(facts * fact_units, rel=1e-9, abs=1e-12)
    assert y @ inner.C @ y == pytest.approx(x @ form.C @ x, rel=1e-9)
    assert fact_units[-2:] == pytest.approx(CUT)
    t = x_units[:7]
    assert t.max() / t.min() <= SPREAD**3 * (1 + 1e-9)
    lengths = np.linalg.norm(inner.F, axis=1)
    assert np.delete(lengths, 2).max() <= 20 * np.delete(lengths, 2).min()


@pytest.fixture(params=["none", "free"])
def part(request):
    """The solver of a layer with few steps, a part, and the path to one of its halves."""
    rng = np.random.default_rng(3)
    layer = ReLU(rng.standard_normal((14, 5)), bias=request.param).layer
    W = rng.standard_normal((14, 1))
    solve = bounder(LayerQuery(layer, W - W.mean(), nodes=9))
    first = replace(solve, steps=(0, 0))((), None, 0.0).split[0]
    above = solve((first,), None, 0.0)
    return solve, above, (first, above.split[0])


def test_a_child_starts_from_the_bound_of_its_parent(part):
    solve, above, path = part
    quick = replace(solve, steps=(0, 0))
    kept, nothing = (quick(path, warm, 0.0).upper for warm in (above.warm, None))
    assert kept <= above.upper * (1 + 2.0**-10)
    assert nothing > 2 * kept
    root = quick((), None, 0.0)  # a part without steps
    assert start_child(solve.at(path[:1]), root.warm) is None


def test_a_start_has_the_multiplier_and_its_prices(part):
    solve, above, path = part
    start = start_child(solve.at(path), above.warm)
    run = admm.Run(solve.at(path), start)
    (N, Y), (back, cones) = start.multipliers, run.multiplier()
    assert np.abs(back - np.where(N > 0, N, back)).max() <= 1e-9 * np.abs(N).max()
    assert Y.any()
    assert np.abs(cones - Y).max() <= 1e-9 * np.abs(Y).max()
    assert np.abs(run.polyhedron(run.Z) - run.Z).max() <= 1e-12
    slack = np.linalg.eigvalsh(run.frame.down(-run.U) + run.cone.C / run.rho)
    assert abs(slack[-1]) <= 1e-9 * abs(slack[0])  # the least prices that make it one


def test_a_start_has_the_products_of_all_rows(part):
    solve, above, path = part
    form, rng = solve.at(path), np.random.default_rng(7)
    m, d = form.F.shape
    u = rng.standard_normal((d, 60))
    if form.reach:
        u[-1] *= 0.1
    lengths = np.linalg.norm(u[: form.norm_size], axis=0)
    x = np.vstack([np.maximum(form.F @ u, 0), u, lengths])
    x = x[:, (form.rows @ x > 0).all(axis=0)]
    x /= np.sqrt(np.square(x[m : m + d - bool(form.reach)]).sum())
    assert x.shape[1] > 1
    start = start_child(form, above.warm)._replace(X=x @ x.T)
    run = admm.Run(form, start)
    p, u = x[:m], x[m : m + d]
    weighed = np.append(run.frame.weights, WEIGHT)[:, None] * x[m:]
    facts = np.vstack([p, p - form.F @ u, form.rows @ x]) * run.sizes[:, None]
    rows = np.vstack([facts[: 2 * m], weighed, facts[2 * m :]])
    assert np.abs(run.Z - rows @ rows.T).max() <= 1e-12


def test_steps_without_a_gain_go_on():
    stop, flat = Stop(0.0, least_gain=1e-2), [1.0] * (admm.LEAST // admm.EVERY + 1)
    assert admm.is_over([2.0, *flat[1:]], stop)
    assert not admm.is_over([2.0, *flat[2:]], stop)
    assert not admm.is_over([1.0099, *flat[1:]], stop)
    late = [1.0] * (admm.LATE // admm.EVERY + 1)
    assert admm.is_over(late, stop)
    assert not admm.is_over(late[1:], stop)
    assert not admm.is_over([2.0 - 0.01 * k for k in range(len(late))], stop)


def test_steps_that_gain_little_of_the_way_end():
    stop = Stop(0.0, least_gain=1e-2)
    falls = [2.0, 1.9, 1.8, 1.7, 1.6]
    assert not admm.slow(falls, stop)
    assert admm.slow([1.601, *falls[-1:] * 4], stop)
    near = replace(stop, target=1.59)  # 1 % of 1.6 is more than the way that is left
    assert admm.slow([1.6004, *falls[-1:] * 4], near)
    assert not admm.slow([1.601, *falls[-1:] * 4], near)


def test_a_part_under_the_aim_is_not_climbed():
    solve = bounder(asked(9, 4, 3))
    above = solve((), None, 0.0)
    child = solve(above.split[:1], above.warm, 1e9)
    assert (child.lower, child.found, child.split) == (-np.inf, None, None)
    open_part = solve(above.split[:1], above.warm, 0.0)
    assert open_part.lower > 0
    assert open_part.found is not None
