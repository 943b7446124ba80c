"""Every offset as cvxpy sees it: A as a sparse matrix, and its penalty."""

from typing import Any

import numpy as np
from scipy import sparse

from certify._observed import Observed
from certify.offsets import Offset

from ._cvxpy import Expression, cp
from ._loss import Units


def operator(o: Offset, observed: Observed) -> Any:  # noqa: ANN401  scipy.sparse
    """Return A as a sparse matrix: its columns are the fields of unit vectors q."""
    shape = o.shape(observed)
    if o.name == "sparse":
        return sparse.eye_array(observed.size, format="csc")
    units = np.eye(int(np.prod(shape)))
    fields = (observed.product(*o.factors(e.reshape(shape), observed)) for e in units)
    return sparse.hstack([sparse.csc_array(f.reshape(-1, 1)) for f in fields])


def penalty(o: Offset, x: Expression, shape: tuple[int, int], by: Units) -> Expression:
    """Return H(q) of q = data x, in the solver's units.

    rho |q|_1 (sparse), else ridge/2 |q|^2 (a ridge a number, or one for each of q), and
    rho/2 sum w |q_i - q_j|^2 over the edges of a smooth part.
    """
    if o.name == "sparse":
        return by.cost(getattr(o, "rho"), 1) * cp.norm1(x)  # noqa: B009
    ridge = np.asarray(o.ridge, dtype=np.float64)
    root = np.sqrt([by.cost(r, 2) for r in ridge.reshape(-1)])
    cost = 0.5 * cp.sum_squares(cp.multiply(root if ridge.ndim else root[0], x))
    if o.name == "smooth":
        cost = cost + by.cost(getattr(o, "rho"), 2) * bent(o, x, shape)  # noqa: B009
    return cost


def bent(o: Any, x: Expression, shape: tuple[int, int]) -> Expression:  # noqa: ANN401  smooth
    """Return 1/2 sum w |q_i - q_j|^2 over the edges."""
    i, j = o.edges.T
    if not len(i):
        return 0.0
    q = cp.reshape(x, shape, order="C")
    roots = np.ones(len(i)) if o.weights is None else np.sqrt(o.weights)
    return 0.5 * cp.sum_squares(cp.multiply(roots[:, None], q[i] - q[j]))
