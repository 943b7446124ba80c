"""What other solvers take for the same question, and what they leave to be proved.

Seconds are the processor's, of one thread, medians of rounds in which all took their turn.  Of
each peer's answer the objective is compared with the best one that is known.  A solver
prints a number; `improve` and `check` end with a proof, whose time is in theirs.
"""

from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import combinations_with_replacement, product
from time import process_time

import data
import numpy as np
from measure import Case, Options, Rounds, Table
from scipy import sparse
from scipy.optimize import minimize
from sklearn.decomposition import NMF
from sklearn.linear_model import MultiTaskLasso

from certify import Problem, check, from_model, improve
from certify.atoms import CP, RankOne, ReLU
from certify.losses import Squared

OURS = "certify, proved"
SOLVERS = (("Clarabel", "CLARABEL"), ("SCS", "SCS"))


def nuclear(n: int, hidden: float = 0.0):
    """Return the question at a size, a share of whose entries is not seen, and each peer."""
    Y, lam = data.low_rank(n, n // 4, seed=n)
    seen = np.random.default_rng(1).random(Y.shape) >= hidden
    others = {f"cvxpy, {k}": lambda _, s=s: data.by_cvxpy(Y, lam, s, seen) for k, s in SOLVERS}
    others |= {
        "scipy, L-BFGS": lambda _: trained(Y, lam, seen),
        "pymanopt, of the optimum's rank": lambda held: by_rank(Y, lam, seen, held),
    }
    if not hidden:
        others["numpy, SVD in closed form"] = lambda _: data.thresholded(Y, lam)[1]
    return Problem(Squared(Y, mask=seen), RankOne("l2", "l2"), lam), others


def trained(Y, lam: float, seen) -> float:
    """Return what L-BFGS on U and V reaches from a random start, of as many components as fit."""
    n, size = len(Y), Y.size

    def objective(x):
        """Return 1/2 |M (Y - U V^T)|^2 + lam/2 (|U|^2 + |V|^2), and its gradient."""
        U, V = x[:size].reshape(n, n), x[size:].reshape(n, n)
        W = seen * (Y - U @ V.T)
        slope = np.concatenate([(-W @ V).reshape(-1), (-W.T @ U).reshape(-1)])
        return 0.5 * (W * W).sum() + 0.5 * lam * (x @ x), slope + lam * x

    start = 0.1 * np.random.default_rng(0).standard_normal(2 * size)
    most = {"maxiter": 2000}
    return float(minimize(objective, start, jac=True, method="L-BFGS-B", options=most).fun)


def by_rank(Y, lam: float, seen, held) -> float:
    """Return what conjugate gradients on the manifold of matrices of our rank reach."""
    import pymanopt
    from pymanopt import manifolds, optimizers

    rank = held[OURS].factors[0].shape[1]
    manifold = manifolds.FixedRankEmbedded(*Y.shape, rank)
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
    solver = optimizers.ConjugateGradient(verbosity=0)
    return float(solver.run(problem, initial_point=(u[:, :rank], s[:rank], vt[:rank])).cost)


def multi_task():
    """Return 1/2 |Y - X B|^2 + lam sum_j |B_j|_2 over rows B_j, and who solves it."""
    rng = np.random.default_rng(0)
    X, B = rng.standard_normal((200, 60)), np.zeros((60, 5))
    B[:5] = rng.standard_normal((5, 5))
    Y = X @ B + rng.standard_normal((200, 5))
    lam = 0.1 * np.linalg.norm(X.T @ Y, axis=1).max()
    problem = Problem(Squared(Y), ReLU(X, activation="linear", left="l1", right="l2"), lam)
    fit = MultiTaskLasso(lam / 200, fit_intercept=False, tol=1e-10)

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
        from skglm import GeneralizedLinearEstimator, datafits, penalties, solvers

        solver = solvers.MultiTaskBCD(tol=1e-10, fit_intercept=False)
        parts = datafits.QuadraticMultiTask(), penalties.L2_1(lam / 200), solver
        return value(GeneralizedLinearEstimator(*parts).fit(X, Y).coef_)

    def judged(_) -> float:
        """Fit by scikit-learn, and prove the objective."""
        B = fit.fit(X, Y).coef_.T
        sizes = np.linalg.norm(B, axis=1)
        root = np.sqrt(sizes[sizes > 0])
        factors = np.eye(60)[:, sizes > 0] * root, B[sizes > 0].T / root
        return check(problem, factors).lower

    return problem, {
        "celer": by_celer,
        "skglm": by_skglm,
        "scikit-learn": lambda _: value(fit.fit(X, Y).coef_.T),
        "scikit-learn, proved by check": judged,
    }


def hidden_layer(rows: int, share: float):
    """Return a layer of ReLUs of two features, and its convex program over all patterns."""
    X, labels = data.cancer(rows)
    Y = data.standard(labels.astype(float))[:, None]
    lam = share * ReLU(X).polar(Y).upper

    def by_cvxpy(solver: str, _) -> float:
        """Solve min 1/2 |sum +-D_i X v_i - y|^2 + lam sum |v_i|, (2 D_i - 1) X v_i >= 0."""
        import cvxpy as cp

        turns = np.arctan2(X[:, 1], X[:, 0]) + np.pi / 2
        ends = np.sort(np.concatenate([turns, turns + np.pi]) % (2 * np.pi))
        angles = (ends + np.append(ends[1:], ends[0] + 2 * np.pi)) / 2  # one in each cell
        D = (X @ [np.cos(angles), np.sin(angles)] > 0).astype(float)
        v, w = cp.Variable((2, len(angles))), cp.Variable((2, len(angles)))
        fit = cp.sum(cp.multiply(D, X @ (v - w)), axis=1)
        paid = lam * cp.sum(cp.norm(v, axis=0) + cp.norm(w, axis=0))
        cones = [cp.multiply(2 * D - 1, X @ x) >= 0 for x in (v, w)]
        asked = cp.Minimize(cp.sum_squares(fit - Y[:, 0]) / 2 + paid)
        return float(cp.Problem(asked, cones).solve(solver))

    others = {f"cvxpy, {k}": partial(by_cvxpy, s) for k, s in SOLVERS}
    return Problem(Squared(Y), ReLU(X), lam), others


def tensor(n: int, share: float):
    """Return 1/2 |T - X|^2 + lam |X|_* of an n x n x n tensor, and its relaxations by cvxpy."""
    T, atom = data.gaussian((n, n, n)), CP(("l2", "l2", "l2"))
    lam = share * atom.polar(T).upper
    others = {f"cvxpy, squares, {k}": partial(by_squares, T, lam, s) for k, s in SOLVERS}
    return Problem(Squared(T), atom, lam), others


def by_squares(T, lam: float, solver: str, _) -> float:
    """Solve max <W, T> - |W|^2 / 2 where lam - <W, u v w> is a sum of squares on the spheres.

    As Lasserre's second relaxation has it: lam - <W, u v w> = z^T Q z + sum_i (1 - |u_i|^2)
    p_i of degree 4, z all monomials of degree at most 2, Q >= 0, p_i free of degree 2.
    """
    import cvxpy as cp

    n, all_of = len(T), combinations_with_replacement
    z = [m for d in range(3) for m in all_of(range(3 * n), d)]
    row = {m: k for k, m in enumerate(m for d in range(5) for m in all_of(range(3 * n), d))}
    Q, p = cp.Variable((len(z), len(z)), PSD=True), cp.Variable(3 * len(z))
    W, sides = cp.Variable(n**3), [range(n * f, n * f + n) for f in range(3)]
    squares = [(a + b, 1.0, len(z) * j + i) for i, a in enumerate(z) for j, b in enumerate(z)]
    spheres = [
        (m + square, sign, len(z) * f + i)
        for f, side in enumerate(sides)
        for i, m in enumerate(z)
        for square, sign in [((), 1.0), *(((x, x), -1.0) for x in side)]
    ]
    cubes = [(m, 1.0, i) for i, m in enumerate(product(*sides))]
    left = 0
    for unknown, terms in ((cp.vec(Q, order="F"), squares), (p, spheres), (W, cubes)):
        at, values, column = zip(*terms, strict=True)
        rows = [row[tuple(sorted(m))] for m in at]
        left += sparse.csr_array((values, (rows, column)), (len(row), unknown.size)) @ unknown
    one = np.zeros(len(row))
    one[row[()]] = lam
    asked = cp.Maximize(W @ T.reshape(-1) - cp.sum_squares(W) / 2)
    return float(cp.Problem(asked, [left == one]).solve(solver))


def pixels(rows: int, size: int, share: float):
    """Return nonnegative factors of digits at lam = alpha sqrt(m n), and scikit-learn's fit."""
    Y = data.digits(rows)
    lam = share * data.spectral(Y)
    alpha = lam / np.sqrt(Y.size)
    model = NMF(size, alpha_W=alpha, alpha_H=alpha, tol=1e-8, max_iter=5000, random_state=0)
    problem = Problem(Squared(Y), RankOne("l2+", "l2+"), lam)
    model.fit(Y)
    return problem, {
        "scikit-learn": lambda _: problem.objective(from_model(model.fit(Y), Y)[1]),
        "scikit-learn, proved by check": lambda _: check(*from_model(model, Y)).upper,
    }


def solved(case: Case, options: Options):
    """Solve from nothing by each, and compare with the optimum proved here."""
    problem, others = case.make()
    none = tuple(np.zeros((*d, 0)) for d in problem.atom.shapes(problem.loss.dims))
    there = {k: call for k, call in others.items() if is_there(k.split(",")[0])}
    steps = {OURS: lambda _: improve(problem, none)} | there
    ran = Rounds(options.rounds(3), clock=process_time, **steps)
    ours = ran.values[OURS].result
    best = ours.upper if ours.better_upper is None else ours.better_upper
    values = ran.values | {OURS: best}
    for name in (OURS, *others):
        if name not in steps:
            yield {"by": name, "note": "not installed"}
            continue
        seconds, ending = ran.seconds[name], {"verdict": ours.verdict.name} if name == OURS else {}
        spent = {"processor s": seconds, "times ours": seconds / ran.seconds[OURS]}
        gap = {"objective / best - 1": abs(values[name] / best - 1)}
        yield {"by": name} | spent | gap | ending


def is_there(program: str) -> bool:
    """Import a module, so that nobody's seconds hold that; tell whether it is installed."""
    module = program.replace("scikit-learn", "sklearn")
    return find_spec(module) is not None and bool(import_module(module))


MADE = {
    "nuclear norm, 40 x 40": partial(nuclear, 40),
    "the same, 801 entries observed": partial(nuclear, 40, 0.5),
    "nuclear norm, 60 x 60": partial(nuclear, 60),
    "multi-task lasso, 200 x 60, 5 outputs": multi_task,
    "ReLUs of 40 rows, 2 features": partial(hidden_layer, 40, 0.2),
    "ReLUs of 160 rows, 2 features": partial(hidden_layer, 160, 0.2),
    "tensor, 3 x 3 x 3": partial(tensor, 3, 0.3),
    "tensor, 4 x 4 x 4": partial(tensor, 4, 0.3),
    "NMF, 100 digits": partial(pixels, 100, 8, 0.3),
}
peers = Table(
    "13. peers: the same question, seconds of the processor",
    {name: Case(make, {"verdict": "CERTIFIED"}) for name, make in MADE.items()},
    solved,
    few=1,
)
