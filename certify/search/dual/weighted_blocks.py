"""Ky Fan's bound of a block with weights: a product a_i^2 b_j^2 below them, the rest linearized.

With c' = c - a^2 b^2 and v = w + ab (M - ab y), for any W of entries w and any M of the block

    1/2 sum (ab y)^2 + v y - v^2 / (2c') - 1/2 K_r(M)^2

is a lower bound of sum 1/2 c (y - z)^2 + w z over rank z <= r.  It is concave in (M, W) and is
maximized by an alternating direction method: K_r's proximal map for M, and for each entry a
quadratic with its sign.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.base.arrays import Array

from .own_size_ascent import EVERY, STALLED, STEP, STEPS, Project, ky_fan, shrunk

SHARE = 1e-7  # of the weights that the product leaves at least: what cannot be linear costs it
ROUNDING = 2.0**-48  # of a^2 b^2 in rounded arithmetic, relative to the norm of all weights
ROUNDS = 30  # of fitting the product under the weights


@dataclass(frozen=True)
class Weighted:
    """What proves the bound of a block: a, b, c', G = M - ab y, W on it, and the bound."""

    a: Array
    b: Array
    rest: Array
    G: Array
    W: Array
    value: float


def product_below(c: Array) -> tuple[Array, Array, Array]:
    """Return a, b > 0 with a_i^2 b_j^2 <= (1 - SHARE) c_ij, tight somewhere in every line, and c'.

    From the geometric means of the rows, each side is raised in turn until it touches.  A
    product is met exactly.
    """
    limit = np.maximum(c * (1 - SHARE) - 2 * ROUNDING * float(np.linalg.norm(c)), SHARE * c)
    rows = np.exp(np.log(limit).mean(axis=1))
    for _ in range(ROUNDS):
        cols = (limit / rows[:, None]).min(axis=0)
        rows = (limit / cols).min(axis=1)
    a, b = np.sqrt(rows) * (1 - 1e-12), np.sqrt(cols) * (1 - 1e-12)
    return a, b, c - np.outer(a, b) ** 2 - ROUNDING * float(np.linalg.norm(c))


def ascend_weighted(
    data: tuple[Array, tuple[Array, Array, Array]],
    r: int,
    W: Array,
    signs: Project | None,
    expired: Callable[[], bool],
) -> Weighted:
    """Maximize the bound over M, and over W too where signs say which entries earn nothing.

    data  y, and (a, b, c') below its weights
    """
    y, (a, b, rest) = data
    ab = np.outer(a, b)
    high, U = ab * y, np.zeros_like(y)
    M, best, last = high, None, -np.inf
    for k in range(1, STEPS + 1):
        A = shrunk(M - U, (0,), r, STEP)[0]
        if signs is not None:
            W = signs(rest * y - ab * (M - high))
        # the least v^2 / (2c') - v y + STEP/2 |M - A - U|^2, v = w + ab (M - high)
        M = (ab * y + STEP * (A + U) - ab * (W - ab * high) / rest) / (ab**2 / rest + STEP)
        U = U + A - M
        if k % EVERY and k < STEPS:
            continue
        G = M - high
        v = W + ab * G
        value = float((0.5 * high**2 + v * y - v**2 / (2 * rest)).sum())
        value -= 0.5 * ky_fan(M, (0,), r) ** 2
        if best is None or value > best.value:
            best = Weighted(a, b, rest, G, W, value)
        if expired() or abs(value - last) <= STALLED * abs(value):
            break
        last = value
    return best or Weighted(a, b, rest, np.zeros_like(y), W, -np.inf)
