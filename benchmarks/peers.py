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


def hidden_layer(rows: int, share: float):
    """Return a layer of ReLUs of two features, and its convex program over all patterns."""
    X, labels = data.cancer(rows)
    Y = data.standard(labels.astype(float))[:, None]
    atom = ReLU(X)
    lam = share * atom.polar(Y).upper
    problem = Problem(Squared(Y), atom, lam)

    def by_cvxpy(solver: str, _) -> float:
        """Solve min 1/2 |sum +-D_i X v_i - y|^2 + lam sum |v_i|, (2 D_i - 1) X v_i >= 0."""
        import cvxpy as cp

        turns = np.arctan2(X[:, 1], X[:, 0]) + np.pi / 2
        ends = np.sort(np.concatenate([turns, turns + np.pi]) % (2 * np.pi))
        angles = (ends + np.append(ends[1:], ends[0] + 2 * np.pi)) / 2  # one in each cell
        gates = (np.column_stack([np.cos(angles), np.sin(angles)]) @ X.T > 0).astype(float)
        v = cp.Variable((2, 2 * len(gates)))
        gates, signs = np.repeat(gates, 2, axis=0).T, np.tile([1.0, -1.0], len(gates))
        fit = cp.sum(cp.multiply(gates * signs, X @ v), axis=1)
        paid, cones = lam * cp.sum(cp.norm(v, axis=0)), cp.multiply(2 * gates - 1, X @ v) >= 0
        asked = cp.Minimize(cp.sum_squares(fit - Y[:, 0]) / 2 + paid)
        return float(cp.Problem(asked, [cones]).solve(solver))

    return problem, {f"cvxpy, {k}": partial(by_cvxpy, k.upper()) for k in ("Clarabel", "SCS")}


def tensor(n: int, share: float):
    """Return 1/2 |T - X|^2 + lam |X|_* of an n x n x n tensor, and its relaxations by cvxpy."""
    T = data.gaussian((n, n, n))
    atom = CP(("l2", "l2", "l2"))
    lam = share * atom.polar(T).upper

    def by_squares(solver: str, _) -> float:
        """Solve max <W, T> - |W|^2 / 2 where lam - <W, u v w> is a sum of squares on the spheres.

        As Lasserre's second relaxation has it: lam - <W, u v w> = z^T Q z + sum_i (1 - |u_i|^2)
        p_i of degree 4, z all monomials of degree at most 2, Q >= 0, p_i free of degree 2.
        """
        import cvxpy as cp

        names, all_of = range(3 * n), combinations_with_replacement
        z = [m for d in range(3) for m in all_of(names, d)]
        row = {m: k for k, m in enumerate(m for d in range(5) for m in all_of(names, d))}

        def matched(pairs) -> sparse.csr_array:
            """Return the matrix that adds multiples of given unknowns to coefficients."""
            at, unknown, times = zip(*pairs, strict=True)
            rows = [row[tuple(sorted(m))] for m in at]
            return sparse.csr_array((times, (rows, unknown)), (len(row), 1 + max(unknown)))

        Q, p = cp.Variable((len(z), len(z)), PSD=True), cp.Variable(3 * len(z))
        W, k = cp.Variable(n**3), len(z)
        squares = matched(
            [(a + b, i + k * j, 1.0) for i, a in enumerate(z) for j, b in enumerate(z)]
        )
        cubes = list(product(range(n), range(n, 2 * n), range(2 * n, 3 * n)))
        known = matched([(m, i, 1.0) for i, m in enumerate(cubes)])
        spheres = [
            (m + 2 * (x,), k * f + i, -1.0)
            for f in range(3)
            for i, m in enumerate(z)
            for x in range(n * f, n * (f + 1))
        ]
        spheres += [(m, k * f + i, 1.0) for f in range(3) for i, m in enumerate(z)]
        one = np.zeros(len(row))
        one[row[()]] = lam
        left = squares @ cp.vec(Q, order="F") + matched(spheres) @ p + known @ W
        asked = cp.Maximize(W @ T.reshape(-1) - cp.sum_squares(W) / 2)
        return float(cp.Problem(asked, [left == one]).solve(solver))

    others = {f"cvxpy, squares, {k}": partial(by_squares, k.upper()) for k in ("Clarabel", "SCS")}
    return Problem(Squared(T), atom, lam), others


def pixels(rows: int, size: int, share: float):
    """Return nonnegative factors of digits at lam = alpha sqrt(m n), and scikit-learn's fit."""
    Y = data.digits(rows)
    lam = share * data.spectral(Y)
    alpha = lam / np.sqrt(Y.size)
    model = NMF(size, alpha_W=alpha, alpha_H=alpha, tol=1e-8, max_iter=5000, random_state=0)

    def fitted():
        """Return the problem that scikit-learn's fit solves, and its factors."""
        return from_model(model, Y)

    def by_fit(_) -> float:
        """Fit by scikit-learn."""
        model.fit(Y)
        return problem.objective(fitted()[1])

    def judged(_) -> float:
        """Prove what scikit-learn's fit has reached."""
        return check(*fitted()).upper

    problem = Problem(Squared(Y), RankOne("l2+", "l2+"), lam)
    model.fit(Y)
    return problem, {"scikit-learn": by_fit, "scikit-learn, proved by check": judged}


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
        "ReLUs of 40 rows, 2 features": Case(partial(hidden_layer, 40, 0.2), CERTIFIED),
        "ReLUs of 160 rows, 2 features": Case(partial(hidden_layer, 160, 0.2), CERTIFIED),
        "tensor, 3 x 3 x 3": Case(partial(tensor, 3, 0.3), CERTIFIED),
        "tensor, 4 x 4 x 4": Case(partial(tensor, 4, 0.3), CERTIFIED),
        "NMF, 100 digits": Case(partial(pixels, 100, 8, 0.3), CERTIFIED),
    },
    solved,
    few=1,
)
