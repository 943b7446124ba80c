"""Labels -1 and 1 with a margin, as a support vector machine has them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.base.arrays import Array

from ._base import Loss
from ._entrywise import Plain


@dataclass(frozen=True, eq=False)
class Hinge(Plain, Loss):
    """l(Z) = sum c max(0, 1 - y z) over the observed entries, y = -1 or 1.

    Y, weights, mask   as in Squared

        d(W) = sum y w,   0 <= y w <= c

    With x = y z, c max(0, 1 - x) + (y w) x is least at x = 1, or unbounded below.  There is no
    gradient at x = 1; `gradient` returns 0 there.

    Raises InputError for other labels than -1 and 1.
    Source: maximum-margin matrix factorization, Srebro, Rennie and Jaakkola (2005).
    """

    name = "hinge"
    labels = (-1.0, 1.0)
    formula, title = "Σ {c}(1 − yz)₊", "the hinge loss"
    smooth = False

    def each(self, Z: Array) -> Array:
        """Return max(0, 1 - y z)."""
        return np.maximum(0.0, 1 - self.data * Z)

    def slope(self, Z: Array) -> Array:
        """Return -y where y z < 1."""
        return np.where(self.data * Z < 1, -self.data, 0.0)

    def ends(self) -> tuple[Array | float, Array | float]:
        """Return 0 <= y w <= 1."""
        return np.minimum(self.data, 0.0), np.maximum(self.data, 0.0)

    def move(self, Z: Array, t: Array | float) -> Array:
        """Raise y z by t, but not beyond 1."""
        return np.asarray(Z + self.data * np.clip(1 - self.data * Z, 0.0, t))

    def relaxation(self, cp: Any, F: Any, y: Array, c: Array, unit: float) -> Any:  # noqa: ANN401
        """Return sum c (1 - y F)_+."""
        return c @ cp.pos(1 - cp.multiply(y, F))
