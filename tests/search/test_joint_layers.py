"""Dual points of hidden layers found together with both halves of their tree."""

from dataclasses import replace
from functools import cache
from time import monotonic
from typing import Any

import numpy as np
import pytest

from certify import Problem
from certify.atoms import ReLU
from certify.base.checkpoint import Keeper, keeping
from certify.base.clock import Clock
from certify.losses import Absolute, Logistic, Poisson, Squared
from certify.offsets import ColumnIntercept
from certify.polar.branching import layer_parts
from certify.polar.branching.layer_parts import bounder
from certify.polar.branching.layers import grow_tree
from certify.polar.proved import layer_above
from certify.polar.relaxation.frame import WEIGHT
from certify.search import families
from certify.search.candidate import evaluate
from certify.search.dual import joint_layers
from certify.search.dual import scaling as rays
from certify.search.dual.joint_layers import (
    Joint,
    bound_found,
    bound_halves,
    bound_or_polish,
    find_zeros,
    is_polished,
    mixture,
    multiplier,
    path_of,
    polish,
    polish_halves,
    query_of,
    tree_of,
)
from certify.search.dual.points import Run, bound, dual_at, enough, inside_point
from certify.search.evidence import is_stuck
from certify.search.search_result import SearchResult
from tests.network_models import counted
from tests.tolerance import EPS

SAMPLES, FEATURES = 18, 7
RNG = np.random.default_rng(0)
X = np.round(RNG.standard_normal((SAMPLES, FEATURES)) * 16) / 16
Y = np.round((np.abs(X[:, :1]) - X[:, 1:2] + RNG.standard_normal((SAMPLES, 1))) * 16) / 16
CASES = {
    "plain": (Squared(Y), ReLU(X), ()),
    "one sign": (Squared(np.abs(Y)), ReLU(X, right="l2+"), ()),
    "logistic": (Logistic((Y > 0).astype(float)), ReLU(X), ()),
    "free bias": (Squared(Y), ReLU(X, bias="free"), (ColumnIntercept(),)),
}


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
    return run, joint, first, polish(joint, run.start.value, lambda: False)


def test_what_a_polish_promises_the_kernel_proves(polished):
    run, _, first, found = polished
    problem = run.problem
    query = query_of(problem, found.W)
    assert found.value > first.value
    tree = tree_of(query, found)
    solver = bounder(query)
    for part, node in zip(found.parts, tree.leaves, strict=False):
        best = multiplier(solver, part)
        assert node.solved.upper == best.bound
        assert (np.linalg.norm(best.Y[:, :-1], axis=1) <= best.Y[:, -1] * (1 + EPS)).all()
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
    columns = [h.Z[h.rows.s[0], h.rows.p] * h.form.sign / (WEIGHT * joint.t) for h in joint.halves]
    fit = np.sum(columns, axis=0)[:, None] + (
        problem.shift(joint.q) if problem.offsets else np.zeros((SAMPLES, 1))
    )
    prices = sum(price(h) for h in joint.halves)
    value = problem.loss.value(fit) + 0.5 * problem.lam * prices
    assert found.value <= value * (1 + 0.02)
    assert found.value >= value * (1 - 0.05)


def price(half):
    """Return |u|^2 + s^2 of an X, without a free bias."""
    Y = half.frame.T @ half.cone.Y @ half.frame.T.T
    m, d = half.form.F.shape
    kept = np.r_[m : m + half.form.priced, m + d]
    return float(Y[kept, kept].sum())


@pytest.mark.sampled(5)
@pytest.mark.parametrize("name", CASES)
def test_a_polished_point_is_a_dual_point_with_a_proof(name):
    run = asked(name)
    with keeping(Keeper()) as keeper:
        found = polish_halves(run, dual_at(run.problem, run.start), lambda: False)
        dual = bound_found(run, found)
        assert [k for k in keeper.held if k.startswith("tree.relaxation")]
    W = run.problem.loss.observed.array(dual.point.W)
    upper = layer_above(W, run.problem.atom, dual.polar.proof)
    assert upper <= dual.polar.upper * (1 + 2.0**-30)
    s = min(1.0, run.problem.lam / upper)
    assert run.problem.loss.dual_value(dual.point.W * s) >= dual.value * (1 - 2.0**-30)
    assert dual.value <= run.start.value
    if run.problem.offsets:
        assert abs(dual.point.W.sum()) <= 2.0**-40


def test_the_tree_of_a_polished_point_begins_with_its_halves():
    run = asked("plain")
    joint = joint_of(run)
    found = polish(joint, run.start.value, lambda: False)
    query = replace(query_of(run.problem, found.W), nodes=3)
    tree = tree_of(query, found)
    assert [len(n.path) for n in tree.nodes] == [0, 1, 1]
    assert tree.upper == max(n.solved.upper for n in tree.leaves)
    assert tree.lower <= tree.upper
    solver = bounder(query)
    for part, node in zip(found.parts, tree.leaves, strict=True):
        (cut,), (same,) = path_of(solver, part), node.path
        assert cut.sign == same.sign == part.sign
        assert np.array_equal(cut.normal, same.normal)
        assert np.array_equal(node.solved.warm.X, part.X)
    grown = grow_tree(replace(query, nodes=7), 0.0, tree)
    assert len(grown.nodes) > 3
    assert grown.upper <= tree.upper


def parallel(V, W):
    """Whether one is a multiple of the other, but for roundings."""
    return float((V * W).sum()) >= (1 - 1e-12) * np.linalg.norm(V) * np.linalg.norm(W)


def test_a_loose_polar_is_polished_and_a_tight_one_is_not(monkeypatch):
    run = asked("plain")
    W = dual_at(run.problem, run.start)
    with keeping(Keeper()):
        known, polar = bound_halves(run, W)
        assert polar > joint_layers.LOOSE * run.problem.lam
        assert known == pytest.approx(bound(run, W).value, rel=1e-5)
        monkeypatch.setattr(joint_layers, "LOOSER", np.inf)
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
    with keeping(Keeper()):
        own = W, bound_halves(run, W)[1]
    return best, own, polish_halves(run, W, lambda: False)


def loose(name="plain"):
    """Return a question at good factors, their W with its bound by halves, and a polished one."""
    best, own, found = good(name)
    return replace(asked(name), start=best), own, found


@pytest.mark.thorough
def test_a_mixture_of_both_dual_points_is_bounded_where_the_polar_is_very_loose(monkeypatch):
    run, own, found = loose()
    monkeypatch.setattr(joint_layers, "LEFT", 0.0)
    mixed, near = mixture(run, own, found)
    assert not parallel(mixed.W, found.W)
    monkeypatch.setattr(joint_layers, "polish_halves", lambda *_: found)
    monkeypatch.setattr(joint_layers, "LOOSE", 0.0)
    monkeypatch.setattr(joint_layers, "LOOSER", 0.99 * own[1] / run.problem.lam)
    with keeping(Keeper()):
        first, second, last = bound_or_polish(run, own[0])
    assert parallel(first.point.W, found.W)
    assert parallel(second.point.W, mixed.W)
    assert parallel(last.point.W, own[0])
    ratio = float(np.linalg.norm(second.point.W) / np.linalg.norm(mixed.W))
    assert second.polar.upper <= near * ratio * (1 + 64 * EPS)  # grown though it proves too little
    assert second.value > first.value
    monkeypatch.setattr(joint_layers, "LOOSER", 1.01 * own[1] / run.problem.lam)
    with keeping(Keeper()):
        first, last = bound_or_polish(run, own[0])
    assert parallel(last.point.W, own[0])


@pytest.mark.thorough
@pytest.mark.parametrize("name", CASES)
def test_the_mixture_is_the_one_that_promises_most(name, monkeypatch):
    run, own, found = loose(name)
    shares = []
    for left in (0.0, 0.5, 1.0):
        monkeypatch.setattr(joint_layers, "LEFT", left)
        W = mixture(run, own, found)[0].W
        gap = own[0] - found.W
        share = float(((W - found.W) * gap).sum() / np.square(gap).sum())
        assert min(abs(share - x) for x in joint_layers.SHARES) <= 64 * EPS
        assert np.allclose(W, found.W + share * gap, rtol=0, atol=64 * EPS * np.abs(W).max())
        shares.append(share)
    assert shares == sorted(shares, reverse=True)  # the looser, the nearer to the polished one
    assert shares[0] > shares[-1]


def test_a_tree_that_its_deadline_ends_has_the_rest_of_the_time(monkeypatch):
    run, own, found = loose()
    monkeypatch.setattr(joint_layers, "polish_halves", lambda *_: found)
    monkeypatch.setattr(joint_layers, "LOOSE", 0.0)
    monkeypatch.setattr(joint_layers, "LOOSER", 0.0)
    run = replace(run, clock=Clock(1e4))
    late = iter([False, False, False, True])
    monkeypatch.setattr(joint_layers, "monotonic", lambda: 1e12 if next(late) else 0.0)
    with keeping(Keeper()):
        tries = list(bound_or_polish(run, own[0]))
    assert [parallel(x.point.W, own[0]) for x in tries] == [False, False]


def test_a_tree_ends_where_it_proves_what_is_wanted_or_is_near_what_is_attained(monkeypatch):
    run, _, found = loose()
    runs = list[tuple[Run, Any]]()
    monkeypatch.setattr(joint_layers, "bound_point", lambda run, point: runs.append((run, point)))
    for near in (None, 0.0, 2 * run.problem.lam):
        bound_found(run, found, near)
    (plain, point), (least, _), (early, _) = runs
    assert plain.wanted is None
    assert least.wanted == enough(run, rays.along(run.problem, point.W))
    ratio = float(np.linalg.norm(point.W) / np.linalg.norm(found.W))
    assert early.wanted == pytest.approx(2 * run.problem.lam * ratio, rel=1e-9)
    assert early.wanted > least.wanted


@pytest.mark.thorough
@pytest.mark.parametrize(("ample", "mixes"), [(0.0, True), (np.inf, False)])
def test_a_short_time_is_for_the_tree_of_the_polished_point(monkeypatch, ample, mixes):
    run, own, found = loose()
    for name, value in (("LEFT", 0.0), ("LOOSE", 0.0), ("LOOSER", 0.0), ("AMPLE", ample)):
        monkeypatch.setattr(joint_layers, name, value)
    monkeypatch.setattr(joint_layers, "polish_halves", lambda *_: found)
    with keeping(Keeper()):
        tries = bound_or_polish(replace(run, clock=Clock(1e4)), own[0])
        _, second = next(tries), next(tries)
    assert parallel(second.point.W, found.W) is not mixes


def test_a_polished_point_is_stored_as_long_as_its_value_rises():
    run, _, found = loose()
    with keeping(Keeper()):
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
    with keeping(Keeper()):
        bound(run, W)
        known = heard[-1]
        assert bound(run, worse).value < known
        assert heard[-2:] == [known, known]
    with keeping(Keeper()):
        bound(replace(asked("plain"), clock=run.clock), worse)  # another question begins anew
    assert heard[-1] < known


def test_the_halves_of_a_tree_are_bounded_once(monkeypatch):
    run = asked("plain")
    W = dual_at(run.problem, run.start)
    same = query_of(run.problem, inside_point(run.problem, W).W)
    with keeping(Keeper()):
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
    assert polish(joint_of(run), np.inf, lambda: False, known) is None
    assert len({id(part) for _, part in looks}) == 4  # two looks at both halves
    assert polish_halves(run, W, lambda: False, known) is None
    monkeypatch.setattr(joint_layers, "polish_halves", lambda *_: None)
    (plain,) = bound_or_polish(run, W)
    assert parallel(plain.point.W, W)


def test_no_network_has_no_polish():
    run = asked("plain")
    none = evaluate(run.problem, tuple(x[:, :0] for x in run.start.factors))
    empty = replace(run, start=none)
    assert polish_halves(empty, dual_at(run.problem, none), lambda: False) is None


@pytest.mark.parametrize("unit", [2.0**-45, 2.0**45])
def test_numbers_that_float32_does_not_hold_are_not_polished(unit):
    run = asked("plain")
    problem = Problem(Squared(Y * unit), ReLU(X), run.problem.lam * unit)
    U, V = run.start.factors
    far = replace(run, problem=problem, start=evaluate(problem, (U * unit, V)))
    W = dual_at(problem, far.start)
    assert polish_halves(far, W, lambda: False) is None
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
