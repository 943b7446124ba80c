"""Factors in coordinates where theta is smooth and cones are bounds.

With both norms of a slice in balance, theta is half the sum of their squares.  The square
of l2, weighted and elastic norms has a gradient; l1 has one after x = p - n, p, n >= 0,
where |x|_1 = sum (p + n) at a minimum.  Other norms keep their proximal maps.
"""

from dataclasses import dataclass

import numpy as np

from certify.atoms import Atom, Factors, RankOne
from certify.base.arrays import Array
from certify.norms import Gauge, gauge

PLAIN, SPLIT = ("l2", "weighted"), ("l1", "elastic")


@dataclass(frozen=True)
class Side:
    """One factor's coordinates: x itself, or (p, n) with x = p - n."""

    norm: Gauge
    d: int

    @property
    def split(self) -> bool:
        """Whether coordinates are (p, n)."""
        return self.norm.name in SPLIT

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
            w = np.asarray(getattr(self.norm, "weights", 1.0)).reshape(-1, 1)
            return 0.5 * float((w * C * C).sum()), w * C
        share = float(getattr(self.norm, "alpha", 1.0))
        X = self.out(C)
        long = np.sqrt(np.square(X).sum(axis=0))
        size = share * C.sum(axis=0) + (1 - share) * long
        turn = self.back(X / np.where(long > 0, long, 1.0))
        return 0.5 * float(size @ size), size * (share + (1 - share) * turn)


def sides(atom: Atom, shape: tuple[int, int]) -> tuple[Side, ...]:
    """Return the sides of an atom: two, or the only one of a symmetric atom."""
    shapes = atom.shapes(shape)
    return tuple(Side(g, s[0]) for g, s in zip(norms(atom), shapes, strict=True))


def norms(atom: Atom) -> tuple[Gauge, ...]:
    """Return the norms of an atom's factors."""
    if isinstance(atom, RankOne):
        return atom.gauges
    return (gauge(getattr(atom, "norm")),)  # noqa: B009  a symmetric atom


def smooth(atom: Atom) -> bool:
    """Whether every norm is smooth in these coordinates."""
    return all(g.name in PLAIN + SPLIT for g in norms(atom))


def both(factors: Factors) -> tuple[Array, Array]:
    """Return (U, V) with sum phi = U V^T; the same twice for a symmetric atom."""
    return factors[0], factors[-1]
