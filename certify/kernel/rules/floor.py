"""A lower bound of the candidate's own value, over all its offsets."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..budget import Budget
from ..dual import coarse, dual_limit, dual_point, dual_value, least_loss, ridge_cost
from ..evidence import Evidence
from ..exact import Exact
from ..metered import Metered
from ..patterns import Pattern
from ..scalars import Enclosure, power
from ..statement import Question
from ..values import model, penalty


def floor(ar: Arithmetic[H], problem: Question, proof: Evidence, upper: Enclosure) -> Fraction:
    """Return a lower bound of the candidate's own value, over all its offsets.

    If the offsets are given, it is the lower end of the value's enclosure.  Otherwise, for every q,
    f(X, q) >= d(sW) - s <W, sum phi(X_i)> + lam sum theta + any l1 penalty; d includes the offsets.
    """
    if problem.q is not None or not problem.offsets:
        return upper.lo
    if "floor.W" not in proof.given.arrays:
        return least_loss(problem)
    dual = dual_point(ar, problem, proof.part("floor"), "floor.W")
    limit = dual_limit(ar, problem, dual)
    s = Fraction(1) if limit is None else coarse(min(Fraction(1), limit))
    cost = ridge_cost(ar, problem, dual, proof.given)
    value = dual_value(ar, problem, dual, cost, s)
    value -= s * ar.inner(dual.field, model(ar, problem.space, problem.factors)).hi
    if dual.corrections:
        entries = entries_at(problem, [k for k, _ in dual.corrections], ar.budget)
        value -= s * sum(c * x for (_, c), x in zip(dual.corrections, entries, strict=True))
    return value + penalty(problem, problem.factors).lo


def entries_at(problem: Question, listed: Sequence[int], budget: Budget) -> list[Fraction]:
    """Return the listed observed entries of sum phi(X_i), exactly."""
    at = problem.at
    rows, cols = zip(*map(at.entry, listed), strict=True)
    few = replace(problem.space, at=Pattern(at.m, at.n, rows, cols, at.dims))
    grid = model(Metered(Exact(), budget), few, problem.factors)
    return [x * power(grid.exp) for x in grid.ints]
