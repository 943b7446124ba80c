"""Zero slice: a zero slice at a merely *stationary* point proves nothing.

f(u, v) = 1/2 (u v - y)^2 + lam |u v| on 1 x 1 data: the origin has zero gradient in u and v
for every y, and is a local minimum only when |y| <= lam.  So the hypothesis "local
minimum" is needed: for y > lam the origin is beaten by arbitrarily near points.
"""

import random
from fractions import Fraction

from . import Check


def value(y: Fraction, lam: Fraction, u: Fraction, v: Fraction) -> Fraction:
    """Return f."""
    return (u * v - y) ** 2 / 2 + lam * abs(u * v)


def checks(seed: int, examples: int) -> list[Check]:
    """Near points e, e: above the origin when y <= lam, below it when y > lam."""
    rng = random.Random(seed)
    out = []
    for _ in range(examples):
        lam = Fraction(rng.randint(1, 9), 2)
        e = Fraction(1, rng.randint(50, 5000))
        low, high = lam * Fraction(rng.randint(0, 8), 8), lam + Fraction(rng.randint(1, 8), 8)
        zero = Fraction(0)
        out.append(
            Check(
                "y <= lam: local minimum", value(low, lam, zero, zero), "<=", value(low, lam, e, e)
            )
        )
        out.append(
            Check(
                "y > lam: stationary, beaten nearby",
                value(high, lam, e, e),
                "<",
                value(high, lam, zero, zero),
            )
        )
    return out
