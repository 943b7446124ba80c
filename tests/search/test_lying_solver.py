"""A convex solver that lies: no verdict is ever stronger than the truth, and none crashes."""

import importlib
from dataclasses import dataclass

import numpy as np
import pytest

from certify import Problem, Verdict, check, verify
from certify.atoms import RankOne
from certify.losses import Squared
from certify.offsets import ColumnIntercept
from certify.search.relax import Relaxed, convex, dual_point

MODULE = importlib.import_module("certify.search.relax.convex")
SOLVE = importlib.import_module("certify.search.relax._solve")

CVXPY = {"method": "cvxpy"}
H = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2  # orthogonal
ENTRIES = np.array([[3, -1, 0], [0.25, 2, -4], [0, 0, 1.5]])
RISE = np.array([5.0, -3, 0, 1])


@dataclass(frozen=True)
class Known:
    """A problem whose optimum is known exactly, with factors (and offsets) that reach it."""

    problem: Problem
    best: tuple
    optimum: float
    q: tuple | None = None


def spectral(offsets=(), q=None):
    """Y = H diag(4, 3, 2, 0) H less its means: shrink 4, 3, 2 by lam = 1."""
    left, right = H[:, [1, 2, 3]], H[:, [0, 2, 3]]
    data = (left * [4, 3, 2]) @ right.T + (0 if q is None else q[0])
    return Known(Problem(Squared(data), RankOne(), 1.0, offsets), (left * [3, 2, 1], right), 7.5, q)


def entrywise():
    """Each entry moves by lam = 1/2 toward 0: 1/2 min(|y|, 1/2)^2 + 1/2 (|y| - 1/2)_+."""
    Z = np.sign(ENTRIES) * np.maximum(np.abs(ENTRIES) - 0.5, 0)
    optimum = (np.minimum(np.abs(ENTRIES), 0.5) ** 2).sum() / 2 + np.abs(Z).sum() / 2
    return Known(Problem(Squared(ENTRIES), RankOne("l1", "l1"), 0.5), (np.eye(3), Z.T), optimum)


def nonnegative():
    """Y = 2 u v^T, |u| = |v| = 1, u and v >= 0: 2 shrinks by lam = 1/2."""
    u, v = np.full((4, 1), 0.5), np.eye(3)[:, :1]
    return Known(
        Problem(Squared(2 * u @ v.T), RankOne("l2+", "l2+"), 0.5), (1.5 * u, v), 1 / 8 + 3 / 4
    )


KNOWN = {
    "spectral": spectral(),
    "with means": spectral((ColumnIntercept(),), (RISE,)),
    "entrywise": entrywise(),
    "nonnegative": nonnegative(),
}
CASES = pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)


def wrong(known):
    """Candidates that are not optimal, and whether their own size allows a better one."""
    U, V = known.best
    yield (U[:, :-1], V[:, :-1]), known.problem.atom.left == "l1"
    yield (U[:, :0], V[:, :0]), False
    yield (U * 0.5, V), True
    yield (U, V * 2), True
    if not known.problem.atom.wrong_sign((-U, V)):
        yield (-U, V), True  # a sign-flipped solution


def never_stronger_than_the_truth(known, dual):
    """Judge the best candidate and wrong ones with this dual point."""
    ask = {"q": known.q, **(dual if isinstance(dual, dict) else {"dual": dual})}
    good = check(known.problem, known.best, **ask)
    assert good.verdict in (Verdict.CERTIFIED, Verdict.UNDECIDED)
    assert good.lower <= known.optimum <= good.upper
    for factors, improvable in wrong(known):
        result = check(known.problem, factors, **ask)
        allowed = {Verdict.UNDECIDED, Verdict.RANK_LIMITED}
        assert result.verdict in (allowed | {Verdict.REFUTED} if improvable else allowed)
        assert result.lower <= known.optimum < result.upper
        verify(result.certificate, known.problem, factors, q=known.q)


@pytest.mark.sampled(1000)
@CASES
def test_honest_dual_point_certifies(known):
    for dual in (None, CVXPY, dual_point(known.problem)):
        never_stronger_than_the_truth(known, dual)
        told = dual if isinstance(dual, dict) else {"dual": dual}
        result = check(known.problem, known.best, q=known.q, **told)
        assert result.verdict is Verdict.CERTIFIED


# --- the solver lies about its variables ----------------------------------------------

SOLVERS = {  # what it does to every variable, and the status it reports
    "rounds and says inaccurate": (lambda x: np.round(x, 1), "optimal_inaccurate"),
    "returns 0 as solved": (lambda x: 0 * x, "optimal"),
    "flips signs and says inaccurate": (lambda x: -x, "optimal_inaccurate"),
    "returns 2^300 as solved": (lambda x: np.ldexp(x, 300), "optimal"),
    "returns the largest floats": (lambda x: 0 * x + np.finfo(float).max, "optimal"),
    "returns NaN as solved": (lambda x: x * np.nan, "optimal"),
    "returns nothing as solved": (lambda _: None, "optimal"),
    "stops early": (lambda x: x / 2, "user_limit"),
    "fails and leaves numbers": (lambda x: x, "solver_error"),
    "says infeasible": (lambda _: None, "infeasible"),
    "says unbounded": (lambda x: x + 1, "unbounded"),
    "invents a status": (lambda x: x + 1, "splendid"),
}
LIARS = pytest.mark.parametrize("lie", SOLVERS)


def liar(lie):
    """Return a stand-in for one run of a solver."""
    change, status = SOLVERS[lie]
    honest = SOLVE.attempt

    def attempt(program, name, budget):
        honest(program, name, budget)
        for x in program.variables():
            x.save_value(change(x.value))
        return status

    return attempt


@pytest.mark.sampled(1000)
@CASES
@LIARS
def test_lying_solver_changes_no_verdict(known, lie, monkeypatch):
    monkeypatch.setattr(SOLVE, "attempt", liar(lie))
    never_stronger_than_the_truth(known, CVXPY)


@LIARS
def test_lie_is_handed_back_with_its_status(lie, monkeypatch):
    monkeypatch.setattr(SOLVE, "attempt", liar(lie))
    told = convex(KNOWN["spectral"].problem)
    assert told.status == SOLVERS[lie][1]
    believed = lie.startswith(("rounds", "flips", "stops", "returns 0", "returns 2"))
    assert (told.W is not None) == believed


# --- the dual point is a lie ----------------------------------------------------------

DUALS = {
    "flipped": lambda W: -W,
    "zero": lambda W: 0 * W,
    "outside the ball": lambda W: 1.25 * W,
    "far too small": lambda W: np.ldexp(W, -400),
    "far too large": lambda W: np.ldexp(W, 400),
    "the largest floats": lambda W: 0 * W + np.finfo(float).max,
    "denormal": lambda W: 0 * W + 5e-324,
    "noise": lambda W: np.random.default_rng(3).standard_normal(W.shape),
    "with sums": lambda W: W + 1.0,
}
SHAPELESS = {
    "NaN": lambda W: W * np.nan,
    "one NaN": lambda W: np.where(np.arange(W.size).reshape(W.shape) == 1, np.nan, W),
    "infinite": lambda W: 0 * W + np.inf,
    "short": lambda W: W[1:],
    "flat": lambda W: W.reshape(-1),
    "empty": lambda W: W[:0],
}


@pytest.mark.sampled(10)
@CASES
@pytest.mark.parametrize("lie", DUALS)
def test_wrong_dual_point_changes_no_verdict(known, lie):
    never_stronger_than_the_truth(known, DUALS[lie](dual_point(known.problem)))


@pytest.mark.sampled(22)
@CASES
@pytest.mark.parametrize("lie", DUALS | SHAPELESS)
def test_relaxation_with_a_wrong_dual_point_changes_no_verdict(known, lie, monkeypatch):
    W = (DUALS | SHAPELESS)[lie](dual_point(known.problem))
    asked = []

    def solved(problem, *_):
        asked.append(problem)
        return Relaxed(0.0, W, None, (), "optimal_inaccurate", "LIAR")

    monkeypatch.setattr(MODULE, "convex", solved)
    never_stronger_than_the_truth(known, CVXPY)
    assert asked  # the dual point of the relaxation was wanted each time
    if lie in SHAPELESS:
        assert dual_point(known.problem) is None


def test_dual_point_with_a_negative_bound_is_not_handed_on(monkeypatch):
    known = KNOWN["spectral"]
    W = dual_point(known.problem)
    for scale, usable in ((1.0, True), (-1.0, False), (64.0, False)):
        told = Relaxed(0.0, scale * W, None, (), "optimal", "LIAR")
        monkeypatch.setattr(MODULE, "convex", lambda *_, told=told: told)
        assert (dual_point(known.problem) is not None) == usable
