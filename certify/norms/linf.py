"""The l-infinity norm: g(x) = max |x_i|, g*(y) = sum |y_i| (of the positive part on x >= 0)."""

from dataclasses import dataclass

import numpy as np

from certify.base.arrays import Array

from ._base import Gauge, threshold_level


@dataclass(frozen=True)
class LInf(Gauge):
    """g(x) = max_i |x_i|."""

    name = "linf"

    def value(self, x: Array) -> Array:
        """Return max |x_i|."""
        return np.asarray(np.abs(x).max(axis=0, initial=0.0))

    def dual(self, y: Array) -> Array:
        """Return sum |y_i|, of the part that counts on the cone."""
        return np.asarray(np.abs(self.positive(y)).sum(axis=0))

    def maximizer(self, y: Array) -> Array:
        """Return the signs of y: a vertex of the cube, or 0 where the cone allows no gain.

        A free coordinate with y_i = 0 is put to 1, which earns as much as any.
        """
        p, (low, high) = self.positive(y), self.sides(len(y))
        if not p.any():
            return self.unit(y)
        both = (low < 0) & (high > 0)
        return np.where(both & (p == 0), 1.0, np.sign(p))

    def prox(self, x: Array, t: float) -> Array:
        """Return x minus its projection on the dual ball: cut at a level (Moreau)."""
        p = self.positive(x)
        sizes = np.abs(p)
        return np.asarray(np.sign(p) * np.minimum(sizes, threshold_level(sizes, t)))

    def project_dual(self, y: Array, radius: float) -> Array:
        """Soft-threshold the part that counts until its sum is the radius; keep the rest."""
        p = self.positive(y)
        sizes = np.abs(p)
        kept = np.maximum(sizes - threshold_level(sizes, radius), 0.0)
        return np.asarray(np.sign(p) * kept + (y - p))

    def cost(self, d: Array) -> float:
        """Return sum d_+, attained at a vertex of the cube."""
        return float(np.maximum(d, 0.0).sum())
