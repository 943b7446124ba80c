"""Weak duality: any W with polar at most lam bounds every factorization of every size.

    Omega*(W) <= lam  ==>  f_r(U, V) >= <W, Y> - 1/2 |W|^2,       theta = |u|_1 |v|_1,
    Omega*(W) = max |W_ij|.

Necessity: with max |W_ij| = 2 lam the bound fails on a named instance.
"""

import random
from fractions import Fraction

from . import Check
from ._exact import half_squares, inner, l1, matrix, objective, vector

LAM = Fraction(3, 2)


def checks(seed: int, examples: int) -> list[Check]:
    """Random W in the polar ball, random factors of random size; both sides by definition."""
    rng = random.Random(seed)
    out = []
    for _ in range(examples):
        m, n, r = rng.randint(1, 4), rng.randint(1, 4), rng.randint(0, 5)
        Y = matrix(rng, m, n)
        W = [[max(-LAM, min(LAM, x)) for x in row] for row in matrix(rng, m, n)]
        us, vs = [vector(rng, m) for _ in range(r)], [vector(rng, n) for _ in range(r)]
        bound = inner(W, Y) - inner(W, W) / 2
        out.append(Check("d(W) <= f_r", bound, "<=", objective(Y, us, vs, LAM)))
    return [*out, necessity()]


def necessity() -> Check:
    """Return the failure without the hypothesis: Y = [4], lam = 1, W = [2] bounds by 6 > 3.5."""
    Y, one = [[Fraction(4)]], Fraction(1)
    value = half_squares([[Fraction(3)]], Y) + one * l1([Fraction(3)])
    W = [[Fraction(2)]]
    return Check("polar 2 > lam: f < d(W)", value, "<", inner(W, Y) - inner(W, W) / 2)
