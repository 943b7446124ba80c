"""One number added to every entry."""

from dataclasses import dataclass

import numpy as np

from certify.base.arrays import Array
from certify.base.observed import Observed

from ._base import Offset, ratio


@dataclass(frozen=True, eq=False)
class Intercept(Offset):
    """(A q)_ij = q, q of shape (1,); A* W = sum_ij W_ij."""

    name = "intercept"
    separate = at_fixed_rank = True

    def shape(self, observed: Observed) -> tuple[int, ...]:
        """Return (1,)."""
        del observed
        return (1,)

    def factors(self, q: Array, observed: Observed) -> tuple[Array, Array]:
        """Return 1 and q 1."""
        return np.ones((observed.m, 1)), np.full((observed.n, 1), q[0])

    def adjoint(self, W: Array, observed: Observed) -> Array:
        """Return the sum of all entries."""
        del observed
        return np.asarray([W.sum()])

    def solve(self, target: Array, weights: Array, observed: Observed) -> Array:
        """Return the weighted mean, shrunk by the ridge."""
        del observed
        top, bottom = (weights * target).sum(), weights.sum() + self.ridge
        return np.atleast_1d(ratio(top, bottom))
