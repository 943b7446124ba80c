"""Offsets that add one number to each group of entries; the best q is the groups' means."""

from typing import Any, ClassVar

import numpy as np

from certify.base.arrays import Array
from certify.base.observed import Observed

from ._base import placement_matrix, ratio


class GroupMeans:
    """The fit of such an offset; a mixin."""

    def solve(self: Any, target: Array, weights: Array, observed: Observed) -> Array:
        """Return the weighted means, shrunk by the ridge."""
        top = self.adjoint(weights * target, observed)
        return ratio(top, self.adjoint(weights, observed) + self.ridges)


class LineMeans(GroupMeans):
    """One number for each row (axis 0) or column (axis 1)."""

    axis: ClassVar[int]
    apart = separate = means = at_fixed_rank = True

    def shape(self, observed: Observed) -> tuple[int, ...]:
        """Return (m,) or (n,)."""
        return ((observed.m, observed.n)[self.axis],)

    def factors(self, q: Array, observed: Observed) -> tuple[Array, Array]:
        """Return q and 1, or 1 and q."""
        ones = np.ones(((observed.n, observed.m)[self.axis], 1))
        return (ones, q[:, None]) if self.axis else (q[:, None], ones)

    def operator(self, observed: Observed) -> Any:  # noqa: ANN401  scipy.sparse
        """Return A."""
        return placement_matrix(observed.listed[self.axis], *self.shape(observed))

    def adjoint(self, W: Array, observed: Observed) -> Array:
        """Return the sums."""
        return np.asarray(observed.line_sums(W, self.axis))
