"""Norms with an l1 side: the polar is the largest dual norm of a line, in closed form."""

from certify.base.arrays import Array, Bools
from certify.norms import Gauge
from certify.polar.query import Matrix, Method, PolarQuery, Proposal


class Lines(Method):
    """sup u^T W v over |u|_1 <= 1 is at a signed unit vector: a row of W.

    The kernel takes the dual norm of every line itself; some norms give it evidence for that.
    """

    def applies(self, query: PolarQuery) -> bool:
        """Whether one side is an l1 norm."""
        return not query.symmetric and (query.left.axial or query.right.axial)

    def propose(self, query: PolarQuery) -> Proposal:
        """Return the exact value, with the witness that some norms need."""
        lines, outer, inner = orient(query.W, query.left, query.right)
        upper, evidence = inner.longest(lines, sign_masks(outer, lines.shape[1]))
        return Proposal(upper, {"rule": "lines", **evidence})


def orient(W: Matrix, left: Gauge, right: Gauge) -> tuple[Matrix, Gauge, Gauge]:
    """Return (A, l1 side, other side): the lines are the columns of A."""
    if left.axial:
        return W.T, left, right
    return W, right, left


def line_values(W: Matrix, left: Gauge, right: Gauge) -> tuple[Array, Array]:
    """Return the dual norm of each line and the sign of the unit vector that earns it.

    A line counts with the signs its unit vector may have; without one it is -inf.
    """
    lines, outer, inner = orient(W, left, right)
    return inner.line_values(lines, sign_masks(outer, lines.shape[1]))


def sign_masks(outer: Gauge, count: int) -> tuple[Bools, Bools]:
    """Return where a unit vector may be positive, and where negative."""
    low, high = outer.sides(count)
    return high > 0, low < 0
