"""Coordinates of factors in which theta is smooth and the cones are bounds.

Scale may move from one factor of a component to another.  With each linf factor in its unit box and
the other p norms equal,

    theta = (1/p) sum_k |x^k|^p    over the factors that are not in a box.

This is smooth for a norm whose ball is an ellipsoid (p >= 2).  It is also smooth for
a |x|_1 + b |x|_2 after x = p - n with p, n >= 0, as |x|_1 = sum (p + n) at a minimum.  With fewer
than two such factors an amplitude c >= 0 joins them as a factor of length 1.  The one factor of a
symmetric component counts `copies` times.  Factors of other norms use proximal maps.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from certify.atoms import Atom, Factors
from certify.base.arrays import Array
from certify.norms import Gauge, Mixture
from certify.problem import Problem

VECTORS = ("pairs", "squares", "products")  # families of atoms that are products of vectors
LEAST = 2  # equal norms; one alone has no derivative at zero


def is_nonnegative(problem: Problem) -> bool:
    """Whether factors of a matrix are nonnegative under l2 norms, at lam > 0, without offsets."""
    plain = problem.atom.family == "pairs" and not problem.offsets and problem.lam > 0
    return plain and all(g.spherical and g.nonneg for g in problem.atom.gauges)


@dataclass(frozen=True)
class Side:
    """One factor's coordinates: x itself, or (p, n) with x = p - n."""

    norm: Gauge
    d: int

    @property
    def smooth(self) -> bool:
        """Whether theta is smooth in these coordinates."""
        ellipsoid = self.norm.exact and self.norm.is_round
        return ellipsoid or self.norm.cubic or self.split

    @property
    def split(self) -> bool:
        """Whether coordinates are (p, n): the norm is a |x|_1 + b |x|_2."""
        return self.norm.mixture is not None and self.norm.mixture.edges is None

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
        """Return the gradient in the coordinates from the gradient in x."""
        return np.vstack([G, -G]) if self.split else G

    def bounds(self, r: int) -> tuple[Array, Array]:
        """Return the bounds of each coordinate, (rows, r)."""
        low, high = self.norm.sides(self.d)
        if self.split:
            low, high = np.zeros(2 * self.d), np.concatenate([high, -low])
        return np.repeat(low[:, None], r, axis=1), np.repeat(high[:, None], r, axis=1)

    def power(self, C: Array, p: int) -> tuple[float, Array]:
        """Return 1/p sum over columns of norm^p, and its gradient in the coordinates."""
        if not self.split:
            w = self.norm.ellipsoids(self.d).weights[:, None]
            size = np.sqrt((w * C * C).sum(axis=0))
            return float((size**p).sum()) / p, w * C * size ** (p - 2)
        mixture, X = self.norm.mixture or Mixture(1.0, 0.0), self.out(C)
        long = np.sqrt(np.square(X).sum(axis=0)) if mixture.b else np.zeros(X.shape[1])
        size = mixture.a * C.sum(axis=0) + mixture.b * long
        turn = self.back(X / np.where(long > 0, long, 1.0))
        return float((size**p).sum()) / p, size ** (p - 1) * (mixture.a + mixture.b * turn)


@dataclass(frozen=True)
class FactorForm:
    """The coordinates of an atom's factors: one side for each factor, and its copies."""

    sides: tuple[Side, ...]
    copies: int

    @property
    def norms(self) -> list[Gauge]:
        """The norm of each mode."""
        return [s.norm for s in self.sides] * self.copies

    @cached_property
    def smooth(self) -> bool:
        """Whether theta is smooth in the coordinates."""
        return all(s.smooth for s in self.sides)

    @property
    def pair(self) -> bool:
        """Whether a component is u v^T."""
        return len(self.sides) == 2 and self.copies == 1  # noqa: PLR2004

    @property
    def inside_ball(self) -> tuple[bool, ...]:
        """Whether each factor stays in its norm's unit ball."""
        return tuple(s.norm.cubic for s in self.sides)

    @property
    def outer(self) -> bool:
        """Whether an amplitude is a factor."""
        return self.copies * self.inside_ball.count(False) < LEAST

    @property
    def power(self) -> int:
        """The power p of the equal norms."""
        return self.copies * self.inside_ball.count(False) + self.outer

    @property
    def rows(self) -> tuple[int, ...]:
        """The number of coordinates of a slice in each part of the vector."""
        return (*(s.rows for s in self.sides), *([1] if self.outer else []))

    def sizes(self, factors: Factors) -> Array:
        """Return the product of the norms of each slice, (r,)."""
        out = np.ones(factors[0].shape[-1])
        for s, x in zip(self.sides, factors, strict=True):
            out = out * np.asarray(s.norm.value(x)) ** self.copies
        return out

    def full(self, factors: Factors) -> Factors:
        """Return all K factors of the product."""
        return tuple(factors) * self.copies

    def units(self, factors: Factors) -> Factors:
        """Return the slices with every norm 1; a vector of norm 0 stays zero."""
        lengths = [np.asarray(s.norm.value(x)) for s, x in zip(self.sides, factors, strict=True)]
        return tuple(x / np.where(n > 0, n, 1.0) for x, n in zip(factors, lengths, strict=True))

    def scale(self, units: Factors, sizes: Array) -> Factors:
        """Return the slices at theta = sizes, with equal norms."""
        root = sizes ** (1.0 / (len(units) * self.copies))
        return tuple(x * root for x in units)

    def balance(self, factors: Factors) -> Factors:
        """Return the same slices with equal norms."""
        return self.scale(self.units(factors), self.sizes(factors))

    def into(self, factors: Factors) -> Array:
        """Return the coordinates as one vector."""
        root = self.sizes(factors) ** (1.0 / self.power)
        units = zip(self.sides, self.units(factors), self.inside_ball, strict=True)
        parts = [s.into(x if box else x * root).reshape(-1) for s, x, box in units]
        return np.concatenate([*parts, *([root] if self.outer else [])])

    def unpack(self, c: Array) -> list[Array]:
        """Cut the vector into parts (rows, r)."""
        r = c.size // sum(self.rows)
        cuts = np.cumsum([n * r for n in self.rows])[:-1]
        return [p.reshape(n, r) for n, p in zip(self.rows, np.split(c, cuts), strict=True)]

    def out(self, c: Array) -> Factors:
        """Return the balanced factors, inside their cones."""
        parts = self.unpack(c)
        pairs = zip(self.sides, parts, strict=False)  # without an amplitude
        factors = tuple(s.norm.project_cone(s.out(p)) for s, p in pairs)
        if not self.outer:
            return self.balance(factors)
        return self.scale(self.units(factors), self.sizes(factors) * parts[-1][0])

    def bounds(self, r: int) -> tuple[Array, Array]:
        """Return the bounds of each coordinate."""
        ends = [s.bounds(r) for s in self.sides]
        low, high = ([e[k] for e in ends] for k in (0, 1))
        for k, box in enumerate(self.inside_ball):
            if box:
                low[k], high[k] = np.maximum(low[k], -1.0), np.minimum(high[k], 1.0)
        if self.outer:
            low.append(np.zeros((1, r)))
            high.append(np.full((1, r), np.inf))
        flat = [np.concatenate([x.reshape(-1) for x in e]) for e in (low, high)]
        return flat[0], flat[1]

    def price(self, parts: list[Array]) -> tuple[float, list[Array]]:
        """Return sum theta and its gradient in each part."""
        total, slopes, p = 0.0, [], self.power
        for s, c, box in zip(self.sides, parts, self.inside_ball, strict=False):
            value, slope = (0.0, np.zeros_like(c)) if box else s.power(c, p)
            total += self.copies * value
            slopes.append(self.copies * slope)
        if self.outer:
            total += float((parts[-1] ** p).sum()) / p
            slopes.append(parts[-1] ** (p - 1))
        return total, slopes


def form_of(atom: Atom, dims: tuple[int, ...]) -> FactorForm:
    """Return the coordinates of an atom's factors, for the data's shape."""
    if atom.family not in VECTORS:
        raise TypeError(f"products of vectors are needed, got {type(atom).__name__}")
    if atom.parts == 1:
        return FactorForm((Side(atom.gauges[0], dims[0]),), len(dims))
    return FactorForm(tuple(Side(g, d) for g, d in zip(atom.gauges, dims, strict=True)), 1)
