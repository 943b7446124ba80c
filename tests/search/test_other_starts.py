"""At a fixed number of components: dead ones are replaced, and other starts are tried."""

from dataclasses import replace

import numpy as np
import pytest

from certify import Problem, Verdict, check
from certify.atoms import CP, RankOne
from certify.base.clock import Clock
from certify.losses import (
    Absolute,
    Hinge,
    Huber,
    Logistic,
    Poisson,
    Quantile,
    Squared,
    SquaredHinge,
)
from certify.pipeline.own_size import bound
from certify.search import fixed_rank
from certify.search.candidate import evaluate
from certify.search.growth import products

RNG = np.random.default_rng(3)
TRAP = np.array([[3.0, -1.0], [-1.0, 2.5]])  # the signs keep every descent at its corner
CORNERS = [np.sqrt(s) * np.eye(2)[:, [k]] for k, s in enumerate((3.0, 2.5))]
PLAIN = Problem(Squared(TRAP), RankOne("l2+", "l2+"), 0.0)


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("lam", [0.0, 0.25])
def test_a_dead_component_is_replaced_at_its_size(lam):
    U, V = RNG.random((12, 3)), RNG.random((9, 3))
    noise = 0.25 * RNG.random((12, 9))
    problem = Problem(Squared(U @ V.T + noise), RankOne("l2+", "l2+"), lam)
    start = evaluate(problem, (U[:, :1], V[:, :1]))
    one = fixed_rank.descend(problem, start, Clock()).factors
    dead = tuple(np.hstack([x, np.zeros((len(x), 1))]) for x in one)
    own = check(problem, dead).own_size
    assert own.verdict is Verdict.REFUTED
    assert own.better[0].shape[1] <= 2
    assert problem.objective(own.better) <= own.better_upper * (1 + 1e-12) < own.upper
    left = check(problem, own.better).own_size
    assert left.verdict is not Verdict.REFUTED


def test_where_no_component_earns_a_dead_one_stays():
    Y = np.outer([1.0, 2.0, 0.5], [2.0, 1.0])
    problem = Problem(Squared(Y), RankOne("l2+", "l2+"), 0.5)
    top = np.linalg.norm([1.0, 2.0, 0.5]) * np.linalg.norm([2.0, 1.0]) - 0.5
    u, v = (np.array([x]).T / np.linalg.norm(x) for x in ([1.0, 2.0, 0.5], [2.0, 1.0]))
    dead = tuple(np.hstack([np.sqrt(top) * x, 0 * x]) for x in (u, v))
    assert check(problem, dead).verdict is Verdict.CERTIFIED


def test_another_corner_refutes_one_that_no_descent_leaves():
    own = check(PLAIN, (CORNERS[1],) * 2).own_size
    assert (own.verdict, own.better_upper) == (Verdict.REFUTED, pytest.approx(4.125))
    np.testing.assert_allclose(own.better[0], CORNERS[0], atol=1e-6)
    assert check(PLAIN, (CORNERS[0],) * 2).own_size.verdict is Verdict.CERTIFIED


@pytest.mark.parametrize("kept", ["grow_components", "draw"])
def test_each_kind_of_start_finds_it(kept, monkeypatch):
    trap = evaluate(PLAIN, (CORNERS[1],) * 2)
    if kept == "draw":
        monkeypatch.setattr(fixed_rank, "grow_components", lambda *_: trap.factors)
    else:
        moves = replace(products.FAMILY, draw=lambda *_: trap.factors)
        monkeypatch.setattr(fixed_rank, "family", lambda _: moves)
    assert fixed_rank.other_start(PLAIN, trap, Clock(), 2).value == pytest.approx(4.125)


def test_starts_go_on_where_the_first_ones_end_no_lower():
    rng = np.random.default_rng(17)
    problem = Problem(Squared(rng.integers(0, 5, (7, 6)).astype(float)), RankOne("l2+", "l2+"), 0.0)
    rng.random(3 * 13)
    start = evaluate(problem, (rng.random((7, 4)), rng.random((6, 4))))
    minimum = fixed_rank.descend(problem, start, Clock())
    assert minimum.value == pytest.approx(2.8421465168)
    assert fixed_rank.other_start(problem, minimum, Clock(), 0).value < 2.6781
    result = check(problem, minimum.factors, budget=20)
    assert result.verdict is Verdict.REFUTED
    again = check(problem, result.better, budget=20)
    assert again.reason.count("the search ended by itself") == 1
    assert "a larger budget may raise it" in check(problem, result.better, budget=0).reason


LOW = np.array([1.0, -2.0, 3.0, 1.5, -1.0, 2.0])[:, None] * np.array([2.0, -1.0, 1.0, 0.5, -3.0])


def test_without_time_or_a_better_start_the_start_is_returned():
    trap, best = (evaluate(PLAIN, (x,) * 2) for x in CORNERS[::-1])
    assert fixed_rank.other_start(PLAIN, trap, Clock(0.0), 0) is trap
    assert fixed_rank.other_start(PLAIN, best, Clock(), 0).value <= best.value


FITTED = {
    "absolute": (Absolute(LOW), 0.02),
    "huber": (Huber(LOW, delta=1.0), 1e-6),
    "quantile": (Quantile(LOW, 0.75), 0.7),
    "hinge": (Hinge(np.sign(LOW)), 0.02),
    "squared_hinge": (SquaredHinge(np.sign(LOW)), 1e-6),
    "logistic": (Logistic((LOW > 0) * 1.0), 0.02),
    "poisson": (Poisson(np.round(np.abs(LOW))), 0.6),
}


@pytest.mark.parametrize("kind", FITTED)
def test_without_a_penalty_factors_are_improved_beside_any_loss(kind):
    loss, share = FITTED[kind]
    problem, start = Problem(loss, RankOne("l2", "l2"), 0.0), (np.ones((6, 2)), np.ones((5, 2)))
    result = check(problem, start, budget=5)
    assert result.verdict is Verdict.REFUTED
    assert result.better_upper <= share * result.upper


@pytest.mark.thorough
def test_a_tensor_with_a_dead_component_is_refuted_at_its_size():
    A, B, C = RNG.random((4, 2)), RNG.random((3, 2)), RNG.random((5, 2))
    problem = Problem(Squared(np.einsum("ir,jr,kr->ijk", A, B, C)), CP(["l2"] * 3), 0.0)
    dead = [x * [1.0, 0.0] for x in (A, B, C)]
    result = check(problem, dead)
    assert result.verdict is Verdict.REFUTED
    assert result.better_upper < 1e-9


@pytest.mark.thorough
@pytest.mark.parametrize("kept", ["replace_dead", "other_start"])
def test_the_digits_with_a_dead_component_are_refuted(kept, monkeypatch):
    datasets = pytest.importorskip("sklearn.datasets")
    Y = datasets.load_digits().data[:20, 16:48]
    problem = Problem(Squared(Y), RankOne("l2+", "l2+"), 2.0)
    start = evaluate(problem, (RNG.random((20, 3)), RNG.random((32, 3))))
    three = fixed_rank.descend(problem, start, Clock()).factors
    dead = [np.pad(x, [(0, 0), (0, 1)]) for x in three]
    for name in {"replace_dead", "other_start"} - {kept}:
        monkeypatch.setattr(fixed_rank, name, lambda _, now, *__: now)
    outcome = bound(problem, dead).outcome
    assert outcome.verdict == "REFUTED"
    assert outcome.better < 0.85 * outcome.upper
    monkeypatch.setattr(fixed_rank, kept, lambda _, now, *__: now)
    assert bound(problem, dead).outcome.verdict == "UNDECIDED"


def test_the_bound_is_of_the_size_that_was_asked_not_of_the_better_factors():
    problem = Problem(Squared(np.diag([4.0, 3.0, 1.0])), RankOne("l2", "l2"), 0.5)
    poor, one = 0.1 * np.ones((3, 2)), np.sqrt(3.5) * np.eye(3)[:, :1]
    outcome = bound(problem, (poor, poor), better=(one, one)).outcome
    assert float(outcome.lower) == pytest.approx(3.75)


def test_a_dictionary_is_searched_at_its_size_for_what_would_refute_it_alone(monkeypatch):
    rng = np.random.default_rng(5)
    problem = Problem(Squared(rng.integers(0, 9, (30, 8)).astype(float)), RankOne("l1", "l2"), 6.0)
    lots = evaluate(problem, (rng.random((30, 3)), rng.random((8, 3))))
    fit = fixed_rank.descend(problem, lots, Clock())
    aims, descents = [], []

    polish = products.polish_factors

    def noted(task, factors, steps, stall):
        aims.append(task.goal)
        end = polish(task, factors, steps, stall)
        descents.append((task.form.sizes(factors).sum(), end[1], steps))
        return end

    monkeypatch.setattr(products, "polish_factors", noted)
    result = check(problem, fit.factors)
    assert result.verdict is Verdict.RANK_LIMITED
    assert aims[0] == pytest.approx(fit.value * (1 - 1e-6), rel=1e-9)
    assert np.isfinite(aims).all()
    assert max(aims[1:]) <= fit.value
    assert all(size > 0 and used < steps for size, used, steps in descents)


def test_another_start_refutes_a_corner_of_a_loss_without_a_bound_at_its_size():
    problem = Problem(Huber(TRAP, delta=8.0), RankOne("l2+", "l2+"), 0.0)
    poor, best = (np.sum((TRAP - c @ c.T) ** 2) / 2 for c in CORNERS[::-1])
    found = check(problem, (CORNERS[1],) * 2, budget=5.0)
    assert (found.verdict, found.upper) == (Verdict.REFUTED, pytest.approx(poor))
    assert found.better_upper == pytest.approx(best)


def test_symmetric_tensors_are_moved_by_their_one_factor():
    problem = Problem(Squared(np.ones((3, 3, 3))), CP("l2", order=3, symmetric=True), 0.0)
    start = evaluate(problem, (np.array([[1.0, 0.5], [1.0, -0.5], [0.75, 0.0]]),))
    moved = fixed_rank.perturb(problem, start, seed=0)
    assert [x.shape for x in moved.factors] == [(3, 2)]
    assert np.any(moved.factors[0] != start.factors[0])
    best = fixed_rank.other_start(problem, start, Clock(budget=1.0), 0)
    assert best.value <= start.value
