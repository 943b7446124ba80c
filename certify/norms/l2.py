"""The l2 norm: g(x) = g*(x) = |x|_2 (g*(y) = |y_+|_2 on x >= 0)."""

from dataclasses import dataclass

import numpy as np

from certify.base.arrays import Array

from ._base import Gauge, length


@dataclass(frozen=True)
class L2(Gauge):
    """g(x) = sqrt(sum_i x_i^2)."""

    name = "l2"

    def value(self, x: Array) -> Array:
        """Return the Euclidean norm; no overflow for any finite x."""
        return length(x)

    def dual(self, y: Array) -> Array:
        """Return the Euclidean norm, of the part that counts on the cone."""
        return self.value(self.positive(y))

    def maximizer(self, y: Array) -> Array:
        """Return the direction of y, or of the part that counts."""
        p = self.positive(y)
        size = float(self.value(p))
        return np.asarray(p / size) if size > 0 else self.unit(y)

    def prox(self, x: Array, t: float) -> Array:
        """Shorten x by t, to no less than zero."""
        p = self.positive(x)
        size = self.value(p)
        return np.asarray(p * (np.maximum(size - t, 0.0) / np.where(size > 0, size, 1.0)))

    def project_dual(self, y: Array, radius: float) -> Array:
        """Scale the part that counts into the ball; keep the rest."""
        p = self.positive(y)
        size = self.value(p)
        factor = np.minimum(1.0, radius / np.where(size > 0, size, 1.0))
        return np.asarray(p * factor + (y - p))
