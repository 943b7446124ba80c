"""Relaxations of every loss, and column generation: both agree with what check() proves."""

import importlib
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from certify import InputError, Problem, Verdict, check, verify
from certify.atoms import RankOne
from certify.losses import (
    LOSSES,
    Absolute,
    Hinge,
    Huber,
    KullbackLeibler,
    Logistic,
    Poisson,
    Quantile,
    Softmax,
    Squared,
    SquaredHinge,
)
from certify.norms import Elastic
from certify.offsets import ColumnIntercept, RowIntercept
from certify.search.relax import Using, columns, convex, dual_point
from certify.search.relax._loss import is_known, units
from certify.search.relax.convex import orient

pytestmark = pytest.mark.slow  # a general solver runs in every test

SOLVE = importlib.import_module("certify.search.relax._solve")
SOLVED = 1e-6  # exponential cones are solved to fewer digits than quadratic ones
LAM = 0.3

rng = np.random.default_rng(0)
Y = rng.integers(-8, 9, (4, 3)) / 4
COUNTS = rng.integers(0, 5, (4, 3)).astype(float)
LABELS = np.where(Y >= 0, 1.0, -1.0)
ONE_HOT = np.eye(3)[rng.integers(0, 3, 4)]
MASK = rng.random((4, 3)) < 0.75
WEIGHTS = rng.integers(1, 9, (4, 3)) / 4
MADE = {
    "squared": lambda **k: Squared(Y, **k),
    "huber": lambda **k: Huber(Y, 0.5, **k),
    "absolute": lambda **k: Absolute(Y, **k),
    "quantile": lambda **k: Quantile(Y, 0.25, **k),
    "hinge": lambda **k: Hinge(LABELS, **k),
    "squared_hinge": lambda **k: SquaredHinge(LABELS, **k),
    "logistic": lambda **k: Logistic((LABELS + 1) / 2, **k),
    "softmax": lambda **k: Softmax(ONE_HOT, **k),
    "kullback_leibler": lambda **k: KullbackLeibler(COUNTS, **k),
    "poisson": lambda **k: Poisson(COUNTS, **k),
}
KINDS = {"all": {}, "weighted": {"weights": WEIGHTS}, "masked": {"mask": MASK, "weights": WEIGHTS}}
CLOSED = [("l2", "l2"), ("l1", "l2"), ("l1+", "l2+"), ("l1", "linf")]
EACH = pytest.mark.parametrize("name", MADE)


def made(name, kind="all"):
    """Return a loss; softmax has a weight a row, and no holes."""
    if name == "softmax":
        return Softmax(ONE_HOT, weights=None if kind == "all" else WEIGHTS[:, 0])
    return MADE[name](**KINDS[kind])


def asked(name, pair=("l2", "l2"), kind="all", offsets=()):
    return Problem(made(name, kind), RankOne(*pair), LAM, offsets)


def test_every_loss_is_stated_and_tested():
    assert set(LOSSES) == set(MADE)
    assert all(is_known(made(name)) for name in LOSSES)


@EACH
@pytest.mark.parametrize("kind", KINDS)
def test_stated_loss_has_the_value_of_the_loss(name, kind):
    problem = asked(name, kind=kind)
    told = convex(problem)
    rows, cols = problem.loss.observed.listed
    field = told.Z[rows, cols].reshape(told.W.shape)
    if problem.loss.outside(field):  # zero where counts allow it, and a rounding below
        field = np.maximum(field, 1e-9)
    gauge = np.linalg.norm(told.Z, "nuc")
    whole = problem.loss.value(field) + LAM * gauge
    assert told.value == pytest.approx(whole, rel=10 * SOLVED, abs=10 * SOLVED)


@EACH
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pair", CLOSED)
def test_the_dual_point_proves_the_relaxed_value(name, kind, pair):
    problem = asked(name, pair, kind)
    told, W = convex(problem), dual_point(problem)
    assert told.status in SOLVE.ANSWERED
    assert problem.loss.dual_value(W) == pytest.approx(told.value, rel=SOLVED, abs=SOLVED)
    polar = problem.atom.polar(problem.loss.observed.matrix(W))
    assert polar.upper <= LAM * (1 + 10 * SOLVED)


CERTIFIABLE = [(name, pair) for name in MADE for pair in (("l2", "l2"), ("l1", "l2+"))]
CERTIFIABLE += [(name, ("l2+", "l2+")) for name in ("hinge", "softmax")]


@pytest.mark.parametrize(("name", "pair"), CERTIFIABLE)
def test_generated_columns_are_certified_by_the_relaxation(name, pair):
    problem = asked(name, pair)
    found = columns(problem)
    assert problem.objective(found.factors) == found.value
    result = check(problem, found.factors, method="cvxpy", rtol=1e-4, budget=5)
    assert result.verdict is Verdict.CERTIFIED
    assert result.upper == pytest.approx(found.value)
    assert verify(result.certificate, problem, found.factors, rtol=1e-4).lower == result.lower
    told = convex(problem).value
    assert told <= found.value + SOLVED * (1 + abs(told))


@pytest.mark.parametrize("name", ["squared", "huber", "absolute", "logistic"])
def test_offsets_are_fitted_beside_the_columns(name):
    problem = asked(name, offsets=(RowIntercept(0.5), ColumnIntercept()))
    told, found = convex(problem), columns(problem)
    assert [x.shape for x in found.q] == [(4,), (3,)]
    assert found.value == pytest.approx(problem.objective(found.factors, found.q))
    assert told.value == pytest.approx(found.value, rel=1e-4)
    assert np.abs(told.W.sum(axis=0)).max() <= 100 * SOLVED  # orthogonal to the free offset


def test_columns_go_on_from_given_slices():
    problem = asked("squared", ("l2+", "l2"))
    first = columns(problem, rounds=2)
    again = columns(problem, first.factors, rounds=1)
    assert again.value <= first.value * (1 + SOLVED)
    best = columns(problem)
    after = columns(problem, best.factors, rounds=3)
    assert after.value <= best.value * (1 + SOLVED)
    assert after.rounds <= 3
    assert columns(problem, rounds=0).factors is None


def test_columns_reach_a_norm_without_an_exact_relaxation():
    problem = Problem(Squared(Y), RankOne(Elastic(0.5), "linf+"), LAM)
    found, told = columns(problem), convex(problem)
    assert told.value <= found.value + SOLVED
    assert found.attained <= LAM * (1 + SOLVED)
    result = check(problem, found.factors, budget=2)
    assert result.lower <= found.value


def test_sparse_counts_are_never_made_dense():
    stored = sparse.coo_array((COUNTS[MASK], np.nonzero(MASK)), shape=COUNTS.shape)
    sparsely = Problem(KullbackLeibler(stored), RankOne("l2+", "l2+"), LAM)
    masked = Problem(KullbackLeibler(COUNTS, mask=MASK), RankOne("l2+", "l2+"), LAM)
    first, second = convex(sparsely), convex(masked)
    assert first.value == second.value
    assert np.array_equal(first.W, second.W)


@pytest.mark.parametrize("name", ["squared", "huber", "absolute", "quantile", "kullback_leibler"])
def test_powers_of_two_change_nothing_but_the_units(name):
    loss = made(name, "weighted")
    data = np.ldexp(loss.data, 40)
    parts = {"Y": data, "weights": np.ldexp(WEIGHTS, -20)}
    parts |= {"delta": np.ldexp(0.5, 40)} if name == "huber" else {}
    degree = units(loss).degree
    e = -20 + 40 * (degree - 1)
    first = convex(Problem(loss, RankOne(), LAM))
    second = convex(Problem(replace(loss, **parts), RankOne(), np.ldexp(LAM, e)))
    assert second.value == pytest.approx(np.ldexp(first.value, e + 40), rel=2.0**-40)
    assert np.array_equal(second.Z, np.ldexp(first.Z, 40))
    assert np.array_equal(second.W, np.ldexp(first.W, e))


# --- signs of multipliers, solvers that lie or fail -------------------------------------


@EACH
def test_a_multiplier_reported_with_the_other_sign_is_turned(name):
    problem = asked(name)
    W, told = dual_point(problem), convex(problem)
    rows, cols = problem.loss.observed.listed
    Z = told.Z[rows, cols].reshape(W.shape)
    assert np.vdot(W, Z) > 0
    assert np.array_equal(orient(problem.loss, Z, W, 1.0), W)
    assert np.array_equal(orient(problem.loss, Z, -W, 1.0), W)


LIES = {
    "turned": lambda W: -W,
    "huge": lambda W: np.ldexp(W, 300),
    "zero": lambda W: 0 * W,
    "NaN": lambda W: W * np.nan,
    "nothing": lambda _: None,
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("name", ["absolute", "hinge", "softmax", "kullback_leibler", "poisson"])
def test_a_lying_multiplier_changes_no_verdict(name, lie, monkeypatch):
    problem = asked(name)
    honest = columns(problem)
    optimum = convex(problem).value
    solved = SOLVE.attempt

    def liar(program, solver, budget):
        status = solved(program, solver, budget)
        for c in program.constraints:
            c.save_dual_value(LIES[lie](c.dual_value)) if np.ndim(c.dual_value) == 1 else None
        return status

    monkeypatch.setattr(SOLVE, "attempt", liar)
    result = check(problem, honest.factors, method="cvxpy", rtol=1e-3, budget=1)
    assert result.verdict in (Verdict.CERTIFIED, Verdict.UNDECIDED, Verdict.RANK_LIMITED)
    assert result.lower <= optimum + SOLVED * (1 + abs(optimum))
    generated = columns(problem, rounds=4)
    if generated.factors is not None:
        assert problem.objective(generated.factors) == generated.value


@pytest.mark.parametrize("status", ["solver_error", "infeasible", "splendid"])
def test_columns_of_a_solver_without_an_answer_are_a_status(status, monkeypatch):
    monkeypatch.setattr(SOLVE, "attempt", lambda *_: status)
    found = columns(asked("absolute"))
    assert (found.factors, found.value, found.W, found.status) == (None, None, None, status)


def test_columns_keep_the_best_when_a_later_round_fails(monkeypatch):
    problem = asked("squared")
    solved, calls = SOLVE.attempt, []

    def tired(program, solver, budget):
        calls.append(solver)
        return solved(program, solver, budget) if len(calls) <= 3 else "solver_error"

    monkeypatch.setattr(SOLVE, "attempt", tired)
    found = columns(problem, using=Using("CLARABEL"))
    assert found.rounds <= 3
    assert found.value == problem.objective(found.factors)


def test_another_loss_is_refused():
    problem = asked("squared")
    object.__setattr__(problem, "loss", "magic")
    for ask in (convex, columns):
        with pytest.raises(InputError, match="got RankOne under str"):
            ask(problem)
