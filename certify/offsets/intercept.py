"""One number added to every entry."""

from dataclasses import dataclass

import numpy as np

from certify.base.arrays import Array
from certify.base.observed import Observed

from ._base import Offset
from ._means import GroupMeans


@dataclass(frozen=True, eq=False)
class Intercept(GroupMeans, Offset):
    """(A q)_ij = q, q of shape (1,); A* W = sum_ij W_ij.


    Raises InputError for a ridge that is negative or not finite.
    Source: biases of ratings, Koren, Bell and Volinsky (2009).
    """

    name = "intercept"
    separate = at_fixed_rank = True

    def shape(self, observed: Observed) -> tuple[int, ...]:
        """Return (1,)."""
        return (1,)

    def factors(self, q: Array, observed: Observed) -> tuple[Array, Array]:
        """Return 1 and q 1."""
        return np.ones((observed.m, 1)), np.full((observed.n, 1), q[0])

    def adjoint(self, W: Array, observed: Observed) -> Array:
        """Return the sum of all entries."""
        return np.asarray([W.sum()])
