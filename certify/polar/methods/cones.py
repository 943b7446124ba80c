"""A side of few coordinates: branch and bound over simplicial cones of its factor."""

from certify.polar.ascent.pairs import best_slice
from certify.polar.ask import Ask, Method, Proposal
from certify.polar.branching.cones import LONG, SHORT, pair_proposal

from .dnn import AT_ONCE


class Cones(Method):
    """sup over v of |W v|_* is convex in v: on a cone at most linear, by its generators' values.

    For every pair of norms; exact as the cones shrink, and quick for up to SHORT coordinates.
    """

    cost = 2

    def applies(self, ask: Ask) -> bool:
        """Tell whether a side is short, and the polar has no closed form."""
        sides = ask.left, ask.right
        closed = any(g.axial for g in sides) or all(g.free and g.is_round for g in sides)
        summed = any(g.mixture is not None for g in sides)
        asked = ask.target is not None if ask.nodes is None else ask.nodes >= AT_ONCE
        shaped = not ask.symmetric and min(ask.W.shape) <= SHORT and max(ask.W.shape) > LONG
        return asked and shaped and not closed and not summed

    def propose(self, ask: Ask) -> Proposal | None:
        """Return the bound of the tree, on from the best value that ascents find."""
        return None if ask.expired() else pair_proposal(ask, best_slice(ask)[0])
