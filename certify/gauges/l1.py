"""The l1 norm: g(x) = sum |x_i|, g*(y) = max |y_i| (max y_i, at least 0, on x >= 0)."""

from dataclasses import dataclass

import numpy as np

from certify._arrays import Array

from ._base import Gauge


@dataclass(frozen=True)
class L1(Gauge):
    """g(x) = sum_i |x_i|."""

    name = "l1"

    def value(self, x: Array) -> Array:
        """Return sum |x_i|."""
        return np.asarray(np.abs(x).sum(axis=0))

    def dual(self, y: Array) -> Array:
        """Return max |y_i|, of the positive part on the cone."""
        return np.asarray(np.abs(self.positive(y)).max(axis=0, initial=0.0))

    def maximizer(self, y: Array) -> Array:
        """Return the signed unit vector at the largest entry."""
        k = int((y if self.nonneg else np.abs(y)).argmax())
        out = np.zeros_like(y)
        out[k] = 1.0 if self.nonneg or y[k] >= 0 else -1.0
        return out

    def prox(self, x: Array, t: float) -> Array:
        """Return the soft threshold."""
        if self.nonneg:
            return np.maximum(x - t, 0.0)
        return np.asarray(np.sign(x) * np.maximum(np.abs(x) - t, 0.0))

    def project_dual(self, y: Array, radius: float) -> Array:
        """Clip the entries (from above only, on the cone)."""
        return np.minimum(y, radius) if self.nonneg else np.clip(y, -radius, radius)
