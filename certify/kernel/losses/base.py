"""The base class of losses: data, value, dual value and its domain."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from copy import copy
from fractions import Fraction
from typing import NamedTuple

from ..exp_log import Elementary, Ends
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

    `group` entries share a weight: 1, or 0 for all entries of a row.  In `inside` and `dual`, w
    and c are integers in a common unit u.  The dual value of u c h at u w is u d, so u is left out.
    """

    group = 1
    parameter = ""  # the name of the loss's number in the statement
    signed = False  # whether h can be negative
    defined = True  # whether h is convex for that number
    by = Elementary()  # its enclosures of exp and log

    def within(self, by: Elementary) -> "Loss":
        """Return this loss with other enclosures of exp and log."""
        out = copy(self)
        out.by = by
        return out

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Whether these data, in rows of n, are in the loss's domain."""
        del n
        return all(map(self.allows, y))

    @abstractmethod
    def allows(self, y: float) -> bool:
        """Whether a number of the data is in the loss's domain."""

    @abstractmethod
    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose l(z)."""

    @abstractmethod
    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether w is in the domain of d; exact."""

    @abstractmethod
    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return a lower bound of d(w) = sum inf over z of c h(z; y) + w z, for w inside."""


def enclosed_sum(ends: Iterable[Ends], exp: int) -> Enclosure:
    """Sum [lo, hi] * 2**exp."""
    low = high = 0
    for lo, hi in ends:
        low, high = low + lo, high + hi
    return Enclosure(low * power(exp), high * power(exp))


def common_grid(z: Spans, y: Grains) -> tuple[Spans, Grains]:
    """Put z and y on one grid, at most 1."""
    e = min(z.exp, y.exp, 0)
    p, q = z.exp - e, y.exp - e
    spans = Spans([v << p for v in z.los], [v << p for v in z.his], e)
    return spans, Grains([v << q for v in y.ints], e)
