"""The lp norms: l1, l2 and linf, and the l2 norm of all but an unpriced bias."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..arrays import absolutes_exactly, squares_exactly
from ..scalars import Enclosure, exactly
from .base import Norm, euclidean


@dataclass(frozen=True)
class L1(Norm):
    """|x|_1 = sum |x_i|; its dual norm is max |y_i|."""

    name = "l1"
    line = "max"
    summed = True  # x <= y = |u|_1 <= 1

    def lengths(self, x: Sequence[float]) -> tuple[Enclosure, Enclosure]:
        """Return both exactly."""
        size = absolutes_exactly(x)
        return exactly(size), exactly(size * size)

    def support(self, p: Sequence[Fraction]) -> Fraction:
        """Return max p."""
        return max(p)


@dataclass(frozen=True)
class L2(Norm):
    """|x|_2, its own dual norm."""

    name = "l2"
    line = "root"

    def lengths(self, x: Sequence[float]) -> tuple[Enclosure, Enclosure]:
        """Return the root of the square, which is exact."""
        return euclidean(squares_exactly(x))


@dataclass(frozen=True)
class Biased(L2):
    """The l2 norm of all coordinates but the last; only a network with a free bias has it."""

    name = "biased"
    line = ""

    def lengths(self, x: Sequence[float]) -> tuple[Enclosure, Enclosure]:
        """Return the length of all coordinates but the last."""
        return euclidean(squares_exactly(x[:-1]))


@dataclass(frozen=True)
class LInf(Norm):
    """|x|_inf = max |x_i|; its unit ball is a cube, its dual norm is sum |y_i|."""

    name = "linf"
    line = "sum"

    def lengths(self, x: Sequence[float]) -> tuple[Enclosure, Enclosure]:
        """Return both exactly."""
        size = max((abs(Fraction(v)) for v in x), default=Fraction(0))
        return exactly(size), exactly(size * size)

    def positive_cost(self, d: Sequence[Fraction]) -> Fraction:
        """Return sum d_i, the value at a vertex."""
        return sum(d, Fraction(0))

    def support(self, p: Sequence[Fraction]) -> Fraction:
        """Return sum p."""
        return sum(p, Fraction(0))
