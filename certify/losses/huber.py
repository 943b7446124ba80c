"""Squared near the data, absolute beyond: outliers pull with a bounded force."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from certify.base.arrays import Array

from ._base import Loss
from ._entrywise import Entrywise


@dataclass(frozen=True, eq=False)
class Huber(Entrywise, Loss):
    """l(Z) = sum c h(z - y) over the observed entries,

        h(r) = r^2 / 2 for |r| <= delta,   delta |r| - delta^2 / 2 beyond.

    Y, weights, mask   as in Squared
    delta              delta > 0: where the two forms meet

        d(W) = sum w y - w^2 / (2 c),   |w| <= c delta

    c h(z - y) + w z is least at z = y - w / c, in the quadratic part, and unbounded below for
    |w| > c delta.

    Raises InputError for a delta that is not a finite number > 0.
    Source: Huber (1964).
    """

    Y: Any
    delta: float
    weights: Any = None
    mask: Any = None

    name = "huber"
    degree = 2
    intervals: ClassVar = {"delta": (0.0, np.inf)}
    measured = ("delta",)
    formula, title = "Σ {c}h(z − y)", "the Huber loss"
    curve = 1.0

    def each(self, Z: Array) -> Array:
        """Return h."""
        r = np.abs(Z - self.data)
        return np.where(r <= self.delta, 0.5 * r * r, self.delta * (r - 0.5 * self.delta))

    def slope(self, Z: Array) -> Array:
        """Return r, at most delta in modulus."""
        return np.clip(Z - self.data, -self.delta, self.delta)

    def second_derivative(self, Z: Array) -> Array:
        """Return h'(r) / r: 1 for |r| <= delta, and delta / |r| beyond."""
        return np.asarray(self.delta / np.maximum(np.abs(Z - self.data), self.delta))

    def ends(self) -> tuple[Array | float, Array | float]:
        """Return |w| <= delta."""
        return -self.delta, self.delta

    def each_dual(self, W: Array, c: Array | float) -> Array:
        """Return w y - w^2 / (2 c)."""
        return np.asarray(W * self.data - 0.5 * W * W / c)

    def move(self, Z: Array, t: Array | float) -> Array:
        """Shrink r to r / (1 + t), or by t delta where that is more than delta."""
        r = Z - self.data
        pull = np.clip(r * (t / (1 + t)), -t * self.delta, t * self.delta)
        return np.asarray(Z - pull)

    def relaxation(self, cp: Any, F: Any, y: Array, c: Array, unit: float) -> Any:  # noqa: ANN401
        """Return sum c h(F - y)."""
        return 0.5 * (c @ cp.huber(F - y, self.delta / unit))

    def glosses(self) -> list[str]:
        """Return the parameter."""
        return [f"h(r) = ½r² to |r| = δ, then δ|r| − ½δ², δ = {self.delta:.7g}"]
