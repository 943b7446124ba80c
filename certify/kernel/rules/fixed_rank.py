"""Lower bounds of f over at most r slices: weak duality, and Ky Fan's bound of the rest."""

import math
from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..dual import dual_value, ridge_cost
from ..errors import demand
from ..evidence import Evidence, Multiple
from ..losses.likelihoods import KullbackLeibler
from ..losses.piecewise import Squared
from ..scalars import Bound, root
from ..statement import Question
from .blocks import blocks
from .counts import squares_below
from .ky_fan import ky_fan
from .weak_duality import multiple, weak_duality


def fixed_rank(ar: Arithmetic[H], problem: Question, proof: Evidence, upper: Fraction) -> Bound:
    """Prove f >= d(sW) + e over at most r slices and all offsets, P(W) s <= lam.

    As for any size, lam sum theta >= s <W, sum phi>.  With w = s W, z = sum phi + A q and
    1/2 (y - z)^2 + w z = [w y - w^2 / 2] + 1/2 (y - w - z)^2,

        f >= d(w) + inf { 1/2 |Y - w - Z - A q|^2 : q, Z a sum of at most r slices },

    where d(w) includes the infimum over q of H(q) - <w, A q>.  `ky_fan` or `blocks` prove a lower
    bound e of the last infimum.  Without their witness this is weak duality; without W, w = 0.

    The Kullback-Leibler divergence is first replaced by `squares_below`: squares and a constant
    that are at most f wherever f < upper.  So f is at least the smaller of their bound and upper.
    """
    fields, given = proof.fields, proof.given
    if "blocks" not in fields and "ky_fan" not in fields and "K" not in given.arrays:
        return weak_duality(ar, problem, proof)
    if isinstance(problem.loss, KullbackLeibler):
        below, low = squares_below(ar, problem, problem.loss, given, upper)
        bound = fixed_rank(ar, below, proof, upper)
        value = max(min(bound.value + low, upper), Fraction(0))
        return Bound(value, (*bound.rules, "counts"))
    kind = type(problem.loss).__name__
    demand(isinstance(problem.loss, Squared), "statement.loss", "scope", kind)
    if "W" not in given.arrays:
        return excess(ar, problem, proof, None)
    dual, s, name = multiple(ar, problem, proof)
    s = float_under(s)
    value = dual_value(ar, problem, dual, ridge_cost(ar, problem, dual, given), s)
    extra = excess(ar, problem, proof, (dual, s))
    return Bound(max(value + extra.value, Fraction(0)), (name, *extra.rules))


def float_under(s: Fraction) -> Fraction:
    """Return the largest float that is at most s, for 0 <= s <= 1."""
    x = float(s)
    return Fraction(x if Fraction(x) <= s else math.nextafter(x, 0.0))


def excess(ar: Arithmetic[H], problem: Question, proof: Evidence, by: Multiple[H] | None) -> Bound:
    """Bound inf 1/2 |Y - sW - Z - A q|^2 from below, by the rule whose witness the proof has.

    The rules leave out the corrections s E of sW, which change the distance by at most s |E|.
    """
    rule = blocks if "blocks" in proof.fields else ky_fan
    demand(rule is ky_fan or not problem.at.zeros, "proof.blocks", "wrong_rule", "observed zeros")
    extra = rule(ar, problem, proof, by)
    stray = by[1] * by[0].stray if by is not None else Fraction(0)
    if not stray:
        return extra
    plain = problem.weights is None and not any(k.startswith("left") for k in proof.given.arrays)
    demand(plain, "proof.W.corrections", "wrong_rule", "corrections beside weights")
    away = max(root(2 * extra.value).lo - stray, Fraction(0))
    return Bound(away * away / 2, extra.rules)
