"""At kinks of a loss the slopes balance the offsets, so that their field bounds something."""

import numpy as np
import pytest

from certify import Problem, Verdict, check
from certify.atoms import RankOne, ReLU
from certify.losses import Absolute, Hinge, Quantile, Squared
from certify.offsets import ColumnIntercept, Linear, Smooth, Sparse
from certify.problem import best_offsets
from certify.problem.best_offsets import matrices
from certify.search.candidate import evaluate
from certify.search.dual import kinks
from certify.search.dual.kinks import balance, has_kinks
from certify.search.dual.points import inside_point

RNG = np.random.default_rng(7)
X, Y, A = RNG.normal(size=(6, 2)), RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2))
NONE = np.zeros((2, 0)), np.zeros((3, 0))
PARTS = {
    "free": [Linear(A)],
    "smooth": [Linear(A), Smooth([[k, k + 1] for k in range(5)], 1.0)],
    "priced": [ColumnIntercept(0.5)],
}


@pytest.mark.parametrize(
    ("loss", "offsets"),
    [
        *((loss, x) for loss in (Absolute(Y), Quantile(Y, 0.25)) for x in PARTS.values()),
        (Hinge(np.sign(Y)), PARTS["free"]),
        (Hinge(np.sign(Y)), PARTS["priced"]),
    ],
)
def test_slopes_at_kinks_balance_the_offsets(loss, offsets):
    problem = Problem(loss, ReLU(X), 0.5, offsets)
    now = evaluate(problem, NONE)
    plain = problem.dual_point(now.factors, now.q)
    W = balance(problem, now, plain).reshape(-1)
    design, stiffness = matrices(problem.offsets, loss.observed)
    flat = np.concatenate([x.reshape(-1) for x in now.q])
    missed = [np.abs(design.T @ x - stiffness @ flat).max() for x in (plain.reshape(-1), W)]
    assert missed[1] <= 1e-6 < missed[0]
    assert np.isfinite(loss.dual_value(W.reshape(plain.shape) * (1 - 1e-9)))


def test_without_kinks_or_offsets_the_slopes_stay():
    inside = Problem(Absolute(Y), ReLU(X), 0.5, [Linear(A)])
    assert has_kinks(inside)
    for problem in (
        Problem(Squared(Y), ReLU(X), 0.5, [Linear(A)]),
        Problem(Absolute(Y), ReLU(X), 0.5),
        Problem(Absolute(Y), ReLU(X), 0.5, [Sparse(0.5)]),
    ):
        assert not has_kinks(problem)
        W = problem.dual_point(NONE, problem.best_offsets(NONE))
        assert balance(problem, evaluate(problem, NONE), W) is W
    far = evaluate(inside, NONE, tuple(0 * q for q in inside.best_offsets(NONE)))
    W = inside.dual_point(NONE, far.q)
    assert balance(inside, far, W) is W


def test_more_entries_at_kinks_than_are_quick_keep_their_slopes(monkeypatch):
    problem = Problem(Absolute(Y), ReLU(X), 0.5, PARTS["smooth"])
    now = evaluate(problem, NONE)
    W = problem.dual_point(now.factors, now.q)
    assert balance(problem, now, W) is not W
    monkeypatch.setattr(kinks, "MOST", 1)
    assert balance(problem, now, W) is W


def test_a_dual_point_moves_as_little_as_it_may():
    problem = Problem(Absolute(Y), RankOne(), 1.0, [ColumnIntercept()])
    near = np.zeros(Y.shape)
    near[:2] = [[1 - 2.0**-21], [2.0**-21 - 1]]
    ends = np.sign(near)
    for W, far in ((near, 2.0**-28), (ends, 0.0), (ends * (1 - 2.0**-40), 2.0**-40)):
        assert 0 <= np.abs(inside_point(problem, W).W - W).max() <= far


def test_covariates_beside_a_loss_with_kinks_leave_a_bound():
    problem = Problem(Absolute(Y), ReLU(X), 1.0, PARTS["smooth"])
    result = check(problem, NONE, budget=4.0)
    assert result.lower > 0.5 * result.upper > 0


@pytest.mark.sampled(3)
@pytest.mark.parametrize("l1", [None, (0.1, 0.1)])
@pytest.mark.parametrize("loss", [Absolute(Y, 0.3 * np.ones(Y.shape)), Quantile(Y, 0.9)])
def test_factors_are_refuted_beside_their_best_offsets(loss, l1):
    problem = Problem(loss, RankOne(), 4.0, [Linear(A, 0.5)], l1=l1)
    factors = np.random.default_rng(1).normal(size=(6, 2)), RNG.normal(size=(3, 2))
    result = check(problem, factors, budget=4.0)
    assert result.verdict is Verdict.REFUTED
    assert result.better_upper < result.upper


def test_smooth_parts_beside_a_loss_with_kinks_are_fitted_by_one_factorization(monkeypatch):
    made = []
    plain = best_offsets.splu
    monkeypatch.setattr(best_offsets, "splu", lambda matrix: made.append(1) or plain(matrix))
    problem = Problem(Quantile(Y, 0.25), ReLU(X), 0.5, PARTS["smooth"])
    assert evaluate(problem, NONE).value == pytest.approx(2.369757083, rel=1e-9)
    assert 0 < len(made) <= 100  # once a step size, not once a step
