"""An l1 mode: the polar is the largest one of a slice, with the signs the mode may have."""

from collections.abc import Callable
from dataclasses import replace
from math import factorial

import numpy as np

from certify.base.rigor.layout import sum_permutations
from certify.norms import Gauge
from certify.polar.product_query import ProductQuery
from certify.polar.query import PolarQuery, Proposal, combine

from . import METHODS, smallest, smallest_symmetric

Bound = Callable[[ProductQuery], Proposal]


def axis_of(query: ProductQuery) -> int | None:
    """Return the l1 mode to slice: the shortest; None without one."""
    sizes = query.T.shape
    axes = [k for k, g in enumerate(query.gauges) if g.axial or sizes[k] == 1]
    return min(axes, key=lambda k: sizes[k], default=None)


def largest_slice(query: ProductQuery, axis: int, bound: Bound) -> Proposal:
    """Return the largest bound of a slice, each bounded by `bound`.

    The extreme points of the ball are signed unit vectors; where another mode is free, its
    sign takes the place of the unit vector's.  Only the largest bound counts, so the target of
    a slice is at least the largest bound so far.
    """
    rest = tuple(g for k, g in enumerate(query.gauges) if k != axis)
    parts, upper = list[Proposal](), 0.0
    below = replace(query, gauges=rest, symmetric=False, starts=())
    order = signed_slices(query.gauges[axis], rest, query.T.shape[axis])
    for i, sign in order:
        part = np.ascontiguousarray(np.take(query.T, i, axis)) * sign
        target = upper if query.target is None else max(upper, query.target)
        parts.append(bound(replace(below, T=part, target=target or None)))
        upper = max(upper, parts[-1].upper)
    texts, arrays, left = combine(parts)
    return Proposal(upper, {"rule": "slices", "axis": axis, "each": texts, **arrays}, open=left)


def sliced_symmetric(query: ProductQuery, axis: int, bound: Bound) -> Proposal:
    """Return the bound by slices of a symmetric tensor, as if its factors could differ.

    The rule takes the sum over all orders of the modes, and divides the bound by K!.
    """
    times = factorial(query.T.ndim)
    target = None if query.target is None else query.target * times
    proposal = largest_slice(
        replace(query, T=sum_permutations(query.T), target=target), axis, bound
    )
    return replace(proposal, upper=proposal.upper / times)


def signed_slices(gauge: Gauge, rest: tuple[Gauge, ...], n: int) -> list[tuple[int, float]]:
    """Return (i, sign) of each slice in the order of the rule."""
    signs = gauge.unit_signs[: 1 if any(g.free for g in rest) else None]
    return [(i, sign) for sign in signs for i in range(n)]


def matrix(query: ProductQuery) -> Proposal:
    """Return the bound of a tensor of two modes, by the methods for matrices."""
    left, right = query.gauges
    matrix_query = PolarQuery(query.T, left, right, query.target, query.seed, query.deadline)
    if not query.symmetric:
        return smallest(matrix_query)
    if not left.cubic:
        return smallest_symmetric(replace(matrix_query, symmetric=True))
    proposal = METHODS["spectral"]().propose(matrix_query)
    return Proposal(np.inf) if proposal is None else proposal
