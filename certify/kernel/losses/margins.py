"""Losses of y z for labels y = 1 and -1: hinge and squared hinge."""

from collections.abc import Sequence
from fractions import Fraction

from ..scalars import Enclosure
from .base import Grains, Loss, Spans, inner_dual, margins, signs, squared_over, weighted


class Hinge(Loss):
    """h = max(0, 1 - y z), y = 1 or -1.

    With x = y z and a = y w: c max(0, 1 - x) + a x is bounded below iff 0 <= a <= c, and
    then least at x = 1: a.
    """

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Accept -1 and 1."""
        del n
        return signs(y)

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c max(0, 1 - y z)."""
        ends = margins(z, y)
        return weighted(lambda r: max(r, 0), ends, c, ends[1])

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether 0 <= y w <= c."""
        return all(0 <= v * s <= x for v, s, x in zip(w, y.ints, c, strict=True))

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum y w."""
        del c
        return inner_dual(w, y)


class SquaredHinge(Loss):
    """h = max(0, 1 - y z)**2 (no factor 1/2), y = 1 or -1.

    With x = y z and a = y w: c max(0, 1 - x)**2 + a x is bounded below iff a >= 0, and
    then least at x = 1 - a / (2c): a - a**2 / (4c).
    """

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Accept -1 and 1."""
        del n
        return signs(y)

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c max(0, 1 - y z)**2."""
        ends = margins(z, y)
        return weighted(lambda r: max(r, 0) ** 2, ends, c, 2 * ends[1])

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether y w >= 0."""
        del c
        return all(v * s >= 0 for v, s in zip(w, y.ints, strict=True))

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum y w - w**2 / (4c)."""
        return inner_dual(w, y) - squared_over(w, c, 4)
