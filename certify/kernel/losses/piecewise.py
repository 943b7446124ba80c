"""Losses whose slopes and curvature say all of d: of y - z, and of 1 - y z for labels y.

Squares, Huber's loss, quantiles, absolute values; hinge and squared hinge.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import mul
from typing import NamedTuple

from ..exp_log import FINE, ONE, Ends
from ..scalars import Enclosure, power
from .base import Grains, Loss, Spans, common_grid, enclosed_sum


class Slopes(NamedTuple):
    """The slopes of f are those between `low` and `high`, None where there is no end.

    square   f(r) = square / 4 r**2 where its slopes are between these; 0: f is linear beside 0
    """

    low: Fraction | None
    high: Fraction | None
    square: int = 0


class Piecewise(Loss):
    """h = f(r) >= f(0) = 0, where r = y - z; or, `labelled`, r = 1 - y z for y = 1 and -1.

    With a = w, or a = y w for labels, w z = w y - a r: for labels w z = a (1 - r), a = w y.
    So d(w) = w y + inf over r of c f(r) - a r.  That is finite iff a / c is a slope of f,
    low c <= a <= high c, and then least at r = 2 a / (square c), or at r = 0:

        d(w) = w y - w**2 / (square c),    or w y
    """

    labelled = False
    degree = 1  # of the unit of f

    @abstractmethod
    def slopes(self) -> Slopes:
        """Return the slopes of f and its curvature."""

    @abstractmethod
    def curve(self, exp: int) -> tuple[Callable[[int], int], int]:
        """Return g and k: f(r 2**exp) = g(r) 2**(degree exp) / k."""

    def grid(self) -> int:
        """Return the exponent of a grid with the numbers of f itself."""
        return 0

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Accept any data, or labels -1 and 1."""
        del n
        return not self.labelled or all(v in (-1.0, 1.0) for v in y)

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c f(r)."""
        arguments, e = margins(z, y) if self.labelled else residuals(z, y, self.grid())
        g, k = self.curve(e)
        ranges = zip(c.ints, (least_at_zero(g, r) for r in arguments), strict=True)
        ends = ((x * lo, x * hi) for x, (lo, hi) in ranges)
        return enclosed_sum(ends, self.degree * e + c.exp).times(Fraction(1, k))

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether low c <= a <= high c."""
        pairs = [*zip(map(mul, w, y.ints) if self.labelled else w, c, strict=True)]
        low, high, _ = self.slopes()
        above = low is None or all(a * low.denominator >= x * low.numerator for a, x in pairs)
        below = high is None or all(a * high.denominator <= x * high.numerator for a, x in pairs)
        return above and below

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum w y - w**2 / (square c)."""
        inner = Fraction(sum(map(mul, w, y.ints))) * power(y.exp)
        square = self.slopes().square
        return inner - squared_over(w, c, square) if square else inner


def residuals(z: Spans, y: Grains, least: int = 0) -> tuple[list[Ends], int]:
    """Return the ends of y - z, and their exponent."""
    z, y = common_grid(z, y, least)
    triples = zip(z.los, z.his, y.ints, strict=True)
    return [(v - hi, v - lo) for lo, hi, v in triples], z.exp


def margins(z: Spans, y: Grains) -> tuple[list[Ends], int]:
    """Return the ends of 1 - y z for y = 1 or -1, and their exponent."""
    z, y = common_grid(z, y)
    one = 1 << -z.exp
    triples = zip(z.los, z.his, y.ints, strict=True)
    return [(one - hi, one - lo) if v > 0 else (one + lo, one + hi) for lo, hi, v in triples], z.exp


def least_at_zero(f: Callable[[int], int], r: Ends) -> Ends:
    """Return the range of f on an interval; f falls below 0 and rises above it."""
    return f(min(max(r[0], 0), r[1])), max(f(r[0]), f(r[1]))


def squared_over(w: Sequence[int], c: Sequence[int], k: int) -> Fraction:
    """Return an upper bound of sum w**2 / (k c)."""
    total = sum(-((-v * v << FINE) // (k * x)) for v, x in zip(w, c, strict=True))
    return Fraction(total, ONE)


class Squared(Piecewise):
    """f = r**2 / 2.  (`objective` and `dual_value` have a faster form of it.)"""

    degree = 2

    def slopes(self) -> Slopes:
        """Return all slopes."""
        return Slopes(None, None, 2)

    def curve(self, exp: int) -> tuple[Callable[[int], int], int]:
        """Return r**2 and 2."""
        del exp
        return lambda r: r * r, 2


@dataclass(frozen=True)
class Huber(Piecewise):
    """f = r**2 / 2 for |r| <= delta, else delta |r| - delta**2 / 2."""

    delta: Fraction
    parameter = "delta"
    degree = 2

    @property
    def defined(self) -> bool:
        """Whether delta > 0."""
        return self.delta > 0

    def slopes(self) -> Slopes:
        """Return [-delta, delta]."""
        return Slopes(-self.delta, self.delta, 2)

    def grid(self) -> int:
        """Return that of delta."""
        return 1 - self.delta.denominator.bit_length()

    def curve(self, exp: int) -> tuple[Callable[[int], int], int]:
        """Return 2 f and 2; delta is an integer on the grid."""
        d = int(self.delta / power(exp))
        return lambda r: r * r if abs(r) <= d else d * (2 * abs(r) - d), 2


@dataclass(frozen=True)
class Quantile(Piecewise):
    """f = tau r above 0, (tau - 1) r below it."""

    tau: Fraction
    parameter = "tau"

    @property
    def defined(self) -> bool:
        """Whether 0 < tau < 1."""
        return 0 < self.tau < 1

    def slopes(self) -> Slopes:
        """Return [tau - 1, tau]."""
        return Slopes(self.tau - 1, self.tau)

    def curve(self, exp: int) -> tuple[Callable[[int], int], int]:
        """Return q f and q, the denominator of tau."""
        del exp
        p, q = self.tau.numerator, self.tau.denominator
        return lambda r: p * r if r > 0 else (p - q) * r, q


class Absolute(Piecewise):
    """f = |r|: twice the loss of the quantile 1/2."""

    def slopes(self) -> Slopes:
        """Return [-1, 1]."""
        return Slopes(Fraction(-1), Fraction(1))

    def curve(self, exp: int) -> tuple[Callable[[int], int], int]:
        """Return |r| and 1."""
        del exp
        return abs, 1


class Hinge(Piecewise):
    """f = max(0, r)."""

    labelled = True

    def slopes(self) -> Slopes:
        """Return [0, 1]."""
        return Slopes(Fraction(0), Fraction(1))

    def curve(self, exp: int) -> tuple[Callable[[int], int], int]:
        """Return max(0, r) and 1."""
        del exp
        return lambda r: max(r, 0), 1


class SquaredHinge(Piecewise):
    """f = max(0, r)**2 (no factor 1/2)."""

    labelled = True
    degree = 2

    def slopes(self) -> Slopes:
        """Return all slopes from 0 on."""
        return Slopes(Fraction(0), None, 4)

    def curve(self, exp: int) -> tuple[Callable[[int], int], int]:
        """Return max(0, r)**2 and 1."""
        del exp
        return lambda r: max(r, 0) ** 2, 1
