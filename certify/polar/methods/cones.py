"""A side of few coordinates: branch and bound over simplicial cones of its factor."""

from certify.polar.ascent.pairs import best_slice
from certify.polar.branching.cones import LONG, SHORT, pair_proposal
from certify.polar.query import Method, PolarQuery, Proposal

from .corners import kept_axis
from .dnn import AT_ONCE


class Cones(Method):
    """sup over v of |W v|_* is convex in v: on a cone at most linear, by its generators' values.

    For every pair of norms; exact as the cones shrink, and quick for up to SHORT coordinates.
    """

    cost = 1

    def applies(self, query: PolarQuery) -> bool:
        """Tell whether a side is short, and the polar has no closed form."""
        sides = query.left, query.right
        closed = any(g.axial for g in sides) or all(
            g.free and g.is_round and g.exact for g in sides
        )
        slow = any(g.slow for g in sides)  # the kernel finds no flows
        wanted = query.target is not None if query.nodes is None else query.nodes >= AT_ONCE
        loose = any(g.mixture is not None or not g.is_round for g in sides)  # relaxations are
        long = max(query.W.shape) > LONG or loose
        shaped = not query.symmetric and min(query.W.shape) <= SHORT and long
        enumerated = kept_axis(sides, query.W.shape) >= 0
        return wanted and shaped and not (closed or slow or enumerated)

    def propose(self, query: PolarQuery) -> Proposal | None:
        """Return the bound of the tree, given the best value that ascents find."""
        return None if query.expired() else pair_proposal(query, best_slice(query)[0])
