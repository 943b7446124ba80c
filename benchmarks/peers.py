"""What other solvers and trainers take for the same question, and what they leave to be proved.

Seconds are the processor's, of one thread, medians of rounds in which all took their turn.  Of
each peer's answer the objective is compared with the best one that is known.  A general solver
and a trainer print a number; `improve` and `check` end with a proof, whose time is in theirs.
"""

import warnings
from time import process_time

import data
import numpy as np
from measure import AtLeast, Options, Rounds, Row
from scipy.optimize import minimize
from sklearn.datasets import load_iris
from sklearn.decomposition import NMF, PCA, DictionaryLearning

from certify import Problem, check, from_model, improve
from certify.atoms import RankOne
from certify.losses import Squared

HIDDEN = 0.5  # of the entries of the second problem
OURS = "certify, proved"


def peers(options: Options):
    """Nuclear norms beside cvxpy and L-BFGS, scikit-learn's fits beside what judges them."""
    yield "13. peers: the same question, seconds of the processor"
    for n in (20, 30) if options.quick else (40, 60):
        Y, lam = data.low_rank(n, n // 4, seed=n)
        seen = np.random.default_rng(1).random(Y.shape) >= HIDDEN
        title = f"nuclear norm, {n} x {n}"
        yield from solved(options, title, Y, lam, np.ones(Y.shape, dtype=bool))
        if n <= 40:
            yield from solved(options, f"the same, {seen.sum()} entries observed", Y, lam, seen)
    lasso = DictionaryLearning(20, alpha=1.0, max_iter=50, random_state=0)
    models = [
        ("PCA(5), digits", PCA(5), data.digits(100 if options.quick else None)),
        ("NMF(2), iris", NMF(2, init="nndsvda", max_iter=2000, tol=1e-9), load_iris().data),
        ("DictionaryLearning(20), 200 digits", lasso, data.digits(200)),
    ]
    for model in models[:2] if options.quick else models:
        yield from fitted(options, *model)


def solved(options: Options, title: str, Y, lam: float, seen):
    """Solve from nothing by each, and compare with the optimum proved here."""
    problem = Problem(Squared(Y, mask=seen), RankOne("l2", "l2"), lam)
    none = tuple(np.zeros((d, 0)) for d in Y.shape)
    steps = {
        OURS: lambda _: improve(problem, none).result,
        "cvxpy, Clarabel": lambda _: data.by_cvxpy(Y, lam, "CLARABEL", seen),
        "cvxpy, SCS": lambda _: data.by_cvxpy(Y, lam, "SCS", seen),
        "scipy, L-BFGS": lambda _: trained(Y, lam, seen),
    }
    if seen.all():
        steps["numpy, SVD in closed form"] = lambda _: data.thresholded(Y, lam)[1]
    ran = Rounds(options.rounds(3), clock=process_time, **steps)
    ours = ran.values.pop(OURS)
    best = ours.upper if ours.better_upper is None else ours.better_upper
    verdict = {"verdict": ours.verdict.name}
    yield row(title, OURS, ran) | {"objective / best - 1": 0.0} | verdict, {"verdict": "CERTIFIED"}
    for name, value in ran.values.items():
        off = {"objective / best - 1": abs(value / best - 1)}
        wanted = {"numpy, SVD in closed form": 1e-9, "scipy, L-BFGS": np.inf}
        wanted = {"objective / best - 1": wanted.get(name, 1e-6)}
        if name == "cvxpy, Clarabel" and not options.quick:
            wanted |= {"times ours": AtLeast(100)}
        yield row(title, name, ran) | off, wanted


def fitted(options: Options, title: str, model, X):
    """Compare the seconds of a fit with those of judging it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem, factors = from_model(model.fit(X), X)
        q = getattr(factors, "q", None)
        steps = {
            "scikit-learn's fit": lambda _: model.fit(X),
            OURS: lambda _: check(problem, factors, q=q),
        }
        ran = Rounds(options.rounds(3), clock=process_time, **steps)
    result = ran.values[OURS]
    lower = result.own_size.lower  # of the own size, where that is asked
    above = result.upper / lower - 1 if lower > 0 else np.inf
    yield row(title, "scikit-learn's fit", ran)
    found = {"verdict": result.verdict.name, "at most % above": 100 * above}
    yield row(title, OURS, ran) | found


def row(title: str, name: str, ran: Rounds) -> Row:
    """Return a line of the table: seconds, and how many times ours."""
    spent = {"processor s": ran.seconds[name], "times ours": ran.seconds[name] / ran.seconds[OURS]}
    return {"question": title, "by": name} | spent


def trained(Y, lam: float, seen) -> float:
    """Return what L-BFGS on U and V reaches from a random start, of as many components as fit."""
    (m, n), r, rng = Y.shape, min(Y.shape), np.random.default_rng(0)

    def objective(x):
        """Return 1/2 |M (Y - U V^T)|^2 + lam/2 (|U|^2 + |V|^2), and its gradient."""
        U, V = x[: m * r].reshape(m, r), x[m * r :].reshape(n, r)
        W = seen * (Y - U @ V.T)
        value = 0.5 * (W * W).sum() + 0.5 * lam * (x @ x)
        slope = np.concatenate([(-W @ V).reshape(-1), (-W.T @ U).reshape(-1)])
        return value, slope + lam * x

    start = 0.1 * rng.standard_normal((m + n) * r)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000})
    return float(found.fun)
