"""The l-infinity norm: g(x) = max |x_i|, g*(y) = sum |y_i| (of the positive part on x >= 0)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.base.minimize import threshold_level

from ._balls import Ellipsoids
from ._base import Gauge
from ._columns import stored_sizes


@dataclass(frozen=True)
class LInf(Gauge):
    """g(x) = max_i |x_i|.

        g*(y) = sum_i |y_i|,   x and y (d,)

    Source: Bach, Mairal and Ponce (2008), norms of factors.
    """

    name = "linf"
    cubic = normalized = exact = True

    def ellipsoids(self, d: int) -> Ellipsoids:
        """Return the cube itself: an interval for each coordinate."""
        return Ellipsoids(np.arange(d), np.ones(d))

    def text(self, x: str) -> str:
        """Return its bars."""
        return f"‖{x}‖∞"

    def value(self, x: Array) -> Array:
        """Return max |x_i|."""
        return np.asarray(np.abs(x).max(axis=0, initial=0.0))

    def dual(self, y: Array) -> Array:
        """Return sum |p_i|, p = `positive(y)`."""
        return np.asarray(np.abs(self.positive(y)).sum(axis=0))

    def maximizer(self, y: Array) -> Array:
        """Return the signs of y: a vertex of the cube, 0 where the cone excludes the sign of y.

        For y_i = 0 a free coordinate is 1; any value would do.
        """
        return self.maximizers(y[:, None])[:, 0]

    def maximizers(self, Y: Array) -> Array:
        """Return the signs of each column."""
        part, (low, high) = self.positive(Y), self.sides(len(Y))
        both = ((low < 0) & (high > 0))[:, None]
        out, some = np.where(both & (part == 0), 1.0, np.sign(part)), part.any(axis=0)
        if not some.all():
            out[:, ~some] = self.units(Y[:, ~some])
        return out

    def dual_sparse(self, columns: Any) -> Array:  # noqa: ANN401  scipy.sparse
        """Return g* of sparse columns."""
        sizes = stored_sizes(columns, self.sides(columns.shape[0]))
        top = sizes.data.max(initial=0.0) or 1.0
        sizes.data = sizes.data / top
        return np.asarray(sizes.sum(axis=0) * top).reshape(-1)

    def prox(self, x: Array, t: float) -> Array:
        """Return x clipped at a level: x minus its projection on the dual ball (Moreau)."""
        p = self.positive(x)
        sizes = np.abs(p)
        return np.asarray(np.sign(p) * np.minimum(sizes, threshold_level(sizes, t)))
