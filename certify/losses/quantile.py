"""The pinball loss: its minimizer is a quantile."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from certify.base.arrays import Array

from ._base import Loss
from ._entrywise import Entrywise


@dataclass(frozen=True, eq=False)
class Quantile(Entrywise, Loss):
    """l(Z) = sum c (tau (y - z)_+ + (1 - tau)(z - y)_+) over the observed entries.

    Y, weights, mask   as in Squared
    tau                0 < tau < 1: the level of the quantile that is fitted

        d(W) = sum w y,   -c (1 - tau) <= w <= c tau

    The slope in z is -c tau below y and c (1 - tau) above it, so the loss + w z is least at y,
    or unbounded below.  There is no gradient at y; `gradient` returns 0 there.

    Raises InputError for a tau that is not between 0 and 1.
    Source: Koenker and Bassett (1978).
    """

    Y: Any
    tau: float
    weights: Any = None
    mask: Any = None

    name = "quantile"
    degree = 1
    intervals: ClassVar = {"tau": (0.0, 1.0)}
    formula, title = "Σ {c}(τ(y − z)₊ + (1 − τ)(z − y)₊)", "the quantile loss"
    smooth = False

    def each(self, Z: Array) -> Array:
        """Return tau (-r)_+ + (1 - tau) r_+."""
        r = Z - self.data
        return np.maximum(-self.tau * r, (1 - self.tau) * r)

    def slope(self, Z: Array) -> Array:
        """Return -tau below y, 1 - tau above it, 0 at it."""
        r, (lo, hi) = Z - self.data, self.ends()
        return np.where(r > 0, -lo, np.where(r < 0, -hi, 0.0))

    def ends(self) -> tuple[Array | float, Array | float]:
        """Return -(1 - tau), rounded towards 0, and tau."""
        high = 1 - self.tau
        exact = Fraction(high) <= 1 - Fraction(self.tau)
        return -(high if exact else float(np.nextafter(high, 0.0))), self.tau

    def move(self, Z: Array, t: Array | float) -> Array:
        """Move r towards 0 by t (1 - tau) from above, t tau from below."""
        return np.asarray(Z - np.clip(Z - self.data, -t * self.tau, t * (1 - self.tau)))

    def relaxation(self, cp: Any, F: Any, y: Array, c: Array, unit: float) -> Any:  # noqa: ANN401
        """Return sum c (tau (y - F)_+ + (1 - tau)(F - y)_+)."""
        return c @ cp.maximum(self.tau * (y - F), (1 - self.tau) * (F - y))

    def glosses(self) -> list[str]:
        """Return the parameter."""
        return [f"τ = {self.tau:.7g}"]
