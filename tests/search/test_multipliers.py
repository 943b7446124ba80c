"""Counts by many nonnegative factors: the method of multipliers, and a relaxation's first price."""

from itertools import pairwise

import numpy as np
import pytest

from certify import Problem
from certify.atoms import RankOne
from certify.base.clock import Clock
from certify.losses import KullbackLeibler
from certify.search.candidate import evaluate
from certify.search.descent import multipliers
from certify.search.dual import admm, polar_ball, products
from certify.search.dual.joint import first_price
from certify.search.dual.points import Run
from certify.search.growth import counts
from tests.tolerance import rounding


def problem_of(Y, lam=1.0, **given):
    """Return the Kullback-Leibler problem of nonnegative factors."""
    return Problem(KullbackLeibler(Y, **given), RankOne("l2+", "l2+"), lam)


def drawn(rng, shape, rank):
    """Return positive factors."""
    return tuple(rng.random((d, rank)) + 0.01 for d in shape)


def sparse_counts(rng, shape):
    """Return counts of which most are zero."""
    return rng.poisson(3.0, shape) * (rng.random(shape) < 0.3).astype(float)


def test_a_sweep_moves_each_column_to_its_least():
    rng = np.random.default_rng(0)
    A, B = drawn(rng, (7, 5), 3)
    T, ridge = rng.standard_normal((7, 5)), 0.25

    def value():
        """Return |T - A B^T|^2 + ridge |A|^2."""
        return np.square(T - A @ B.T).sum() + ridge * np.square(A).sum()

    values = [value()]
    for _ in range(200):
        multipliers.sweep(A, B, T, ridge)
        values.append(value())
    assert all(b <= a + rounding(*values, flops=100) for a, b in pairwise(values))
    slope = (A @ B.T - T) @ B + ridge * A
    assert (A >= 0).all()
    assert (A == 0).any()
    assert np.abs(slope[A > 0]).max() < 1e-9
    assert slope[A == 0].min() > -1e-9


@pytest.mark.parametrize("given", ["plain", "weights", "mask"])
def test_the_multiplier_settles_at_minus_the_gradient(given):
    rng = np.random.default_rng(0)
    Y = rng.poisson(2.0, (7, 5)) + 1.0
    more = {
        "weights": {"weights": rng.random((7, 5)) + 0.5},
        "mask": {"mask": rng.random((7, 5)) < 0.7},
    }
    problem = problem_of(Y, 2.0, **more.get(given, {}))
    turns = multipliers.begin(problem, drawn(rng, (7, 5), 12), Y)
    for k in range(1, 401):
        turns.turn()
        if k % 40 == 0:
            turns.balance()
    seen = problem.loss.observed
    W = turns.W if seen.full else turns.W[seen.listed]
    slope = -problem.loss.gradient(problem.predict(turns.factors, ()))
    assert np.abs(W - slope).max() < 1e-4 * np.abs(slope).max()
    if not seen.full:
        assert turns.W.sum() == pytest.approx(W.sum())  # no multiplier elsewhere


def test_the_price_of_the_residual_moves_toward_equal_residuals():
    Y = np.ones((3, 2))
    turns = multipliers.begin(problem_of(Y), (np.ones((3, 1)), np.ones((2, 1))), Y)
    first = turns.rho
    for primal, dual, moved in ((4.0, 1.0, 2.0), (1.0, 4.0, 0.5), (1.0, 1.0, 1.0), (9e9, 1.0, 2.0)):
        turns.rho, turns.primal, turns.dual = first, primal, dual
        turns.balance()
        assert turns.rho == moved * first


def test_the_first_price_is_below_what_the_sizes_tell():
    """W's entries are near lam / 4^(1/2), Z's near the counts, of which seven are seen."""
    Y = np.array([[1.0, 3.0], [5.0, 0.0], [2.0, 1.0], [6.0, 2.0]])
    turns = multipliers.begin(problem_of(Y, 7.0), (np.ones((4, 1)), np.ones((2, 1))), Y)
    size = (np.square(Y).sum() / 8) ** 0.5
    told = (7.0 / 2 / size / (20 / 7)) ** 0.5
    assert turns.rho == pytest.approx(multipliers.START * told)


def test_more_components_than_rows_reach_below_majorization():
    """Sparse counts at a small lam: the optimum has many components, and most products are zero."""
    rng = np.random.default_rng(0)
    problem = problem_of(sparse_counts(rng, (12, 10)), 0.02)
    factors = drawn(rng, (12, 10), 22)
    search = counts.Search(problem, Clock(), evaluate(problem, factors))
    counts.grow(search, 0, 0.0)
    for _ in range(100):
        factors, value = counts.pair(problem, factors)
    assert search.best.value < 0.995 * value


def test_the_relaxation_starts_at_a_price_of_the_loss_s_size():
    """From .1, which suits counts and multipliers near 1, it stops too early here."""
    rng = np.random.default_rng(0)
    problem = problem_of(sparse_counts(rng, (12, 10)), 0.02)
    start = evaluate(problem, drawn(rng, (12, 10), 3))
    run = Run(problem, start, 1e-6, Clock(), 0, given=False)
    dual = next(products.polish_jointly(run, np.zeros((12, 10))))
    plain = admm.solve(problem, polar_ball.around(problem), lambda: False, 1e-10).W
    plain = problem.loss.clip_dual(plain)
    without = problem.loss.dual_value(plain * min(1.0, 0.02 / np.linalg.norm(plain, 2)))
    assert dual.value > 1.02 * without
    assert 10 < first_price(problem) < 1000
    assert first_price(problem_of(np.zeros((3, 2)))) == 0.1
