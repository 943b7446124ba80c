"""Counts by nonnegative factors: steps that never rise, and a bracket that closes."""

from itertools import pairwise

import numpy as np
import pytest

from certify import Problem, check
from certify.atoms import RankOne
from certify.base.clock import Clock
from certify.losses import KullbackLeibler, Squared
from certify.offsets import ColumnIntercept
from certify.search import convex
from certify.search.candidate import evaluate
from certify.search.column_generation import Search
from certify.search.dual import products
from certify.search.dual.polar_ball import around
from certify.search.growth import counts
from certify.search.growth import products as growth
from tests.tolerance import rounding


def problem_of(Y, lam=1.0, **given):
    """Return the Kullback-Leibler problem of nonnegative factors."""
    return Problem(KullbackLeibler(Y, **given), RankOne("l2+", "l2+"), lam)


def drawn(rng, shape, rank):
    """Return positive factors."""
    return tuple(rng.random((d, rank)) + 0.01 for d in shape)


@pytest.mark.parametrize("given", ["plain", "weights", "mask", "lines without entries"])
def test_a_step_never_rises_and_keeps_every_number_positive(given):
    rng = np.random.default_rng(0)
    Y = rng.poisson(2.0, (7, 5)).astype(float)
    more = {
        "weights": {"weights": rng.random((7, 5)) + 0.1},
        "mask": {"mask": rng.random((7, 5)) < 0.7},
        "lines without entries": {"mask": np.outer(np.arange(7) != 2, np.arange(5) != 4)},
    }
    problem = problem_of(Y, **more.get(given, {}))
    factors, values = drawn(rng, (7, 5), 3), []
    for _ in range(20):
        values.append(counts.objective(problem, factors))
        factors = counts.step(problem, factors)
    slack = rounding(*values, flops=1000)
    assert all(b <= a + slack for a, b in pairwise(values))
    assert values[-1] < 0.9 * values[0]
    assert all((x > 0).all() for x in factors)


def test_an_extrapolated_pair_is_no_higher_than_two_steps():
    rng = np.random.default_rng(0)
    problem = problem_of(rng.poisson(2.0, (9, 6)).astype(float))
    factors = drawn(rng, (9, 6), 4)
    for _ in range(10):
        two = counts.step(problem, counts.step(problem, factors))
        factors, value = counts.pair(problem, factors)
        assert value <= counts.objective(problem, two)
        assert value == counts.objective(problem, factors)


def test_the_search_reaches_the_optimum_in_closed_form():
    """Y = 1: z = 1 / (1 + lam / sqrt(m n)) everywhere, by one component."""
    problem = problem_of(np.ones((6, 4)), 2.0)
    search = Search(problem, Clock(), evaluate(problem, (np.ones((6, 1)), np.ones((4, 1)))))
    counts.grow(search, 0, 0.0)
    z, size = 1 / (1 + 2 / 24**0.5), 24.0
    least = size * (z - np.log(z) - 1) + 2 * size**0.5 * z
    assert search.best.value == pytest.approx(least, rel=1e-5)


def test_a_search_ends_where_a_slow_round_gains_what_is_negligible():
    problem = problem_of(np.random.default_rng(0).poisson(2.0, (12, 9)).astype(float))
    start, asked = evaluate(problem, drawn(np.random.default_rng(1), (12, 9), 2)), []

    def searched(gain):
        search = Search(problem, Clock(), start)
        return counts.grow(search, 0, 0.0, None, lambda at: asked.append(at.best.value) or gain)

    long, short = searched(-np.inf), searched(np.inf)
    assert asked == [short.best.value] * 2
    assert long.best.value < short.best.value
    assert long.steps < short.steps


@pytest.mark.parametrize(("cap", "times"), [(None, 1), (2, 0)])
def test_what_is_negligible_is_asked_for_at_any_size(cap, times, monkeypatch):
    problem, asked = problem_of(np.random.default_rng(0).poisson(2.0, (12, 9)).astype(float)), []
    rng = np.random.default_rng(1)
    search = Search(problem, Clock(), evaluate(problem, drawn(rng, (12, 9), 2)))
    monkeypatch.setattr(growth, "negligible_gain", lambda *given: asked.append(given) or np.inf)
    growth.first_point(search, 0, 0.0, cap)
    assert asked == [(search, growth.OPEN_COUNTS)] * times


def test_the_cap_on_components_holds():
    rng = np.random.default_rng(0)
    Y = rng.poisson(2.0, (8, 6)).astype(float)
    problem = problem_of(Y)
    search = Search(problem, Clock(), evaluate(problem, drawn(rng, (8, 6), 2)))
    counts.grow(search, 0, 0.0, 2)
    assert search.best.size <= 2
    assert search.best.value < evaluate(problem, drawn(rng, (8, 6), 2)).value


def test_rows_without_entries_are_left_out_of_the_answer():
    rng = np.random.default_rng(0)
    Y, seen = rng.poisson(2.0, (7, 5)).astype(float), np.arange(7) != 2
    problem = problem_of(Y, mask=np.outer(seen, np.ones(5)) > 0)
    factors = drawn(rng, (7, 5), 2)
    result, other = (
        check(problem, factors),
        check(problem_of(Y[seen]), (factors[0][seen], factors[1])),
    )
    assert result.reached.value == pytest.approx(other.reached.value, rel=1e-6)


def test_it_applies_to_its_own_objective_alone():
    rng = np.random.default_rng(0)
    Y = rng.random((3, 2))
    assert counts.applies(problem_of(Y))
    assert not counts.applies(problem_of(Y, 0.0))
    assert not counts.applies(Problem(Squared(Y), RankOne("l2+", "l2+"), 1.0))
    assert not counts.applies(Problem(KullbackLeibler(Y), RankOne("l2+", "l2"), 1.0))
    offset = [ColumnIntercept(1.0)]
    assert not counts.applies(Problem(KullbackLeibler(Y), RankOne("l2+", "l2+"), 1.0, offset))
    with pytest.raises(TypeError, match="not Squared"):
        counts.counts_loss(Problem(Squared(Y), RankOne("l2+", "l2+"), 1.0))


def test_the_ball_without_signs_gives_a_dual_point_of_the_ball_with_signs(monkeypatch):
    """Of a matrix too large for the relaxation, whose dual points are at least as good."""
    rng = np.random.default_rng(0)
    problem = problem_of(rng.poisson(2.0, (12, 8)).astype(float), 3.0)
    assert convex.solve(problem, lambda: False, 1e-6) is None
    monkeypatch.setattr(products, "ONE_CASE", 19)
    found = convex.solve(problem, lambda: False, 1e-6)
    assert found.factors is None
    assert np.linalg.norm(found.W, 2) <= 3.0 * (1 + 1e-9)
    assert problem.atom.polar(found.W).upper <= 3.0 * (1 + 1e-9)
    assert around(Problem(problem.loss, RankOne("l1+", "l2+"), 1.0)) is None


def test_the_search_comes_near_the_bound_without_signs(monkeypatch):
    monkeypatch.setattr(products, "ONE_CASE", 0)
    rng = np.random.default_rng(0)
    Y = rng.poisson(3.0 * rng.random((12, 1)) * rng.random((1, 8)) + 0.2).astype(float)
    problem = problem_of(Y, 3.0)
    search = Search(problem, Clock(), evaluate(problem, drawn(rng, (12, 8), 2)))
    W = problem.loss.clip_dual(convex.solve(problem, lambda: False, 1e-6).W)
    counts.grow(search, 0, 0.0)
    lower = problem.loss.dual_value(W * (1 - 1e-6))
    assert lower < search.best.value < 1.02 * lower
