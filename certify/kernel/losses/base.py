"""What a loss is: its data, its value, the domain of its dual value and a lower bound of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from operator import mul
from typing import NamedTuple

from ..exp_log import FINE, ONE, Ends
from ..scalars import Enclosure, power


class Grains(NamedTuple):
    """Numbers that are integers times 2**exp."""

    ints: Sequence[int]
    exp: int


class Spans(NamedTuple):
    """Intervals [lo, hi] * 2**exp, one for each observed entry."""

    los: Sequence[int]
    his: Sequence[int]
    exp: int


class Loss(ABC):
    """A convex loss l(z) = sum of c h(z; y) over groups of entries, weights c > 0.

    `group` entries share a weight: one, or a row (0).  In `inside` and `dual` w and c are
    integers in one unit u of any size: c h has the dual value u d, so u is left out.
    """

    group = 1
    parameter = ""  # the name of the loss's number in the statement
    signed = False  # whether h can be negative

    @abstractmethod
    def labels(self, y: Sequence[float], n: int) -> bool:
        """Whether these data, in rows of n, are in the loss's domain."""

    @abstractmethod
    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose l(z)."""

    @abstractmethod
    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether w is in the domain of d, exactly."""

    @abstractmethod
    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return a lower bound of d(w) = inf over z of c h(z; y) + w z, summed; w inside."""


def enclosed(ends: Iterable[Ends], exp: int) -> Enclosure:
    """Sum [lo, hi] * 2**exp."""
    low = high = 0
    for lo, hi in ends:
        low, high = low + lo, high + hi
    return Enclosure(low * power(exp), high * power(exp))


def aligned(z: Spans, y: Grains, least: int = 0) -> tuple[Spans, Grains]:
    """Put z and y on one grid, at most 2**least."""
    e = min(z.exp, y.exp, least)
    p, q = z.exp - e, y.exp - e
    spans = Spans([v << p for v in z.los], [v << p for v in z.his], e)
    return spans, Grains([v << q for v in y.ints], e)


def residuals(z: Spans, y: Grains, least: int = 0) -> tuple[list[Ends], int]:
    """Return the ends of z - y, and their exponent."""
    z, y = aligned(z, y, least)
    triples = zip(z.los, z.his, y.ints, strict=True)
    return [(lo - v, hi - v) for lo, hi, v in triples], z.exp


def margins(z: Spans, y: Grains) -> tuple[list[Ends], int]:
    """Return the ends of 1 - y z for y = 1 or -1, and their exponent."""
    z, y = aligned(z, y)
    one = 1 << -z.exp
    triples = zip(z.los, z.his, y.ints, strict=True)
    return [(one - hi, one - lo) if v > 0 else (one + lo, one + hi) for lo, hi, v in triples], z.exp


def least_at_zero(f: Callable[[int], int], r: Ends) -> Ends:
    """Return the range of f on an interval; f falls below 0 and rises above it."""
    return f(min(max(r[0], 0), r[1])), max(f(r[0]), f(r[1]))


def weighted(
    f: Callable[[int], int], ends: tuple[list[Ends], int], c: Grains, exp: int
) -> Enclosure:
    """Enclose sum c f(r) * 2**exp (and 2**c.exp)."""
    ranges = (least_at_zero(f, r) for r in ends[0])
    parts = ((k * lo, k * hi) for k, (lo, hi) in zip(c.ints, ranges, strict=True))
    return enclosed(parts, exp + c.exp)


def inner_dual(w: Sequence[int], y: Grains) -> Fraction:
    """Return sum w y."""
    return Fraction(sum(map(mul, w, y.ints))) * power(y.exp)


def squared_over(w: Sequence[int], c: Sequence[int], k: int) -> Fraction:
    """Return an upper bound of sum w**2 / (k c)."""
    total = sum(-((-v * v << FINE) // (k * x)) for v, x in zip(w, c, strict=True))
    return Fraction(total, ONE)


def signs(y: Sequence[float]) -> bool:
    """Whether all labels are -1 or 1."""
    return all(v in (-1.0, 1.0) for v in y)
