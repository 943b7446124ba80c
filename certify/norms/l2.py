"""The l2 norm: g(x) = g*(x) = |x|_2 (g*(y) = |y_+|_2 on x >= 0)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.base.arrays import Array

from ._base import Gauge
from ._columns import length, stored_sizes


@dataclass(frozen=True)
class L2(Gauge):
    """g(x) = sqrt(sum_i x_i^2).

        g*(y) = |y|_2,   x and y (d,)

    Source: with l2 on both sides Omega is the nuclear norm, Fazel, Hindi and Boyd (2001).
    """

    name = "l2"
    spherical = normalized = is_round = exact = summed = True

    def text(self, x: str) -> str:
        """Return its bars."""
        return f"‖{x}‖₂"

    def value(self, x: Array) -> Array:
        """Return the Euclidean norm."""
        return length(x)

    def dual(self, y: Array) -> Array:
        """Return the Euclidean norm of `positive(y)`."""
        return self.value(self.positive(y))

    def maximizer(self, y: Array) -> Array:
        """Return the direction of `positive(y)`."""
        p = self.positive(y)
        size = float(self.value(p))
        return np.asarray(p / size) if size > 0 else self.unit(y)

    def maximizers(self, Y: Array) -> Array:
        """Return the direction of `positive` of each column."""
        part = self.positive(Y)
        sizes = self.value(part)
        out = part / np.where(sizes > 0, sizes, 1.0)
        if not sizes.all():
            out[:, sizes == 0] = self.units(Y[:, sizes == 0])
        return np.asarray(out)

    def dual_sparse(self, columns: Any) -> Array:  # noqa: ANN401  scipy.sparse
        """Return g* of sparse columns."""
        sizes = stored_sizes(columns, self.sides(columns.shape[0]))
        top = sizes.data.max(initial=0.0) or 1.0
        sizes.data = (sizes.data / top) ** 2
        return np.asarray(np.sqrt(sizes.sum(axis=0)) * top).reshape(-1)

    def prox(self, x: Array, t: float) -> Array:
        """Shorten x by t, to no less than zero."""
        p = self.positive(x)
        size = self.value(p)
        return np.asarray(p * (np.maximum(size - t, 0.0) / np.where(size > 0, size, 1.0)))
