"""The elastic norm: between l1 and l2."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from ..arrays import Arrays, absolutes_exactly, squares_exactly
from ..errors import demand
from ..fields import Json, number
from ..scalars import Enclosure, exactly, root
from .base import Norm


@dataclass(frozen=True)
class Elastic(Norm):
    """|x| = alpha |x|_1 + (1 - alpha) |x|_2, 0 <= alpha <= 1."""

    name = "elastic"
    fields = frozenset({"alpha"})
    summed = True  # alpha y + (1 - alpha) x <= 1 with y = |u|_1
    alpha: Fraction = Fraction(0)

    @classmethod
    def stated(cls, bare: tuple[int, str], fields: Json, arrays: Arrays, side: str) -> Norm:
        """Read alpha."""
        del arrays
        where = f"statement.atom.{side}.alpha"
        alpha = number(fields.get("alpha"), where)
        demand(0 <= alpha <= 1, where, "sign", fields.get("alpha"))
        return cls(*bare, alpha)

    def lengths(self, x: Sequence[float]) -> tuple[Enclosure, Enclosure]:
        """Enclose both."""
        size = exactly(self.alpha * absolutes_exactly(x))
        size = size.plus(root(squares_exactly(x)).times(1 - self.alpha))
        return size, Enclosure(size.lo**2, size.hi**2)

    def dual_norm(
        self, y: Sequence[Fraction], flow: Sequence[Fraction] = (), level: Fraction | None = None
    ) -> Fraction:
        """Return a t with |(p - alpha t)_+|_2 <= (1 - alpha) t, p = met(y); else |p|_2.

        Such a t has <p, |x|> <= alpha t |x|_1 + (1 - alpha) t |x|_2 = t |x|.  It is the given
        level or, without one, about the least.
        """
        del flow
        p = self.met(y)
        t = self.least_level(p) if level is None else level
        whole, unit = over_one_denominator(p)
        a, b = self.alpha.numerator, self.alpha.denominator
        scale, far = b * t.denominator, t.numerator * unit
        rest = sum(max(scale * v - a * far, 0) ** 2 for v in whole)
        return t if t >= 0 and rest <= ((b - a) * far) ** 2 else self.support(p)

    def least_level(self, p: Sequence[Fraction]) -> Fraction:
        """Return about the least t with |(p - alpha t)_+|_2 <= (1 - alpha) t: a witness.

        Let a = alpha and b = 1 - alpha.  If the k largest p_i are above a t, with sum S and sum
        of squares Q,

            Q - 2 a t S + k a^2 t^2 = b^2 t^2,   t = Q / (a S + sqrt(a^2 S^2 - (k a^2 - b^2) Q)),

        and the next p_i, v, is at most a t, so that t = v / a is too small or the solution.  As
        integers, a and b are times the denominator of alpha, and p is times `unit`.
        """
        whole, unit = over_one_denominator(p)
        a, one = self.alpha.numerator, self.alpha.denominator
        b = one - a
        total = squares = count = 0
        for v in sorted(whole, reverse=True):
            left = a * a * (squares - 2 * v * total + count * v * v)
            if count and left >= b * b * v * v:
                break
            total, squares, count = total + v, squares + v * v, count + 1
        inside = (a * total) ** 2 - (count * a * a - b * b) * squares
        far = a * total + root(Fraction(max(inside, 0))).lo
        return squares * one / (far * unit) if far else Fraction(0)

    def entries_cost(self, d: Fraction, s: Fraction) -> Fraction:
        """Bound d x^2 + s (y^2 - x^2) over alpha y + (1 - alpha) x <= 1, x <= y <= sqrt(n) x."""
        d = max(d, s)
        far = self.alpha * root(Fraction(self.size)).lo + 1 - self.alpha
        return max(d, (d + s * (self.size - 1)) / far**2)


def over_one_denominator(p: Sequence[Fraction]) -> tuple[list[int], int]:
    """Return integers and a unit with p = integers / unit."""
    unit = lcm(*(v.denominator for v in p))
    return [v.numerator * (unit // v.denominator) for v in p], unit
