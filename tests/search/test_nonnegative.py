"""Nonnegative least squares of any size is swept column by column."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from certify import Problem, check
from certify.atoms import RankOne
from certify.base.clock import Clock
from certify.losses import Huber, Squared
from certify.offsets import RowIntercept
from certify.search import envelope
from certify.search.candidate import evaluate
from certify.search.column_generation import Search
from certify.search.descent.multipliers import sweep
from certify.search.growth import products as growth
from certify.search.growth.nonnegative import applies, begin, sweep_columns
from certify.search.growth.products import grow

MOST = 4000  # steps of a search


def problem_of(Y, ratio=0.2):
    return Problem(Squared(Y), RankOne("l2+", "l2+"), ratio * float(np.linalg.norm(Y, 2)))


def searched(problem, clock=None):
    """Return a search from no components."""
    start = evaluate(problem, tuple(np.zeros((n, 0)) for n in problem.loss.dims))
    return Search(problem, clock or Clock(), start)


@pytest.fixture
def Y():
    rng = np.random.default_rng(5)
    return rng.random((20, 4)) @ rng.random((4, 12)) + 0.1 * rng.random((20, 12))


def test_no_sweep_raises_the_objective(Y):
    rng, lam = np.random.default_rng(0), 0.3
    U, V = rng.random((20, 30)), rng.random((12, 30))

    def value():
        return 0.5 * np.sum((Y - U @ V.T) ** 2) + lam / 2 * (np.sum(U**2) + np.sum(V**2))

    values = [value()]
    for _ in range(20):
        sweep(U, V, Y, lam)
        values.append(value())
        sweep(V, U, Y.T, lam)
        values.append(value())
    assert all(b <= a * (1 + 1e-14) for a, b in pairwise(values))
    assert values[-1] < 0.9 * values[0]
    assert (U >= 0).all()


def test_sweeps_come_near_the_optimum_without_dead_components(Y):
    problem = problem_of(Y)
    search = searched(problem)
    best = sweep_columns(search, 0)
    lower = check(problem, best.factors).lower
    assert lower <= best.value <= lower * (1 + 1e-3)
    assert all(x.any(axis=0).all() and (x >= 0).all() for x in best.factors)
    assert {name for name, _ in search.history} == {"sweep"}
    assert search.best is best


def test_a_spent_budget_ends_the_sweeps(Y):
    search = searched(problem_of(Y), Clock(0.0))
    assert sweep_columns(search, 0).size == 0
    few = searched(problem_of(Y))
    few.steps = 1
    sweep_columns(few, 0)
    assert few.steps < 0
    assert len(few.history) == 1


def test_data_below_zero_have_no_components():
    search = searched(problem_of(-np.ones((4, 3))))
    assert sweep_columns(search, 0).size == 0


def test_the_first_components_are_as_large_as_the_data(Y):
    U, V = begin(Y, (np.zeros((20, 0)), np.zeros((12, 0))), 300, np.random.default_rng(0))
    assert U.shape == (20, 24)
    assert float((U @ V.T).mean()) == pytest.approx(float(Y.mean()), rel=0.1)
    wide = np.ones((20, 40)), np.ones((12, 40))
    assert [x.shape[1] for x in begin(Y, wide, 300, np.random.default_rng(0))] == [40, 40]


def test_only_the_search_of_any_size_sweeps(Y):
    for cap, swept in ((None, True), (3, False)):
        search = searched(problem_of(Y))
        grow(search, 0, 1e-6, cap)
        assert ("sweep" in {name for name, _ in search.history}) is swept


def test_what_is_swept(Y):
    signed = RankOne("l2+", "l2+")
    assert applies(Problem(Squared(Y), signed, 1.0))
    others = [
        Problem(Squared(Y, mask=Y > 0.5), signed, 1.0),
        Problem(Squared(Y, weights=Y), signed, 1.0),
        Problem(Squared(Y), signed, 1.0, offsets=[RowIntercept()]),
        Problem(Squared(Y), RankOne("l2+", "l2"), 1.0),
        Problem(Squared(Y), RankOne("l1+", "l2+"), 1.0),
        Problem(Huber(Y, delta=1.0), signed, 1.0),
        Problem(Squared(Y), signed, 0.0),
    ]
    assert not any(map(applies, others))


def test_a_part_of_the_time_left_begins_now():
    clock = Clock(100.0, start=Clock().start - 60.0)
    assert clock.next_part(0.5).left() == pytest.approx(20.0, abs=1.0)
    assert Clock(0.0).next_part(0.5).left() == 0.0
    assert Clock().next_part(0.5).left() is None


@pytest.fixture
def large():
    """Return data whose relaxation leaves some percent, and too many columns for a tree."""
    rng = np.random.default_rng(0)
    return rng.random((24, 22)) * (rng.random((24, 22)) < 0.3)


@pytest.mark.thorough
def test_a_search_ends_where_the_proof_lacks_far_more_than_it_gains(large, monkeypatch):
    problem = problem_of(large, 0.05)
    short, long = searched(problem), searched(problem)
    short.steps = long.steps = MOST
    grow(short, 0, 0.0)
    little = growth.negligible_gain(short)
    assert 1e-5 * short.best.value < little < 1e-4 * short.best.value
    monkeypatch.setattr(growth, "negligible_gain", lambda _: -np.inf)
    grow(long, 0, 0.0)
    assert MOST - short.steps < 0.5 * (MOST - long.steps)
    assert long.best.value < short.best.value <= long.best.value + little


def test_every_gain_counts_where_a_tree_may_close_the_gap(Y, large):
    wide, free = np.ones((150, 60)), Problem(Squared(large), RankOne(), 1.0)
    assert growth.negligible_gain(searched(problem_of(Y))) == -np.inf
    assert growth.negligible_gain(searched(problem_of(wide))) == -np.inf
    assert growth.negligible_gain(searched(free)) == -np.inf


def test_a_relaxation_that_is_tight_leaves_every_gain():
    problem = problem_of(np.ones((24, 22)), 0.5)
    search = searched(problem)
    grow(search, 0, 0.0)
    assert growth.negligible_gain(search) <= 1e-6 * search.best.value


def test_fine_work_goes_on_only_after_a_gain(Y):
    problem = problem_of(Y)
    now = sweep_columns(searched(problem), 0)
    task = growth.Task(problem, envelope.of(problem.loss, problem.predict(now.factors, ())))
    at = growth.Round(task, now.factors, 1, 0.5)
    assert growth.gains_little(at, now.value + 0.25)
    assert not growth.gains_little(at, now.value + 0.75)
    assert not growth.gains_little(replace(at, fine=0), now.value)
    assert not growth.gains_little(replace(at, little=-np.inf), now.value)
