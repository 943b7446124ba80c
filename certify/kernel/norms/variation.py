"""Total variation along a graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from ..arrays import Arrays, squares_exactly
from ..errors import demand
from ..fields import Json, number
from ..scalars import Enclosure, exactly, root
from .base import Norm
from .elastic import over_one_denominator
from .paths import FINE, Path, find_flow, trace_path


@dataclass(frozen=True)
class Variation(Norm):
    """|x| = rho sum over the edges of |x_i - x_j| + |x|_2, rho >= 0."""

    name = "variation"
    fields = frozenset({"rho"})
    summed = True  # rho y + x <= 1, y = |A u|_1 the sum of the differences
    rho: Fraction = Fraction(0)
    ends: Sequence[int] = ()  # i, j of each edge, flat

    @classmethod
    def stated(cls, bare: tuple[int, str], fields: Json, arrays: Arrays, side: str) -> Norm:
        """Read rho and the graph."""
        where, d = f"statement.atom.{side}.rho", bare[0]
        rho = number(fields.get("rho"), where)
        demand(rho >= 0, where, "sign", fields.get("rho"))
        ends = arrays.get(f"{side}.edges", (None, 2), "q").data
        inside = all(0 <= i < d for i in ends)
        demand(inside, f"statement.{side}.edges", "outside", f"{d} vertices")
        return cls(*bare, rho, ends)

    @property
    def numbers(self) -> int:
        """The number of ends of edges."""
        return len(self.ends)

    @property
    def edges(self) -> list[tuple[int, int]]:
        """The pairs of coordinates whose differences the norm measures."""
        return [*zip(self.ends[::2], self.ends[1::2], strict=True)]

    def lengths(self, x: Sequence[float]) -> tuple[Enclosure, Enclosure]:
        """Enclose both."""
        jumps = sum((abs(Fraction(x[i]) - Fraction(x[j])) for i, j in self.edges), Fraction(0))
        size = exactly(self.rho * jumps).plus(root(squares_exactly(x)))
        return size, Enclosure(size.lo**2, size.hi**2)

    def dual_norm(
        self, y: Sequence[Fraction], flow: Sequence[Fraction] = (), level: Fraction | None = None
    ) -> Fraction:
        """Bound <y, x> = <y - B^T f, x> + <f, B x>, B x the differences, f any flow on the edges.

        It is at most max(|met(y - B^T f)|_2, max |f| / rho) |x|.
        """
        del level
        whole, unit = over_one_denominator([*y, *flow])
        return self.bound_by_flow(whole[: len(y)], whole[len(y) :], unit)

    def bound_by_flow(self, y: Sequence[int], flow: Sequence[int], unit: int) -> Fraction:
        """Return max(|met(y - B^T f)|_2, max |f| / rho); y and f are divided by `unit`."""
        rest, most = [*y], Fraction(0)
        if flow and self.rho > 0:
            most = Fraction(max(map(abs, flow)), unit) / self.rho
            for f, (i, j) in zip(flow, self.edges, strict=True):
                rest[i] -= f
                rest[j] += f
        squared = sum(v * v for i, v in enumerate(rest) if self.meets(i, v))
        return max(most, root(Fraction(squared, unit**2)).hi)

    def meets(self, i: int, v: int) -> bool:
        """Whether v x_i > 0 for some x in the cone (v not 0)."""
        return self.sign(i) in ("*+" if v > 0 else "*-")

    @cached_property
    def path(self) -> Path:
        """An order of the vertices, with the edges that join neighbors."""
        return trace_path(self.size, self.edges)

    def bound_dual(self, y: Sequence[Fraction]) -> Fraction:
        """Bound the dual norm by about the best flow on `path`, 0 on other edges, or no flow."""
        whole, unit = over_one_denominator(y)
        order, edges, signs = self.path
        bits = max(map(abs, whole)).bit_length()
        if bits < FINE:
            whole, unit = [v << FINE - bits for v in whole], unit << FINE - bits
        shift, flow = max(bits - FINE, 0), [0] * len(self.edges)

        def met(k: int, v: int) -> int:
            """Return v, or 0 if the cone of its coordinate does not meet it."""
            return v if self.meets(order[k], v) else 0

        rho, joined = (self.rho.numerator, self.rho.denominator), [*map(bool, signs)]
        found = find_flow([whole[i] >> shift for i in order], joined, rho, met)
        for edge, sign, f in zip(edges, signs, found, strict=True):
            if sign:
                flow[edge] = sign * f << shift
        return min(self.bound_by_flow(whole, f, unit) for f in (flow, ()))

    @property
    def search(self) -> int:
        """The work of merging pieces, of Newton's steps, and of the edges."""
        return 8 + 2 * len(self.edges) // self.size

    def forms(self) -> list[list[tuple[int, float]]]:
        """Return the differences."""
        return [[(i, 1.0), (j, -1.0)] for i, j in self.edges]

    def largest_entries(
        self, d: Sequence[Fraction], full: Sequence[float]
    ) -> tuple[Fraction, Fraction]:
        """Return max d and max |S_ij|: u^T (Diag(d) + A^T S A) u <= d' x^2 + s y^2."""
        zero = Fraction(0)
        return max(zero, *d), max([zero, *(abs(Fraction(x)) for x in full)])

    def entries_cost(self, d: Fraction, s: Fraction) -> Fraction:
        """Bound d x^2 + s y^2 over rho y + x <= 1, 0 <= y <= k x, k^2 = sum degree^2.

        y <= sum |u_i| + |u_j| = sum degree_i |u_i| <= k x.  The form is convex, so largest at a
        vertex.
        """
        degree: dict[int, int] = {}
        for i in self.ends:
            degree[i] = degree.get(i, 0) + 1
        square = Fraction(sum(k * k for k in degree.values()))
        return max(d, (d + s * square) / (1 + self.rho * root(square).lo) ** 2)
