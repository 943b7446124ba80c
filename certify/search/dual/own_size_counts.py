"""Evidence for a bound of the Kullback-Leibler divergence over at most r slices: least squares.

Over all that is better than the candidate an entry of Z is at most some b (the kernel's
`squares_below`), and on [0, b] its divergence h is at least s/2 (c - z)^2 + g for any s > 0 and c,
g the least of the difference.  With weights s_ij = a_i^2 b_j^2 and M = ab c, over Z of rank <= r

    f >= sum g_ij + 1/2 (|M|^2 - K_r(M)^2),

which for given weights is concave in M and is maximized by an alternating direction method: K_r's
proximal map, and for each entry that of the convex hull of h - s/2 z^2 on [0, b].  At M of the
tangents at a stationary fit the bound is the fit's own value where weights are possible that are
above what keeps K_r's components those of the fit, and below the curvature of h that b leaves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy.special import kl_div

from certify.base.arrays import Array
from certify.losses import KullbackLeibler
from certify.problem import Problem
from certify.search.observed_blocks import ENTRIES

from .block_ascent import product_below
from .own_size import ASCENT, GOAL, LARGEST, ending, fan
from .own_size_ascent import EVERY, shrink
from .own_size_ascent import bound as size_bound
from .points import Run

SECTIONS = 60  # of an interval
MORE = 1 + 2.0**-29  # times a sum of Y is above the kernel's
ROUNDED = 2.0**-26  # of a value of the candidate: largest difference of three arithmetics
INSIDE = 1 - 2.0**-40  # times a bound that the kernel demands
SPARE = 2.0**-40, 2.0**-46  # of a weight, and of the norm of all: room for three arithmetics
TOWARDS = 1.0, 0.8, 0.6, 0.45, 0.3  # first tangents: how far from data to fit, in logarithms
ROUNDS, STEPS, PATIENCE = 4, 300, 3  # of new weights; of the method with each; bounds
STEP = 0.9  # of the method, below 1: M moves by the hull of h, whose curvature is at least -1
STALLED = 1e-5  # relative gain between bounds that ends it
NEAR, TINY = 1e-4, 1e-12  # of x - 1: its series; of b: the least tangent

Sides: TypeAlias = tuple[Array, Array]  # a, b of a product


@dataclass(frozen=True)
class Squares:
    """The squares below each divergence: arrays for the kernel, and the bound of a block."""

    arrays: dict[str, Array]
    block: dict[str, Any]
    value: float


def applies(problem: Problem) -> bool:
    """Whether `propose` knows a bound: the Kullback-Leibler divergence of a matrix alone."""
    loss = problem.loss
    plain = isinstance(loss, KullbackLeibler) and loss.observed.full and loss.scale is None
    small = loss.observed.m * loss.observed.n <= ENTRIES and min(loss.dims) <= LARGEST
    pair = problem.atom.family == "pairs" and problem.lam == 0 and not problem.offsets
    return plain and small and pair


def propose(run: Run, upper: float) -> Squares | None:
    """Return the best squares found; the start is the best fit of its size that is known.

    upper   the candidate's value: the bound holds for fits of smaller values

    None where the numbers left the floats.
    """
    try:
        found = best_squares(run, upper)
    except np.linalg.LinAlgError:
        return None
    return found if np.isfinite(found.value) else None


def best_squares(run: Run, upper: float) -> Squares:
    """Return the best squares of some rounds from several first tangents."""
    loss = run.problem.loss
    fit = run.problem.predict(run.start.factors)
    Y, fit = (np.asarray(x).reshape(loss.dims) for x in (loss.arrays()["Y"], fit))
    most, b = reach(Y, upper * (1 + ROUNDED))
    expired = ending(run.clock.share(ASCENT), 3.0 * Y.size * min(Y.shape))
    below = Below(Y, b, run.start.size, expired)
    best = below.squares(*below.tangents(fit))
    goal = float(kl_div(Y, fit).sum()) - GOAL * run.epsilon
    for share in TOWARDS:
        sides, M = below.tangents(np.power(Y, 1 - share) * np.power(fit, share))
        last = -np.inf
        for _ in range(ROUNDS):
            if best.value >= goal or expired():
                break
            found = below.squares(sides, below.ascend(sides, M, goal))
            best = max(best, found, key=lambda x: x.value)
            run.clock.tell("squares below counts", best.value)
            if found.value <= last + STALLED * abs(last):
                break
            last = found.value
            sides, M = below.tangents(found.arrays["touch"].reshape(Y.shape))
    rows, cols = (np.arange(d) for d in Y.shape)
    arrays = best.arrays | {"most": most.reshape(-1)}
    return Squares(arrays, {"rows": rows, "cols": cols} | best.block, best.value)


def reach(Y: Array, upper: float) -> tuple[Array, Array]:
    """Return "most", 0 where the sums of Y are smaller, and b, as the kernel's `reach`."""
    R, C = Y.sum(axis=1, keepdims=True), Y.sum(axis=0, keepdims=True)
    sums = np.minimum(R, C) * MORE
    low, high = Y, sums
    for _ in range(SECTIONS):
        b = 0.5 * (low + high)
        lost = kl_div(Y, b) + sum(divergence_below(S - Y, S * MORE - b) for S in (R, C))
        near = lost < upper
        low, high = np.where(near, b, low), np.where(near, high, b)
    return np.where(high < sums, high, 0.0), high


def divergence_below(y: Array, z: Array) -> Array:
    """Return the divergence of z from y where z is below y, else 0."""
    return np.where((z > 0) & (z < y), kl_div(y, z), 0.0)


@dataclass(frozen=True)
class Below:
    """The data, how far Z reaches, the rank, and whether the time is over."""

    Y: Array
    b: Array
    rank: int
    expired: Callable[[], bool]

    def tangents(self, t: Array) -> tuple[Sides, Array]:
        """Return a product below the largest weights whose squares, at t, are below h; and M there.

        With x = b/t, y (x - 1 - ln x) >= s/2 (b - t)^2; at y = 0 the square ends where h does.
        """
        Y, b, some = self.Y, self.b, self.b > 0
        t = np.clip(t, TINY * b, INSIDE * b)
        with np.errstate(all="ignore"):
            x = b / t - 1
            near = 1 - x * (2 / 3 - x / 2)
            h = np.where(x < NEAR, near, 2 * (x - np.log1p(x)) / x**2)
            c = np.where(Y > 0, Y / t**2 * h, 2 / b)
        c = np.where(some, c, c.max(initial=TINY, where=some))
        rows, cols, _ = product_below(c)
        ab = np.outer(rows, cols)
        with np.errstate(all="ignore"):
            centre = np.where(Y > 0, t - (1 - Y / t) / ab**2, b / 2 - 1 / ab**2)
        return (rows, cols), ab * np.where(some, centre, 0.0)

    def least(self, s: Array, c: Array) -> tuple[Array, Array]:
        """Return g and the point of the tangent, as the kernel's `least_over`, in floats."""
        Y, b = self.Y, self.b
        with np.errstate(all="ignore"):
            p = 1 + s * c
            root = np.sqrt(np.maximum(p**2 - 4 * s * Y, 0.0))
            end = INSIDE * np.sqrt(Y / s)
            t = np.minimum(np.where(p > 0, np.minimum(2 * Y / (p + root), end), end), b)
            slope = np.where(Y > 0, 1 - Y / t - s * (t - c), 0.0)
            at_t = kl_div(Y, t) - s / 2 * (c - t) ** 2
            at_b = kl_div(Y, b) - s / 2 * (c - b) ** 2
            low = np.minimum(at_t - slope * t, at_t + slope * (b - t))
        return np.minimum(low, at_b), t

    def squares(self, sides: Sides, M: Array) -> Squares:
        """Return the arrays for the kernel, given weights and M."""
        ab = np.outer(*sides)
        rest = SPARE[0] * ab**2 + SPARE[1] * float(np.linalg.norm(ab**2))
        s, c = ab**2 + 2 * rest, M / ab
        low, t = self.least(s, c)
        value = float(low.sum()) + self.beyond(M)
        block = fan(ab * c, self.rank)[0] | {"left": sides[0], "right": sides[1]}
        block |= {"rest": rest.reshape(-1), "G": np.zeros(M.size)}
        arrays = {k: x.reshape(-1) for k, x in (("curve", s), ("centre", c), ("touch", t))}
        return Squares(arrays, block, value if np.isfinite(value) else -np.inf)

    def beyond(self, M: Array) -> float:
        """Return 1/2 (|M|^2 - K_r(M)^2), the squares of M beyond its rank."""
        return size_bound(M, [M], [(0,)], self.rank)

    def ascend(self, sides: Sides, M: Array, goal: float) -> Array:
        """Maximize the bound over M for given weights; return the best M met.

        M and A take turns: A by K_r's proximal map, M = A + U by that of each entry.  The
        hull is h - s/2 z^2 up to t, and from there the line to its value at b.
        """
        ab = np.outer(*sides)
        s, hull, best, seen = ab**2, self.hull(ab**2), (-np.inf, M), [-np.inf] * PATIENCE
        A, U = M, np.zeros_like(M)
        for k in range(STEPS + 1):
            for X in () if k % EVERY else (M, A):
                X = np.maximum(X, -hull[1] / ab)  # noqa: PLW2901  beyond it z = b is the least
                value = float(self.least(s, X / ab)[0].sum()) + self.beyond(X)
                best = max(best, (value, X), key=lambda x: x[0])
            if k % EVERY == 0:
                seen.append(best[0])
                if best[0] >= goal or self.expired() or stalled(seen):
                    break
            A = shrink(M - U, (0,), self.rank, STEP)[0]
            M = self.nearest(ab, hull, A + U)
            U = U + A - M
        return best[1]

    def hull(self, s: Array) -> tuple[Array, Array]:
        """Return t, where the line to the end b begins, and its slope."""
        Y, b = self.Y, self.b
        top = np.sqrt(Y / s)
        low, high = np.zeros_like(Y), np.minimum(top, b)
        with np.errstate(all="ignore"):
            for _ in range(SECTIONS):
                t = 0.5 * (low + high)
                x = b / t - 1
                above = Y * (x - np.log1p(x)) > s / 2 * (b - t) ** 2
                low, high = np.where(above, t, low), np.where(above, high, t)
            t = np.where(top >= b, b, low)
            slope = np.where(Y > 0, 1 - Y / t - s * t, 1 - s * b / 2)
        return np.where(Y > 0, t, 0.0), np.where(np.isfinite(slope), slope, 0.0)

    def nearest(self, ab: Array, hull: tuple[Array, Array], X: Array) -> Array:
        """Return the M of the least sum of conjugates of the hulls at -ab M, + STEP/2 |M - X|^2.

        By Moreau's identity, from the z nearest to -STEP X / ab, in units of 1 / ab.
        """
        t, slope = hull
        goal = -STEP * X / ab
        square, p = ab**2 * (1 / STEP - 1), 1 - ab**2 * goal / STEP
        root = np.hypot(p, 2 * np.sqrt(square * self.Y))
        with np.errstate(all="ignore"):
            smooth = np.where(p > 0, 2 * self.Y / (p + root), (root - p) / (2 * square))
        straight = np.clip(goal - STEP * slope / ab**2, t, self.b)
        z = np.where(smooth <= t, smooth, straight)
        return X + ab * z / STEP


def stalled(seen: list[float]) -> bool:
    """Whether the last bounds have gained too little."""
    return seen[-1] <= seen[-1 - PATIENCE] + STALLED * abs(seen[-1 - PATIENCE])
