"""What other solvers take for the same question, and what they leave to be proved.

Seconds are the processor's, of one thread, medians of rounds in which all took their turn.  Of
each peer's answer the objective is compared with the best one that is known.  A solver
prints a number; `improve` and `check` end with a proof, whose time is in theirs.
"""

from functools import partial
from importlib import import_module
from importlib.util import find_spec
from time import process_time

import data
import numpy as np
from measure import Case, Options, Rounds, Table
from scipy.optimize import minimize
from sklearn.linear_model import MultiTaskLasso

from certify import Problem, check, improve
from certify.atoms import RankOne, ReLU
from certify.losses import Squared

OURS = "certify, proved"
MODULES = {k: k for k in ("cvxpy", "scipy", "numpy", "celer", "skglm", "pymanopt")} | {
    "scikit-learn": "sklearn"
}


def nuclear(n: int, hidden: float = 0.0):
    """Return the question at a size, a share of whose entries is not seen, and each peer."""
    Y, lam = data.low_rank(n, n // 4, seed=n)
    seen = np.random.default_rng(1).random(Y.shape) >= hidden
    problem = Problem(Squared(Y, mask=seen), RankOne("l2", "l2"), lam)
    others = {
        "cvxpy, Clarabel": lambda _: data.by_cvxpy(Y, lam, "CLARABEL", seen),
        "cvxpy, SCS": lambda _: data.by_cvxpy(Y, lam, "SCS", seen),
        "scipy, L-BFGS": lambda _: trained(Y, lam, seen),
        "pymanopt, of the optimum's rank": lambda held: by_rank(Y, lam, seen, held),
    }
    if not hidden:
        others["numpy, SVD in closed form"] = lambda _: data.thresholded(Y, lam)[1]
    return problem, others


def multi_task():
    """Return 1/2 |Y - X B|^2 + lam sum_j |B_j|_2 over rows B_j, and who solves it."""
    rng = np.random.default_rng(0)
    X, B = rng.standard_normal((200, 60)), np.zeros((60, 5))
    B[:5] = rng.standard_normal((5, 5))
    Y = X @ B + rng.standard_normal((200, 5))
    lam = 0.1 * np.linalg.norm(X.T @ Y, axis=1).max()
    atom = ReLU(X, activation="linear", left="l1", right="l2")
    problem, fit = Problem(Squared(Y), atom, lam), MultiTaskLasso(lam / 200, fit_intercept=False)

    def value(B) -> float:
        """Return the objective."""
        return float(0.5 * ((Y - X @ B) ** 2).sum() + lam * np.linalg.norm(B, axis=1).sum())

    def by_celer(_) -> float:
        """Solve by working sets to a duality gap of 1e-12, in floats."""
        from celer.homotopy import mtl_path

        found = mtl_path(*map(np.asfortranarray, (X, Y)), alphas=[lam / 200], tol=1e-12)
        return value(found[1][..., 0].T)

    def by_skglm(_) -> float:
        """Solve by block coordinate descent until the optimality conditions hold to 1e-10."""
        from skglm import GeneralizedLinearEstimator
        from skglm.datafits import QuadraticMultiTask
        from skglm.penalties import L2_1
        from skglm.solvers import MultiTaskBCD

        solver = MultiTaskBCD(tol=1e-10, fit_intercept=False)
        parts = QuadraticMultiTask(), L2_1(lam / 200), solver
        return value(GeneralizedLinearEstimator(*parts).fit(X, Y).coef_)

    def judged(_) -> float:
        """Fit by scikit-learn, and prove the objective."""
        B = fit.set_params(tol=1e-10).fit(X, Y).coef_.T
        sizes = np.linalg.norm(B, axis=1)
        root = np.sqrt(sizes[sizes > 0])
        factors = np.eye(60)[:, sizes > 0] * root, B[sizes > 0].T / root
        return check(problem, factors).lower

    def by_fit(_) -> float:
        """Fit by scikit-learn."""
        return value(fit.set_params(tol=1e-10).fit(X, Y).coef_.T)

    return problem, {
        "celer": by_celer,
        "skglm": by_skglm,
        "scikit-learn": by_fit,
        "scikit-learn, proved by check": judged,
    }


def solved(case: Case, options: Options):
    """Solve from nothing by each, and compare with the optimum proved here."""
    problem, others = case.make()
    none = tuple(np.zeros((*d, 0)) for d in problem.atom.shapes(problem.loss.dims))
    there = {k: call for k, call in others.items() if is_there(MODULES[k.split(",")[0]])}
    steps = {OURS: lambda _: improve(problem, none)} | there
    ran = Rounds(options.rounds(3), clock=process_time, **steps)
    ours = ran.values[OURS].result
    best = ours.upper if ours.better_upper is None else ours.better_upper
    for name in (OURS, *others):
        if name not in steps:
            yield {"by": name, "note": "not installed"}
            continue
        seconds, ending = ran.seconds[name], {"verdict": ours.verdict.name} if name == OURS else {}
        value = best if name == OURS else ran.values[name]
        spent = {"processor s": seconds, "times ours": seconds / ran.seconds[OURS]}
        yield {"by": name} | spent | {"objective / best - 1": abs(value / best - 1)} | ending


def is_there(module: str) -> bool:
    """Import a module, so that nobody's seconds hold that; tell whether it is installed."""
    return find_spec(module) is not None and bool(import_module(module))


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


def by_rank(Y, lam: float, seen, held) -> float:
    """Return what conjugate gradients on the manifold of matrices of our rank reach."""
    import pymanopt
    from pymanopt.manifolds import FixedRankEmbedded
    from pymanopt.optimizers import ConjugateGradient

    rank = held[OURS].factors[0].shape[1]
    manifold = FixedRankEmbedded(*Y.shape, rank)
    u, s, vt = np.linalg.svd(seen * Y, full_matrices=False)

    @pymanopt.function.numpy(manifold)
    def objective(u, s, vt):
        """Return 1/2 |M (Y - Z)|^2 + lam |Z|_*, Z = u diag(s) vt."""
        return 0.5 * ((seen * (Y - (u * s) @ vt)) ** 2).sum() + lam * np.abs(s).sum()

    @pymanopt.function.numpy(manifold)
    def slope(u, s, vt):
        """Return its derivatives."""
        G = seen * ((u * s) @ vt - Y)
        return (G @ vt.T) * s, np.diagonal(u.T @ G @ vt.T) + lam * np.sign(s), (u * s).T @ G

    problem = pymanopt.Problem(manifold, objective, euclidean_gradient=slope)
    solver, start = ConjugateGradient(verbosity=0), (u[:, :rank], s[:rank], vt[:rank])
    return float(solver.run(problem, initial_point=start).cost)


CERTIFIED = {"verdict": "CERTIFIED"}
peers = Table(
    "13. peers: the same question, seconds of the processor",
    {
        "nuclear norm, 40 x 40": Case(partial(nuclear, 40), CERTIFIED),
        "the same, 801 entries observed": Case(partial(nuclear, 40, 0.5), CERTIFIED),
        "nuclear norm, 60 x 60": Case(partial(nuclear, 60), CERTIFIED),
        "multi-task lasso, 200 x 60, 5 outputs": Case(multi_task, CERTIFIED),
    },
    solved,
    few=1,
)
