"""Labels 0 and 1: the negative log-likelihood of log-odds."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import entr, expit, xlog1py

from certify.base.arrays import Array

from ._base import Loss
from ._entrywise import Plain
from ._roots import rising_zero


@dataclass(frozen=True, eq=False)
class Logistic(Plain, Loss):
    """l(Z) = sum c (ln(1 + e^z) - y z) over the observed entries, y = 0 or 1.

    Y, weights, mask   as in Squared

        d(W) = sum c (-q ln q - (1 - q) ln(1 - q)),   q = y - w / c,   0 <= q <= 1

    ln(1 + e^z) - q z is least where 1 / (1 + e^-z) = q, and unbounded below unless 0 <= q <= 1.

    Raises InputError for other labels than 0 and 1.
    Source: PCA of the exponential family, Collins, Dasgupta and Schapire (2001).
    """

    name = "logistic"
    labels = (0.0, 1.0)
    formula, title = "Σ {c}(ln(1 + eᶻ) − yz)", "the logistic loss"
    curve = 0.25

    def flip_zeros(self, Z: Array) -> Array:
        """Return x: z where y = 0, -z where y = 1."""
        return np.asarray(np.where(self.data == 1, -Z, Z))

    def each(self, Z: Array) -> Array:
        """Return ln(1 + e^x)."""
        return np.asarray(np.logaddexp(0.0, self.flip_zeros(Z)))

    def slope(self, Z: Array) -> Array:
        """Return 1 / (1 + e^-x) where y = 0, its negative where y = 1."""
        return self.flip_zeros(expit(self.flip_zeros(Z)))

    def second_derivative(self, Z: Array) -> Array:
        """Return p (1 - p), p = 1 / (1 + e^-z)."""
        p = expit(Z)
        return np.asarray(p * (1 - p))

    def ends(self) -> tuple[Array, Array]:
        """Return 0 <= w <= 1 where y = 1, -1 <= w <= 0 where y = 0."""
        return self.data - 1, self.data

    def each_dual(self, W: Array, c: Array | float) -> Array:
        """Return c (-a ln a - (1 - a) ln(1 - a)), a = |w| / c."""
        a = np.minimum(np.abs(W) / c, 1.0)
        return np.asarray(c * (entr(a) - xlog1py(1 - a, -a)))

    def move(self, Z: Array, t: Array | float) -> Array:
        """Solve x + t / (1 + e^-x) = x_0 between x_0 - t and x_0."""
        start = self.flip_zeros(Z)

        def off(x: Array) -> tuple[Array, Array]:
            """Return the equation's excess and slope."""
            p = expit(x)
            return x + t * p - start, 1 + t * p * (1 - p)

        return self.flip_zeros(rising_zero(off, start - t, start))

    def relaxation(self, cp: Any, F: Any, y: Array, c: Array, unit: float) -> Any:  # noqa: ANN401
        """Return sum c ln(1 + e^x), x = F where y = 0, -F where y = 1."""
        return c @ cp.logistic(cp.multiply(1 - 2 * y, F))
