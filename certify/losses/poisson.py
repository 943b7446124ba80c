"""Counts with mean e^z: the Poisson likelihood with a log link."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import entr, wrightomega

from certify.base.arrays import Array

from ._base import Loss
from ._entrywise import Plain


@dataclass(frozen=True, eq=False)
class Poisson(Plain, Loss):
    """l(Z) = sum c (e^z - y z) over the observed entries, y >= 0 (the constant ln y! left out).

    Y, weights, mask   as in Squared

        d(W) = sum c (q - q ln q),   q = y - w / c >= 0

    e^z - q z is least where e^z = q, and unbounded below for q < 0.  The loss may be negative:
    its infimum is d(0).  The gradient c (e^z - y) has no Lipschitz constant.

    Raises InputError for negative data.
    Source: PCA of the exponential family, Collins, Dasgupta and Schapire (2001).
    """

    name = "poisson"
    counts = True
    formula, title = "Σ {c}(eᶻ − yz)", "the Poisson likelihood"

    def each(self, Z: Array) -> Array:
        """Return e^z - y z."""
        return np.asarray(np.exp(Z) - self.data * Z)

    def slope(self, Z: Array) -> Array:
        """Return e^z - y."""
        return np.asarray(np.exp(Z) - self.data)

    def second_derivative(self, Z: Array) -> Array:
        """Return max(e^z, y): with h'' = e^z, Newton's steps are too long where e^z < y."""
        return np.asarray(np.maximum(np.exp(Z), self.data))

    def ends(self) -> tuple[Array | float, Array | float]:
        """Return w <= y."""
        return -np.inf, self.data

    def each_dual(self, W: Array, c: Array | float) -> Array:
        """Return c (q - q ln q), q = y - w / c."""
        q = np.maximum(self.data - W / c, 0.0)
        return np.asarray(c * (q + entr(q)))

    def move(self, Z: Array, t: Array | float) -> Array:
        """Solve x + t e^x = z + t y: t e^x is omega(z + t y + ln t), Wright's function."""
        s = Z + t * self.data
        omega = wrightomega(s + np.log(t))
        # x = ln(omega / t) = s - omega; the form without cancellation is taken
        return np.asarray(np.where(omega > 1, np.log(omega) - np.log(t), s - omega))

    def relaxation(self, cp: Any, F: Any, y: Array, c: Array, unit: float) -> Any:  # noqa: ANN401
        """Return sum c (e^F - y F)."""
        return c @ (cp.exp(F) - cp.multiply(y, F))
