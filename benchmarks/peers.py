"""What other solvers and trainers take for the same question, and what they leave to be proved.

Seconds are the processor's, of one thread, medians of rounds in which all took their turn.  Of
each peer's answer the objective is compared with the best one that is known.  A general solver
and a trainer print a number; `improve` and `check` end with a proof, whose time is in theirs.
"""

import warnings
from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any

import data
import numpy as np
from measure import Options, Row, at_most, same
from scipy.optimize import minimize
from sklearn.datasets import load_iris
from sklearn.decomposition import NMF, PCA, DictionaryLearning

from certify import Problem, check, from_model, improve
from certify.atoms import RankOne
from certify.losses import Squared

HIDDEN = 0.5  # of the entries of the second problem
OURS = "certify, proved"
CLOSE = 1e-6  # relative: what a solver's optimum may be off
Steps = dict[str, Callable[[], Any]]


def peers(options: Options):
    """Nuclear norms beside cvxpy and L-BFGS, scikit-learn's fits beside what judges them."""
    yield "13. peers: the same question, seconds of the processor"
    for title, Y, lam, seen in questions(options):
        yield from solved(options, title, Problem(Squared(Y, mask=seen), RankOne("l2", "l2"), lam))
    for title, model, X in models(options):
        yield from fitted(options, title, model, X)


def questions(options: Options):
    """Return (title, data, lam, mask): dense and half observed nuclear norms."""
    n = 20 if options.quick else 40
    Y, lam = data.low_rank(n, n // 4, seed=n)
    seen = np.random.default_rng(1).random(Y.shape) >= HIDDEN
    yield f"nuclear norm, {n} x {n}", Y, lam, np.ones(Y.shape, dtype=bool)
    yield f"the same, {seen.sum()} entries observed", Y, lam, seen


def models(options: Options):
    """Return (title, unfitted model, data)."""
    X = data.digits(200)
    yield "PCA(5), digits", PCA(5), data.digits(100 if options.quick else None)
    yield "NMF(2), iris", NMF(2, init="nndsvda", max_iter=2000, tol=1e-9), load_iris().data
    if not options.quick:
        lasso = DictionaryLearning(20, alpha=1.0, max_iter=50, random_state=0)
        yield f"DictionaryLearning(20), {len(X)} digits", lasso, X


def solved(options: Options, title: str, problem: Problem):
    """Solve from nothing by each, and compare with the optimum proved here."""
    loss, lam = problem.loss, problem.lam
    m, n = loss.shape
    seen = np.ones((m, n)) if loss.observed.full else loss.observed.tensor(np.ones(loss.data.size))
    Y = loss.observed.tensor(loss.data)
    none = np.zeros((m, 0)), np.zeros((n, 0))
    steps = {
        OURS: lambda: improve(problem, none).result,
        "cvxpy, Clarabel": lambda: by_cvxpy(Y, seen, lam, "CLARABEL"),
        "cvxpy, SCS": lambda: by_cvxpy(Y, seen, lam, "SCS"),
        "scipy, L-BFGS": lambda: trained(problem, Y, seen),
    }
    if loss.observed.full:
        steps["numpy, SVD in closed form"] = lambda: data.thresholded(Y, lam)[1]
    seconds, values = in_turn(options, steps)
    ours = values[OURS]
    best = ours.upper if ours.better_upper is None else ours.better_upper
    for name, value in values.items():
        found = best if value is ours else value
        yield row(title, name, found / best - 1, seconds)
    yield same(f"{title}: verdict", ours.verdict.name, "CERTIFIED")
    off = max(abs(v / best - 1) for k, v in values.items() if k.startswith("cvxpy"))
    yield at_most(f"{title}: cvxpy's optimum, relative difference", off, CLOSE, "")


def fitted(options: Options, title: str, model: Any, X):
    """Compare the seconds of a fit with those of judging it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
        problem, factors = from_model(model, X)
        steps = {
            "scikit-learn's fit": lambda: model.fit(X),
            OURS: lambda: check(problem, factors, q=getattr(factors, "q", None)),
        }
        seconds, values = in_turn(options, steps)
    found = values[OURS]
    for name in steps:
        proved = {"verdict": found.verdict.name, "at most % above": 100 * above(found)}
        yield row(title, name, None, seconds) | (proved if name == OURS else {})


def above(found) -> float:
    """Return how far above the bound at its own size the fit can be, relative to that bound."""
    lower = found.lower if found.own_size is None else found.own_size.lower
    return found.upper / lower - 1 if lower > 0 else np.inf


def row(title: str, name: str, off: float | None, seconds: dict[str, float]) -> Row:
    """Return a line of the table: seconds, and how many times ours."""
    return {
        "question": title,
        "by": name,
        "objective / best - 1": off,
        "processor s": seconds[name],
        "times ours": seconds[name] / seconds[OURS],
    }


def in_turn(options: Options, steps: Steps) -> tuple[dict[str, float], Row]:
    """Return the median processor seconds of each step, and what it returned last."""
    spent: dict[str, list[float]] = {name: [] for name in steps}
    values: Row = {}
    for _ in range(options.repeats or (1 if options.quick else 3)):
        for name, step in steps.items():
            start = process_time()
            values[name] = step()
            spent[name].append(process_time() - start)
    return {name: median(held) for name, held in spent.items()}, values


def by_cvxpy(Y, seen, lam: float, solver: str) -> float:
    """Return what cvxpy says the optimum is, stated as its users state it."""
    import cvxpy as cp

    Z = cp.Variable(Y.shape)
    loss = 0.5 * cp.sum_squares(cp.multiply(seen, Z - Y))
    return float(cp.Problem(cp.Minimize(loss + lam * cp.normNuc(Z))).solve(solver=solver))


def trained(problem: Problem, Y, seen) -> float:
    """Return what L-BFGS on U and V reaches from a random start, of as many components as fit."""
    m, n = Y.shape
    r, rng = min(m, n), np.random.default_rng(0)

    def objective(x):
        """Return 1/2 |M (Y - U V^T)|^2 + lam/2 (|U|^2 + |V|^2), and its gradient."""
        U, V = x[: m * r].reshape(m, r), x[m * r :].reshape(n, r)
        W = seen * (Y - U @ V.T)
        value = 0.5 * (W * W).sum() + 0.5 * problem.lam * (x @ x)
        slope = np.concatenate([(-W @ V).reshape(-1), (-W.T @ U).reshape(-1)])
        return value, slope + problem.lam * x

    start = 0.1 * rng.standard_normal((m + n) * r)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000})
    return float(found.fun)
