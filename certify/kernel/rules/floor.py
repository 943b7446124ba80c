"""A lower bound of the candidate's own value, over all its offsets."""

import math
from collections.abc import Sequence
from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..arrays import Array, Arrays, columns, rows_of
from ..budget import FRACTION, Budget
from ..dual import coarse, dual_limit, dual_point, dual_value, least_loss, ridge_cost
from ..exact import Exact
from ..fields import Json, part
from ..metered import Metered
from ..patterns import Pattern
from ..scalars import Enclosure, power
from ..spaces import Deep, Network
from ..statement import Question
from ..values import model, thetas


def floor(
    ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays, upper: Enclosure
) -> Fraction:
    """Return a lower bound of the candidate's own value, over all its offsets.

    Offsets given: the enclosure's lower end.  Otherwise, for s W with A* W = 0 (or its
    cost), f(X, q) >= d(sW) - s <W, sum phi(X_i)> + lam sum theta for every q.
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
    for k, c in dual.corrections:
        value -= s * c * entry_at(asked, asked.at.place(k), ar.budget)
    return value + asked.lam * thetas(asked, asked.factors).lo


def entry_at(asked: Question, place: Sequence[int], budget: Budget = Arithmetic.budget) -> Fraction:
    """Return one entry of sum phi(X_i), exactly."""
    factors = asked.factors
    r = factors[0].shape[1]
    budget.spend(FRACTION * (r + 1) * len(factors), "an entry")
    if isinstance(asked.pair, Network):
        own = sum(k == place[0] for k in asked.pair.samples)
        size = own * asked.pair.features.shape[1]
        budget.spend(FRACTION * (r + 1) * size + len(asked.pair.samples), "an entry")
        return network_entry(asked.pair, factors, place)
    if isinstance(asked.pair, Deep):
        whole = Metered(Exact(), budget).deep(
            asked.pair._replace(at=Pattern(asked.at.m, asked.at.n)), factors
        )
        return whole.ints[place[0] * asked.at.n + place[1]] * power(whole.exp)
    rows = (a.data[i * r : i * r + r] for a, i in zip(factors, place, strict=True))
    terms = (math.prod(map(Fraction, x), start=Fraction(1)) for x in zip(*rows, strict=True))
    return sum(terms, Fraction(0))


def network_entry(net: Network, factors: Sequence[Array], place: Sequence[int]) -> Fraction:
    """Return one output of one sample, exactly."""
    pairs = zip(rows_of(net.features), net.samples, strict=True)
    rows, total = [f for f, k in pairs if k == place[0]], Fraction(0)
    for u, v in zip(*map(columns, factors), strict=True):
        held = Fraction(0)
        for f in rows:
            z = sum((Fraction(a) * Fraction(b) for a, b in zip(f, u, strict=True)), Fraction(0))
            acted = z if z > 0 else net.slope * z
            held = max(held, acted) if net.most else held + acted
        total += held * Fraction(v[place[1]])
    return total
