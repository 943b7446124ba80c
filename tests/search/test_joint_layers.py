"""Dual points of hidden layers found together with both halves of their tree."""

from copy import copy
from dataclasses import replace
from functools import cache
from time import monotonic
from typing import Any

import numpy as np
import pytest

from certify import Problem
from certify.atoms import ReLU
from certify.base.checkpoint import Checkpoint, save_to
from certify.base.clock import Clock
from certify.losses import Absolute, Logistic, Poisson, Squared
from certify.offsets import ColumnIntercept
from certify.polar.ascent.layers import attain
from certify.polar.branching import layer_parts
from certify.polar.branching.layer_parts import UNDER, Cut, bounder, step_seconds
from certify.polar.branching.layers import grow_tree, proof_of
from certify.polar.proved import layer_above
from certify.polar.relaxation import layers
from certify.polar.relaxation.frame import WEIGHT
from certify.search import families
from certify.search.candidate import evaluate
from certify.search.dual import joint_layer_part, joint_layers, scaling
from certify.search.dual.joint_layer_part import RELAX
from certify.search.dual.joint_layers import (
    Joint,
    bound_found,
    bound_halves,
    bound_or_polish,
    find_zeros,
    is_polished,
    multiplier,
    one_side,
    path_of,
    polish,
    polish_parts,
    query_of,
    tree_of,
)
from certify.search.dual.points import Run, bound, dual_at, inside_point, polar_target
from certify.search.evidence import is_stuck
from certify.search.search_result import SearchResult
from tests.network_models import counted
from tests.tolerance import EPS

SAMPLES, FEATURES = 18, 7
STEPS = 3000  # of single parts: of six, after those of both halves
RNG = np.random.default_rng(0)
X = np.round(RNG.standard_normal((SAMPLES, FEATURES)) * 16) / 16
Y = np.round((np.abs(X[:, :1]) - X[:, 1:2] + RNG.standard_normal((SAMPLES, 1))) * 16) / 16
CASES = {
    "plain": (Squared(Y), ReLU(X), ()),
    "one sign": (Squared(np.abs(Y)), ReLU(X, right="l2+"), ()),
    "logistic": (Logistic((Y > 0).astype(float)), ReLU(X), ()),
    "free bias": (Squared(Y), ReLU(X, bias="free"), (ColumnIntercept(),)),
}


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch):
    monkeypatch.setattr(joint_layers, "EFFORT", 0.3)


def asked(name, share=0.1):
    """Return the question at one neuron for each feature and side, fitted to nothing."""
    loss, atom, offsets = CASES[name]
    W = -loss.gradient(np.zeros((SAMPLES, 1)))
    problem = Problem(loss, atom, share * atom.attain(W - W.mean() * bool(offsets), 0)[0], offsets)
    (d,), _ = atom.shapes(loss.dims)
    U = np.hstack([np.eye(d), -np.eye(d)])[:, : 2 * FEATURES]
    signs = np.resize([1.0, -1.0], 2 * FEATURES)
    V = np.abs(signs) if atom.layer.right.cone else signs
    start = evaluate(problem, (0.3 * U, 0.3 * V[None]))
    return Run(problem, start, 1e-9, Clock(), 0, given=False)


def joint_of(run):
    return Joint(run.problem, run.start.factors, run.start.q, dual_at(run.problem, run.start))


@pytest.fixture(scope="module", params=CASES)
def polished(request):
    """Return a question, the iterates at the end of a polish, and what was found."""
    run = asked(request.param)
    joint = joint_of(run)
    first = joint.look()
    return run, joint, first, polish(joint, run.start.value, lambda: joint.taken >= STEPS)


def test_what_a_polish_promises_the_kernel_proves(polished):
    run, _, first, found = polished
    problem = run.problem
    query = query_of(problem, found.W)
    assert found.value > first.value
    assert len(found.leaves) > 2
    tree = tree_of(query, found)
    solver = bounder(query)
    nodes = {str(n.path): n for n in tree.leaves}
    for leaf, upper in zip(found.leaves, found.uppers, strict=True):
        best = multiplier(solver, leaf)
        assert nodes[str(path_of(solver.by_sign(), leaf))].solved.upper == best.bound == upper
        longest = best.Y[:, -1] * (1 + 4 * EPS)  # (y, t) are multiplied by their unit
        assert (np.linalg.norm(best.Y[:, :-1], axis=1) <= longest).all()
        assert best.N.min() >= 0 or np.array_equal(*zero_products(best.N))
    s = problem.lam / tree.upper
    assert problem.loss.dual_value(found.W * min(s, 1.0)) <= found.value * (1 + 64 * EPS)


def zero_products(N):
    """Return where N is negative, and where of these facts are p_i and q_i."""
    rows, columns = np.nonzero(N < 0)
    return np.abs(rows - columns), np.full(len(rows), SAMPLES)


@pytest.mark.thorough
@pytest.mark.parametrize("name", CASES)
def test_the_relaxed_program_and_its_dual_point_meet(name):
    """What the iterates fit is no better than a network and no worse than their dual point."""
    run = asked(name)
    joint, problem = joint_of(run), run.problem
    for _ in range(4000 if name == "free bias" else 400):
        joint.step()
    found = joint.look()
    columns = [x.Z[x.rows.s[0], x.rows.p] * x.form.sign / (WEIGHT * joint.t) for x in joint.parts]
    fit = np.sum(columns, axis=0)[:, None] + (
        problem.shift(joint.q) if problem.offsets else np.zeros((SAMPLES, 1))
    )
    prices = sum(price(x) for x in joint.parts)
    value = problem.loss.value(fit) + 0.5 * problem.lam * prices
    assert found.value <= value * (1 + 0.02)
    assert found.value >= value * (1 - 0.05)


def price(part):
    """Return |u|^2 + s^2 of an X, without a free bias."""
    X = part.over()
    m, d = part.form.F.shape
    kept = np.r_[m : m + part.form.norm_size, m + d]
    return float(X[kept, kept].sum())


@pytest.mark.sampled(5)
@pytest.mark.parametrize("name", CASES)
def test_a_polished_point_is_a_dual_point_with_a_proof(name):
    run = asked(name)
    with save_to(Checkpoint()) as checkpoint:
        found = polish_parts(run, dual_at(run.problem, run.start))
        dual = bound_found(run, found)
        assert [k for k in checkpoint.kept if k.startswith("tree.relaxation")]
    W = run.problem.loss.observed.array(dual.point.W)
    upper = layer_above(W, run.problem.atom, dual.polar.proof)
    assert upper <= dual.polar.upper * (1 + 2.0**-30)
    s = min(1.0, run.problem.lam / upper)
    assert run.problem.loss.dual_value(dual.point.W * s) >= dual.value * (1 - 2.0**-30)
    assert dual.value <= run.start.value
    if run.problem.offsets:
        assert abs(dual.point.W.sum()) <= 2.0**-40


def test_the_tree_of_a_polished_point_begins_with_its_parts():
    run = asked("plain")
    joint = joint_of(run)
    found = polish(joint, run.start.value, lambda: joint.taken >= STEPS)
    query = query_of(run.problem, found.W)
    tree = tree_of(query, found)
    assert tree.upper == max(n.solved.upper for n in tree.leaves)
    assert tree.lower <= tree.upper
    for node in tree.nodes:
        labels = [tree.nodes[k].path[-1] for k in node.children]
        assert [c.sign for c in labels] in ([], [1, -1])
        assert len({str(c.normal) for c in labels}) == bool(labels)
    solver, nodes = bounder(query), {str(n.path): n for n in tree.leaves}
    assert len(nodes) == len(found.leaves)
    for leaf in found.leaves:
        path = path_of(solver.by_sign(), leaf)
        assert path[0].sign == leaf.sign
        assert path[1:] == leaf.cuts
        assert np.array_equal(nodes[str(path)].solved.warm.X, leaf.X)
    grown = grow_tree(replace(query, nodes=len(tree.nodes) + 4), 0.0, tree)
    assert len(grown.nodes) > len(tree.nodes)
    assert grown.upper <= tree.upper


@pytest.mark.parametrize("name", CASES)
def test_more_steps_at_a_fixed_dual_point_lower_the_bounds_of_its_parts(name):
    run = asked(name)
    joint = joint_of(run)
    found = polish(joint, run.start.value, lambda: joint.taken >= STEPS)
    query = query_of(run.problem, found.W)
    plain, tree = tree_of(query, found), tree_of(query, found, 0.0)
    middle = 0.5 * (plain.upper + tree.upper)
    some = tree_of(query, found, middle)
    ranges = bounder(query).form.bias_ranges
    cut = 2 * SAMPLES + len(ranges)  # of the sign of w^T p, which parts of a polish do not use
    for before, after, partly in zip(plain.leaves, tree.leaves, some.leaves, strict=True):
        assert str(before.path) == str(after.path) == str(partly.path)
        assert after.solved.upper <= before.solved.upper
        assert before.solved.witness is None or not before.solved.witness.Y[cut].any()
        assert partly.solved.upper <= max(before.solved.upper, middle)
        if before.solved.upper <= middle * UNDER:
            assert partly.solved.upper == before.solved.upper
    assert tree.upper < plain.upper
    assert any(w.Y[cut].any() for w in (x.solved.witness for x in tree.leaves) if w is not None)


def split_once(name="plain"):
    """Return the iterates after the first split, what was found before it, and their parts."""
    joint = joint_of(asked(name))
    for _ in range(40):
        joint.step()
    found, before = joint.look(), list(joint.parts)
    joint.split(found)
    return joint, found, before


@pytest.mark.parametrize("name", CASES)
def test_the_halves_of_parts_are_where_the_parts_were(name):
    joint, _, before = split_once(name)
    assert len(joint.parts) == 3 * len(before)  # beside where e w^T p is negative
    for k, part in enumerate(before):
        other, *halves = joint.parts[3 * k : 3 * k + 3]
        assert not other.Z.any()
        assert [len(x.cuts) for x in (other, *halves)] == [1, 2, 2]
        assert other.cuts[0].sign == -part.form.sign == -halves[0].cuts[0].sign
        assert np.array_equal(other.cuts[0].normal, halves[1].cuts[0].normal)
        assert np.array_equal(halves[0].cuts[1].normal, halves[1].cuts[1].normal)
        assert halves[0].cuts[1].sign == -halves[1].cuts[1].sign
        n = len(part.U)
        assert all(np.array_equal(x.U[:n, :n], part.U) for x in halves)
        both = [one_side(part.over(), x.cuts[1]) for x in halves]
        assert np.allclose(sum(both), part.over(), rtol=0, atol=64 * EPS)
        for x, X in zip(halves, both, strict=True):
            assert np.array_equal(x.Z, x.products(X))


def of_many_rows():
    """Return the question of a layer of 48 samples of 3 features."""
    rng = np.random.default_rng(5)
    features = np.round(rng.standard_normal((48, 3)) * 16) / 16
    data = np.round((np.abs(features[:, :1]) + rng.standard_normal((48, 1))) * 16) / 16
    problem = Problem(Squared(data), ReLU(features), 0.2)
    start = evaluate(problem, (0.3 * np.hstack([np.eye(3), -np.eye(3)]), np.ones((1, 6))))
    return Run(problem, start, 1e-9, Clock(), 0, given=False)


def test_bounds_of_rows_join_the_parts_and_leave_them_as_they_were():
    joint = joint_of(of_many_rows())
    for _ in range(3):
        for _ in range(40):
            joint.step()
        before = list(joint.parts)
        joint.widen()
    for old, new in zip(before, joint.parts, strict=True):
        kept = [x for x in new.original.row_bounds if any(x is y for y in old.original.row_bounds)]
        added = new.original.row_bounds[len(kept) :]
        assert [x.row for x in added] == [x.row for x in old.original.find_row_bounds(old.over())]
        n = len(old.U) - len(old.original.row_bounds)
        assert len(new.U) == n + len(new.original.row_bounds)
        assert np.array_equal(new.U[:n, :n], old.U[:n, :n])
        assert not new.U[n + len(kept) :].any()
        assert np.array_equal(new.Z, new.products(old.over()))
        assert new.cuts == old.cuts
    assert any(x.original.row_bounds for x in joint.parts)


def test_the_kernel_proves_a_polish_whose_parts_have_bounds_of_rows():
    run = of_many_rows()
    joint = joint_of(run)
    found = polish(joint, run.start.value, lambda: joint.taken >= 2000, most=6)
    assert any(leaf.row_bounds for leaf in found.leaves)
    query = query_of(run.problem, found.W)
    tree, solver = tree_of(query, found), bounder(query)
    nodes = {str(n.path): n for n in tree.leaves}
    for leaf, upper in zip(found.leaves, found.uppers, strict=True):
        node = nodes[str(path_of(solver.by_sign(), leaf))]
        assert node.solved.upper == upper
        assert node.solved.witness.row_bounds == leaf.row_bounds
    said, proof = proof_of(solver, tree, tree.upper)
    assert sum("above" in x for x in proof["nodes"]) == sum(len(x.row_bounds) for x in found.leaves)
    upper = layer_above(query.W, run.problem.atom, proof)
    assert attain(query)[0] <= upper <= said * (1 + 2.0**-30)


def test_halves_keep_the_bounds_of_rows_of_their_part():
    joint = joint_of(of_many_rows())
    for _ in range(2):
        for _ in range(40):
            joint.step()
        joint.widen()
    for _ in range(40):
        joint.step()
    part = max(joint.parts, key=lambda x: len(x.original.row_bounds))
    at = joint.parts.index(part)
    bounds, U = part.next_row_bounds()
    used = [x for x in bounds if any(x is y for y in part.original.row_bounds)]
    assert used
    joint.split(joint.look())
    n = len(part.U) - len(part.original.row_bounds)
    for k, cuts in enumerate((1, 2, 2)):
        half = joint.parts[3 * at + k]
        assert [x.row for x in half.original.row_bounds] == [x.row for x in bounds]
        assert len(half.form.cuts) == cuts + len(bounds)
        assert not half.U[n : n + cuts].any()
        rest = np.delete(np.arange(len(half.U)), np.arange(n, n + cuts))
        assert np.array_equal(half.U[np.ix_(rest, rest)], U)


@pytest.mark.parametrize("expired", [False, True])
def test_no_bounds_of_rows_are_looked_for_once_the_time_is_over(expired):
    joint = joint_of(of_many_rows())
    for _ in range(40):
        joint.step()
    joint.expired = lambda: expired
    split = copy(joint)
    split.split(joint.look())
    joint.widen()
    for parts in (joint.parts, split.parts):
        assert any(x.original.row_bounds for x in parts) == (not expired)


def test_a_part_that_holds_nothing_is_not_split():
    joint, _, _ = split_once()
    for _ in range(40):
        joint.step()
    kept = joint.parts[0], joint.parts[3]
    joint.split(joint.look())
    assert (joint.parts[0], joint.parts[5]) == kept
    assert [len(x.cuts) for x in joint.parts] == 2 * [1, 3, 3, 3, 3]


def test_one_side_of_a_normal_mixture_has_its_moments():
    rng = np.random.default_rng(3)
    A, mean = rng.standard_normal((4, 4)), rng.standard_normal(4)
    f = rng.standard_normal((200_000, 4)) @ A.T
    x = np.column_stack([mean + np.vstack([f, -f]), np.full(2 * len(f), 0.5)])
    X = x.T @ x / len(x)
    normal = rng.standard_normal(4)
    normal -= mean * (normal @ mean) / (mean @ mean)  # through the mean
    for sign in (1, -1):
        inside = x[sign * (x[:, :4] @ normal) >= 0]
        truth = inside.T @ inside / len(x)
        assert np.allclose(
            one_side(X, Cut(normal, sign)), truth, rtol=0, atol=0.02 * np.abs(X).max()
        )
    assert np.array_equal(one_side(0 * X, Cut(normal, 1)), 0 * X)


@pytest.mark.parametrize("name", CASES)
def test_lengths_are_equal_and_a_bias_within_its_reach_at_the_nearest_point(name):
    part = joint_of(asked(name)).parts[0]
    rng, (d, k) = np.random.default_rng(1), (part.form.F.shape[1], part.form.norm_size)
    V = np.abs(rng.standard_normal(part.Z.shape))
    V += V.T
    for bias in (0.0, 1e3):
        if part.form.reach:
            V[part.rows.u[-1], part.rows.u[-1]] = bias
        z, v = (np.diag(x)[part.rows.own] for x in (part.polyhedron(V), V))
        assert z[:k].sum() == pytest.approx(z[d], abs=64 * EPS * np.abs(v).sum())
        far = z[d] * (part.form.reach / WEIGHT) ** 2
        beyond = part.form.reach > 0 and z[d - 1] / part.frame.weights[-1] ** 2 - far
        assert beyond <= 64 * EPS * np.abs(v).sum() / WEIGHT**4
        moved = v - z  # a multiple of each normal, of the second one upward alone
        equal, reach = part.equal, part.reach
        rest = moved - equal * (equal @ moved) - reach * (reach @ moved)
        assert np.abs(rest).max() <= 64 * EPS * np.abs(v).sum()
        beyond = reach @ moved
        assert beyond >= -64 * EPS * np.abs(v).sum()
        assert (bias > 0 and part.form.reach > 0) == (beyond > 64 * EPS * np.abs(v).sum())


@pytest.mark.parametrize(("times", "moves"), [(1.9, 0), (2.1, 1), (0.6, 0), (0.4, -1)])
def test_rho_makes_the_residuals_of_all_parts_equal(times, moves):
    """It stays where the primal residual is the dual one, within 2."""
    joint, _, _ = split_once()
    joint.step()
    for x in joint.parts:
        x.before = x.Z
    primal, size, _, weight = np.sqrt(sum(x.residuals() for x in joint.parts))
    joint.parts[1].before = joint.parts[1].Z.copy()
    joint.parts[1].before[0, 0] += float(primal / size * weight / times)
    U, rho = [x.U.copy() for x in joint.parts], joint.rho
    joint.balance()
    assert joint.rho == pytest.approx(rho * joint_layers.CHANGE**moves)
    for part, before in zip(joint.parts, U, strict=True):
        assert np.allclose(joint.rho * part.U, rho * before)


def test_residuals_are_those_of_the_last_step():
    joint = joint_of(asked("plain"))
    joint.step()
    part = joint.parts[0]
    Z, U = part.Z, part.U
    joint.step()
    X = (part.U + part.Z - U - (1 - RELAX) * Z) / RELAX  # as V = U + Z was made of it
    parts = X - part.Z, part.Z, part.Z - Z, part.U
    assert part.residuals() == pytest.approx([np.square(x).sum() for x in parts], rel=1e-9)


@pytest.mark.parametrize("threads", [False, True])
def test_single_precision_and_threads_change_no_bound(monkeypatch, threads):
    joint_of_one, _, _ = split_once()
    monkeypatch.setattr(joint_layers, "SINGLE", 0 if threads else np.inf)
    joint, found, _ = split_once()
    assert (joint.pool is not None) is threads
    for x in (joint, joint_of_one):
        x.step()
    assert np.array_equal(joint.W, joint_of_one.W)
    monkeypatch.setattr(layers, "SINGLE", 0)
    short, found, _ = split_once()
    assert short.parts[0].Z.dtype == found.leaves[0].N.dtype == np.float32
    leaf, solver = found.leaves[0], bounder(query_of(short.problem, found.W))
    assert multiplier(solver, leaf).N.dtype == np.float64
    assert multiplier(solver, leaf).bound == found.uppers[0]


def test_without_a_budget_steps_are_counted(monkeypatch):
    run = asked("plain")
    taken = counted(monkeypatch, joint_layer_part.Part, "move")
    monkeypatch.setattr(joint_layers, "EFFORT", 0.05)
    polish_parts(run, dual_at(run.problem, run.start))
    most = 0.05 / step_seconds((SAMPLES, FEATURES))
    assert most <= len(taken) < most + 6


@pytest.mark.parametrize("looser", [0.0, np.inf])
def test_only_where_the_polar_is_very_loose_parts_are_split(monkeypatch, looser):
    run, asks = asked("plain"), list[Any]()
    monkeypatch.setattr(joint_layers, "LOOSER", looser)
    monkeypatch.setattr(joint_layers, "polish_parts", lambda *a: asks.append(a[3]) or "found")
    monkeypatch.setattr(joint_layers, "bound_found", lambda *a, near: asks.append((a[1], near)))
    with save_to(Checkpoint()):
        known = next(bound_or_polish(run, dual_at(run.problem, run.start)))
    assert known is None
    (_, most), (found, near) = asks
    assert (most, near) == ((joint_layers.MOST, True) if looser == 0 else (1, False))
    monkeypatch.setattr(joint_layers, "NUMBERS", 9.5 * (2 * SAMPLES) ** 2)
    assert joint_layers.most_parts(run.problem) == 10
    assert found == "found"


def test_a_polish_splits_where_a_look_gains_little_until_there_are_parts_enough(monkeypatch):
    monkeypatch.setattr(joint_layers, "STALLED", 1e9)
    monkeypatch.setattr(joint_layers, "EVERY", 20)
    for most, count, taken in ((1, 2, 120), (6, 6, 440), (7, 10, 920)):
        joint = joint_of(asked("plain"))
        assert polish(joint, 10 * asked("plain").start.value, lambda: False, most=most)
        assert len(joint.parts) == count
        assert joint.taken == taken


@pytest.mark.parametrize(("slowed", "crowded", "count"), [(0, 1, 2), (1e9, 1, 6), (0, 16, 6)])
def test_a_polish_of_many_rows_does_not_split_where_a_look_gains(
    monkeypatch, slowed, crowded, count
):
    monkeypatch.setattr(layers, "CROWDED", crowded)
    monkeypatch.setattr(joint_layers, "SLOW", slowed)
    monkeypatch.setattr(joint_layers, "EVERY", 20)
    joint = joint_of(asked("plain"))
    assert polish(joint, 10 * asked("plain").start.value, lambda: joint.taken >= 200, most=6)
    assert len(joint.parts) == count


@pytest.mark.parametrize(
    ("crowded", "most", "taken"), [(16, 1, 120), (1, 1, 120), (16, 2, 120), (1, 2, 400)]
)
def test_the_last_stage_of_many_rows_and_parts_ends_in_time_only(monkeypatch, crowded, most, taken):
    monkeypatch.setattr(layers, "CROWDED", crowded)
    monkeypatch.setattr(joint_layers, "STALLED", 1e9)
    monkeypatch.setattr(joint_layers, "EVERY", 20)
    joint = joint_of(asked("plain"))
    assert polish(joint, 10 * asked("plain").start.value, lambda: joint.taken >= 400, most=most)
    assert joint.taken == taken


def test_parts_are_split_while_there_is_time_for_twice_the_steps_of_a_stage(monkeypatch):
    monkeypatch.setattr(joint_layers, "STALLED", 1e9)
    monkeypatch.setattr(joint_layers, "EVERY", 20)
    for time, count in ((160, 6), (159, 2), (720, 10), (719, 6)):
        joint = joint_of(asked("plain"))
        joint.left = lambda joint=joint, time=time: time + 80 - joint.taken
        assert polish(joint, 10 * asked("plain").start.value, lambda: False, most=7)
        assert len(joint.parts) == count


def test_the_time_left_is_counted_in_steps_at_the_pace_so_far(monkeypatch):
    run, asks = asked("plain"), list[Any]()
    monkeypatch.setattr(joint_layers, "polish", lambda *a: asks.append(a[:3]))
    now = iter([3.0, 7.0, 7.0, 13.0, 13.0])
    monkeypatch.setattr(joint_layers, "monotonic", lambda: next(now))
    W = dual_at(run.problem, run.start)
    polish_parts(replace(run, clock=Clock(1e4)), W, 13.0)
    (joint, _, expired) = asks.pop()
    joint.taken = 40
    assert joint.expired is expired
    assert joint.left() == (13.0 - 7.0) * 40 / (7.0 - 3.0)
    assert [expired(), expired()] == [False, True]


def parallel(V, W):
    """Whether one is a multiple of the other, but for roundings."""
    return float((V * W).sum()) >= (1 - 1e-12) * np.linalg.norm(V) * np.linalg.norm(W)


def test_a_loose_polar_is_polished_and_a_tight_one_is_not(monkeypatch):
    run = asked("plain")
    W = dual_at(run.problem, run.start)
    with save_to(Checkpoint()):
        known, polar = bound_halves(run, W)
        assert polar > joint_layers.LOOSE * run.problem.lam
        assert known == pytest.approx(bound(run, W).value, rel=1e-5)
        polished, grown = bound_or_polish(run, W)
        assert not parallel(polished.point.W, W)
        assert parallel(grown.point.W, W)  # its tree has the rest of the time
        assert polished.value > known * (1 + 1e-2)
        monkeypatch.setattr(joint_layers, "LOOSE", np.inf)
        (plain,) = bound_or_polish(run, W)
    assert parallel(plain.point.W, W)


@cache
def good(name):
    """Return good factors, their W with its bound by halves, and a polished one: found once."""
    run = asked(name)
    goal = 1e-3 * run.start.value, None
    best = families.search(run.problem, run.start, Clock(), 0, goal).best
    run = replace(run, start=best)
    W = dual_at(run.problem, best)
    with save_to(Checkpoint()):
        own = W, bound_halves(run, W)[1]
    return best, own, polish_parts(run, W)


def loose(name="plain"):
    """Return a question at good factors, their W with its bound by halves, and a polished one."""
    best, own, found = good(name)
    return replace(asked(name), start=best), own, found


def test_a_tree_that_its_deadline_ends_has_the_rest_of_the_time(monkeypatch):
    run, own, found = loose()
    monkeypatch.setattr(joint_layers, "polish_parts", lambda *_: found)
    monkeypatch.setattr(joint_layers, "LOOSE", 0.0)
    run = replace(run, clock=Clock(1e4))
    for moments, kinds in (((0.0, 1e12), [False]), ((0.0, 0.0), [False, True])):
        late = iter(moments)  # when the polish begins, and when its tree has ended
        monkeypatch.setattr(joint_layers, "monotonic", lambda late=late: next(late))
        with save_to(Checkpoint()):
            tries = list(bound_or_polish(run, own[0]))
        assert [parallel(x.point.W, own[0]) for x in tries] == kinds


def test_a_tree_ends_where_it_proves_what_is_wanted_or_is_near_what_is_attained(monkeypatch):
    run, _, found = loose()
    runs, aims = list[tuple[Run, Any]](), list[float]()
    monkeypatch.setattr(joint_layers, "bound_point", lambda run, point: runs.append((run, point)))
    monkeypatch.setattr(joint_layers, "tree_of", lambda *a: aims.append(a[2]) or tree_of(*a))
    low = attain(query_of(run.problem, found.W))[0]
    for near, top in ((False, 2 * low), (True, 0.0), (True, 2 * low)):
        monkeypatch.setattr(joint_layers, "attain", lambda _, top=top: (top, None))
        with save_to(Checkpoint()):
            bound_found(run, found, near=near)
    (plain, point), (least, _), (early, _) = runs
    assert plain.target is None
    assert least.target == polar_target(run, scaling.along(run.problem, point.W))
    assert early.target == 2 * low * (1 + joint_layers.SLIGHT) > least.target
    assert aims == [least.target, least.target, early.target]


@pytest.mark.parametrize(("budget", "until"), [(None, None), (50.0, 57.0)])
def test_the_tree_of_a_polished_point_ends_with_the_budget(monkeypatch, budget, until):
    run, _, found = loose()
    deadlines = list[float | None]()
    monkeypatch.setattr(joint_layers, "bound_point", lambda *_: None)
    monkeypatch.setattr(joint_layers, "tree_of", lambda query, *_: deadlines.append(query.deadline))
    monkeypatch.setattr(joint_layers.layers, "keep_tree", lambda *_: None)
    bound_found(replace(run, clock=Clock(budget, start=7.0)), found)
    assert deadlines == [until]


def test_a_polished_point_is_stored_as_long_as_its_value_rises():
    run, _, found = loose()
    with save_to(Checkpoint()):
        dual = bound_found(run, found)
    w = found.W.reshape(-1)
    longest = float(w @ Y.reshape(-1)) / float(w @ w)  # where s <w, Y> - s^2 |w|^2 / 2 is largest
    ratio = float(np.linalg.norm(dual.point.W)) / float(np.linalg.norm(w))
    assert 1 < ratio == pytest.approx(min(longest, joint_layers.FURTHER), rel=1e-9)
    assert dual.value >= found.value * (1 - 2.0**-20)


def test_the_bound_that_is_reported_never_falls():
    heard = list[float]()
    run = replace(asked("plain"), clock=Clock(None, lambda _, value: heard.append(value)))
    W = dual_at(run.problem, run.start)
    worse = W + 0.5 * np.abs(W).max()
    with save_to(Checkpoint()):
        bound(run, W)
        known = heard[-1]
        assert bound(run, worse).value < known
        assert heard[-2:] == [known, known]
    with save_to(Checkpoint()):
        bound(replace(asked("plain"), clock=run.clock), worse)  # another question begins anew
    assert heard[-1] < known


def test_a_polish_reports_its_bounds():
    heard = list[tuple[str, float]]()
    run = replace(asked("plain"), clock=Clock(None, lambda *stage: heard.append(stage)))
    found = polish_parts(run, dual_at(run.problem, run.start))
    names, values = zip(*heard, strict=True)
    assert names[0] == "2 parts, optimum at least"
    assert f"{len(found.leaves)} parts, optimum at least" in names
    assert list(values) == sorted(values)
    assert values[-1] == found.value


def test_the_halves_of_a_tree_are_bounded_once(monkeypatch):
    run = asked("plain")
    W = dual_at(run.problem, run.start)
    same = query_of(run.problem, inside_point(run.problem, W).W)
    with save_to(Checkpoint()):
        bound_halves(run, W)
        solved = counted(monkeypatch, layer_parts, "solve")
        tree = grow_tree(replace(same, nodes=3))
    assert len(tree.nodes) == 3
    assert not solved


def test_a_polish_ends_in_time_and_at_what_is_wanted():
    run = asked("plain")
    joint = joint_of(run)
    begun = monotonic()
    assert polish(joint, np.inf, lambda: True) is not None
    assert monotonic() - begun < 60
    first = polish(joint, -np.inf, lambda: False)
    again = joint.look()
    assert first.value == again.value


def test_a_polish_that_proves_less_than_is_known_is_given_up(monkeypatch):
    run = asked("plain")
    W = dual_at(run.problem, run.start)
    known = 3 * run.start.value
    looks = counted(monkeypatch, joint_layers, "multiplier")
    assert polish(joint_of(run), run.start.value, lambda: False, known) is None
    assert len({id(leaf) for _, leaf in looks}) == 4  # two looks at both halves
    assert polish_parts(run, W, np.inf, (known, 9)) is None
    monkeypatch.setattr(joint_layers, "polish_parts", lambda *_: None)
    (plain,) = bound_or_polish(run, W)
    assert parallel(plain.point.W, W)


def test_no_network_has_no_polish():
    run = asked("plain")
    none = evaluate(run.problem, tuple(x[:, :0] for x in run.start.factors))
    empty = replace(run, start=none)
    assert polish_parts(empty, dual_at(run.problem, none)) is None


@pytest.mark.parametrize("unit", [2.0**-45, 2.0**45])
def test_numbers_that_float32_does_not_hold_are_not_polished(unit):
    run = asked("plain")
    problem = Problem(Squared(Y * unit), ReLU(X), run.problem.lam * unit)
    U, V = run.start.factors
    far = replace(run, problem=problem, start=evaluate(problem, (U * unit, V)))
    W = dual_at(problem, far.start)
    assert polish_parts(far, W, lambda: False) is None
    assert bound_halves(far, W) == (-np.inf, 0.0)
    (plain,) = bound_or_polish(far, W)
    assert parallel(plain.point.W, W)
    assert plain.value > 0


def test_a_multiple_of_a_dual_point_is_not_polished():
    run = asked("plain")
    W = dual_at(run.problem, run.start)
    first, last = bound(run, W), next(bound_or_polish(run, W))
    assert not is_polished(run, first)
    assert is_polished(run, last)
    assert is_stuck(run, SearchResult((), run.start, run.start, ()), last)
    better = replace(run.start, value=0.5 * (run.start.value + last.value))
    assert not is_stuck(run, SearchResult((), better, better, ()), last)
    assert not is_stuck(run, SearchResult((), run.start, run.start, ()), first)


@pytest.mark.parametrize(
    ("loss", "atom", "offsets"),
    [
        (Squared(Y), ReLU(X[:, :5]), ()),  # cones
        (Squared(Y[:9]), ReLU(X[:9]), ()),  # cells
        (Squared(Y), ReLU(X, activation="abs"), ()),
        (Squared(np.hstack([Y, Y])), ReLU(X), ()),
        (Absolute(Y), ReLU(X), ()),
        (Poisson(np.abs(np.round(Y))), ReLU(X), ()),
        (Squared(Y[:9]), ReLU(X, samples=np.arange(18) % 9), ()),
        (Squared(Y), ReLU(X), (ColumnIntercept(ridge=1.0),)),
        (Squared(Y, mask=np.arange(18)[:, None] > 0), ReLU(X), ()),
    ],
)
def test_other_layers_are_bounded_as_they_are(loss, atom, offsets):
    problem = Problem(loss, atom, 1.0, offsets)
    assert not joint_layers.applies(problem)


def test_the_zeros_of_rising_functions_are_found():
    slopes, ends = np.array([1.0, 3.0, 1e6, 0.5]), np.array([1.0, -2.0, 5.0, 0.0])
    side, kink = np.sign(ends), 0.2 * ends

    def f(w):
        """Rise by 1 to the kink, and then by 1 + slope."""
        return w - 0.3 * ends + slopes * side * np.maximum(side * (w - kink), 0.0)

    exact = (0.3 * ends + slopes * kink) / (1 + slopes)
    assert find_zeros(f, ends) == pytest.approx(exact, abs=1e-3)
