"""Lower bounds of the dual value d(W), and the conditions of the offsets on a dual point."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from . import zeros
from .arithmetic import Arithmetic, H
from .arrays import Arrays, dyadic, filled
from .errors import demand
from .evidence import Dual, Evidence
from .losses.base import Grains
from .losses.piecewise import Squared
from .scalars import power
from .statement import Question, loss_weights


def loss_dual(problem: Question, dual: Dual[Any], s: Fraction) -> Fraction:
    """Return a lower bound of d(sW) for dyadic s >= 0; reject an sW outside the domain of d.

    All groups without a correction share the grid of 2**e.  Each other group has its own grid,
    which is finer by the denominators of its corrections.
    """
    w, y, c = Grains(*dyadic(dual.raw.data)), Grains(*dyadic(problem.Y.data)), loss_weights(problem)
    size = problem.loss.group or problem.at.n
    e = min(w.exp + 1 - s.denominator.bit_length(), c.exp)
    p, q = int(s * power(w.exp - e)), c.exp - e
    ours = [v * p for v in w.ints]
    moved: dict[int, dict[int, Fraction]] = {}
    for k, x in dual.corrections:
        moved.setdefault(k // size, {})[k] = s * x / power(e)

    def bound(groups: Sequence[int], w: Mapping[int, int] | Sequence[int], d: int) -> Fraction:
        """Return a lower bound of d on some groups; w and their weights are times 2**e / d."""
        keys = [k for i in groups for k in range(i * size, i * size + size)]
        data = [w[k] for k in keys], Grains([y.ints[k] for k in keys], y.exp)
        weights = [(c.ints[i] << q) * d for i in groups]
        kind = type(problem.loss).__name__
        demand(problem.loss.inside(*data, weights), f"proof.{dual.name}", "domain", kind)
        return problem.loss.dual(*data, weights) / d

    values = [bound([i for i in range(len(c.ints)) if i not in moved], ours, 1)]
    for i, fixes in moved.items():
        d = math.lcm(*(x.denominator for x in fixes.values()))
        fine = {k: ours[k] * d for k in range(i * size, i * size + size)}
        fine |= {k: fine[k] + int(x * d) for k, x in fixes.items()}
        values.append(bound([i], fine, d))
    return sum(values, Fraction(0)) * power(e)


def least_loss(problem: Question) -> Fraction:
    """Return a lower bound of inf l = d(0), and so of every objective; 0 for losses h >= 0."""
    if not problem.loss.signed:
        return Fraction(0)
    return loss_dual(problem, Dual(None, filled((problem.at.size,), 0.0), ()), Fraction(1))


def coarse(s: Fraction) -> Fraction:
    """Round down to 60 significant bits, a dyadic number."""
    e = s.numerator.bit_length() - s.denominator.bit_length() - 60
    return math.floor(s / power(e)) * power(e)


def ridge_cost(ar: Arithmetic[H], problem: Question, dual: Dual[H], given: Arrays) -> Fraction:
    """Return an upper bound of -2 inf over q of <W, A q> + H(q), q all offsets with a ridge.

    The infimum over several offsets is the sum of theirs.  One that is -inf rejects W.
    """
    costs = (
        o.cost(ar, problem.at, dual, Evidence({}, given, mark=str(k)))
        for k, o in enumerate(problem.offsets)
    )
    return sum(costs, Fraction(0))


def dual_limit(ar: Arithmetic[H], problem: Question, dual: Dual[H]) -> Fraction | None:
    """Return the largest s that all offsets allow for s W, or None if any s is allowed."""
    limits = [o.limit(ar, problem.at, dual) for o in problem.offsets]
    return min((s for s in limits if s is not None), default=None)


def dual_value(
    ar: Arithmetic[H], problem: Question, dual: Dual[H], cost: Fraction, s: Fraction
) -> Fraction:
    """Return a lower bound of d(sW) - s^2/2 cost for s >= 0 (dyadic except for least squares).

    d(W) = inf over Z of l(Z) + <W, Z>, as the loss bounds it.  For least squares it is
    d(sW) = s <W, Y> - s^2/2 sum W^2 / w, because w/2 (z - y)^2 + W z is least at
    W y - W^2 / (2 w).
    """
    if not isinstance(problem.loss, Squared):
        return loss_dual(problem, dual, s) - s * s / 2 * cost
    if problem.at.zeros:
        inner, size = zeros.dual_terms(ar, dual.field, ar.load(problem.Y), dual.low, problem.at)
        return s * inner - s * s / 2 * size
    inner = ar.inner(dual.field, ar.load(problem.Y)).lo
    size = ar.squares_over(dual.field, problem.weights).hi
    for k, c in dual.corrections:
        w = Fraction(problem.weights.data[k]) if problem.weights is not None else Fraction(1)
        inner += c * Fraction(problem.Y.data[k])
        size += (2 * c * Fraction(dual.raw.data[k]) + c * c) / w
    return s * inner - s * s / 2 * (size + cost)
