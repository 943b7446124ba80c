"""An ascent on the bound of the polar and the rank together, over dual points and splits.

Every unfolding of Z = sum of r slices has rank at most r, and K_r(A)^2, the sum of the r largest
squared singular values, has <A, Z> <= K_r(A) |Z| for rank Z <= r.  So with least squares and
every entry observed, for W of polar at most lam and Y - W = sum over groups S of modes of T_S,

    f >= 1/2 |Y|^2 - <Y - W, Z> + 1/2 |Z|^2 >= 1/2 |Y|^2 - 1/2 (sum K_r(T_S unfolded by S))^2

(lam sum theta >= <W, Z>).  A matrix has one group.  Where Z is a sum of x x^T, K_r(A)^2 is the sum
of the r largest squares of positive eigenvalues of (A + A^T)/2: its "group" is DEFINITE.

The bound is concave in W and the T_S together and is maximized by an alternating direction method:
the proximal map of K_r^2 is one eigendecomposition, and (sum K_S)^2 is the least sum K_S^2 / c_S
over c_S > 0 of sum 1, so that each part has its own.  W is a sum of points of sets of polar at
most lam.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy import linalg

from certify.base.arrays import Array
from certify.polar import eigen as spectra
from certify.polar.ascent.contract import fold, unfold
from certify.polar.methods.multiplier import gram_svd, with_singular_values

STEP = 0.3  # of the method, in units of the quadratic; the fastest of .1, .3, 1, 3 on real data
RELAXED = 1.7  # over-relaxation of a single part; halves the steps
STEPS, EVERY = 2000, 25  # of the method, and how often a bound is taken
STALLED = 3e-8  # relative gain between bounds that ends it
LEAST = 1e-3  # share of a group at least: smaller ones never come back

Project: TypeAlias = Callable[[Array], Array]
Group: TypeAlias = tuple[int, ...]
DEFINITE: Group = ()  # a square matrix whose positive eigenvalues count


@dataclass(frozen=True)
class Ascent:
    """The best W found as the points of its sets, the parts of Y - W, and the bound expected."""

    W: Array
    points: tuple[Array, ...]
    parts: tuple[Array, ...]
    value: float


def ascend(
    Y: Array,
    r: int,
    groups: Sequence[Group],
    sets: Sequence[Project],
    until: tuple[float, Callable[[], bool]],
) -> Ascent:
    """Maximize the bound over W = sum of one point of each set, and over the split of Y - W.

    groups  of modes, rows of an unfolding; a matrix has ((0,),)
    until   the bound that ends the ascent, and whether the time is spent
    """
    zero, U = np.zeros_like(Y), np.zeros_like(Y)
    points, shares = [zero for _ in sets], np.full(len(groups), 1 / len(groups))
    first = max(range(len(groups)), key=lambda s: bound(Y, [Y], [groups[s]], r))
    parts = [Y * (s == first) for s in range(len(groups))]
    best = Ascent(zero, tuple(points), tuple(parts), bound(Y, parts, groups, r))
    W, A, last, sizes = zero, Y, -np.inf, np.zeros(len(groups))
    for k in range(1, STEPS + 1):
        for s, group in enumerate(groups):
            moved, sizes[s] = shrink(Y - W - A + parts[s] - U, group, r, STEP * shares[s])
            A, parts[s] = A + moved - parts[s], moved
        shares = np.maximum(sizes / max(sizes.sum(), 1e-300), LEAST)
        ahead = A if len(groups) > 1 else RELAXED * A + (1 - RELAXED) * (Y - W)
        for i, project in enumerate(sets):
            moved = project(Y - ahead - U - W + points[i])
            W, points[i] = W + moved - points[i], moved
        U = U + ahead + W - Y
        if k % EVERY and k < STEPS:
            continue
        rest = (Y - W - sum(parts)) / len(groups)
        split = [p + rest for p in parts]
        value = bound(Y, split, groups, r)
        if value > best.value:
            best = Ascent(W, tuple(points), tuple(split), value)
        if until[1]() or value >= until[0] or abs(value - last) <= STALLED * abs(value):
            break
        last = value
    return best


def bound(Y: Array, parts: Sequence[Array], groups: Sequence[Group], r: int) -> float:
    """Return 1/2 |Y|^2 - 1/2 (sum over groups of K_r)^2."""
    total = sum(ky_fan(p, g, r) for p, g in zip(parts, groups, strict=True))
    return 0.5 * float(np.square(Y).sum() - total**2)


def ky_fan(T: Array, group: Group, r: int) -> float:
    """Return K_r of an unfolding."""
    if group == DEFINITE:
        top = np.linalg.eigvalsh((T + T.T) / 2)[max(len(T) - r, 0) :]
        return float(np.linalg.norm(np.maximum(top, 0.0)))
    A = unfold(T, group)
    values = np.linalg.eigvalsh(spectra.gram(A, spectra.side(A)))
    return float(np.sqrt(np.maximum(values[max(len(values) - r, 0) :], 0.0).sum()))


def shrink(T: Array, group: Group, r: int, step: float) -> tuple[Array, float]:
    """Return argmin over A of 1/2 K_r(A)^2 + step/2 |A - T|^2, A unfolded by a group, and K_r(A).

    K_r^2 is the largest sum w_i s_i^2 over 0 <= w <= 1, sum w = r.  So a singular value s
    becomes s / (1 + w / step), and those with 0 < w < 1 all become one level t:
    w = clip(step (s - t) / t, 0, 1), with t such that they sum to r.
    """
    if group == DEFINITE:
        return shrink_positive(T, r, step)
    X = unfold(T, group)
    parts = gram_svd(X)
    sizes = shrink_sizes(parts[2], r, step)
    top = float(np.linalg.norm(sizes[max(len(sizes) - r, 0) :]))
    return fold(with_singular_values(X, sizes, parts), group, T.shape), top


def shrink_positive(T: Array, r: int, step: float) -> tuple[Array, float]:
    """Return `shrink` of a square matrix whose positive eigenvalues count."""
    values, vectors = linalg.eigh(spectra.demand_finite((T + T.T) / 2))
    sizes = shrink_sizes(np.maximum(values, 0.0), r, step)
    moved = T + (vectors * (sizes - np.maximum(values, 0.0))) @ vectors.T
    return moved, float(np.linalg.norm(sizes[max(len(sizes) - r, 0) :]))


def shrink_sizes(s: Array, r: int, step: float) -> Array:
    """Return the sizes after `shrink`, of s >= 0, rising."""
    fully = step / (1 + step)
    if r >= len(s):
        return s * fully
    t = level(s, r, step)
    return np.where(step * (s - t) >= t, s * fully, np.minimum(s, t))


def level(s: Array, r: int, step: float) -> float:
    """Return the t > 0 of sum clip(step (s - t), 0, t) = r t, for s >= 0 rising, more than r.

    Both sides are linear between the points where a term begins to count, or counts in full.
    """
    below = np.concatenate([[0.0], np.cumsum(s)])
    t = np.sort(np.concatenate([[0.0], s, s * step / (1 + step)]))
    full = np.searchsorted(s, t * (1 + step) / step)
    some = np.minimum(np.searchsorted(s, t, side="right"), full)
    over = (len(s) - full - r) * t + step * (below[full] - below[some] - (full - some) * t)
    k = int(np.nonzero(over > 0)[0].max(initial=0))
    if k + 1 == len(t) or over[k] <= 0:
        return float(t[k])
    return float(t[k] + (t[k + 1] - t[k]) * over[k] / (over[k] - over[k + 1]))
