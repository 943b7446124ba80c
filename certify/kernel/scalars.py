"""Exact rationals, intervals that contain a number, and proved bounds."""

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple


class Enclosure(NamedTuple):
    """An interval [lo, hi] that contains the true value."""

    lo: Fraction
    hi: Fraction

    def plus(self, other: "Enclosure") -> "Enclosure":
        """Add two enclosures."""
        return Enclosure(self.lo + other.lo, self.hi + other.hi)

    def times(self, c: Fraction) -> "Enclosure":
        """Scale by c >= 0."""
        return Enclosure(self.lo * c, self.hi * c)


def exactly(x: Fraction) -> Enclosure:
    """Return the point interval."""
    return Enclosure(x, x)


ZERO = exactly(Fraction(0))


def power(e: int) -> Fraction:
    """Return 2**e."""
    return Fraction(1 << e) if e >= 0 else Fraction(1, 1 << -e)


def root(x: Fraction, bits: int = 128) -> Enclosure:
    """Enclose the square root of x >= 0 to a relative 2**(1 - bits)."""
    p, q = x.numerator, x.denominator
    shift = max(0, 2 * bits - p.bit_length() + q.bit_length())
    shift += shift % 2
    r = math.isqrt((p << shift) // q)
    exact = r * r * q == p << shift
    unit = power(-(shift // 2))
    return Enclosure(r * unit, (r + (not exact)) * unit)


def add_all(parts: Iterable[Enclosure]) -> Enclosure:
    """Add enclosures."""
    out = ZERO
    for p in parts:
        out = out.plus(p)
    return out


class Bound(NamedTuple):
    """A proved number and the rules that proved it."""

    value: Fraction
    rules: tuple[str, ...]
