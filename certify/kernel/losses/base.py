"""What a loss is: its data, its value, the domain of its dual value and a lower bound of it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from copy import copy
from fractions import Fraction
from typing import NamedTuple, Self

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

    `group` entries share a weight: one, or a row (0).  In `inside` and `dual` w and c are
    integers in one unit u of any size: c h has the dual value u d, so u is left out.
    """

    group = 1
    parameter = ""  # the name of the loss's number in the statement
    signed = False  # whether h can be negative
    by = Elementary()  # how exp and log are enclosed

    def within(self, by: Elementary) -> Self:
        """Return this loss with other enclosures of exp and log."""
        out = copy(self)
        vars(out)["by"] = by
        return out

    @property
    def defined(self) -> bool:
        """Whether the loss's number is one for which h is convex."""
        return True

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
        """Whether w is in the domain of d, exactly."""

    @abstractmethod
    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return a lower bound of d(w) = inf over z of c h(z; y) + w z, summed; w inside."""


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
