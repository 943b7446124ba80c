"""Rule `lines`: one norm is l1, so the polar is the largest dual norm of a row or column."""

from collections.abc import Sequence
from fractions import Fraction

from ..arithmetic import Arithmetic, H, Line
from ..arrays import rows_of
from ..budget import FRACTION
from ..errors import demand
from ..evidence import Evidence
from ..fields import rational
from ..norms import L1, SIGNS, Norm
from ..scalars import power
from ..spaces import Pair


def lines(ar: Arithmetic[H], pair: Pair, w: H, proof: Evidence) -> Fraction:
    """Prove sup u^T W v <= the largest dual norm of a row (if |u|_1 <= 1; else of a column).

    The extreme points of the l1 ball in a cone of signs are 0 and the unit vectors with a sign in
    the cone.  So u selects a row and a sign, and the supremum over v is the row's dual norm.
    """
    axis = int(not isinstance(pair.left, L1))
    outer, inner = pair.norms[axis], pair.norms[1 - axis]
    sides = f"{pair.left.name} x {pair.right.name}"
    demand(isinstance(outer, L1), "proof.polar.rule", "wrong_rule", sides)
    if not inner.line or len(outer.cone) > 1 or len(inner.cone) > 1:
        return each_line(ar, pair, axis, w, proof)
    signs = [a * (-1 if inner.cone == "-" else 1) for a in SIGNS[outer.cone]]
    signs = signs if inner.cone in "+-" else signs[:1]
    line = Line(axis, inner.line, inner.cone != "*", tuple(signs))
    return max(ar.lines(w, line, pair.at), Fraction(0))


def each_line(ar: Arithmetic[H], pair: Pair, axis: int, w: H, proof: Evidence) -> Fraction:
    """Bound the dual norm of each line separately, in exact arithmetic."""
    at, outer, inner = pair.at, pair.norms[axis], pair.norms[1 - axis]
    rows, e = ar.exact_lines(w, axis, at)
    flows, level = dual_witness(inner, len(rows), proof)
    bits = 0 if level is None else level.numerator.bit_length() + level.denominator.bit_length()
    work = FRACTION * (1 + (bits * bits >> 15))
    ar.budget.spend(2 * work * at.m * at.n, "dual norms of lines")
    best = Fraction(0)
    for k, (row, flow) in enumerate(zip(rows, flows, strict=True)):
        for sign in SIGNS[outer.sign(k)]:
            y, f = [sign * v * power(e) for v in row], [sign * Fraction(x) for x in flow]
            best = max(best, inner.dual_norm(y, f, level))
    return best


def dual_witness(
    n: Norm, count: int, proof: Evidence
) -> tuple[Sequence[Sequence[float]], Fraction | None]:
    """Return the witnesses of `count` dual norms: the flow of each, or (), and a level for all."""
    stated = proof.fields.get("level")
    level = None if stated is None else rational(stated, "proof.polar.level")
    flow = proof.given.find("flow", (count, len(n.edges)))
    return rows_of(flow) if flow else [()] * count, level
