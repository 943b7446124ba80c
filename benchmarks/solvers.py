"""cvxpy's own solution of the nuclear-norm problem, stated as its users state it."""

import cvxpy as cp
from candidates import Array


def solved(Y: Array, lam: float, solver: str) -> float:
    """Return what a solver says min_Z 1/2 |Y - Z|^2 + lam |Z|_* is."""
    Z = cp.Variable(Y.shape)
    asked = cp.Problem(cp.Minimize(0.5 * cp.sum_squares(Z - Y) + lam * cp.normNuc(Z)))
    return float(asked.solve(solver=solver))
