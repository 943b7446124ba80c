"""Rule `lines`: an l1 norm on one side, so the polar is the largest dual norm of a line.

`dual_norm` bounds the dual norm of each norm.
"""

from collections.abc import Sequence
from fractions import Fraction

from ..arithmetic import Arithmetic, H, Line
from ..arrays import Arrays
from ..budget import FRACTION
from ..errors import demand
from ..fields import Json, rational
from ..norms import Norm
from ..patterns import Pattern
from ..scalars import power, root
from ..spaces import Pair
from .witness import SIGNS


def lines(ar: Arithmetic[H], pair: Pair, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove sup u^T W v <= the largest dual norm of a line, for |u|_1 (or |v|_1).

    The extreme points of the l1 ball in a cone of signs are the unit vectors with a sign
    the cone allows, so the supremum over u is at a row, and over v is its dual norm.
    """
    axis, outer, inner = 0, pair.left, pair.right
    if outer.name != "l1":
        axis, outer, inner = 1, pair.right, pair.left
    demand(
        outer.name == "l1",
        "proof.polar.rule",
        "wrong_rule",
        f"{pair.left.name} x {pair.right.name}",
    )
    kind = {"l1": "max", "l2": "root", "linf": "sum"}.get(inner.name)
    if kind is None or len(outer.cone) > 1 or len(inner.cone) > 1:
        return each_line(ar, (axis, outer, inner), (pair.at, w), proof, given)
    signs = [a * (-1 if inner.cone == "-" else 1) for a in SIGNS[outer.cone]]
    signs = signs if inner.cone in "+-" else signs[:1]
    line = Line(axis, kind, inner.cone != "*", tuple(signs))
    return max(ar.lines(w, line, pair.at), Fraction(0))


def each_line(
    ar: Arithmetic[H],
    what: tuple[int, Norm, Norm],
    where: tuple[Pattern, H],
    proof: Json,
    given: Arrays,
) -> Fraction:
    """Bound the dual norm of each line by itself, in exact arithmetic."""
    (axis, outer, inner), (at, w) = what, where
    rows, e = ar.exact_lines(w, axis, at)
    flow: Sequence[float] = ()
    count = len(inner.data) // 2
    if "flow" in given.arrays:
        flow = given.get("flow", ((at.m, at.n)[axis], count)).data
    level = rational(proof["level"], "proof.polar.level") if "level" in proof else None
    bits = 0 if level is None else level.numerator.bit_length() + level.denominator.bit_length()
    work = FRACTION * (1 + (bits * bits >> 15))
    ar.budget.spend(2 * work * at.m * at.n, "dual norms of lines")
    best = Fraction(0)
    for k, row in enumerate(rows):
        along = [Fraction(f) for f in flow[k * count : k * count + count]]
        line = [v * power(e) for v in row]
        for sign in SIGNS[outer.sign(k)]:
            aimed = [sign * v for v in line], [sign * f for f in along]
            best = max(best, dual_norm(inner, aimed, level))
    return best


def met(n: Norm, y: Sequence[Fraction]) -> list[Fraction]:
    """Return |y_i|, or the part of it that a vector of the cone can meet."""
    nothing = Fraction(0)
    out = []
    for i, v in enumerate(y):
        sign = n.sign(i)
        blind = sign == "0" or (sign == "+" and v < 0) or (sign == "-" and v > 0)
        out.append(nothing if blind else abs(v))
    return out


def dual_norm(
    n: Norm, aimed: tuple[list[Fraction], list[Fraction]], level: Fraction | None
) -> Fraction:
    """Bound sup { <y, x> : |x| <= 1, x in the cone } from above, aimed = (y, flow).

    With p = met(y), <y, x> <= <p, |x|>.  l1: max p.  linf: sum p.  l2: |p|_2.
    weighted: sqrt(sum p^2 / w).  group: the dual of the sum is the largest, and back.
    elastic: if |(p - a t)_+|_2 <= (1 - a) t then <p, |x|> <= a t |x|_1 + (1 - a) t |x|_2.
    variation: <y, x> = <y - B^T f, x> + <f, B x> for any flow f on the edges, B x the
    differences, so at most max(|met(y - B^T f)|_2, max |f| / rho) times the norm.
    """
    y, flow = aimed
    if n.name == "variation":
        return _by_flow(n, y, flow)
    p = met(n, y)
    squares = [v * v for v in p]
    if n.name == "weighted":
        squares = [v / Fraction(w) for v, w in zip(squares, n.data, strict=True)]
    if n.name == "l1":
        return max(p)
    if n.name == "linf":
        return sum(p, Fraction(0))
    if n.name == "group":
        parts = [root(sum(g, Fraction(0))).hi for g in n.groups(squares)]
        return max(parts) if n.outer == "l1" else sum(parts, Fraction(0))
    if n.name == "elastic" and level is not None:
        rest = sum((max(v - n.scalar * level, Fraction(0)) ** 2 for v in p), Fraction(0))
        if level >= 0 and rest <= ((1 - n.scalar) * level) ** 2:
            return level
    return root(sum(squares, Fraction(0))).hi


def _by_flow(n: Norm, y: list[Fraction], flow: list[Fraction]) -> Fraction:
    rest, most = list(y), Fraction(0)
    if flow and n.scalar > 0:
        most = max(map(abs, flow)) / n.scalar
        for f, (i, j) in zip(flow, n.edges(), strict=True):
            rest[i] -= f
            rest[j] += f
    return max(most, root(sum((v * v for v in met(n, rest)), Fraction(0))).hi)
