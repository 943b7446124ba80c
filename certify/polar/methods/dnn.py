"""The doubly nonnegative relaxation, with multipliers in every block and on the diagonal."""

from dataclasses import replace

import numpy as np

from certify.base.arrays import Array, as_dense
from certify.polar.ascent.pairs import ascend, ascend_symmetric
from certify.polar.branching.pairs import ROOT_STEPS, STEPS, Bounder, Climb, proof_of
from certify.polar.branching.tree import Limits, grow
from certify.polar.query import Method, PolarQuery, Proposal
from certify.polar.relaxation.pairs import PairForm, of_pair, of_symmetric

from .corners import kept_axis

LARGEST = 400  # coordinates up to which a step is quick
FLOPS, FIXED = 25.0, 4e6  # of a step: of its eigendecomposition, of everything else
SPEED = 6e10  # of an ordinary core, in these units
LEAST = 30  # steps: fewer give no useful bound
AT_ONCE = 3  # parts of the smallest tree worth growing


class Dnn(Method):
    """[[0, W], [W^T, 0]] + N - Diag(D) <= t I, N >= 0 where signs are known.

    Exact when the dimensions sum to at most 4 and both factors are nonnegative; with free
    linf sides it is Grothendieck's relaxation, loose by up to 1.79 (1.41 on the Hadamard
    matrix of order 2).
    """

    cost = 1

    def applies(self, query: PolarQuery) -> bool:
        """Whether the pair is small, without a closed form, and without room for a tree."""
        return is_open(query) and allowance(query) < AT_ONCE

    def propose(self, query: PolarQuery) -> Proposal | None:
        """Return the bound of the root."""
        if query.expired():
            return None
        form = form_of(query)
        root = replace(bounder(query, form), climb=no_climb)
        tree = grow(root, Limits(query.target or -np.inf, nodes=1, workers=1))
        return Proposal(*proof_of(form, tree, query.target or 0.0))


def no_climb(_: Array) -> tuple[float, None]:
    """Climb nothing: the relaxation alone needs no slice."""
    return -np.inf, None


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
        return query.nodes
    if query.target is None:
        return 1
    if query.deadline is not None:
        return 1_000_000
    k = query.W.shape[0] if query.symmetric else sum(query.W.shape)
    return int(query.effort / (step_cost(k) * STEPS))


def bounder(query: PolarQuery, form: PairForm) -> Bounder:
    """Return the solver of parts: one root of at most the effort, then STEPS each."""
    affordable = int(query.effort / step_cost(form.size))
    steps = ROOT_STEPS if query.deadline is not None else min(affordable, ROOT_STEPS)
    return Bounder(form, climber(query), query.expired, STEPS, max(steps, LEAST))


def climber(query: PolarQuery) -> Climb:
    """Return the ascent from a point z = (u, v) of a relaxation."""
    dense_query, m = replace(query, W=as_dense(query.W)), query.W.shape[0]

    def climb(z: Array) -> tuple[float, tuple[Array, ...]]:
        """Return the slice that v, or x, leads to."""
        if not query.symmetric:
            return ascend(dense_query, z[m:, None])
        value, x = ascend_symmetric(dense_query, z[:, None])
        return value, (x,)

    return climb
