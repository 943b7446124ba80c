"""Coordinates of CP factors in which theta is smooth and the cones are bounds.

A slice may be scaled from one factor to another.  With a linf factor y kept in its unit box
and the other p norms in balance,

    theta = (1/p) sum_k |x^k|^p    over the factors that are not in a box,

smooth for l2 (p >= 2), and for l1 after x = a - b, a, b >= 0, |x|_1 = sum (a + b).  With
fewer than two such factors an amplitude c >= 0 joins them as a factor of length 1.
A symmetric slice is its one factor `copies` times.
"""

from dataclasses import dataclass

import numpy as np

from certify.atoms import Atom, Factors
from certify.base.arrays import Array

from .pairs import Side

LEAST = 2  # norms in balance; one alone has no slope at zero


@dataclass(frozen=True)
class Form:
    """The coordinates of a CP atom's factors: sides (one a factor), and copies of each."""

    sides: tuple[Side, ...]
    copies: int

    @property
    def boxed(self) -> tuple[bool, ...]:
        """Whether each factor stays in its norm's unit ball."""
        return tuple(s.norm.cubic for s in self.sides)

    @property
    def outer(self) -> bool:
        """Whether an amplitude is a factor."""
        return self.copies * self.boxed.count(False) < LEAST

    @property
    def power(self) -> int:
        """The power p of the norms in balance."""
        return self.copies * self.boxed.count(False) + self.outer

    @property
    def rows(self) -> tuple[int, ...]:
        """The number of coordinates of a slice in each part."""
        return (*(s.rows for s in self.sides), *([1] if self.outer else []))

    def sizes(self, factors: Factors) -> Array:
        """Return the product of the norms, (r,): theta, whatever the form."""
        out = np.ones(factors[0].shape[-1])
        for s, x in zip(self.sides, factors, strict=True):
            out = out * np.asarray(s.norm.value(x)) ** self.copies
        return out

    def full(self, factors: Factors) -> Factors:
        """Return all K factors of the product."""
        return tuple(factors) * self.copies

    def units(self, factors: Factors) -> Factors:
        """Return the slices with every norm 1 (zero where a norm is)."""
        out = []
        for s, x in zip(self.sides, factors, strict=True):
            size = np.asarray(s.norm.value(x))
            out.append(x / np.where(size > 0, size, 1.0))
        return tuple(out)

    def scaled(self, units: Factors, sizes: Array) -> Factors:
        """Return slices of theta `sizes`, all norms equal."""
        root = sizes ** (1.0 / (len(units) * self.copies))
        return tuple(x * root for x in units)

    def balanced(self, factors: Factors) -> Factors:
        """Return the same slices, all norms equal: then both forms of theta agree."""
        return self.scaled(self.units(factors), self.sizes(factors))

    def into(self, factors: Factors) -> Array:
        """Return the coordinates as one vector."""
        root = self.sizes(factors) ** (1.0 / self.power)
        units = zip(self.sides, self.units(factors), self.boxed, strict=True)
        parts = [s.into(x if box else x * root).reshape(-1) for s, x, box in units]
        return np.concatenate([*parts, *([root] if self.outer else [])])

    def parted(self, c: Array) -> list[Array]:
        """Cut the vector into parts (rows, r)."""
        r = c.size // sum(self.rows)
        cuts = np.cumsum([n * r for n in self.rows])[:-1]
        return [p.reshape(n, r) for n, p in zip(self.rows, np.split(c, cuts), strict=True)]

    def out(self, c: Array) -> Factors:
        """Return the factors, balanced, inside their cones."""
        parts = self.parted(c)
        held = tuple(s.norm.project_cone(s.out(p)) for s, p in self.paired(parts))
        if not self.outer:
            return self.balanced(held)
        return self.scaled(self.units(held), self.sizes(held) * parts[-1][0])

    def paired(self, parts: list[Array]) -> list[tuple[Side, Array]]:
        """Return each side with its part."""
        return list(zip(self.sides, parts, strict=False))

    def bounds(self, r: int) -> tuple[Array, Array]:
        """Return the least and the largest value of each coordinate."""
        ends = [s.bounds(r) for s in self.sides]
        low, high = ([e[k] for e in ends] for k in (0, 1))
        for k, box in enumerate(self.boxed):
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
        for (s, c), box in zip(self.paired(parts), self.boxed, strict=True):
            if box:
                slopes.append(np.zeros_like(c))
                continue
            size = c.sum(axis=0) if s.split else np.sqrt(np.square(c).sum(axis=0))
            total += self.copies / p * float((size**p).sum())
            turn = size ** (p - 1) if s.split else c * size ** (p - 2)
            slopes.append(self.copies * turn * np.ones_like(c))
        if self.outer:
            total += float((parts[-1] ** p).sum()) / p
            slopes.append(parts[-1] ** (p - 1))
        return total, slopes


def form_of(atom: Atom, dims: tuple[int, ...]) -> Form:
    """Return the coordinates of a CP atom's factors, for the tensor's shape."""
    if atom.family != "products":
        raise TypeError(f"products of vectors are needed, got {type(atom).__name__}")
    if atom.parts == 1:
        return Form((Side(atom.gauges[0], dims[0]),), len(dims))
    return Form(tuple(Side(g, d) for g, d in zip(atom.gauges, dims, strict=True)), 1)
