"""Which bound of a layer's polar to try, and in what order."""

from dataclasses import replace
from fractions import Fraction
from math import comb
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from certify.base.arrays import Array
from certify.norms import gauge

from .ascent.layers import attain
from .ask import Ask, Proposal
from .branching import cells, cones
from .branching import layers as tree
from .branching import pooled as _parts
from .layer_ask import LayerAsk
from .methods import smallest

CELLS = 10_000  # cells up to which they come first, before simplicial cones
CLOSE = 2.0**-20  # relative: a bound this near a found value is not worth more work


def propose(ask: LayerAsk) -> Proposal:
    """Return the smallest bound found, with its proof by one of the kernel's rules.

    Slope 1 is a matrix.  Outputs in l1 are bounded one at a time, in linf also together.
    One output of few features: cells, exact; else, and for several outputs, the relaxation
    and its tree.  The largest of a sample's rows: one output at a time, by layers that sum.
    Small linear algebra runs on one BLAS thread meanwhile.
    """
    with threadpool_limits(1, user_api="blas"):
        if not ask.layer.most:
            return of_sums(ask)
        return _parts.proposal(ask, propose) if ask.W.shape[1] == 1 else each(ask)


def of_sums(ask: LayerAsk) -> Proposal:
    """Return the smallest bound found, of a layer whose samples are sums of rows."""
    layer, outputs = ask.layer, ask.W.shape[1]
    if not ask.W.any() and layer.left.spherical:
        return nothing()
    if layer.slope == 1 and not layer.free:
        return linear(ask)
    if outputs == 1:
        return single(ask)
    best = Proposal(np.inf)
    rows, d = layer.features.shape
    if d <= cones.SHORT and rows > cones.LONG:
        best = cones.layer_proposal(ask, attain(ask.shared(3))[0])
        if met(ask, best):
            return best
    return min(best, by_relaxation(ask), key=lambda p: p.upper)


def by_relaxation(ask: LayerAsk) -> Proposal:
    """Return the smallest bound of several outputs, together or one at a time."""
    layer = ask.layer
    if layer.right.axial:
        return each(ask)
    whole = joint(ask)
    if (layer.right.spherical and layer.right.free) or met(ask, whole):
        return whole
    return min(whole, each(ask), key=lambda p: p.upper)


def nothing() -> Proposal:
    """Return the proof that W = 0 earns nothing."""
    node = {"leaf": 0, "tau": (1.0).hex(), "level": (0.0).hex(), "shift": Fraction(0)}
    return Proposal(0.0, {"rule": "network", "nodes": [node]})


def linear(ask: LayerAsk) -> Proposal:
    """Return the bound of the matrix F^T W."""
    T: Array = ask.layer.features.T @ ask.layer.spread(ask.W)
    right = ask.layer.right
    if T.shape[1] == 1:  # every norm of one output is |v|, and of l1 the polar is closed
        right = gauge(f"l1{right.cone}")
    return smallest(Ask(T, ask.layer.left, right, ask.target, ask.seed, ask.deadline)).linear()


def single(ask: LayerAsk) -> Proposal:
    """Return the bound of one output."""
    lower = attain(ask.shared(3))[0]
    best = Proposal(np.inf)
    if few(*ask.layer.features.shape):
        best = cells.proposal(ask, lower)
    elif ask.layer.features.shape[1] <= cones.SHORT:
        best = cones.layer_proposal(ask, lower)
    if met(ask, best) or best.upper <= lower * (1 + CLOSE):
        return best
    return min(best, tree.proposal(ask, lower), key=lambda p: p.upper)


def few(rows: int, d: int) -> bool:
    """Whether the rows cut the space of u into few cells, at most 2 sum_{k<d} C(rows - 1, k)."""
    return 2 * sum(comb(rows - 1, k) for k in range(d)) <= CELLS


def joint(ask: LayerAsk) -> Proposal:
    """Return the bound of |W^T s|_2, times what the norm of v may add."""
    wide = float(np.sqrt(ask.layer.right.cost(np.ones(ask.W.shape[1]))))
    target = None if ask.target is None else ask.target / wide
    lower = attain(ask.shared(3))[0] if wide == 1.0 else 0.0
    found = tree.proposal(replace(ask, target=target), lower)
    return Proposal(found.upper * wide, found.proof)


def each(ask: LayerAsk) -> Proposal:
    """Return the bound of one output at a time: of the bounds the dual norm of v's."""
    one = replace(ask.layer, right=gauge("l2" + ask.layer.right.cone))
    largest = ask.layer.right.axial
    arrays: dict[str, Any] = {}
    texts: list[dict[str, Any]] = []
    uppers: list[float] = []
    for t, column in enumerate(ask.W.T):
        starts = [(u, np.ones(1)) for u, _ in ask.starts]
        target = ask.target if largest else None
        part = replace(ask, layer=one, W=column[:, None], target=target, starts=starts)
        found = propose(part.shared(ask.W.shape[1] - t))
        if found.upper == np.inf:
            return found
        uppers.append(found.upper)
        text, own = found.parted(f"s{t}.")
        texts.append(text)
        arrays |= own
    upper = ask.layer.right.free_dual(np.array(uppers))
    return Proposal(upper, {"rule": "outputs", "each": texts, **arrays})


def met(ask: LayerAsk, found: Proposal) -> bool:
    """Whether a bound is at most the target."""
    return ask.target is not None and found.upper <= ask.target
