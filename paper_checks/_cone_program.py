"""The convex program of a one-layer ReLU network in l2 norms, solved in floats: a witness."""

import warnings

import cvxpy as cp
import numpy as np

from ._cells import Cell, cells
from ._linear import Matrix, Vector, exact
from ._nets import Network


def network(V: Matrix, y: Vector, lam: float) -> Network:
    """Return the balanced neurons of Clarabel's solution; the caller evaluates them."""
    data, target, patterns = np.array(V, dtype=float), np.array(y, dtype=float), cells(V)
    a, b = (cp.Variable((len(patterns), len(V[0]))) for _ in range(2))
    on = [np.array([[s > 0] for s in cell]) * data for cell in patterns]
    output = sum(d @ (a[i] - b[i]) for i, d in enumerate(on))
    cost = cp.sum(cp.norm(a, 2, axis=1)) + cp.sum(cp.norm(b, 2, axis=1))
    inside = [signed(cell, data) @ x[i] >= 0 for i, cell in enumerate(patterns) for x in (a, b)]
    problem = cp.Problem(cp.Minimize(cp.sum_squares(output - target) / 2 + lam * cost), inside)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an inaccurate solution shows in the bounds
        problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
    return Network((*balanced(a.value, 1.0), *balanced(b.value, -1.0)))


def signed(cell: Cell, data: np.ndarray) -> np.ndarray:
    """Return the rows s_k v_k."""
    return np.array(cell)[:, None] * data


def balanced(rows: np.ndarray, sign: float) -> list[tuple[Vector, object]]:
    """Return (u, v) with u v = a and |u| = |v|; neurons of the size of rounding are left out."""
    sizes = np.linalg.norm(rows, axis=1)
    kept = np.flatnonzero(sizes > 2.0**-26 * sizes.max())
    return [
        (exact(rows[k] / np.sqrt(sizes[k])), exact([sign * np.sqrt(sizes[k])])[0]) for k in kept
    ]
