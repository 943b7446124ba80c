"""A lower bound of the candidate's own value, over all its offsets."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..arrays import Arrays
from ..budget import Budget
from ..dual import coarse, dual_limit, dual_point, dual_value, least_loss, ridge_cost
from ..exact import Exact
from ..fields import Json, part
from ..metered import Metered
from ..patterns import Pattern
from ..scalars import Enclosure, power
from ..statement import Question
from ..values import model, penalty


def floor(
    ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays, upper: Enclosure
) -> Fraction:
    """Return a lower bound of the candidate's own value, over all its offsets.

    Offsets given: the enclosure's lower end.  Otherwise, for s W with A* W = 0 (or its
    cost), f(X, q) >= d(sW) - s <W, sum phi(X_i)> + lam sum theta for every q, and l1 penalties.
    """
    if asked.q is not None or not asked.offsets:
        return upper.lo
    if "floor.W" not in given.arrays:
        return least_loss(asked)
    dual = dual_point(ar, asked, part(proof, "floor"), given, "floor.W")
    limit = dual_limit(ar, asked, dual)
    s = Fraction(1) if limit is None else coarse(min(Fraction(1), limit))
    cost = ridge_cost(ar, asked, dual, given, "floor.W")
    value = dual_value(ar, asked, dual, cost, s)
    value -= s * ar.inner(dual.field, model(ar, asked, asked.factors)).hi
    if dual.corrections:
        entries = entries_at(asked, [k for k, _ in dual.corrections], ar.budget)
        value -= s * sum(c * x for (_, c), x in zip(dual.corrections, entries, strict=True))
    return value + penalty(asked, asked.factors).lo


def entries_at(asked: Question, listed: Sequence[int], budget: Budget) -> list[Fraction]:
    """Return some observed entries of sum phi(X_i), exactly."""
    at = asked.at
    rows, cols = zip(*map(at.entry, listed), strict=True)
    few = asked.pair._replace(at=Pattern(at.m, at.n, rows, cols, at.dims))
    found = model(Metered(Exact(), budget), replace(asked, pair=few), asked.factors)
    return [x * power(found.exp) for x in found.ints]
