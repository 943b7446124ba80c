"""Flat path: a dependence sum beta_k u_k v_k^T = 0 moves slices without moving the product.

X_k(t) = (1 + t beta_k)^(1/2) X_k:   sum (1 + t beta_k) u_k v_k^T is constant, theta is
linear in t, and at t = -1 / min beta a slice is zero.
"""

import random
from fractions import Fraction

from . import Check
from ._exact import Vector, half_squares, l1, product, vector


def checks(seed: int, examples: int) -> list[Check]:
    """Slices with a dependence built in; the path sampled, and its end."""
    rng = random.Random(seed)
    out = []
    for _ in range(examples):
        us, vs, beta = dependent(rng)
        here = product(us, vs, 3, 2)
        end = -1 / min(beta)
        price = price_at(us, vs, beta)
        for t in (Fraction(0), end / 3, end):
            there = product(scaled(us, beta, t), vs, 3, 2)
            out.append(Check("the product stays", half_squares(there, here), "==", Fraction(0)))
            line = price(0) + t / end * (price(end) - price(0))
            out.append(Check("theta is linear", price(t), "==", line))
        gone = min(1 + end * b for b in beta)
        out.append(Check("a slice vanishes", gone, "==", Fraction(0)))
    return out


def dependent(rng: random.Random) -> tuple[list[Vector], list[Vector], Vector]:
    """Return u v1, u v2, u (v1 + v2) with beta = (1, 1, -1)."""
    u, v, w = vector(rng, 3), vector(rng, 2), vector(rng, 2)
    both = [a + b for a, b in zip(v, w, strict=True)]
    return [u, u, u], [v, w, both], [Fraction(1), Fraction(1), Fraction(-1)]


def scaled(us: list[Vector], beta: Vector, t: Fraction) -> list[Vector]:
    """Scale u_k by 1 + t beta_k: phi is bilinear, so one factor may carry the whole scale."""
    return [[(1 + t * b) * x for x in u] for u, b in zip(us, beta, strict=True)]


def price_at(us: list[Vector], vs: list[Vector], beta: Vector):  # noqa: ANN201  a function of t
    """Return t -> sum theta along the path."""
    return lambda t: sum((1 + t * b) * l1(u) * l1(v) for u, v, b in zip(us, vs, beta, strict=True))
