"""An l1 mode: the polar is the largest one of a slice, with the signs the mode may have."""

from collections.abc import Callable
from dataclasses import replace
from math import factorial
from typing import Any

import numpy as np

from certify.norms import Gauge
from certify.polar.ascent.contract import symmetrized
from certify.polar.ask import Ask, Proposal
from certify.polar.product_ask import TensorAsk

from . import METHODS, smallest, smallest_symmetric

SIGNS = {"": (1.0, -1.0), "+": (1.0,), "-": (-1.0,)}
Bound = Callable[[TensorAsk], Proposal]


def axis_of(ask: TensorAsk) -> int | None:
    """Return the l1 mode to slice: the shortest; None without one."""
    held = [k for k, g in enumerate(ask.gauges) if g.axial]
    return min(held, key=lambda k: ask.T.shape[k], default=None)


def sliced(ask: TensorAsk, axis: int, bound: Bound) -> Proposal:
    """Return the largest bound of a slice, each bounded by `bound`.

    The extreme points of the ball are signed unit vectors; where another mode is free, its
    sign takes the place of the unit vector's.  A slice whose largest value is already
    attained elsewhere need not be bounded tightly: the best found value is its target.
    """
    rest = tuple(g for k, g in enumerate(ask.gauges) if k != axis)
    each: list[dict[str, Any]] = []
    arrays: dict[str, Any] = {}
    upper = 0.0
    below = replace(ask, gauges=rest, symmetric=False, starts=())
    order = signed_slices(ask.gauges[axis], rest, ask.T.shape[axis])
    for t, (i, sign) in enumerate(order):
        part = np.ascontiguousarray(np.take(ask.T, i, axis)) * sign
        target = upper if ask.target is None else max(upper, ask.target)
        found = bound(replace(below, T=part, target=target or None))
        upper = max(upper, found.upper)
        held = {k: x for k, x in found.proof.items() if isinstance(x, np.ndarray)}
        each.append({k: x for k, x in found.proof.items() if k not in held})
        arrays |= {f"s{t}.{k}": x for k, x in held.items()}
    return Proposal(upper, {"rule": "slices", "axis": axis, "each": each, **arrays})


def sliced_symmetric(ask: TensorAsk, axis: int, bound: Bound) -> Proposal:
    """Return the bound by slices of a symmetric tensor, as if its factors were many.

    The rule takes the sum over all orders of the modes, and divides the bound by K!.
    """
    times = factorial(ask.T.ndim)
    target = None if ask.target is None else ask.target * times
    found = sliced(replace(ask, T=symmetrized(ask.T), target=target), axis, bound)
    return Proposal(found.upper / times, found.proof)


def signed_slices(gauge: Gauge, rest: tuple[Gauge, ...], n: int) -> list[tuple[int, float]]:
    """Return (i, sign) of each slice in the order of the rule."""
    signs = SIGNS[gauge.cone][: 1 if any(g.free for g in rest) else None]
    return [(i, sign) for sign in signs for i in range(n)]


def matrix(ask: TensorAsk) -> Proposal:
    """Return the bound of a tensor of two modes, by the methods for matrices."""
    left, right = ask.gauges
    held = Ask(ask.T, left, right, ask.target, ask.seed, ask.deadline)
    if not ask.symmetric:
        return smallest(held)
    if not left.cubic:
        return smallest_symmetric(replace(held, symmetric=True))
    found = METHODS["spectral"]().propose(held)
    return Proposal(np.inf) if found is None else found
