"""Branch and bound on the doubly nonnegative relaxation: cuts for signs, equalities for cubes."""

from dataclasses import replace

from threadpoolctl import threadpool_limits

from certify.base.arrays import Array, as_dense
from certify.polar.ascent.pairs import ascend, ascend_symmetric
from certify.polar.branching.pairs import ROOT_STEPS, STEPS, Bounder, Climb, Grown, proof_of
from certify.polar.branching.tree import Limits, grow
from certify.polar.query import Method, PolarQuery, Proposal
from certify.polar.relaxation.pairs import PairForm, of_pair, of_symmetric

from .corners import kept_axis

LARGEST = 400  # coordinates up to which a step is quick
FLOPS, FIXED = 25.0, 4e6  # of a step: of its eigendecomposition, of everything else
SPEED = 6e10  # of an ordinary core, in these units
EFFORT = 1.0  # seconds of an ordinary core without a deadline, as a number of steps
LEAST = 30  # steps: fewer give no useful bound
AT_ONCE = 3  # parts of the smallest tree worth growing
GAP = 2.0**-23  # relative: a bound this near a found value is not worth more parts
FAR = 2.0**-7  # a target this far below a found value is not worth a tree


class Branch(Method):
    """The largest of the leaves' bounds, over a tree whose leaves cover the balls.

    Each leaf is [[0, W], [W^T, 0]] + N - Diag(D) <= t I, N >= 0 where signs are known.  The root
    alone is exact when the dimensions sum to at most 4 and both factors are nonnegative; with free
    linf sides it is Grothendieck's relaxation, loose by up to 1.79 (1.41 on the Hadamard matrix of
    order 2).  The tree converges to the polar; it may be exponential, so it is cut short by
    `nodes`, by the effort, or by the deadline, and every leaf keeps the bound it has.
    """

    cost = 3

    def applies(self, query: PolarQuery) -> bool:
        """Whether the pair is small, and without a closed form."""
        return is_open(query)

    def propose(self, query: PolarQuery) -> Proposal | None:
        """Return the bound of the tree."""
        if query.expired():
            return None
        return proposal(query, grow_tree(query))


def is_open(query: PolarQuery) -> bool:
    """Whether the polar has no closed form, and the cone is small enough."""
    sides = (query.left, query.right)
    if query.symmetric:
        return not query.left.free and query.W.shape[0] <= LARGEST
    closed = any(g.axial for g in sides) or all(g.free and g.is_round for g in sides)
    closed = closed or kept_axis(sides, query.W.shape) >= 0
    # a coordinate fixed to zero keeps its row of W in the rule, which other rules leave out
    fixed = any("0" in g.cone for g in sides)
    return not closed and not fixed and sum(query.W.shape) <= LARGEST


def proposal(query: PolarQuery, tree: Grown) -> Proposal:
    """Return the bound of a tree with its proof."""
    aim = limits(query).aim(tree.lower)
    return Proposal(*proof_of(form_of(query), tree, aim), open=tree.open(aim))


def limits(query: PolarQuery) -> Limits:
    """Return when to stop."""
    target = max(query.target or 0.0, 0.0)  # the zero slice earns 0
    return Limits(target, GAP, allowance(query), query.expired)


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


def form_of(query: PolarQuery) -> PairForm:
    """Return the conic form of a pair, or of a symmetric atom."""
    if query.symmetric:
        return of_symmetric(as_dense(query.W), query.left)
    return of_pair(as_dense(query.W), query.left, query.right)


def step_cost(k: int) -> float:
    """Return the seconds one step takes on an ordinary core, roughly."""
    return (FLOPS * k**3 + FIXED) / SPEED


def allowance(query: PolarQuery) -> int:
    """Return how many parts a tree may have: 1 is the relaxation alone."""
    if any(not g.exact and not g.axial for g in (query.left, query.right)):
        return 1  # larger balls stand for these, so that no tree can close the gap
    if query.nodes is not None:
        parts = query.nodes
    elif query.target is None:
        return 1
    elif query.deadline is not None:
        return 1_000_000
    else:
        k = query.W.shape[0] if query.symmetric else sum(query.W.shape)
        parts = int(EFFORT / (step_cost(k) * STEPS))
    return parts if parts >= AT_ONCE else 1


def bounder(query: PolarQuery, form: PairForm) -> Bounder:
    """Return the solver of parts: one root of at most the effort, then STEPS each."""
    affordable = int(EFFORT / step_cost(form.size))
    steps = ROOT_STEPS if query.deadline is not None else min(affordable, ROOT_STEPS)
    return Bounder(form, climber(query), query.expired, STEPS, max(steps, LEAST))


def climber(query: PolarQuery) -> Climb:
    """Return the ascent from points z = (u, v) of a relaxation, as columns."""
    dense_query, m = replace(query, W=as_dense(query.W)), query.W.shape[0]

    def climb(starts: Array) -> tuple[float, tuple[Array, ...]]:
        """Return the best slice that a v, or x, leads to."""
        if not query.symmetric:
            return ascend(dense_query, starts[m:])
        value, x = ascend_symmetric(dense_query, starts)
        return value, (x,)

    return climb
