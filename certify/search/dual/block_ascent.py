"""An ascent on the bound of blocks, and of the polar beside it, for masked and weighted data.

Blocks B share no entry.  On one with weights c let a_i^2 b_j^2 + c' <= c, both parts of c or
c' = 0 and ab = sqrt(c); outside the blocks ab = 0 and c' = c.  For any field M of the blocks,
any W of polar at most lam and v = W + ab (M - ab y),

    f >= sum [ 1/2 (ab y)^2 + v y - v^2 / (2c') ] - 1/2 sum over B of K_r(M_B)^2

(v = 0 where c' = 0).  It is concave in (M, W) and is maximized by an alternating direction
method: K_r's proximal map for each block of M, a projection for each set whose sum W is, and for
each entry a quadratic in v.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from certify.base.arrays import Array, Ints

from .own_size_ascent import EVERY, STEP, Project, ky_fan, shrink

STEPS = 600  # of the method
STALLED = 1e-6  # relative gain between bounds that ends it: blocks leave more open than that
SHARE = 1e-7  # of the weights that is left beside the product at least
ROUNDING = 2.0**-48  # of a^2 b^2 in rounded arithmetic, relative to the norm of all weights
ROUNDS = 30  # of fitting the product under the weights

At = tuple[Ints, Ints]


@dataclass(frozen=True)
class Parts:
    """The data, and how the weights are split: c >= ab^2 + c'; all 0 where nothing is observed."""

    y: Array
    ab: Array
    rest: Array
    blocks: tuple[At, ...]
    rank: int

    def linear_part(self, M: Array, W: Array) -> Array:
        """Return v, 0 where c' = 0."""
        return np.where(self.rest > 0, W + self.ab * (M - self.ab * self.y), 0.0)

    def value(self, M: Array, v: Array) -> float:
        """Return the bound."""
        square = np.divide(v**2, self.rest, out=np.zeros_like(v), where=self.rest > 0)
        entries = float((0.5 * (self.ab * self.y) ** 2 + v * self.y - 0.5 * square).sum())
        return entries - 0.5 * sum(ky_fan(M[at], (0,), self.rank) ** 2 for at in self.blocks)

    def ascent(self, v: Array, W: Array) -> "Ascent":
        """Return the bound of W, with the M of the blocks that has this v."""
        inside, M = self.ab > 0, self.ab * self.y
        M = M + np.divide(v - W, self.ab, out=np.zeros_like(v), where=inside)
        return Ascent(M, W, self.value(M, np.where(inside, v, W)))


@dataclass(frozen=True)
class Ascent:
    """M, W as a sum of one point of each set, and the bound expected."""

    M: Array
    W: Array
    value: float


def ascend(parts: Parts, W: Array, sets: Sequence[Project], expired: Callable[[], bool]) -> Ascent:
    """Maximize the bound over M, and over W, a sum of one point of each set; without sets W stays.

    It begins at W.
    """
    high, ab, rest = parts.ab * parts.y, parts.ab, parts.rest
    spread = (bool(sets) + ab**2) / STEP  # of v, by its two parts
    A, U, T = high.copy(), np.zeros_like(high), np.zeros_like(high)
    points, last = [np.zeros_like(high) for _ in sets], -np.inf
    seen = (ab > 0) | (rest > 0)
    for k in range(1, STEPS + 1):
        M, w = A + U, np.where(seen, W + T, 0.0)
        free = w + ab * (M - high)
        v = rest * (parts.y * spread + free) / (spread + rest)
        pull = np.where(seen, (v - free) / spread / STEP, 0.0)
        M, w = M + ab * pull, w + bool(sets) * pull
        for at in parts.blocks:
            A[at] = shrink(M[at] - U[at], (0,), parts.rank, STEP)[0]
        for i, project in enumerate(sets):
            moved = project(w - T - W + points[i])
            W, points[i] = W + moved - points[i], moved
        U, T = np.where(ab > 0, U + A - M, 0.0), T + W - w
        if k % EVERY:
            continue
        value = parts.value(M, parts.linear_part(M, w))
        if expired() or abs(value - last) <= STALLED * abs(value):
            break
        last = value
    return parts.ascent(parts.linear_part(M, w), np.where(seen, W, 0.0))


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
