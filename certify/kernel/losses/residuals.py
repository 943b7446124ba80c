"""Losses of z - y: squares, Huber's, quantiles, absolute values."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..scalars import Enclosure, power
from .base import Grains, Loss, Spans, inner_dual, residuals, squared_over, weighted


class Squared(Loss):
    """h = 1/2 (z - y)**2: min 1/2 c (z - y)**2 + w z is w y - w**2 / (2c), at z = y - w/c.

    (`objective` and `dual_value` have a faster form of it.)
    """

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Accept any data."""
        del y, n
        return True

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose 1/2 sum c (z - y)**2."""
        r = residuals(z, y)
        return weighted(lambda x: x * x, r, c, 2 * r[1] - 1)

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Accept any w."""
        del w, y, c
        return True

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum w y - w**2 / (2c)."""
        return inner_dual(w, y) - squared_over(w, c, 2)


@dataclass(frozen=True)
class Huber(Loss):
    """h = r**2 / 2 for |r| <= delta, else delta |r| - delta**2 / 2; r = z - y.

    Its slopes are [-delta, delta], so d is finite for |w| <= c delta only; there the
    minimum of c h + w z is in the quadratic part, at r = -w/c: w y - w**2 / (2c).
    """

    delta: Fraction
    parameter = "delta"

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Accept any data."""
        del y, n
        return True

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c h: 2h is an integer on a grid that holds delta too."""
        ends = residuals(z, y, 1 - self.delta.denominator.bit_length())
        d = int(self.delta / power(ends[1]))

        def twice(r: int) -> int:
            """Return 2h."""
            return r * r if abs(r) <= d else d * (2 * abs(r) - d)

        return weighted(twice, ends, c, 2 * ends[1] - 1)

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether |w| <= c delta."""
        del y
        p, q = self.delta.numerator, self.delta.denominator
        return all(abs(v) * q <= x * p for v, x in zip(w, c, strict=True))

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum w y - w**2 / (2c)."""
        return inner_dual(w, y) - squared_over(w, c, 2)


@dataclass(frozen=True)
class Quantile(Loss):
    """h = tau (y - z) below y, (1 - tau)(z - y) above it.

    Its slopes are [-tau, 1 - tau], so d is finite iff -c (1 - tau) <= w <= c tau, and then
    c h + w z is least at z = y: w y.
    """

    tau: Fraction
    parameter = "tau"

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Accept any data."""
        del y, n
        return True

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c h in units of 1 / (the denominator of tau)."""
        p, q = self.tau.numerator, self.tau.denominator
        ends = residuals(z, y)
        found = weighted(lambda r: (q - p) * r if r > 0 else -p * r, ends, c, ends[1])
        return found.times(Fraction(1, q))

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether -c (1 - tau) <= w <= c tau."""
        del y
        p, q = self.tau.numerator, self.tau.denominator
        return all((p - q) * x <= v * q <= p * x for v, x in zip(w, c, strict=True))

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum w y."""
        del c
        return inner_dual(w, y)


class Absolute(Loss):
    """h = |z - y|: slopes [-1, 1], so |w| <= c, and then c h + w z is least at y: w y."""

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Accept any data."""
        del y, n
        return True

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c |z - y|."""
        ends = residuals(z, y)
        return weighted(abs, ends, c, ends[1])

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether |w| <= c."""
        del y
        return all(abs(v) <= x for v, x in zip(w, c, strict=True))

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum w y."""
        del c
        return inner_dual(w, y)
