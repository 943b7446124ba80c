"""Factors in coordinates where theta is smooth and cones are bounds.

With both norms of a slice in balance, theta is half the sum of their squares.  The square of
a norm whose ball is an ellipsoid has a gradient; that of a |x|_1 + b |x|_2 has one after
x = p - n, p, n >= 0, where |x|_1 = sum (p + n) at a minimum.  Others keep their proximal maps.
"""

from dataclasses import dataclass

import numpy as np

from certify.atoms import Atom, Factors
from certify.base.arrays import Array
from certify.norms import Gauge, Mixture


@dataclass(frozen=True)
class Side:
    """One factor's coordinates: x itself, or (p, n) with x = p - n."""

    norm: Gauge
    d: int

    @property
    def split(self) -> bool:
        """Whether coordinates are (p, n)."""
        return is_split(self.norm)

    @property
    def rows(self) -> int:
        """The number of coordinates of a column."""
        return 2 * self.d if self.split else self.d

    def into(self, X: Array) -> Array:
        """Return the coordinates of columns X."""
        return np.vstack([np.maximum(X, 0.0), np.maximum(-X, 0.0)]) if self.split else X

    def out(self, C: Array) -> Array:
        """Return the columns."""
        return np.asarray(C[: self.d] - C[self.d :]) if self.split else C

    def back(self, G: Array) -> Array:
        """Return the gradient in the coordinates from that in x."""
        return np.vstack([G, -G]) if self.split else G

    def bounds(self, r: int) -> tuple[Array, Array]:
        """Return the least and largest value of each coordinate, (rows, r)."""
        low, high = self.norm.sides(self.d)
        if self.split:
            low, high = np.zeros(2 * self.d), np.concatenate([high, -low])
        return np.repeat(low[:, None], r, axis=1), np.repeat(high[:, None], r, axis=1)

    def half_squares(self, C: Array) -> tuple[float, Array]:
        """Return 1/2 sum over columns of norm^2, and its gradient in the coordinates."""
        if not self.split:
            w = self.norm.ellipsoids(self.d).weights[:, None]
            return 0.5 * float((w * C * C).sum()), w * C
        mixture, X = self.norm.mixture or Mixture(1.0, 0.0), self.out(C)
        long = np.sqrt(np.square(X).sum(axis=0))
        size = mixture.a * C.sum(axis=0) + mixture.b * long
        turn = self.back(X / np.where(long > 0, long, 1.0))
        return 0.5 * float(size @ size), size * (mixture.a + mixture.b * turn)


def sides(atom: Atom, shape: tuple[int, int]) -> tuple[Side, ...]:
    """Return the sides of an atom: two, or the only one of a symmetric atom."""
    shapes = atom.shapes(shape)
    return tuple(Side(g, s[0]) for g, s in zip(atom.gauges, shapes, strict=True))


def smooth(atom: Atom) -> bool:
    """Whether every norm is smooth in these coordinates."""
    return all(has_gradient(g) for g in atom.gauges)


def has_gradient(norm: Gauge) -> bool:
    """Whether the norm's square has a gradient in these coordinates."""
    return (norm.exact and norm.is_round) or is_split(norm)


def is_split(norm: Gauge) -> bool:
    """Whether the norm is a |x|_1 + b |x|_2, which has a gradient in (p, n) but not in x."""
    return norm.mixture is not None and norm.mixture.edges is None


def both(factors: Factors) -> tuple[Array, Array]:
    """Return (U, V) with sum phi = U V^T; the same twice for a symmetric atom."""
    return factors[0], factors[-1]
