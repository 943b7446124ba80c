"""Norms of groups of coordinates."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..arrays import Arrays
from ..errors import demand
from ..fields import Json
from ..scalars import Enclosure, add_all, root
from .base import Norm, euclidean


@dataclass(frozen=True)
class Groups(Norm):
    """The sum (outer "l1") or the largest ("linf") of |x_g|_2 over the groups of a partition.

    The dual norm of the sum is the largest, and conversely.
    """

    name = "group"
    fields = frozenset({"outer"})
    outer: str = "l1"
    groups: Sequence[int] = ()  # the number of each coordinate's group

    @classmethod
    def stated(cls, bare: tuple[int, str], fields: Json, arrays: Arrays, side: str) -> Norm:
        """Read the partition."""
        where = f"statement.atom.{side}.outer"
        demand(fields.get("outer") in ("l1", "linf"), where, "unknown", fields.get("outer"))
        groups = arrays.get(f"{side}.groups", (bare[0],), "q").data
        inside = min(groups) >= 0 and max(groups) < bare[0]
        demand(inside, f"statement.{side}.groups", "outside", (min(groups), max(groups)))
        return cls(*bare, fields["outer"], groups)

    @property
    def numbers(self) -> int:
        """The number of coordinates: each has a group."""
        return len(self.groups)

    def split(self, values: Sequence[Fraction]) -> list[list[Fraction]]:
        """Return the coordinates' values by group."""
        out: list[list[Fraction]] = [[] for _ in range(max(self.groups) + 1)]
        for x, g in zip(values, self.groups, strict=True):
            out[g].append(x)
        return out

    def squares(self, x: Sequence[Fraction]) -> list[Fraction]:
        """Return |x_g|_2^2."""
        return [sum(g, Fraction(0)) for g in self.split([v * v for v in x])]

    def lengths(self, x: Sequence[float]) -> tuple[Enclosure, Enclosure]:
        """Enclose both; the square of the largest is exact."""
        parts = self.squares([*map(Fraction, x)])
        if self.outer == "linf":
            return euclidean(max(parts))
        size = add_all(root(p) for p in parts)
        return size, Enclosure(size.lo**2, size.hi**2)

    def positive_cost(self, d: Sequence[Fraction]) -> Fraction:
        """Return max d_i for the sum; for the largest, the sum over the groups of their max d_i."""
        if self.outer == "l1":
            return max(d)
        return sum((max(g) for g in self.split(d) if g), Fraction(0))

    def support(self, p: Sequence[Fraction]) -> Fraction:
        """Return the largest |p_g|_2 for the sum, and their sum for the largest."""
        parts = [root(x).hi for x in self.squares(p)]
        return max(parts) if self.outer == "l1" else sum(parts, Fraction(0))

    @property
    def summed(self) -> bool:
        """True for the sum: x <= y = sum |u_g|_2 <= 1."""
        return self.outer == "l1"

    def largest_entries(
        self, d: Sequence[Fraction], full: Sequence[float]
    ) -> tuple[Fraction, Fraction]:
        """Return the bounds of l1 for the Frobenius norms of the blocks: y = sum |u_g|_2."""
        squares: dict[tuple[int, int], Fraction] = {}
        for k, x in enumerate(full):
            i, j = divmod(k, self.size)
            at = self.groups[i], self.groups[j]
            squares[at] = squares.get(at, Fraction(0)) + Fraction(x) ** 2
        sizes = {at: root(x).hi for at, x in squares.items()}
        inside = (v + sizes[g, g] for v, g in zip(d, self.groups, strict=True))
        across = (x for (g, h), x in sizes.items() if g != h)
        return max(Fraction(0), *inside), max([Fraction(0), *across])
