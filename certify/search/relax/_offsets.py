"""The penalty of every offset as cvxpy sees it."""

from certify.base.observed import Observed
from certify.offsets import Offset

from ._cvxpy import Expression, cp
from ._loss import Units


def penalty(o: Offset, x: Expression, observed: Observed, by: Units) -> Expression:
    """Return H(q) of q = data x, in the solver's units: price |q|_1 + 1/2 |R q|^2."""
    if o.price:
        return by.cost(o.price, 1) * cp.norm1(x)
    return 0.5 * cp.sum_squares(by.cost(1.0, 2) ** 0.5 * o.roots(observed) @ x)
