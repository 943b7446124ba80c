"""A side of few coordinates: branch and bound over simplicial cones of its factor."""

from collections.abc import Sequence

from certify.norms import Gauge
from certify.polar.ascent.pairs import best_slice
from certify.polar.branching.cones import LONG, SHORT, pair_proposal
from certify.polar.query import Method, PolarQuery, Proposal

from .branch import AT_ONCE
from .corners import kept_axis


class Cones(Method):
    """sup over v of |W v|_* is convex in v: on a cone at most linear, by its generators' values.

    For every pair of norms; exact as the cones shrink, and quick for up to SHORT coordinates.
    """

    cost = 1

    def applies(self, query: PolarQuery) -> bool:
        """Tell whether a side is short, and the polar has no closed form."""
        wanted = query.target is not None if query.nodes is None else query.nodes >= AT_ONCE
        sides = query.left, query.right
        long = max(query.W.shape) > LONG or is_loose(sides)
        return wanted and long and not query.symmetric and applies_to(sides, query.W.shape)

    def propose(self, query: PolarQuery) -> Proposal | None:
        """Return the bound of the tree, given the best value that ascents find."""
        return None if query.expired() else pair_proposal(query, best_slice(query)[0])


def applies_to(sides: Sequence[Gauge], shape: tuple[int, int]) -> bool:
    """Whether a side is short, the polar has no closed form, and the kernel finds dual norms."""
    closed = any(g.axial for g in sides) or all(g.free and g.is_round and g.exact for g in sides)
    slow = any(g.slow for g in sides)  # the kernel finds no flows
    enumerated = kept_axis(sides, shape) >= 0
    return min(shape) <= SHORT and not (closed or slow or enumerated)


def is_loose(sides: Sequence[Gauge]) -> bool:
    """Whether relaxations are loose: larger balls stand for these norms."""
    return not all(g.exact and g.is_round for g in sides)
