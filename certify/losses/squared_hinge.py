"""Labels -1 and 1 with a margin, its violation squared."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.base.arrays import Array

from ._base import Loss
from ._entrywise import Plain


@dataclass(frozen=True, eq=False)
class SquaredHinge(Plain, Loss):
    """l(Z) = sum c max(0, 1 - y z)^2 over the observed entries, y = -1 or 1.

    Y, weights, mask   as in Squared

    There is no factor 1/2, as in the "squared_hinge" of LinearSVC.

        d(W) = sum y w - w^2 / (4 c),   y w >= 0

    With x = y z, c max(0, 1 - x)^2 + (y w) x is least at x = 1 - y w / (2 c), or unbounded below.

    Raises InputError for other labels than -1 and 1.
    Source: Fan, Chang, Hsieh, Wang and Lin (2008), LIBLINEAR.
    """

    name = "squared_hinge"
    labels = (-1.0, 1.0)
    formula, title = "Σ {c}(1 − yz)₊²", "the squared hinge loss"
    curve = 2.0

    def each(self, Z: Array) -> Array:
        """Return max(0, 1 - y z)^2."""
        return np.square(np.maximum(0.0, 1 - self.data * Z))

    def slope(self, Z: Array) -> Array:
        """Return -2 y max(0, 1 - y z)."""
        return np.asarray(-2 * self.data * np.maximum(0.0, 1 - self.data * Z))

    def second_derivative(self, Z: Array) -> Array:
        """Return 2 where the margin is violated."""
        return np.asarray(2 * (self.data * Z < 1).astype(Z.dtype))

    def ends(self) -> tuple[Array | float, Array | float]:
        """Return y w >= 0."""
        positive = self.data > 0
        return np.where(positive, 0.0, -np.inf), np.where(positive, np.inf, 0.0)

    def each_dual(self, W: Array, c: Array | float) -> Array:
        """Return y w - w^2 / (4 c)."""
        return np.asarray(W * self.data - 0.25 * W * W / c)

    def move(self, Z: Array, t: Array | float) -> Array:
        """Close 2t / (1 + 2t) of the gap between y z and 1."""
        gap = np.maximum(0.0, 1 - self.data * Z)
        return np.asarray(Z + self.data * gap * (2 * t / (1 + 2 * t)))

    def relaxation(self, cp: Any, F: Any, y: Array, c: Array, unit: float) -> Any:  # noqa: ANN401
        """Return sum c (1 - y F)_+^2."""
        return c @ cp.square(cp.pos(1 - cp.multiply(y, F)))
