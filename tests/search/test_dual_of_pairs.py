"""Dual points of matrices with signs are found together with their relaxation's multiplier."""

from dataclasses import replace

import numpy as np
import pytest

from certify import Problem, check
from certify.atoms import CP, RankOne
from certify.base.clock import Clock
from certify.losses import Huber, Squared
from certify.norms import Variation, variation
from certify.offsets import ColumnIntercept, RowIntercept
from certify.polar.methods import branch, multiplier
from certify.polar.proved import proved_above
from certify.search import convex, relax
from certify.search.candidate import evaluate
from certify.search.dual import products
from certify.search.dual.joint import remove_offsets
from certify.search.dual.points import Run, bound, polar_target, propose
from certify.search.dual.products import groups, polish_jointly
from certify.search.dual.reformulation import nonnegative
from certify.search.evidence import BOUND_SHARE, bound_all, give_most_time, refine_bound
from certify.search.search_result import SearchResult
from tests.tolerance import EPS

SIGNS = [("l2+", "l2+"), ("l2", "l2+"), ("l2-", "l2")]


def asked(problem):
    """Return the question at no components."""
    start = evaluate(problem, tuple(np.zeros((n, 0)) for n in problem.loss.dims))
    return Run(problem, start, 1e-9, Clock(), 0, given=False)


def noisy(m, n):
    rng = np.random.default_rng(3)
    return rng.random((m, 2)) @ rng.random((2, n)) + 0.3 * rng.standard_normal((m, n))


def value_at(problem, W, s):
    """Return d(sW) of least squares on full data."""
    return s * float(np.vdot(W, problem.loss.data)) - s * s / 2 * float(np.vdot(W, W))


@pytest.mark.parametrize("norms", SIGNS, ids=" ".join)
def test_the_kernel_accepts_the_proof_of_a_polished_matrix(norms):
    problem = Problem(Squared(noisy(7, 5)), RankOne(*norms), 0.3)
    (dual,) = polish_jointly(asked(problem), np.zeros((7, 5)))
    W = dual.point.W
    upper = proved_above(W, problem.atom.gauges, dual.polar.proof)
    assert upper <= dual.polar.upper * (1 + 2.0**-40)
    assert value_at(problem, W, min(1.0, problem.lam / upper)) >= dual.value * (1 - 64 * EPS)


def test_a_matrix_whose_relaxation_is_exact_is_solved():
    """Of 2 x 2 and two cones of signs: no gap is left."""
    problem = Problem(Squared(np.array([[3.0, -1.0], [0.5, 2.0]])), RankOne("l2+", "l2+"), 0.4)
    (dual,) = polish_jointly(asked(problem), np.zeros((2, 2)))
    best = check(problem, tuple(np.zeros((2, 0)) for _ in range(2))).better_upper
    assert best * (1 - 1e-5) <= dual.value <= best * (1 + 1e-12)


def test_multipliers_of_every_block_gain_on_those_of_the_products():
    """[[0, W + N], [., 0]] alone is what the projection of the data has."""
    Y = np.maximum(noisy(12, 9) - 0.4, 0.0)
    problem = Problem(Squared(Y), RankOne("l2+", "l2+"), 0.1 * np.linalg.norm(Y, 2))
    (dual,) = polish_jointly(asked(problem), np.zeros(Y.shape))
    S = nonnegative(Y, problem.lam, lambda: False)
    assert dual.value > value_at(problem, S.W, 1.0) * (1 + 1e-4)
    blocks = dual.polar.proof["N0"]
    assert blocks.size == 21 * 22 // 2
    assert (blocks >= 0).all()


def test_a_large_matrix_is_bounded_by_the_multiplier_of_its_projection(monkeypatch):
    """No method for polars looks for a multiplier of so many entries."""
    monkeypatch.setattr(multiplier, "LARGEST", 0)
    monkeypatch.setattr(branch, "LARGEST", 0)
    Y = np.random.default_rng(0).standard_normal((12, 9))
    problem = Problem(Squared(Y), RankOne("l2+", "l2+"), 0.1 * np.linalg.norm(Y, 2))
    found = convex.solve(problem, lambda: False, 1e-6)
    own, without = (bound(asked(problem), found.W, N).value for N in (found.N, None))
    assert own > 1.2 * without


def test_masks_and_other_losses_are_polished():
    Y, seen = noisy(7, 5), np.random.default_rng(0).random((7, 5)) < 0.7
    for loss in (Squared(Y, mask=seen), Huber(Y, delta=0.1)):
        problem = Problem(loss, RankOne("l2+", "l2+"), 0.2)
        run = asked(problem)
        (dual,) = polish_jointly(run, np.zeros_like(problem.loss.data))
        assert 0 < dual.value <= run.start.value


def test_only_l2_norms_with_signs_of_small_matrices_are_polished():
    def rows(left, right, shape=(3, 4)):
        return groups(Problem(Squared(np.zeros(shape)), RankOne(left, right), 1.0))

    assert rows("l2+", "l2+") == rows("l2", "l2-") == [(0,)]
    assert rows("l2", "l2") == rows("l1", "l2+") == rows("l2+", "linf") == rows("l2-", "l2+") == []
    assert rows("l2+", "l2+", (300, 201)) == []


def test_a_dual_point_beyond_the_best_factors_asks_for_what_closes_the_gap():
    """d(sW) = 2 s - s^2 / 2 exceeds 1, the best value, from s = .59 on."""
    Y = np.array([[2.0]])
    problem = Problem(Squared(Y), RankOne("l2+", "l2+"), 1.0)
    run = asked(problem)
    run = replace(run, start=replace(run.start, value=1.0))
    wanted = polar_target(run, lambda s: 2 * s - s * s / 2)
    assert value_at(problem, np.array([[1.0]]), 1 / wanted) == pytest.approx(1.0, abs=1e-6)


PATH = Variation([(i, i + 1) for i in range(11)], 0.5)


def test_a_bound_by_cones_has_most_of_the_time_and_is_made_once():
    """A tree comes as near as its time allows where a side is short: the same again does not."""
    Y = np.random.default_rng(0).standard_normal((12, 8))
    long, short = (Problem(Squared(Y[:, :n]), RankOne(PATH, "l2"), 1.0) for n in (8, 3))
    assert give_most_time(asked(long)).share < BOUND_SHARE == give_most_time(asked(short)).share
    for norms in (("l2", "l2"), ("l2+", "l2+"), (PATH, "l1")):  # the second one is polished
        other = Problem(Squared(Y[:, :3]), RankOne(*norms), 1.0)
        assert give_most_time(asked(other)).share < BOUND_SHARE
    run = replace(asked(short), clock=Clock(30.0))
    far = SearchResult((("start", run.start),), run.start, run.start)
    (dual,) = bound_all(give_most_time(replace(run, epsilon=100.0)), far)
    assert refine_bound(run, far, dual) == []


@pytest.mark.parametrize(
    ("norms", "shape", "most"),
    [
        (("l2+",) * 3, (4, 6, 3), True),
        (("l2+",) * 3, (6, 6, 6), False),
        (("l2",) * 3, (2, 2, 2), False),
        (("l1", "l2+", "l2+"), (3, 3, 3), False),  # slices are matrices
        (("l2+", "l2+"), (3, 3), False),
    ],
)
def test_a_bound_of_a_tensor_by_cones_has_most_of_the_time(norms, shape, most):
    run = asked(Problem(Squared(np.zeros(shape)), CP(norms), 1.0))
    assert (give_most_time(run).share == BOUND_SHARE) is most


def test_a_bound_that_cones_bring_near_asks_no_general_solver(monkeypatch):
    asks = []
    monkeypatch.setattr(relax, "witness", lambda *x: asks.append(x))
    Y = np.random.default_rng(0).standard_normal((12, 3))
    atom = RankOne(PATH, "l2")
    W = 0.5 * Y / atom.attain(Y, 0)[0]
    for near in (True, False):
        problem = Problem(Squared(Y), atom, 0.5 if near else 0.25)
        run = replace(asked(problem), clock=Clock(30.0))
        assert propose(run, W, lambda s: s).upper >= 0.5 * (1 - 1e-9)
        assert len(asks) == (not near)


def test_a_path_is_traced_once(monkeypatch):
    traced, plain = [], variation.trace_path
    monkeypatch.setattr(variation, "trace_path", lambda *x: traced.append(x[0]) or plain(*x))
    norm = Variation([(0, 1), (1, 2)], 0.5)
    for _ in range(3):
        norm.dual(np.array([1.0, 2.0, 4.0]))
        norm.prox(np.array([1.0, 2.0, 4.0, 5.0]), 0.1)
    assert sorted(traced) == [3, 4]


def test_beside_free_means_a_polished_dual_point_sums_to_zero_over_them():
    W = np.random.default_rng(3).standard_normal((5, 4))
    loss, atom = Squared(np.zeros((5, 4))), RankOne("l2+", "l2+")
    free = Problem(loss, atom, 1.0)
    assert remove_offsets(free, W) is W
    columns = Problem(loss, atom, 1.0, [ColumnIntercept()])
    left = remove_offsets(columns, W)
    assert np.allclose(left, W - W.mean(axis=0), rtol=0, atol=1e-14)
    both = Problem(loss, atom, 1.0, [RowIntercept(), ColumnIntercept()])
    centred = left - left.mean(axis=1, keepdims=True)
    assert np.allclose(remove_offsets(both, W), centred, rtol=0, atol=1e-14)


def test_a_polished_point_that_cannot_be_moved_inside_gives_no_bound(monkeypatch):
    problem = Problem(Squared(noisy(7, 5)), RankOne("l2+", "l2+"), 0.3)
    assert len(list(polish_jointly(asked(problem), np.zeros((7, 5))))) == 1
    monkeypatch.setattr(products, "inside_point", lambda *_: None)
    assert list(polish_jointly(asked(problem), np.zeros((7, 5)))) == []
    monkeypatch.setattr(products, "polish", lambda *_: None)
    assert list(polish_jointly(asked(problem), np.zeros((7, 5)))) == []
