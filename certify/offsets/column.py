"""One number a column."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.base.observed import Observed

from ._base import Offset, placement_matrix, ratio


@dataclass(frozen=True, eq=False)
class ColumnIntercept(Offset):
    """(A q)_ij = q_j, q of shape (n,); A* W = column sums of W.

    ridge    one number >= 0, or n numbers > 0: H(q) = 1/2 sum ridge_j q_j^2

    Of a tensor (n_1, ..., n_K): one number for each (i_2, ..., i_K), n = n_2 ... n_K.  One for
    each index of one mode is `ModeIntercept`.

    Raises InputError for a ridge that is negative, and for a vector that is not positive.
    """

    name = "column"
    apart = separate = means = at_fixed_rank = True

    @property
    def levels(self) -> bool:
        """It is that."""
        return True

    def shape(self, observed: Observed) -> tuple[int, ...]:
        """Return (n,)."""
        return (observed.n,)

    def factors(self, q: Array, observed: Observed) -> tuple[Array, Array]:
        """Return 1 and q."""
        return np.ones((observed.m, 1)), q[:, None]

    def operator(self, observed: Observed) -> Any:  # noqa: ANN401  scipy.sparse
        """Return A."""
        return placement_matrix(observed.listed[1], observed.n)

    def adjoint(self, W: Array, observed: Observed) -> Array:
        """Return the sums."""
        return np.asarray(observed.line_sums(W, 1))

    def solve(self, target: Array, weights: Array, observed: Observed) -> Array:
        """Return weighted column means, shrunk by the ridge."""
        top = observed.line_sums(weights * target, 1)
        return ratio(top, observed.line_sums(weights, 1) + self.priced)
