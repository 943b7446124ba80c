"""What a norm is: its length, its dual norm, and what forms cost over its unit ball."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from ..arrays import Arrays
from ..fields import Json
from ..scalars import Enclosure, root

SIGNS: dict[str, tuple[int, ...]] = {"*": (1, -1), "+": (1,), "-": (-1,), "0": ()}
CONES = "".join(SIGNS)  # of one coordinate: free, >= 0, <= 0, zero


@dataclass(frozen=True)
class Norm(ABC):
    """The norm of a factor's column x of length `size`, on a cone of signs.

    `cone` is one of CONES for all coordinates, or one character for each.  Where a method is not
    overridden, the norm is at least the l2 norm.
    """

    size: int
    cone: str = "*"
    name: ClassVar[str]
    fields: ClassVar[frozenset[str]] = frozenset()  # its parameters in the statement
    line: ClassVar[str] = ""  # how `Arithmetic.lines` measures its dual norm, if it can

    @classmethod
    def stated(cls, bare: tuple[int, str], fields: Json, arrays: Arrays, side: str) -> "Norm":
        """Read the parameters of a norm of size and cone `bare`."""
        del fields, arrays, side
        return cls(*bare)

    @property
    def numbers(self) -> int:
        """How many numbers its parameters are."""
        return 0

    @property
    def edges(self) -> list[tuple[int, int]]:
        """The pairs of coordinates whose differences it measures."""
        return []

    def sign(self, i: int) -> str:
        """Return the cone of one coordinate."""
        return self.cone if len(self.cone) == 1 else self.cone[i]

    @abstractmethod
    def lengths(self, x: Sequence[float]) -> tuple[Enclosure, Enclosure]:
        """Enclose (|x|, |x|^2); exactly wherever it is rational."""

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
        """A bound of sup |x|_2^2 over the unit ball, in the cone."""
        return self.diagonal_cost([Fraction(1)] * self.size)

    def met(self, y: Sequence[Fraction]) -> list[Fraction]:
        """Return |y_i|, or the part of it that a vector of the cone can meet."""
        nothing = Fraction(0)
        out = []
        for i, v in enumerate(y):
            sign, n = self.sign(i), v.numerator
            blind = sign == "0" or (sign == "+" and n < 0) or (sign == "-" and n > 0)
            out.append(nothing if blind else -v if n < 0 else v)
        return out

    def dual_norm(
        self, y: Sequence[Fraction], flow: Sequence[Fraction] = (), level: Fraction | None = None
    ) -> Fraction:
        """Bound sup { <y, x> : |x| <= 1, x in the cone }: with p = met(y), <y, x> <= <p, |x|>."""
        del flow, level
        return self.support(self.met(y))

    def bound_dual(self, y: Sequence[Fraction]) -> Fraction:
        """Bound the dual norm with a witness that is found here, where it needs one."""
        return self.dual_norm(y)

    @property
    def search(self) -> int:
        """How many operations on a coordinate `bound_dual` takes, more than `dual_norm`."""
        return 0

    def support(self, p: Sequence[Fraction]) -> Fraction:
        """Bound sup { <p, |x|> : |x| <= 1 } from above, for p >= 0: |p|_2, for |x|_2 <= |x|."""
        return root(squares_of(p)).hi

    @property
    def summed(self) -> bool:
        """Whether `largest_entries` and `entries_cost` are theorems: it measures a sum y."""
        return False

    def forms(self) -> list[list[tuple[int, float]]]:
        """Return the rows of A, as [(coordinate, factor)]: y is a sum of sizes of A u."""
        return [[(i, 1.0)] for i in range(self.size)]

    def largest_entries(
        self, d: Sequence[Fraction], full: Sequence[float]
    ) -> tuple[Fraction, Fraction]:
        """Return (d', s): u^T (Diag(d) + A^T S A) u <= d' x^2 + s (y^2 - x^2), x = |u|_2.

        With A = I and y = |u|_1, d' = max d_i + S_ii and s = max |S_ij| off the diagonal (max
        S_ij if every coordinate is >= 0, or every one <= 0).
        """
        zero, n, signed = Fraction(0), self.size, self.cone in ("+", "-")
        inside = [v + Fraction(full[i * n + i]) for i, v in enumerate(d)]
        across = (Fraction(x) for k, x in enumerate(full) if k % (n + 1))
        return max(zero, *inside), max([zero, *(x if signed else abs(x) for x in across)])

    def entries_cost(self, d: Fraction, s: Fraction) -> Fraction:
        """Bound d x^2 + s (y^2 - x^2) over the unit ball: where x <= y <= 1 it is max(d, s).

        It is convex, so at a vertex; d < s is raised to s.
        """
        return max(d, s)


def euclidean(squared: Fraction) -> tuple[Enclosure, Enclosure]:
    """Enclose a length and its square, from its square."""
    return root(squared), Enclosure(squared, squared)


def squares_of(p: Sequence[Fraction]) -> Fraction:
    """Return sum p^2."""
    return sum((v * v for v in p), Fraction(0))
