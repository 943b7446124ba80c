"""A general convex solver as a second route: it agrees with what is proved."""

import importlib
import warnings

import numpy as np
import pytest
from scipy import sparse

from certify import InputError, Problem, Verdict, check, improve, verify
from certify.atoms import RankOne
from certify.losses import Squared
from certify.offsets import ColumnIntercept, Intercept, Linear, RowIntercept
from certify.search.relax import Relaxed, convex, dual_point
from certify.search.relax._cvxpy import cp
from tests.solver_polars import polar

SOLVED = 1e-7  # Clarabel stops at 1e-8 of its own units; a few steps of arithmetic follow
SCS_SOLVED = 1e-6
NORMS = ("l1", "l2", "l1+", "l2+")
PAIRS = [(a, b) for a in NORMS for b in NORMS]
OPEN = [("l2", "l2+"), ("l2+", "l2"), ("l2+", "l2+")]  # the polar is NP-hard
CLOSED = [p for p in PAIRS if p not in OPEN]
MODULE = importlib.import_module("certify.search.relax.convex")
SOLVE = importlib.import_module("certify.search.relax._solve")

rng = np.random.default_rng(20)
Y = rng.integers(-16, 17, (5, 4)) / 8
MASK = rng.random((5, 4)) < 0.75
WEIGHTS = rng.integers(1, 9, (5, 4)) / 4
COVARIATES = rng.integers(-4, 5, (5, 2)) / 4
SPARSE = sparse.coo_array((Y[MASK], np.nonzero(MASK)), shape=Y.shape)
LOSSES = {
    "all": Squared(Y),
    "masked": Squared(Y, mask=MASK),
    "sparse": Squared(SPARSE),
    "weighted": Squared(Y, weights=WEIGHTS, mask=MASK),
}
OFFSETS = {
    "overall": (Intercept(),),
    "rows": (RowIntercept(),),
    "columns": (ColumnIntercept(),),
    "both": (RowIntercept(), ColumnIntercept()),
    "covariates": (Linear(COVARIATES),),
    "ridges": (Intercept(0.5), RowIntercept(2.0), Linear(COVARIATES, 1.0)),
}
SIMPLE = [(p, loss, "none") for p in PAIRS for loss in LOSSES]
SHIFTED = [
    (p, loss, shift)
    for p in (("l2", "l2"), ("l1", "l2+"), ("l2+", "l2+"))
    for loss in ("all", "weighted")
    for shift in OFFSETS
]
QUESTIONS = pytest.mark.parametrize(("pair", "loss", "shift"), SIMPLE + SHIFTED)


def asked(pair, loss="all", shift="none"):
    return Problem(LOSSES[loss], RankOne(*pair), 0.75, OFFSETS.get(shift, ()))


def nothing(problem):
    return tuple(np.zeros((k, 0)) for k in problem.loss.shape)


# --- the second route -----------------------------------------------------------------


@pytest.mark.sampled(22)
@QUESTIONS
def test_solver_agrees_with_the_proved_bracket(pair, loss, shift):
    problem = asked(pair, loss, shift)
    proved = improve(problem, nothing(problem)).result
    told = convex(problem)
    assert told.status == "optimal"
    slack = SOLVED * problem.objective(nothing(problem), problem.best_offsets(nothing(problem)))
    assert told.value <= proved.upper + slack
    if pair in CLOSED:  # elsewhere branching proves more than the relaxation
        assert proved.lower - slack <= told.value
        assert proved.verdict is Verdict.CERTIFIED


@pytest.mark.sampled(6)
@QUESTIONS
def test_relaxed_point_has_the_relaxed_value(pair, loss, shift):
    problem = asked(pair, loss, shift)
    told = convex(problem)
    assert [x.shape for x in told.q] == [o.shape(problem.loss.observed) for o in problem.offsets]
    rows, cols = problem.loss.observed.listed
    field = told.Z[rows, cols].reshape(told.W.shape) + problem.shift(told.q)
    assert np.array_equal(told.W, -problem.loss.gradient(field))
    ridges = sum(o.ridge / 2 * (x**2).sum() for o, x in zip(problem.offsets, told.q, strict=True))
    gauge = told.value - problem.loss.value(field) - ridges
    # at the optimum <W, Z> = lam Omega(Z)
    inner = np.vdot(told.W, told.Z[rows, cols].reshape(told.W.shape))
    assert abs(gauge - inner) <= SOLVED * 100 * problem.loss.value(0 * field)


@pytest.mark.sampled(6)
@pytest.mark.parametrize("pair", CLOSED)
@pytest.mark.parametrize(("loss", "shift"), [("all", "none"), ("weighted", "columns")])
def test_relaxed_dual_point_certifies_an_optimum(pair, loss, shift):
    problem = asked(pair, loss, shift)
    best = improve(problem, nothing(problem))
    W = dual_point(problem)
    for told in ({"dual": W}, {"method": "cvxpy"}):
        result = check(problem, best.factors, q=best.q, **told)
        assert result.verdict is Verdict.CERTIFIED
        assert verify(result.certificate, problem, best.factors, q=best.q).lower == result.lower


def soft(x, t):
    return np.sign(x) * np.maximum(np.abs(x) - t, 0)


def shortened(X, t):
    size = np.linalg.norm(X, axis=1, keepdims=True)
    return X * np.maximum(1 - t / np.where(size > 0, size, t), 0)


def thresholded(X, t):
    u, s, vt = np.linalg.svd(X, full_matrices=False)
    return (u * np.maximum(s - t, 0)) @ vt


POSITIVE = np.outer([1.0, 2, 2, 0, 0], [2.0, 1, 2, 4]) / 8  # |u| |v| / 8 = 15 / 8
PROX = {  # argmin 1/2 |Z - X|^2 + t Omega(Z), written without certify
    ("l2", "l2"): thresholded,
    ("l1", "l1"): soft,
    ("l1+", "l1"): soft,
    ("l1", "l1+"): soft,
    ("l1+", "l1+"): lambda X, t: np.maximum(X - t, 0),
    ("l1", "l2"): shortened,
    ("l1+", "l2"): shortened,
    ("l1+", "l2+"): lambda X, t: shortened(np.maximum(X, 0), t),
    ("l1", "l2+"): lambda X, t: shortened(np.maximum(X, 0), t) - shortened(np.maximum(-X, 0), t),
    ("l2+", "l1"): lambda X, t: PROX["l1", "l2+"](X.T, t).T,
    ("l2", "l1+"): lambda X, t: shortened(X.T, t).T,
}


@pytest.mark.parametrize("pair", PROX)
def test_solver_finds_the_closed_form(pair):
    told = convex(Problem(Squared(Y), RankOne(*pair), 0.5))
    # strong convexity: |Z - Z*|^2 <= 2 (F - F*), so Z is known to the root of the accuracy
    assert np.abs(told.Z - PROX[pair](Y, 0.5)).max() <= (2 * SOLVED * (Y**2).sum()) ** 0.5


@pytest.mark.parametrize("pair", OPEN)
def test_relaxation_is_exact_on_one_nonnegative_slice(pair):
    told = convex(Problem(Squared(POSITIVE), RankOne(*pair), 0.5))
    assert abs(told.value - (0.5**2 / 2 + 0.5 * (15 / 8 - 0.5))) <= SOLVED


@pytest.mark.parametrize("pair", OPEN)
def test_signs_tighten_the_relaxation(pair):
    signed, free = (convex(Problem(Squared(Y), RankOne(*p), 0.5)) for p in (pair, ("l2", "l2")))
    assert signed.value > free.value + 0.1


@pytest.mark.sampled(6)
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_polar_program_lies_between_the_proved_bounds(pair, seed):
    W = np.random.default_rng(seed).integers(-8, 9, (4, 5)) / 4
    told, proved = polar(W, *pair), RankOne(*pair).polar(W)
    assert told.status == "optimal"
    slack = SOLVED * np.linalg.norm(W)
    assert proved.lower - slack <= told.value
    if pair in CLOSED:  # elsewhere branching proves more than the relaxation
        assert told.value <= proved.upper + slack
    assert abs(polar(sparse.csr_array(W.T), *pair[::-1]).value - told.value) <= slack


@pytest.mark.parametrize("pair", PAIRS[:-1])
def test_polar_of_the_relaxed_dual_point_is_lam(pair):
    problem = asked(pair)
    assert abs(polar(dual_point(problem), *pair).value - problem.lam) <= SOLVED * 2


def test_polar_program_is_zero_where_signs_forbid_a_gain():
    for pair in (("l1+", "l1+"), ("l1+", "l2+"), ("l2+", "l2+")):
        assert abs(polar(-np.ones((3, 2)), *pair).value) <= SOLVED
        assert abs(polar(np.ones((3, 2)), *pair).value) >= 1 - SOLVED


def test_powers_of_two_change_nothing_but_the_units():
    first = convex(Problem(Squared(Y, weights=WEIGHTS), RankOne(), 0.75, (RowIntercept(0.5),)))
    weights = np.ldexp(WEIGHTS, -30)
    offsets = (RowIntercept(np.ldexp(0.5, -30)),)
    problem = Problem(Squared(np.ldexp(Y, 90), weights), RankOne(), np.ldexp(0.75, 60), offsets)
    second = convex(problem)
    assert second.value == np.ldexp(first.value, 150)
    assert np.array_equal(second.Z, np.ldexp(first.Z, 90))
    assert np.array_equal(second.W, np.ldexp(first.W, 60))
    assert np.array_equal(second.q[0], np.ldexp(first.q[0], 90))
    assert polar(np.ldexp(Y, 90), "l2", "l2+").value == np.ldexp(polar(Y, "l2", "l2+").value, 90)


def test_scs_agrees_with_clarabel():
    for problem in (asked(("l2", "l2"), "masked"), asked(("l1", "l2+"))):
        first, second = convex(problem, "CLARABEL"), convex(problem, "SCS")
        assert (first.solver, second.solver) == ("CLARABEL", "SCS")
        assert abs(first.value - second.value) <= SCS_SOLVED * first.value


# --- solvers that fail, and callers' mistakes ------------------------------------------


def raising(_, **options):
    raise cp.SolverError(f"failed with {options}")


def test_failing_solver_is_a_status(monkeypatch):
    monkeypatch.setattr(cp.Problem, "solve", raising)
    problem = asked(("l2", "l2"))
    assert convex(problem) == Relaxed(None, None, None, None, "solver_error", "SCS")
    assert polar(Y, "l2", "l2").value is None
    assert dual_point(problem) is None
    assert check(problem, nothing(problem), method="cvxpy").verdict is Verdict.RANK_LIMITED


def test_solver_without_the_cone_is_a_status():
    problem = asked(("l2", "l2"))
    told = convex(problem, "HIGHS")
    assert (told.value, told.W, told.status) == (None, None, "solver_error")
    told = {s: check(problem, nothing(problem), method="cvxpy", solver=s) for s in ("HIGHS", "SCS")}
    cure = "HIGHS reports 'solver_error'; solver= may be CLARABEL or SCS"
    assert cure in told["HIGHS"].reason
    assert "solver=" not in told["SCS"].reason  # as it says
    assert told["SCS"].lower > told["HIGHS"].lower


def test_second_solver_is_asked_when_the_first_fails(monkeypatch):
    honest = SOLVE.attempt
    fails = lambda program, name, budget: (  # noqa: E731  one expression
        "solver_error" if name == "CLARABEL" else honest(program, name, budget)
    )
    assert convex(asked(("l2", "l2"))).solver == "CLARABEL"
    monkeypatch.setattr(SOLVE, "attempt", fails)
    told = convex(asked(("l2", "l2")))
    assert (told.solver, told.status) == ("SCS", "optimal")


@pytest.mark.parametrize(("name", "option"), SOLVE.CLOCKS.items())
def test_budget_is_the_solvers_clock(monkeypatch, name, option):
    seen = {}
    monkeypatch.setattr(cp.Problem, "solve", lambda _, **options: seen.update(options))
    convex(asked(("l2", "l2")), name, budget=2.5)
    assert seen["solver"] == name
    assert 0 < seen[option] <= 2.5
    convex(asked(("l2", "l2")), name, budget=0)
    assert seen[option] > 0


def test_solvers_warnings_stay_in_the_status(monkeypatch):
    honest = cp.Problem.solve

    def warning(self, **options):
        warnings.warn("Solution may be inaccurate.", stacklevel=2)
        return honest(self, **options)

    monkeypatch.setattr(cp.Problem, "solve", warning)
    assert convex(asked(("l2", "l2"))).status == "optimal"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: convex(asked(("l2", "l2")), "GUESS"), "got 'GUESS'"),
        (lambda: polar(Y, "l2", "l3"), "'l3'"),
        (lambda: polar(Y * np.nan, "l2", "l2"), "W must be finite, got nan"),
        (lambda: polar(Y[0], "l2", "l2"), "W must have 2 dimensions"),
        (lambda: polar(Y[:0], "l2", "l2"), r"W must not be empty, got shape \(0, 4\)"),
        (lambda: check(asked(("l2", "l2")), (Y[:, :1], Y[:4, :1]), method="guess"), "'guess'"),
        (lambda: check(asked(("l2", "l2")), (Y[:, :1], Y[:4, :1]), dual=Y[1:]), r"\(4, 4\)"),
        (
            lambda: check(
                asked(("l2", "l2")), (Y[:, :1], Y[:4, :1]), dual=np.full(Y.shape, np.inf)
            ),
            "inf",
        ),
    ],
)
def test_callers_mistake_is_named(call, said):
    with pytest.raises(InputError, match=said):
        call()
