"""The penalty of every offset as cvxpy sees it."""

import numpy as np

from certify.offsets import Offset, Smooth, Sparse

from ._cvxpy import Expression, cp
from ._loss import Units


def penalty(o: Offset, x: Expression, shape: tuple[int, int], by: Units) -> Expression:
    """Return H(q) of q = data x, in the solver's units.

    rho |q|_1 (sparse), else ridge/2 sum w q^2, and rho/2 sum w |q_i - q_j|^2 over the edges
    of a smooth part.
    """
    if isinstance(o, Sparse):
        return by.cost(o.rho, 1) * cp.norm1(x)
    shares = 1.0 if o.shares is None else np.sqrt(o.shares)
    cost = 0.5 * cp.sum_squares(cp.multiply(by.cost(o.ridge, 2) ** 0.5 * shares, x))
    return cost + by.cost(o.rho, 2) * bent(o, x, shape) if isinstance(o, Smooth) else cost


def bent(o: Smooth, x: Expression, shape: tuple[int, int]) -> Expression:
    """Return 1/2 sum w |q_i - q_j|^2 over the edges."""
    i, j = o.edges.T
    if not len(i):
        return 0.0
    q = cp.reshape(x, shape, order="C")
    roots = np.ones(len(i)) if o.weights is None else np.sqrt(o.weights)
    return 0.5 * cp.sum_squares(cp.multiply(roots[:, None], q[i] - q[j]))
