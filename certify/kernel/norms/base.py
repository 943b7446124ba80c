"""The base class of norms: lengths, dual norms, and bounds of forms over the unit ball."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, TypeVar

from ..arrays import Arrays
from ..fields import Json
from ..scalars import Enclosure, root

N = TypeVar("N", int, Fraction)
SIGNS: dict[str, tuple[int, ...]] = {"*": (1, -1), "+": (1,), "-": (-1,), "0": ()}
CONES = "".join(SIGNS)  # the cone of one coordinate: free, >= 0, <= 0, zero


@dataclass(frozen=True)
class Norm(ABC):
    """The norm of a factor's column x of length `size`, on a cone of signs.

    `cone` is one of CONES for all coordinates, or one character for each.  Bounds that a class
    does not override hold for every norm that is at least the l2 norm.
    """

    size: int
    cone: str = "*"
    name: ClassVar[str]
    fields: ClassVar[frozenset[str]] = frozenset()  # the names of its parameters in the statement
    line: ClassVar[str] = ""  # the kind of `Line` that measures its dual norm, if there is one

    @classmethod
    def stated(cls, bare: tuple[int, str], fields: Json, arrays: Arrays, side: str) -> "Norm":
        """Read the parameters; `bare` is the size and the cone."""
        del fields, arrays, side
        return cls(*bare)

    @property
    def numbers(self) -> int:
        """The number of its parameters."""
        return 0

    @property
    def edges(self) -> list[tuple[int, int]]:
        """The pairs of coordinates whose differences the norm measures."""
        return []

    def sign(self, i: int) -> str:
        """Return the cone of one coordinate."""
        return self.cone if len(self.cone) == 1 else self.cone[i]

    @abstractmethod
    def lengths(self, x: Sequence[float]) -> tuple[Enclosure, Enclosure]:
        """Enclose (|x|, |x|^2), each exactly if it is rational."""

    def diagonal_cost(self, d: Sequence[Fraction]) -> Fraction:
        """Bound sup { sum d_i x_i^2 : |x| <= 1, x in the cone } from above."""
        zero = Fraction(0)
        return self.positive_cost(
            [zero if self.sign(i) == "0" else max(v, zero) for i, v in enumerate(d)]
        )

    def positive_cost(self, d: Sequence[Fraction]) -> Fraction:
        """Bound sup { sum d_i x_i^2 : |x| <= 1 } for d >= 0: max d_i, for |x|_2 <= |x|."""
        return max(d)

    @property
    def widest(self) -> Fraction:
        """A bound of sup |x|_2^2 over the unit ball and the cone."""
        return self.diagonal_cost([Fraction(1)] * self.size)

    def met(self, high: Sequence[N], low: Sequence[N] | None = None) -> list[N]:
        """Return the least p >= 0 with y_i x_i <= p_i |x_i| for low <= y <= high, x in the cone.

        Without `low` y is `high`, and p_i is |y_i|, or 0 if y_i x_i <= 0 for all x in the cone.
        """
        nothing, out = 0 * high[0], []
        for i, (a, b) in enumerate(zip(high, low or high, strict=True)):
            sign = self.sign(i)
            up = a if sign in "*+" and a.numerator > 0 else nothing
            down = -b if sign in "*-" and b.numerator < 0 else nothing
            out.append(max(up, down) if up and down else up or down)
        return out

    def dual_norm(
        self, y: Sequence[Fraction], flow: Sequence[Fraction] = (), level: Fraction | None = None
    ) -> Fraction:
        """Bound sup { <y, x> : |x| <= 1, x in the cone }: <y, x> <= <p, |x|> for p = met(y).

        flow, level  witnesses that some norms use
        """
        del flow, level
        return self.support(self.met(y))

    def bound_dual(self, y: Sequence[Fraction]) -> Fraction:
        """Bound the dual norm without a given witness; a class that needs one finds it."""
        return self.dual_norm(y)

    @property
    def search(self) -> int:
        """The operations on a coordinate that `bound_dual` takes beyond those of `dual_norm`."""
        return 0

    def support(self, p: Sequence[Fraction]) -> Fraction:
        """Bound sup { <p, |x|> : |x| <= 1 } from above, for p >= 0: |p|_2, for |x|_2 <= |x|."""
        return root(squares_of(p)).hi

    @property
    def summed(self) -> bool:
        """Whether the norm measures a sum y: `largest_entries` and `entries_cost` need one."""
        return False

    def forms(self) -> list[list[tuple[int, float]]]:
        """Return the rows of A as [(coordinate, factor)]; y is the sum of the sizes of A u."""
        return [[(i, 1.0)] for i in range(self.size)]

    def largest_entries(
        self, d: Sequence[Fraction], full: Sequence[float]
    ) -> tuple[Fraction, Fraction]:
        """Return (d', s): u^T (Diag(d) + A^T S A) u <= d' x^2 + s (y^2 - x^2), x = |u|_2.

        With A = I and y = |u|_1, d' = max d_i + S_ii and s = max |S_ij| off the diagonal (or
        max S_ij if all coordinates are >= 0, or all are <= 0).
        """
        zero, n, signed = Fraction(0), self.size, self.cone in ("+", "-")
        inside = [v + Fraction(full[i * n + i]) for i, v in enumerate(d)]
        across = (Fraction(x) for k, x in enumerate(full) if k % (n + 1))
        return max(zero, *inside), max([zero, *(x if signed else abs(x) for x in across)])

    def entries_cost(self, d: Fraction, s: Fraction) -> Fraction:
        """Bound d x^2 + s (y^2 - x^2) over the unit ball: here x <= y <= 1, and the bound is
        max(d, s).  If d < s, raise d to s; then the form is convex, so largest at a vertex.
        """
        return max(d, s)


def euclidean(squared: Fraction) -> tuple[Enclosure, Enclosure]:
    """Enclose a length and its square, given its square."""
    return root(squared), Enclosure(squared, squared)


def squares_of(p: Sequence[Fraction]) -> Fraction:
    """Return sum p^2."""
    return sum((v * v for v in p), Fraction(0))
