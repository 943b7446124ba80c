"""Least squares below the Kullback-Leibler divergence, for a bound at a fixed size."""

import math
from array import array
from dataclasses import replace
from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..arrays import Array, Arrays, dyadic
from ..budget import FRACTION
from ..errors import demand
from ..losses.base import Grains, Spans
from ..losses.piecewise import Squared
from ..scalars import power
from ..spaces import Pair
from ..statement import Question

LARGEST = 2.0**300  # weight


def squares_below(ar: Arithmetic[H], problem: Question, given: Arrays, upper: Fraction) -> Question:
    """Return least squares with weights: at most r slices have f >= upper, or f >= its infimum.

    At lam = 0, for all entries of a matrix.  With row sums R and column sums C of Y, weights
    c = 3 / (y + 2 b), b = min(R_i, C_j), do, rounded down.  "most" has other b for entries where
    it is positive: at least y, and with a divergence of at least `upper` from it.

    A row of U times t >= 0 is allowed, and of all t the loss is least where the row of Z has the
    sum R_i; columns likewise.  Doing both in turn never raises the loss, which is at least 0, and
    a step lowers it by the divergence of the sums that it mends; so those tend to R and C
    together, and every value is at least that of some Z with z_ij <= (1 + e) b_ij, for every
    e > 0.  There, since ln(1 + x) <= x (6 + x) / (6 + 4x) for x = z/y - 1,

        z - y ln(z/y) - y >= 3 (z - y)^2 / (2 (y + 2z)) >= c / (2 (1 + e)) (z - y)^2

    (the difference has the derivative -4x^3 / ((1 + x)(6 + 4x)^2); at y = 0 it is z >= 3z/4).
    Where f < upper every entry's divergence is, and it rises from y on: z <= b too.  Where R_i
    or C_j is 0, so are y and z, and any weight does.
    """
    at, whole = problem.at, isinstance(problem.pair, Pair) and not problem.pair.symmetric
    demand(problem.lam == 0, "statement.lam", "scope", "row sums are not kept beside a penalty")
    demand(whole, "statement.atom", "scope", "two factors of a matrix")
    demand(at.rows is None and problem.weights is None, "proof.blocks", "wrong_rule", "not plain")
    demand(not problem.offsets, "statement.offsets", "scope", "row sums beside offsets")
    ar.budget.spend(4 * FRACTION * at.size, "weights below counts")
    ints, e = dyadic(problem.Y.data)
    rows = [sum(ints[i * at.n : i * at.n + at.n]) for i in range(at.m)]
    cols = [sum(ints[j :: at.n]) for j in range(at.n)]
    unit, limits = power(e), reaches(problem, given, upper)
    most = (min(rows[k // at.n], cols[k % at.n]) * unit for k in range(at.size))
    least = (b if x is None else min(b, x) for b, x in zip(most, limits, strict=True))
    whole_weights = (y * unit + 2 * b for y, b in zip(ints, least, strict=True))
    weights = (under(3 / x) if x else 1.0 for x in whole_weights)
    return replace(problem, loss=Squared(), weights=Array((at.size,), array("d", weights)))


def reaches(problem: Question, given: Arrays, upper: Fraction) -> list[Fraction | None]:
    """Read "most": a bound of each entry of Z whose divergence is below `upper`, or None."""
    size = problem.at.size
    if "most" not in given.arrays:
        return [None] * size
    out: list[Fraction | None] = []
    for b, y in zip(given.get("most", (size,)).data, problem.Y.data, strict=True):
        demand(b >= 0, "proof.most", "sign", b)
        if b == 0:
            out.append(None)
            continue
        (one,), e = dyadic(array("d", (b,)))
        at, count = Spans((one,), (one,), e), Grains(*dyadic(array("d", (y,))))
        far = b >= y and problem.loss.value(at, count, Grains((1,), 0)).lo >= upper
        demand(far, "proof.most", "divergence", b)
        out.append(Fraction(b))
    return out


def under(c: Fraction) -> float:
    """Return a float at most c > 0, nearly as large, and not beyond what sums of squares hold."""
    x = float(min(c, Fraction(LARGEST)))
    return x if Fraction(x) <= c else math.nextafter(x, 0.0)
