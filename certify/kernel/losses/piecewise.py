"""Losses given by an interval of slopes and a curvature: of y - z, or of 1 - y z for labels y.

Squares, Huber's loss, quantiles, absolute values; hinge and squared hinge.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import inf, lcm
from operator import mul

from ..exp_log import FINE, ONE, Ends
from ..scalars import Enclosure, power
from .base import Grains, Loss, Spans, common_grid, enclosed_sum


class Piecewise(Loss):
    """h = f(r) >= f(0) = 0, where r = y - z; or, `labelled`, r = 1 - y z for y = 1 and -1.

        f(r) = max { a r - a**2 / square : low <= a <= high },    or max { a r } if square = 0

    With a = w, or a = y w for labels, w z = w y - a r: for labels w z = a (1 - r), a = w y.
    So d(w) = w y + inf over r of c f(r) - a r.  That is finite iff a / c is a slope of f,
    low c <= a <= high c, and then least at r = 2 a / (square c), or at r = 0:

        d(w) = w y - w**2 / (square c),    or w y

    low, high  the ends of the slopes of f; None means that there is no end
    square     f(r) = square / 4 r**2 until a slope is at an end; 0 means that f is linear beside 0
    """

    low: Fraction | None = None
    high: Fraction | None = None
    square = 0
    labelled = False

    def curve(self, exp: int) -> tuple[Callable[[int], int], Fraction]:
        """Return g and u with f(r 2**exp) = g(r) u for every integer r; exp <= 0.

        The largest value is at the slope square / 2 r 2**exp, moved to the nearer end if it is
        outside.  Slopes are integers in units of 2**exp / (2k), k the denominator of the ends.
        """
        low, high, square = self.low, self.high, self.square
        k = lcm(*(x.denominator for x in (low, high) if x is not None))
        least = -inf if low is None else int(2 * k * low) << -exp
        most = inf if high is None else int(2 * k * high) << -exp

        def g(r: int) -> int:
            """Return f in units of u."""
            if not square:
                return int(most if r > 0 else least) * r
            a = int(min(max(square * k * r, least), most))
            return a * (2 * k * square * r - a)

        return g, power(2 * exp) / (4 * k * k * square or 2 * k)

    def allows(self, y: float) -> bool:
        """Accept any number, or labels -1 and 1."""
        return not self.labelled or abs(y) == 1.0

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c f(r)."""
        arguments, e = margins(z, y) if self.labelled else residuals(z, y)
        g, unit = self.curve(e)
        ranges = zip(c.ints, (least_at_zero(g, r) for r in arguments), strict=True)
        return enclosed_sum(((x * lo, x * hi) for x, (lo, hi) in ranges), c.exp).times(unit)

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether low c <= a <= high c for each entry."""
        pairs = [*zip(map(mul, w, y.ints) if self.labelled else w, c, strict=True)]
        low, high = self.low, self.high
        above = low is None or all(a * low.denominator >= x * low.numerator for a, x in pairs)
        below = high is None or all(a * high.denominator <= x * high.numerator for a, x in pairs)
        return above and below

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum w y - w**2 / (square c)."""
        inner = Fraction(sum(map(mul, w, y.ints))) * power(y.exp)
        return inner - squared_over(w, c, self.square) if self.square else inner


def residuals(z: Spans, y: Grains) -> tuple[list[Ends], int]:
    """Return the ends of y - z, and their exponent, at most 0."""
    z, y = common_grid(z, y)
    triples = zip(z.los, z.his, y.ints, strict=True)
    return [(v - hi, v - lo) for lo, hi, v in triples], z.exp


def margins(z: Spans, y: Grains) -> tuple[list[Ends], int]:
    """Return the ends of 1 - y z = y (y - z) for y = 1 or -1, and their exponent."""
    ends, exp = residuals(z, y)
    pairs = zip(ends, y.ints, strict=True)
    return [(low, high) if v > 0 else (-high, -low) for (low, high), v in pairs], exp


def least_at_zero(f: Callable[[int], int], r: Ends) -> Ends:
    """Return the range of f on an interval; f decreases up to 0 and increases from there."""
    ends = f(r[0]), f(r[1])
    return f(0) if r[0] < 0 < r[1] else min(ends), max(ends)


def squared_over(w: Sequence[int], c: Sequence[int], k: int) -> Fraction:
    """Return an upper bound of sum w**2 / (k c)."""
    total = sum(-((-v * v << FINE) // (k * x)) for v, x in zip(w, c, strict=True))
    return Fraction(total, ONE)


class Squared(Piecewise):
    """f = r**2 / 2.  (`objective` and `dual_value` have a faster form of it.)"""

    square = 2


class Huber(Piecewise):
    """f = r**2 / 2 for |r| <= delta, else delta |r| - delta**2 / 2; slopes in [-delta, delta]."""

    parameter = "delta"
    square = 2

    def __init__(self, delta: Fraction) -> None:
        self.low, self.high, self.defined = -delta, delta, delta > 0


class Quantile(Piecewise):
    """f = tau r for r >= 0, (tau - 1) r for r < 0."""

    parameter = "tau"

    def __init__(self, tau: Fraction) -> None:
        self.low, self.high, self.defined = tau - 1, tau, 0 < tau < 1


class Absolute(Piecewise):
    """f = |r|: twice the loss of the quantile 1/2."""

    low, high = Fraction(-1), Fraction(1)


class Hinge(Piecewise):
    """f = max(0, r)."""

    low, high = Fraction(0), Fraction(1)
    labelled = True


class SquaredHinge(Piecewise):
    """f = max(0, r)**2 (no factor 1/2)."""

    low = Fraction(0)
    square = 4
    labelled = True
