"""A layer's polar and a part of its ball: what the bounds of a leaf depend on."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Generic, NamedTuple

from ..arithmetic import Arithmetic, H
from ..arrays import Array, rows_of
from ..spaces import Network


def pull_back(ar: Arithmetic[H], net: Network, w: H) -> H:
    """Return W^T on the rows of F: (outputs, rows)."""
    m, n = net.at.m, net.at.n
    turned = ar.unfold(w, net.at, (1, 0), n)
    rows = len(net.samples)
    if net.samples == range(m):
        return turned
    ar.budget.hold(rows * m, f"{rows} rows of {m} samples")
    pool = array("d", bytes(8 * rows * m))
    for i, k in enumerate(net.samples):
        if k >= 0:
            pool[i * m + k] = 1.0
    return ar.multiply(turned, ar.load(Array((rows, m), pool)))


class Region(NamedTuple):
    """What holds in a part: which sign of w^T s counts, and (kind, index, sign) of its cuts."""

    sign: int = 0
    cuts: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True)
class Case(Generic[H]):
    """One polar of a network: (c, m) the dual point on the rows of F, and the rows of cuts.

    omega  of one output: the same, exactly
    rows   the rows of F; radii: |f_i . u| over |u| <= 1 is at most that; reach: so is |b|
    """

    net: Network
    pulled: H
    omega: Sequence[Fraction]
    cuts: Array

    @cached_property
    def rows(self) -> list[list[Fraction]]:
        """The rows of F, exactly."""
        return [[Fraction(x) for x in row] for row in rows_of(self.net.features)]

    @cached_property
    def reach(self) -> Fraction:
        """As that of the network, computed once."""
        return self.net.reach

    @cached_property
    def radii(self) -> list[Fraction]:
        """As those of the network, computed once."""
        return self.net.radii()
