"""Counts with mean z: the generalized Kullback-Leibler divergence."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import entr, kl_div

from certify.base.arrays import Array

from ._base import Loss
from ._entrywise import Entrywise, Plain


@dataclass(frozen=True, eq=False)
class KullbackLeibler(Plain, Loss):
    """l(Z) = sum c (z - y ln z + y ln y - y) over the observed entries, y >= 0.

    Y, weights, mask   as in Squared; infinite where z < 0, or z = 0 < y

        d(W) = sum c y ln(1 + w / c),   w >= -c  (> -c where y > 0)

    (c + w) z - c y ln z is least at z = c y / (c + w).  The gradient c (1 - y / z) has no
    Lipschitz constant.  At z = 0 = y it is c, one of many subgradients.

    Raises InputError for negative data.
    Source: Lee and Seung (2001).
    """

    name = "kullback_leibler"
    degree = 1
    positive = counts = True
    formula, title = "Σ {c}(z − y ln z + y ln y − y)", "the Kullback–Leibler divergence"

    def outside(self, Z: Array) -> str:
        """Name an entry where the loss is infinite."""
        wrong = Z[(Z < 0) | ((Z == 0) & (self.data > 0))]
        if not wrong.size:
            return ""
        return f"the fit must be >= 0, and > 0 where Y > 0; somewhere it is {wrong.min()}"

    def each(self, Z: Array) -> Array:
        """Return z - y ln z + y ln y - y."""
        return np.asarray(kl_div(self.data, Z))

    def slope(self, Z: Array) -> Array:
        """Return 1 - y / z; 1 where y = 0."""
        return np.where(self.data > 0, 1 - self.data / np.where(self.data > 0, Z, 1.0), 1.0)

    def second_derivative(self, Z: Array) -> Array:
        """Return y / z^2."""
        return np.asarray(self.data / np.square(np.where(self.data > 0, Z, 1.0)))

    def ends(self) -> tuple[Array | float, Array | float]:
        """Return w >= -1."""
        return -1.0, np.inf

    def each_dual(self, W: Array, c: Array | float) -> Array:
        """Return c y ln((c + w) / c); near w = -c the sum c + w is exact."""
        w = np.asarray(W / c)
        terms = np.where(w < -0.5, np.log((c + W) / c), np.log1p(w))  # noqa: PLR2004  Sterbenz
        return c * self.data * np.where(self.data > 0, terms, 0.0)

    def move(self, Z: Array, t: Array | float) -> Array:
        """Return the positive root of x^2 + (t - z) x = t y."""
        b = Z - t
        root = np.hypot(b, 2 * np.sqrt(t * self.data))
        # the conjugate form where b < 0: no cancellation
        return np.where(b >= 0, (b + root) / 2, 2 * t * self.data / np.where(b < 0, root - b, 1.0))

    def domain(self) -> tuple[Array | float, Array | float]:
        """Return the ends of the domain, which is open at the lower end where y > 0."""
        lo, hi = Entrywise.domain(self)
        return np.where(self.data > 0, np.nextafter(lo, 0.0), lo), hi

    def relaxation(self, cp: Any, F: Any, y: Array, c: Array, unit: float) -> Any:  # noqa: ANN401
        """Return sum c (F - y ln F + y ln y - y)."""
        some = np.flatnonzero(y > 0)
        logs = (c * y)[some] @ cp.log(F[some]) if len(some) else 0.0
        return c @ F - logs + float((c * (-entr(y) - y)).sum())
