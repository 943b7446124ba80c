"""Dual points found together with a tree of cases: more cases prove more."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import nnls

from certify import Problem
from certify.atoms import RankOne
from certify.base.clock import Clock
from certify.losses import Absolute, KullbackLeibler, Softmax, Squared
from certify.offsets import RowIntercept
from certify.polar.proved import proved_above
from certify.polar.relaxation import pair_admm
from certify.polar.relaxation.pairs import cell, of_pair
from certify.search.candidate import evaluate
from certify.search.dual import joint_cases, products
from certify.search.dual.joint_cases import Cases, polish
from certify.search.dual.points import Run
from certify.search.dual.products import (
    bound_all,
    has_cases,
    polish_cases,
    polish_jointly,
    prove_cases,
)
from certify.search.evidence import refine_bound
from certify.search.search_result import SearchResult
from tests.tolerance import EPS

PAIR = RankOne("l2+", "l2+")
FEW = (1, 4)  # cases of the stages of a test


def sparse_counts(shape):
    """Return counts, most of them 0."""
    rng = np.random.default_rng(0)
    return rng.poisson(0.5, shape) * rng.integers(1, 4, shape).astype(float)


def factors_of(shape, rank=9):
    """Return sparse nonnegative components, every one of another direction."""
    rng = np.random.default_rng(1)
    return tuple(rng.random((d, rank)) * (rng.random((d, rank)) < 0.5) + 1e-3 for d in shape)


def asked(problem):
    """Return the question at some components."""
    start = evaluate(problem, factors_of(problem.loss.dims))
    return Run(problem, start, 1e-9, Clock(), 0, given=False)


def counted(lam=0.3):
    """Return a Kullback-Leibler problem whose relaxation is loose."""
    return Problem(KullbackLeibler(sparse_counts((9, 8))), PAIR, lam)


def endless():
    """Return the seconds that are left."""
    return np.inf


def last(problem, wanted=np.inf):
    """Return what the last stage of a polish ends with."""
    goal = wanted, joint_cases.COUNTS[-1]
    return list(polish(problem, factors_of(problem.loss.dims), goal, endless))[-1]


def proved_stages(run):
    """Return what one case proves, what the last ones prove, and their tree."""
    one, grown = polish_cases(run)
    return one, prove_cases(run.problem, last(run.problem, run.start.value)), grown


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    monkeypatch.setattr(joint_cases, "COUNTS", FEW)


def test_one_case_is_the_relaxation(monkeypatch):
    """Two methods solve the same convex program."""
    monkeypatch.setattr(joint_cases, "COUNTS", (1,))
    problem = counted()
    one, dual = last(problem), next(polish_jointly(asked(problem), np.zeros((9, 8))))
    assert [x.path for x in one.leaves] == [()]
    assert one.value == pytest.approx(dual.value, rel=1e-4)


def test_cases_gain_on_the_relaxation_and_the_kernel_accepts_their_proof():
    problem = counted()
    one, four, _ = proved_stages(asked(problem))
    assert four.value > one.value * (1 + 4e-3)
    W = four.point.W
    upper = proved_above(W, problem.atom.gauges, four.polar.proof)
    assert upper <= four.polar.upper * (1 + 2.0**-40)
    proved = problem.loss.dual_value(W * min(1.0, problem.lam / upper))
    assert proved >= four.value * (1 - 64 * EPS)
    nodes = four.polar.proof["nodes"]
    assert sum("leaf" in node for node in nodes) == 4
    assert len(four.polar.proof["cuts"]) == 3


def test_a_case_that_is_left_out_is_missed():
    """The largest bound is that of a leaf, and no leaf alone covers the whole."""
    problem = counted()
    found = last(problem)
    whole = prove_cases(problem, found).polar.upper
    root = found.leaves[0]._replace(path=(), N=found.leaves[0].N[:17, :17])
    alone = joint_cases.bound_leaf(cell(of_pair(found.W, *PAIR.gauges), ()), root).bound
    assert alone > whole * (1 + 1e-3)


@pytest.mark.parametrize(("seen", "gain"), [(None, 1e-3), (0.7, 2e-4)], ids=["full", "mask"])
def test_least_squares_gain_too(seen, gain):
    rng = np.random.default_rng(3)
    Y = sparse_counts((9, 8))
    mask = None if seen is None else rng.random(Y.shape) < seen
    problem = Problem(Squared(Y, mask=mask), PAIR, 0.3)
    one, four, _ = proved_stages(asked(problem))
    assert four.value > one.value * (1 + gain)
    assert four.value <= evaluate(problem, factors_of((9, 8))).value
    assert four.point.W.shape == problem.loss.data.shape


def test_what_the_cases_share_is_the_least():
    """min 1/2 (y - sum x)^2 + rho sum (x - v)^2 over x >= 0, one entry at a time by nnls."""
    rng = np.random.default_rng(0)
    Y = rng.standard_normal((3, 4)) + 0.5
    state = Cases(Problem(Squared(Y), PAIR, 1.0), factors_of((3, 4)))
    state.rho, V = 0.4, rng.standard_normal((5, 3, 4))
    blocks = state.share(V)
    assert (blocks == 0).any()
    system = np.vstack([np.ones(5), (2 * state.rho) ** 0.5 * np.eye(5)])
    for i, j in np.ndindex(3, 4):
        goal = np.append(Y[i, j], (2 * state.rho) ** 0.5 * V[:, i, j])
        assert blocks[:, i, j] == pytest.approx(nnls(system, goal)[0], abs=1e-9)
    inside = blocks.sum(axis=0) > 0
    assert np.allclose(state.W[inside], (Y - blocks.sum(axis=0))[inside])
    assert np.allclose(state.W[~inside], Y[~inside])


def test_counts_of_zero_have_the_least_dual_entry():
    """There d(W) does not depend on W, whose polar is least where W is."""
    found = last(counted())
    zero = sparse_counts((9, 8)) == 0
    assert (found.W[zero] == -1).mean() > 0.5
    assert (found.W[~zero] > -1).all()


def test_the_cases_cover_everything_and_split_the_components():
    problem = counted()
    state = stepped(problem)
    before = state.cases[0].Y
    state.split(4)
    assert sorted(np.concatenate([c.at for c in state.cases])) == list(range(9))
    for one, other in combinations(state.cases, 2):
        both = zip(one.path, other.path, strict=False)
        depth = next(k for k, (a, b) in enumerate(both) if a is not b)
        assert np.array_equal(one.path[depth].normal, -other.path[depth].normal)
    for c in state.cases:
        assert (c.rows @ state.components[:, c.at] >= -1e-12).all()
        assert (c.X >= 0).all()
    total = sum(c.X[:17, :17] for c in state.cases)
    assert (total >= before - 1e-12).all()  # what is negative in a half counts as 0
    assert np.isclose(total, before).mean() > 0.5
    tree = joint_cases.tree_of(problem, state.W, state.bound())
    assert [n.path for n in tree.leaves] == [c.path for c in state.cases]
    assert all(len(n.children) in (0, 2) for n in tree.nodes)


def test_a_case_begins_with_the_multiplier_of_the_one_it_is_part_of():
    """N = -2 rho U stays as rho falls; half of Y beyond all components goes to each half."""
    state = stepped(counted())
    before, rho, Y = state.cases[0].U, state.rho, state.cases[0].Y
    Z = state.components
    state.split(2)
    assert before.any()
    assert state.rho == pytest.approx(rho / 2**joint_cases.FALL)
    for c in state.cases:
        assert np.allclose(state.rho * c.U[:17, :17], rho * before)
        assert not c.U[17].any()
        G = Z[:, c.at] @ Z[:, c.at].T + 0.5 * (Y - Z @ Z.T)
        assert np.allclose(c.X, np.maximum(c.rows @ G @ c.rows.T, 0.0))


def test_rho_of_several_cases_favours_their_multipliers():
    """Equal residuals move it down: the dual one should be a quarter of the other."""
    state = stepped(counted())
    rho = state.rho
    state.balance(1.0, 1.0)
    assert state.rho == rho
    state.split(2)
    rho, N = state.rho, state.rho * state.cases[0].U
    state.balance(1.0, 1.0)
    assert state.rho == pytest.approx(rho / joint_cases.CHANGE)
    assert np.allclose(state.rho * state.cases[0].U, N)
    state.balance(4.0, 1.0)
    assert state.rho == pytest.approx(rho / joint_cases.CHANGE)
    state.balance(9.0, 1.0)
    assert state.rho == pytest.approx(rho)


def test_the_cases_of_the_largest_bounds_are_split():
    """Each once, before any half is split again."""
    state = stepped(counted())
    state.split(4)
    for _ in range(20):
        state.step()
    before, uppers = [*map(labels, state.cases)], state.bound().uppers
    low, _, one, other = np.argsort(uppers)
    state.split(6)
    after = [*map(labels, state.cases)]
    assert sum(path in after for path in before) == 2
    assert before[low] in after
    for k in (one, other):
        assert sum(path[: len(before[k])] == before[k] for path in after) == 2


def test_a_tree_starts_where_its_cases_are():
    """The iterates of a relaxation for W alone have the multipliers of its case."""
    problem, state = counted(), stepped(counted())
    state.split(2)
    for _ in range(50):
        state.step()
    found = state.bound()
    form = of_pair(found.W, *PAIR.gauges)
    for x, node in zip(
        found.leaves, joint_cases.tree_of(problem, found.W, found).leaves, strict=True
    ):
        run = pair_admm.PairRun(cell(form, node.path), node.solved.warm)
        N, D = run.multiplier()
        assert np.allclose(N, x.N)
        assert np.allclose(D, node.solved.upper)
        assert np.trace(run.Z[:17, :17]) == pytest.approx(1.0)
        assert np.allclose(run.Z * np.trace(x.X[:17, :17]), x.X)


def test_a_case_without_components_starts_a_tree_too():
    part = cell(of_pair(sparse_counts((9, 8)), *PAIR.gauges), ())
    known = joint_cases.solved(
        part, joint_cases.Leaf((), np.zeros((17, 17)), np.zeros((17, 17))), 1.0
    )
    assert known.warm.rho == joint_cases.LEAST
    assert np.isfinite(known.warm.U).all()
    assert not known.warm.Z.any()


def test_the_tree_of_the_last_cases_grows_beside_their_dual_point(monkeypatch):
    """W is that of cases which have not settled; its polar's bound falls to what is attained."""
    monkeypatch.setattr(joint_cases, "LOOKS", 1)
    problem = counted()
    _, four, grown = proved_stages(asked(problem))
    assert np.array_equal(four.point.W, grown.point.W)
    assert grown.polar.upper < four.polar.upper * (1 - 1e-3)
    assert grown.value > four.value * (1 + 4e-4)
    attained = PAIR.polar(grown.point.W).lower
    assert grown.polar.upper <= max(attained, problem.lam) * (1 + 1e-6)
    assert proved_above(
        grown.point.W, problem.atom.gauges, grown.polar.proof
    ) <= grown.polar.upper * (1 + 2.0**-40)


def test_cases_that_are_split_further_are_not_proved(monkeypatch):
    """Those whose bound is near are: then nothing follows."""
    monkeypatch.setattr(joint_cases, "COUNTS", (1, 2, 4))
    counts, plain = [], products.prove_cases
    monkeypatch.setattr(
        products,
        "prove_cases",
        lambda p, found, *more: counts.append(len(found.leaves)) or plain(p, found, *more),
    )
    run = asked(counted())
    list(polish_cases(run))
    assert counts == [1, 4]
    two = list(polish(run.problem, run.start.factors, (np.inf, 2), endless))[-1].value
    near = replace(run, start=replace(run.start, value=two * (1 + 1e-3)))
    one, more = polish_cases(near)
    assert counts[2:] == [1, 2]
    assert near.start.value - one.value > products.LOOSE * near.start.value
    assert more.value >= two * (1 - 64 * EPS)


@pytest.mark.parametrize("of", ["budget", "most"])
def test_cases_and_their_tree_share_the_time_that_is_left(monkeypatch, of):
    """A share for the cases; the tree ends at its own."""
    clock = Clock(**{of: 1000.0})
    ends, plain = [], products.grow_tree
    monkeypatch.setattr(products, "grow_tree", lambda q, t: ends.append(q.deadline) or plain(q, t))
    list(polish_cases(replace(asked(counted()), clock=clock)))
    assert ends[:-1] == [None]
    assert ends[-1] == pytest.approx(clock.start + 1000 * products.CASES_SHARES[1], abs=20)


def test_the_tree_ends_by_itself_where_time_does_not(monkeypatch):
    ends, plain = [], products.grow_tree
    monkeypatch.setattr(products, "grow_tree", lambda q, t: ends.append(q.deadline) or plain(q, t))
    list(polish_cases(asked(counted())))
    assert ends == [None, None]


def test_a_case_of_one_component_is_not_split():
    state = stepped(counted())
    state.cases[0].Y = np.outer(np.arange(17.0), np.arange(17.0))
    assert state.cases[0].spread()[0] == 0
    state.split(4)
    assert len(state.cases) == 1


def test_a_stage_ends_as_soon_as_enough_is_proved():
    state, steps = Cases(counted(), factors_of((9, 8))), []
    state.step, plain = lambda: steps.append(1) or plain(), state.step
    joint_cases.settle(state, 0.0, endless, 2)
    assert len(steps) == joint_cases.EVERY


@pytest.mark.parametrize(("settled", "looks"), [(np.inf, 2), (0.0, joint_cases.LOOKS)])
def test_a_stage_ends_where_a_look_gains_too_little(monkeypatch, settled, looks):
    """Of a wanted value above every bound: at the second look, or never before the last."""
    monkeypatch.setattr(joint_cases, "STALLED", settled)
    problem = counted()
    state, steps = Cases(problem, factors_of((9, 8))), []
    state.step, plain = lambda: steps.append(1) or plain(), state.step
    values = iter(range(100))
    bounded = replace_value(state.bound())
    state.bound = lambda: bounded(next(values))
    joint_cases.settle(state, 1e6, endless, joint_cases.LOOKS)
    assert len(steps) == looks * joint_cases.EVERY


def test_cases_are_tried_last_and_only_where_the_gap_is_open():
    run = asked(counted())
    nothing = SearchResult((("start", run.start),), run.start, run.start)
    one, tree = bound_all(run, nothing)[-2:]
    assert "cuts" not in one.polar.proof
    assert len(tree.polar.proof["cuts"]) > 3
    assert len(bound_all(replace(run, epsilon=1e9), nothing)) == 1


def test_beyond_trees_nothing_but_cases_is_tried(monkeypatch):
    """Neither the search's own dual points, nor a tree for the W of cases once more."""
    run = asked(counted())
    nothing = SearchResult((("start", run.start),), run.start, run.start)
    monkeypatch.setattr(products, "SHORT", 7)
    monkeypatch.setattr(products, "bound_or_polish", None)
    one, tree = bound_all(run, nothing)
    timed = replace(run, clock=Clock(5.0))
    assert len(tree.polar.proof["nodes"]) > len(one.polar.proof["nodes"]) == 1
    assert refine_bound(timed, nothing, tree) == []
    assert refine_bound(timed, nothing, one)
    monkeypatch.setattr(products, "SHORT", 8)
    assert refine_bound(timed, nothing, tree)


def test_a_stage_that_was_cut_short_does_not_hide_the_one_before(monkeypatch):
    """W has moved on there, and what the cases prove is not yet as much as before."""
    first, plain = [], joint_cases.polish

    def cut(*given):
        """Yield one case, four, and four that prove nothing."""
        for found in plain(*given):
            first.append(found)
            yield found
        poor = [x._replace(N=0 * x.N) for x in found.leaves]
        yield found._replace(value=0.0, leaves=tuple(poor))

    monkeypatch.setattr(joint_cases, "polish", cut)
    monkeypatch.setattr(products, "MORE", 0)
    _, poor, good = polish_cases(asked(counted()))
    assert poor.value < good.value == pytest.approx(first[-1].value)
    assert first[-1].value > first[0].value


def test_the_tree_of_cases_that_prove_enough_does_not_grow(monkeypatch):
    asked_for, plain = [], products.prove_cases
    monkeypatch.setattr(products, "prove_cases", lambda *a: asked_for.append(a[2:3]) or plain(*a))
    run = asked(counted())
    *_, tree = polish_cases(run)
    enough = replace(run, start=replace(run.start, value=tree.value), epsilon=0.1 * tree.value)
    monkeypatch.setattr(products, "ENOUGH", 0.02)
    list(polish_cases(enough))
    assert asked_for == [(), (products.MORE,), (), (0,)]


def stepped(problem):
    """Return one case after a few steps."""
    state = Cases(problem, factors_of((9, 8)))
    for _ in range(20):
        state.step()
    return state


def test_the_first_and_the_last_stage_are_patient(monkeypatch):
    monkeypatch.setattr(joint_cases, "COUNTS", (1, 2, 4))
    asked_for, plain = [], joint_cases.settle
    monkeypatch.setattr(joint_cases, "settle", lambda *a: asked_for.append(a[3]) or plain(*a))
    assert [len(s.leaves) for s in polish(counted(), factors_of((9, 8)), (1e6, 4), endless)]
    assert asked_for == [joint_cases.LOOKS, joint_cases.FEW, joint_cases.LOOKS]
    assert joint_cases.FEW < joint_cases.LOOKS


def test_a_stage_that_there_is_no_time_for_is_not_begun(monkeypatch):
    """What is left goes to the cases that there are; twice as many take twice as long."""
    monkeypatch.setattr(joint_cases, "COUNTS", (1, 2, 4))
    asked_for, plain = [], joint_cases.settle
    now = iter(range(0, 100, 10))
    monkeypatch.setattr(joint_cases, "monotonic", lambda: next(now))
    monkeypatch.setattr(joint_cases, "settle", lambda *a: asked_for.append(a[3]) or plain(*a))
    for left, counts, last in ((20.0, [1, 2, 4], 12), (19.0, [1, 1], 12)):
        now = iter(range(0, 100, 10))
        stages = polish(counted(), factors_of((9, 8)), (1e6, 4), lambda seconds=left: seconds)
        assert [len(s.leaves) for s in stages] == counts
        assert asked_for[-1] == last


def labels(case):
    """Return which labels lead to a case."""
    return tuple(map(id, case.path))


def replace_value(bound):
    """Return a bound with another value."""
    return lambda value: bound._replace(value=float(value))


def test_a_relaxation_with_one_component_ends_it():
    """Y of rank one in every case: there is nothing to cut, and no stage of more cases."""
    rng = np.random.default_rng(0)
    problem = Problem(Squared(np.outer(rng.random(9), rng.random(8)) + 0.5), PAIR, 4.0)
    stages = list(polish(problem, factors_of((9, 8), 3), (np.inf, 4), endless))
    assert [len(s.leaves) for s in stages] == [1]


def test_components_are_balanced_and_nothing_where_a_factor_is_zero():
    U, V = np.array([[3.0, 0.0, 0.0], [4.0, 1.0, 0.0]]), np.array([[20.0, 0.0, 1.0]])
    found = Cases(Problem(Squared(np.ones((2, 1))), PAIR, 1.0), (U, V)).components
    assert np.allclose(found, [[6.0, 0.0, 0.0], [8.0, 0.0, 0.0], [10.0, 0.0, 0.0]])


def test_it_ends_where_nothing_is_wanted_or_time_is_over():
    problem = counted()
    given = problem, factors_of((9, 8))
    reached = list(polish(*given, (0.0, 4), endless))
    assert [len(s.leaves) for s in reached] == [1]
    assert reached[0].value >= 0
    late = list(polish(*given, (np.inf, 4), lambda: 0.0))
    assert [len(s.leaves) for s in late] == [1]


def test_a_relaxation_that_is_nearly_tight_is_not_split():
    """The start is the value to close in on: at twice the bound it is far, just above it near."""
    run = asked(counted())
    one, four, _ = proved_stages(run)
    near = replace(run, start=replace(run.start, value=one.value * (1 + 1e-3)))
    (alone,) = polish_cases(near)
    assert one.value <= alone.value < near.start.value
    assert "cuts" not in alone.polar.proof
    far = replace(run, start=replace(run.start, value=one.value * 2))
    assert len(list(polish_cases(far))) == 2
    assert four.value > one.value


def test_it_knows_small_matrices_of_nonnegative_l2_factors_alone():
    Y = np.ones((3, 2))
    assert has_cases(Problem(Squared(Y), PAIR, 1.0))
    assert has_cases(Problem(Absolute(Y), PAIR, 1.0))
    assert not has_cases(Problem(Squared(Y), PAIR, 0.0))
    assert not has_cases(Problem(Squared(Y), RankOne("l2+", "l2"), 1.0))
    assert not has_cases(Problem(Squared(Y), RankOne("l1+", "l2+"), 1.0))
    assert not has_cases(Problem(Squared(Y), PAIR, 1.0, [RowIntercept()]))
    assert not has_cases(Problem(Softmax(np.eye(3)), PAIR, 1.0))
    assert has_cases(Problem(Squared(np.ones((900, 100))), PAIR, 1.0))
    assert not has_cases(Problem(Squared(np.ones((900, 101))), PAIR, 1.0))


def test_a_large_matrix_has_one_case(monkeypatch):
    """As near to the relaxation as a last stage comes, and proved by the kernel; not a polish."""
    monkeypatch.setattr(products, "CASES", 16)
    monkeypatch.setattr(joint_cases, "COUNTS", (1, 2, 128))
    asked_for, plain = [], joint_cases.settle
    monkeypatch.setattr(joint_cases, "settle", lambda *a: asked_for.append(a[3]) or plain(*a))
    problem = counted()
    (one,) = polish_cases(asked(problem))
    assert asked_for == [joint_cases.LOOKS]
    assert len(one.polar.proof["nodes"]) == 1
    upper = proved_above(one.point.W, problem.atom.gauges, one.polar.proof)
    assert upper <= one.polar.upper * (1 + 2.0**-40)
    monkeypatch.setattr(products, "polish_jointly", None)
    run = asked(problem)
    nothing = SearchResult((("start", run.start),), run.start, run.start)
    assert bound_all(run, nothing)[-1].value == pytest.approx(one.value)


def test_no_components_have_cases_too():
    problem = counted()
    run = replace(asked(problem), start=evaluate(problem, (np.zeros((9, 0)), np.zeros((8, 0)))))
    assert next(polish_cases(run)).value == pytest.approx(last_of_one(problem), rel=1e-3)


def last_of_one(problem):
    """Return what one case proves."""
    given = problem, factors_of((9, 8)), (np.inf, 1)
    return next(polish(*given, endless)).value
