"""Dual points of any loss: into the domain of d, and the best multiple.

s -> d(s W) - s^2/2 sum |A* W|^2 / ridge is concave; s P(W) <= lam is allowed.
"""

from collections.abc import Callable

import numpy as np

from certify.base.arrays import Array
from certify.losses import Loss, Squared
from certify.problem import Problem
from certify.search.candidate import Candidate, evaluate

BITS = 60  # of an entry below the largest: smaller ones only lengthen exact integers
STEPS = 100  # sections that exhaust a float's digits
GOLDEN = 0.5 * (5**0.5 - 1)
LARGEST = 2.0**1000  # scale of a dual point
LEAST = 2.0**-100  # a scale below which a dual point proves nothing
GRAIN = 2.0**-50  # of a weight: the largest move of an entry by a grid of exact sums
SAME = 2.0**-30  # a scale this near to 1 is 1: d is flat there; cost, never truth


def move_inside(loss: Loss, W: Array) -> Array:
    """Return W moved into the domain of d, with its entries cut at one grid.

    Every domain is convex with 0 inside, and a box but for rows that sum to zero, which
    `clip_dual` cuts by itself; cutting a box's entries towards 0 stays inside.
    """
    point = loss.clip_dual(W)
    e = int(np.frexp(np.abs(point).max(initial=0.0))[1]) - BITS
    cut = np.ldexp(np.trunc(np.ldexp(point, -e)), e)
    return np.asarray(loss.clip_dual(cut))


def along(problem: Problem, W: Array) -> Callable[[float], float]:
    """Return s -> d(s W) less the ridge's cost, -inf outside the domain."""
    loss = problem.loss
    if isinstance(loss, Squared):
        inner, size = terms(problem, loss, W)
        return lambda s: s * inner - 0.5 * s * s * size

    def of(s: float) -> float:
        """Return the value at s W."""
        point = move_inside(loss, s * W)
        return loss.dual_value(point) - 0.5 * ridge_cost(problem, point)

    return of


def value(problem: Problem, W: Array, s: float) -> float:
    """Return d(s W) less the ridge's cost; -inf outside the domain."""
    return along(problem, W)(s)


def terms(problem: Problem, loss: Squared, W: Array) -> tuple[float, float]:
    """Return (<W, Y>, sum W^2 / w + sum |A* W|^2 / ridge): d(sW) = s a - s^2 b / 2."""
    w = W.reshape(-1)
    over = w if loss.scale is None else w / loss.scale.reshape(-1)
    return float(w @ loss.data.reshape(-1)), float(w @ over) + ridge_cost(problem, W)


def limit(problem: Problem, W: Array) -> float:
    """Return the largest s for which the offsets allow s W."""
    return min((o.limit(W) for o in problem.offsets), default=np.inf)


def best_scale(problem: Problem, W: Array, polar: float) -> float:
    """Return the s in [0, lam / polar] of the highest value: closed, or by golden section."""
    top, loss = min(problem.lam / max(polar, 1e-300), limit(problem, W), LARGEST), problem.loss
    if isinstance(loss, Squared):
        inner, size = terms(problem, loss, W)
        best = min(max(inner / size, 0.0), top) if size > 0 else min(1.0, top)
    else:
        hi, of = min(top, reach(loss, W, top)), along(problem, W)
        best = max([min(1.0, hi), hi, golden(of, hi)], key=of)
    return 1.0 if abs(best - 1) <= SAME else float(best)


def golden(f: Callable[[float], float], hi: float, same: float = SAME) -> float:
    """Return about where a concave f is largest on [0, hi], to a part of hi."""
    lo = 0.0  # scipy's bounded search ends at the root of eps, which is loose at a kink
    a, b = hi - GOLDEN * (hi - lo), lo + GOLDEN * (hi - lo)
    at_a, at_b = f(a), f(b)
    for _ in range(STEPS):
        if hi - lo <= same * hi:
            break
        if at_a >= at_b:
            hi, b, at_b = b, a, at_a
            a = hi - GOLDEN * (hi - lo)
            at_a = f(a)
        else:
            lo, a, at_a = a, b, at_b
            b = lo + GOLDEN * (hi - lo)
            at_b = f(b)
    return a


def best_multiple(problem: Problem, now: Candidate) -> Candidate:
    """Return the state of the best multiple t <= 2 of all slices: f is convex along it."""

    def at(t: float) -> Candidate:
        """Return the state of t times the slices."""
        return evaluate(problem, tuple(t**0.5 * x for x in now.factors), now.q)

    def height(t: float) -> float:
        """Return minus the objective; -inf where it is infinite."""
        value = at(t).value
        return -value if np.isfinite(value) else -np.inf

    return min((at(0.0), at(golden(height, 2.0))), key=lambda s: s.value)


def reach(loss: Loss, W: Array, top: float) -> float:
    """Return about the largest s in [LEAST, top] with s W in the domain, by halving."""
    if inside(loss, top * W):
        return top
    lo, hi = LEAST, top
    for _ in range(STEPS):
        middle = (lo * hi) ** 0.5
        lo, hi = (middle, hi) if inside(loss, middle * W) else (lo, middle)
        if hi - lo <= SAME * hi:
            break
    return lo


def inside(loss: Loss, W: Array) -> bool:
    """Whether W is in the domain of d but for rounding."""
    if isinstance(loss, Squared):  # everywhere
        return True
    moved = np.abs(loss.clip_dual(W) - W).max(initial=0.0)
    scale = getattr(loss, "scale", None)
    grain = GRAIN * (1.0 if scale is None else float(scale.max()))
    return bool(moved <= SAME * np.abs(W).max(initial=0.0) + grain)


def ridge_cost(problem: Problem, W: Array) -> float:
    """Return sum |A* W|^2 / ridge over the offsets with a ridge, in floats."""
    return sum(o.cost(W, problem.loss.observed) for o in problem.offsets)
