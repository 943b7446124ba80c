"""The l1 norm: g(x) = sum |x_i|, g*(y) = max |y_i| (max y_i, at least 0, on x >= 0)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.base.arrays import Array

from ._balls import Mixture
from ._base import Gauge
from ._columns import stored_sizes


@dataclass(frozen=True)
class L1(Gauge):
    """g(x) = sum_i |x_i|.

        g*(y) = max_i |y_i|,   x and y (d,)

    Source: the lasso, Tibshirani (1996).
    """

    name = "l1"
    axial = normalized = is_round = summed = True
    mixture = Mixture(1.0, 0.0)

    def blocks(self, d: int) -> tuple[list[int], ...]:
        """Return each coordinate by itself."""
        return tuple([k] for k in range(d))

    def text(self, x: str) -> str:
        """Return its bars."""
        return f"‖{x}‖₁"

    def value(self, x: Array) -> Array:
        """Return sum |x_i|."""
        return np.asarray(np.abs(x).sum(axis=0))

    def dual(self, y: Array) -> Array:
        """Return max |p_i|, p = `positive(y)`."""
        return np.asarray(np.abs(self.positive(y)).max(axis=0, initial=0.0))

    def maximizer(self, y: Array) -> Array:
        """Return the signed unit vector at the largest entry."""
        return self.unit(y)

    def maximizers(self, Y: Array) -> Array:
        """Return the signed unit vectors."""
        return self.units(Y)

    def dual_sparse(self, columns: Any) -> Array:  # noqa: ANN401  scipy.sparse
        """Return g* of sparse columns."""
        sizes = stored_sizes(columns, self.sides(columns.shape[0]))
        return np.asarray(sizes.max(axis=0).todense()).reshape(-1)

    def prox(self, x: Array, t: float) -> Array:
        """Return the soft threshold."""
        p = self.positive(x)
        return np.asarray(np.sign(p) * np.maximum(np.abs(p) - t, 0.0))
