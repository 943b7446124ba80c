"""Branch and bound on the doubly nonnegative relaxation: cuts for signs, equalities for cubes."""

from dataclasses import replace

from threadpoolctl import threadpool_limits

from certify.polar.branching.pairs import Grown, proof_of
from certify.polar.branching.tree import Limits, grow
from certify.polar.query import Method, PolarQuery, Proposal

from .dnn import AT_ONCE, allowance, bounder, form_of, is_open

GAP = 2.0**-23  # relative: a bound this near a found value is not worth more parts
FAR = 2.0**-7  # a target this far below a found value is not worth a tree


class Branch(Method):
    """The largest of the leaves' bounds, over a tree whose leaves cover the balls.

    It converges to the polar; the tree may be exponential, so it is cut short by `nodes`,
    by the effort, or by the deadline, and every leaf keeps the bound it has.
    """

    cost = 3

    def applies(self, query: PolarQuery) -> bool:
        """Tell whether a tree is allowed."""
        return is_open(query) and allowance(query) >= AT_ONCE

    def propose(self, query: PolarQuery) -> Proposal | None:
        """Return the bound of the tree."""
        if query.expired():
            return None
        return proposal(query, grow_tree(query))


def proposal(query: PolarQuery, tree: Grown) -> Proposal:
    """Return the bound of a tree with its proof."""
    aim = limits(query).aim(tree.lower)
    return Proposal(*proof_of(form_of(query), tree, aim), open=tree.open(aim))


def limits(query: PolarQuery) -> Limits:
    """Return when to stop."""
    target = max(query.target or 0.0, 0.0)  # the zero slice earns 0
    progress = query.progress or (lambda *_: None)
    return Limits(target, GAP, allowance(query), query.expired, progress=progress)


def grow_tree(query: PolarQuery, tree: Grown | None = None) -> Grown:
    """Grow a new tree, or a given one further.

    Without a requested number of parts, a target far below an attained value is given up:
    no tree can prove it.
    """
    solve, stop = bounder(query, form_of(query)), limits(query)
    with threadpool_limits(1, user_api="blas"):
        if tree is None:
            tree = grow(solve, replace(stop, nodes=1))
        refuted = query.target is not None and tree.lower > query.target * (1 + FAR)
        return tree if refuted and query.nodes is None else grow(solve, stop, tree)
