"""The choice and the order of the bounds of a layer's polar."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import comb

import numpy as np
from threadpoolctl import threadpool_limits

from certify.base.arrays import Array
from certify.norms import gauge

from .ascent.layers import attain
from .branching import cells, cones, pooled
from .branching import layers as tree
from .layer_query import LayerQuery
from .methods import smallest
from .query import PolarQuery, Proposal, combine

CELLS = 10_000  # cells up to which they come first, before simplicial cones
FEW = 3  # features up to which cones are always nearer than relaxations
CLOSE = 2.0**-20  # relative: a bound this near a found value is not worth more work


def propose(query: LayerQuery) -> Proposal:
    """Return the smallest bound found, with its proof by one of the kernel's rules.

    Slope 1 is a matrix.  Outputs in l1 are bounded one at a time, in linf also together.
    One output of few features: cells, exact; else, and for several outputs, the relaxation
    and its tree.  The largest of a sample's rows: one output at a time, by layers that sum.
    Small linear algebra runs on one BLAS thread meanwhile.
    """
    with threadpool_limits(1, user_api="blas"):
        if not query.layer.max_pooled:
            return of_sums(query)
        return pooled.proposal(query, propose) if query.W.shape[1] == 1 else each(query)


def of_sums(query: LayerQuery) -> Proposal:
    """Return the smallest bound found, of a layer whose samples are sums of rows."""
    layer, outputs = query.layer, query.W.shape[1]
    if not query.W.any() and layer.left.spherical:
        return nothing()
    if layer.slope == 1 and not layer.free:
        return linear(query)
    if outputs == 1:
        return single(query)
    best, right, (rows, d) = Proposal(np.inf), layer.right, layer.features.shape
    tight = right.axial or (right.spherical and right.free and d > FEW)  # are relaxations
    if cones.are_few(layer) and (layer.free or not tight or rows > cones.LONG):
        lower = attain(query.share(3))[0]
        best = cones.layer_proposal(query, lower)
        if meets_target(query, best) or best.upper <= lower * (1 + CLOSE):
            return best
    return min(best, by_relaxation(query), key=lambda p: p.upper)


def by_relaxation(query: LayerQuery) -> Proposal:
    """Return the smallest bound of several outputs, together or one at a time."""
    layer = query.layer
    if layer.right.axial:
        return each(query)
    whole = joint(query)
    if (layer.right.spherical and layer.right.free) or meets_target(query, whole):
        return whole
    return min(whole, each(query), key=lambda p: p.upper)


def nothing() -> Proposal:
    """Return the proof that the polar of W = 0 is 0."""
    node = {"leaf": 0, "tau": (1.0).hex(), "level": (0.0).hex(), "shift": Fraction(0)}
    return Proposal(0.0, {"rule": "network", "nodes": [node]})


def linear(query: LayerQuery) -> Proposal:
    """Return the bound of the matrix F^T W."""
    T: Array = query.layer.features.T @ query.layer.spread(query.W)
    right = query.layer.right
    if T.shape[1] == 1:  # every norm of one output is |v|, and of l1 the polar is closed
        right = gauge(f"l1{right.cone}")
    return smallest(
        PolarQuery(T, query.layer.left, right, query.target, query.seed, query.deadline)
    ).linear()


def single(query: LayerQuery) -> Proposal:
    """Return the bound of one output."""
    lower = attain(query.share(3))[0]
    best = Proposal(np.inf)
    if cells_are_few(*query.layer.features.shape):
        best = cells.proposal(query, lower)
    elif cones.are_few(query.layer):
        best = cones.layer_proposal(query, lower)
    if meets_target(query, best) or best.upper <= lower * (1 + CLOSE):
        return best
    return min(best, tree.proposal(query, lower), key=lambda p: p.upper)


def cells_are_few(rows: int, d: int) -> bool:
    """Whether the rows cut the space of u into few cells, at most 2 sum_{k<d} C(rows - 1, k)."""
    return 2 * sum(comb(rows - 1, k) for k in range(d)) <= CELLS


def joint(query: LayerQuery) -> Proposal:
    """Return the bound of |W^T s|_2, times the largest |v|_2 in the ball of v."""
    wide = float(np.sqrt(query.layer.right.cost(np.ones(query.W.shape[1]))))
    target = None if query.target is None else query.target / wide
    lower = attain(query.share(3))[0] if wide == 1.0 else 0.0
    proposal = tree.proposal(replace(query, target=target), lower)
    return replace(proposal, upper=proposal.upper * wide)


def each(query: LayerQuery, bound: Callable[[LayerQuery], Proposal] = propose) -> Proposal:
    """Bound each output alone, and all of them by the dual norm of their bounds."""
    one = replace(query.layer, right=gauge("l2" + query.layer.right.cone))
    starts = [(u, np.ones(1)) for u, _ in query.starts]
    target, parts = query.target if query.layer.right.axial else None, list[Proposal]()
    for t, column in enumerate(query.W.T):
        part = replace(query, layer=one, W=column[:, None], target=target, starts=starts)
        parts.append(bound(part.share(query.W.shape[1] - t)))
        if parts[-1].upper == np.inf:
            return parts[-1]
    upper = query.layer.right.free_dual(np.array([p.upper for p in parts]))
    texts, arrays, left = combine(parts)
    return Proposal(upper, {"rule": "outputs", "each": texts, **arrays}, open=left)


def meets_target(query: LayerQuery, proposal: Proposal) -> bool:
    """Whether a bound is at most the target."""
    return query.target is not None and proposal.upper <= query.target
