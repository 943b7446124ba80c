"""A lower bound of the candidate's own value, over all its offsets."""

from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..dual import coarse, dual_limit, dual_value, least_loss, ridge_cost
from ..evidence import Evidence, dual_point
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
    dual = dual_point(ar, problem.at, proof.part("floor"), "floor.W")
    limit = dual_limit(ar, problem, dual)
    s = Fraction(1) if limit is None else coarse(min(Fraction(1), limit))
    cost = ridge_cost(ar, problem, dual, proof.given)
    value = dual_value(ar, problem, dual, cost, s)
    fit = model(ar, problem.space, problem.factors)
    value -= s * ar.inner(dual.field, fit).hi
    if dual.corrections:
        lows, highs, e = ar.spans(fit)
        most = (max(c * lows[k], c * highs[k]) for k, c in dual.corrections)
        value -= s * power(e) * sum(most)
    return value + penalty(problem, problem.factors).lo
