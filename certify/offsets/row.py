"""One number a row."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.base.observed import Observed

from ._base import Offset, placement_matrix, ratio


@dataclass(frozen=True, eq=False)
class RowIntercept(Offset):
    """(A q)_ij = q_i, q of shape (m,); A* W = row sums of W.

    ridge    one number >= 0, or m numbers > 0: H(q) = 1/2 sum ridge_i q_i^2

    Of a tensor: one number for each index of its first mode.

    Raises InputError for a ridge that is negative, and for a vector that is not positive.
    """

    name = "row"
    apart = separate = means = at_fixed_rank = True

    def shape(self, observed: Observed) -> tuple[int, ...]:
        """Return (m,)."""
        return (observed.m,)

    def factors(self, q: Array, observed: Observed) -> tuple[Array, Array]:
        """Return q and 1."""
        return q[:, None], np.ones((observed.n, 1))

    def operator(self, observed: Observed) -> Any:  # noqa: ANN401  scipy.sparse
        """Return A."""
        return placement_matrix(observed.listed[0], observed.m)

    def adjoint(self, W: Array, observed: Observed) -> Array:
        """Return the sums."""
        return np.asarray(observed.line_sums(W, 0))

    def solve(self, target: Array, weights: Array, observed: Observed) -> Array:
        """Return weighted row means, shrunk by the ridge."""
        top = observed.line_sums(weights * target, 0)
        return ratio(top, observed.line_sums(weights, 0) + self.priced)
