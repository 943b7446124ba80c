"""A loss for counts that is finite everywhere, for factors without signs.

    below z_0 = DELTA y:   h(z_0) + h'(z_0) (z - z_0) + (z - z_0)^2 / (2 DELTA^2 max(y, mean y))

It is at most h, and W = -c h' is always in the domain of h's own d, so W gives a lower bound for h
itself.  An optimum with z >= z_0 and z > 0 is an optimum for h.
"""

from functools import cached_property
from typing import Any, Self

import numpy as np

from certify.base.arrays import Array
from certify.losses import Entrywise

DELTA = 0.125  # of y: the fit below which h is replaced


class Extended(Entrywise):
    """A Kullback-Leibler divergence, extended to all z."""

    quadratic = False

    def __init__(self, inner: Entrywise, mean: float) -> None:
        """Extend a loss; mean: that of all data, also of those that `restrict` leaves out."""
        self.inner, self.mean = inner, mean
        self.data, self.scale = inner.data, inner.scale

    def restrict(self, at: Any, kind: Any = None) -> Self:  # noqa: ANN401  indices, a dtype
        """Return the loss at some entries."""
        return type(self)(self.inner.restrict(at, kind), self.mean)

    @cached_property
    def start(self) -> Array:
        """z_0, below which the loss differs from h."""
        return np.asarray(DELTA * self.data)

    @cached_property
    def steep(self) -> Array:
        """The second derivative below z_0."""
        return np.asarray(1 / (DELTA**2 * np.maximum(self.data, self.mean)))

    def each(self, Z: Array) -> Array:
        """Return the loss of each entry."""
        z = np.maximum(Z, self.start)
        short = Z - z
        far = (self.inner.slope(z) + 0.5 * self.steep * short) * short
        return np.asarray(self.inner.each(z) + far)

    def slope(self, Z: Array) -> Array:
        """Return the derivative of each entry's loss."""
        z = np.maximum(Z, self.start)
        return np.asarray(self.inner.slope(z) + self.steep * (Z - z))

    def second_derivative(self, Z: Array) -> Array:
        """Return the second derivative of each entry's loss."""
        inside = self.start <= Z
        return np.where(inside, self.inner.second_derivative(np.maximum(Z, self.start)), self.steep)

    def each_dual(self, W: Array, c: Array | float) -> Array:
        """Return the dual value of h for each entry."""
        return self.inner.each_dual(W, c)

    def ends(self) -> tuple[Array | float, Array | float]:
        """Return the ends of the domain of h's dual."""
        return self.inner.ends()

    def move(self, Z: Array, t: Array | float) -> Array:
        """Raise NotImplementedError: descents use the slope alone."""
        raise NotImplementedError(f"no proximal map for {t} at {Z}")
