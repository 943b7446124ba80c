"""Absolute deviations: robust, and without a gradient at the data."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.base.arrays import Array

from ._base import Loss
from ._entrywise import Plain


@dataclass(frozen=True, eq=False)
class Absolute(Plain, Loss):
    """l(Z) = sum c |z - y| over the observed entries.

    Y, weights, mask   as in Squared

        d(W) = sum w y,   |w| <= c

    c |z - y| + w z is least at z = y, and unbounded below for |w| > c.  There is no gradient at
    z = y, where a good fit has many entries.  `gradient` returns 0 there, which is one of many
    subgradients; the dual point that certifies the fit may be another (pass it as `dual`).

    Raises InputError as Squared.  Source: robust PCA, Ke and Kanade (2005).
    """

    name = "absolute"
    degree = 1
    formula, title = "Σ {c}|z − y|", "absolute deviations"
    smooth = False

    def each(self, Z: Array) -> Array:
        """Return |r|."""
        return np.abs(Z - self.data)

    def slope(self, Z: Array) -> Array:
        """Return the sign of r."""
        return np.sign(Z - self.data)

    def ends(self) -> tuple[Array | float, Array | float]:
        """Return |w| <= 1."""
        return -1.0, 1.0

    def move(self, Z: Array, t: Array | float) -> Array:
        """Shorten r by t."""
        return np.asarray(Z - np.clip(Z - self.data, -t, t))

    def relaxation(self, cp: Any, F: Any, y: Array, c: Array, unit: float) -> Any:  # noqa: ANN401
        """Return sum c |F - y|."""
        return c @ cp.abs(F - y)
