"""The convex problem over Z = sum phi(X_i): its dual points, and factors of its optimum.

For least squares on full data without weights the best dual point is a projection:

    max d(W) = 1/2 |Y|^2 - 1/2 |Y - W|^2   over   polar(W) <= lam,

clip singular values at lam (l2 x l2), shrink lines one by one (an l1 side), and for
l2+ x l2+ its spectral relaxation max 1/2 |Y|^2 - 1/2 |(Y - S)_+|^2 over sigma_1(S) <= lam.
With masks, weights or offsets the same proximal maps drive an accelerated gradient method.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ._arrays import Array
from .atoms import Factors, RankOne
from .gauges import Gauge
from .losses import Squared
from .polar.multiplier import decomposed, rescaled
from .problem import Problem

SMALL = 2000  # smaller side up to which all singular values are taken at once
ENTRIES = 2_000_000  # largest dense Z of the iterative method, for line norms
SPECTRAL_ENTRIES = 40_000  # and with a singular value decomposition in every step
STEPS = 400
SETTLED = 1e-13  # relative change of the dual value that ends an iteration; cost, never truth


@dataclass(frozen=True)
class Lifted:
    """A dual point W, its multiplier N (nonnegative factors), and Z's factors if known."""

    W: Array
    N: Array | None = None
    factors: Factors | None = None


def pair(problem: Problem) -> tuple[Gauge, Gauge] | None:
    """Return the norms of a rank-one atom, or None for another atom or loss."""
    known = isinstance(problem.atom, RankOne) and isinstance(problem.loss, Squared)
    return problem.atom.gauges if known and isinstance(problem.atom, RankOne) else None


def solve(problem: Problem, expired: Callable[[], bool]) -> Lifted | None:
    """Return the best dual point a convex method gives, or None if the size forbids it."""
    norms, loss = pair(problem), problem.loss
    m, n = loss.shape
    lines = norms is not None and "l1" in (norms[0].name, norms[1].name)
    if norms is None or not isinstance(loss, Squared) or not (lines or known(norms)):
        return None
    if not lines and min(m, n) > SMALL:
        return None
    if loss.observed.full and loss.scale is None and commutes(problem, lines=lines):
        Y = loss.data - problem.shift(problem.fit_offsets(np.zeros_like(loss.data)))
        return plain(np.asarray(Y), problem.lam, norms, expired)
    largest = ENTRIES if lines else SPECTRAL_ENTRIES
    if m * n > largest or not (lines or plain_l2(norms)):
        return None
    return accelerated(problem, loss, norms, expired)


def commutes(problem: Problem, *, lines: bool) -> bool:
    """Whether the projection keeps A* W = 0: no offsets, or means under l2 x l2."""
    kinds = all(o.name in ("row", "column") and o.ridge == 0 for o in problem.offsets)
    return not problem.offsets or (kinds and not lines and not _signed(problem))


def _signed(problem: Problem) -> bool:
    return not all(g.free for g in pair(problem) or ())


def known(norms: tuple[Gauge, Gauge]) -> bool:
    """Whether sigma_1(W) <= lam puts W in the polar ball: norms of at least the l2 norm."""
    wide = ("linf", "weighted")
    return not any(g.name in wide or getattr(g, "outer", "") == "linf" for g in norms)


def plain_l2(norms: tuple[Gauge, Gauge]) -> bool:
    """Whether Omega is the nuclear norm."""
    return all(g.name == "l2" and g.free for g in norms)


def plain(Y: Array, lam: float, norms: tuple[Gauge, Gauge], expired: Callable[[], bool]) -> Lifted:
    """Return the projection of Y on the polar ball, and the optimum's factors."""
    if "l1" in (norms[0].name, norms[1].name):
        W = project_lines(Y, lam, norms)
        return Lifted(W, factors=line_factors(Y - W, norms))
    signs = [{"+": 1.0, "-": -1.0}.get(g.cone, 0.0) for g in norms]
    if turn := signs[0] * signs[1]:
        found = nonnegative(turn * Y, lam, expired)
        return Lifted(turn * found.W, None if found.N is None else turn * found.N)
    parts = decomposed(Y)
    values = parts[2]
    W = rescaled(Y, np.minimum(values, lam), parts)
    return Lifted(W, factors=thresholded(Y, lam, parts) if plain_l2(norms) else None)


def thresholded(Y: Array, lam: float, parts: tuple[Array, Array, Array]) -> Factors:
    """Return balanced factors of the soft-thresholded Y."""
    tall, vectors, values = parts
    keep = np.nonzero(values > lam)[0][::-1]
    basis, sizes = vectors[:, keep], values[keep]
    root = np.sqrt(sizes - lam)
    long = (tall @ basis) * (root / sizes)
    short = basis * root
    return (long, short) if tall is Y else (short, long)


def as_columns(M: Array, norms: tuple[Gauge, Gauge]) -> tuple[Array, Gauge, Gauge]:
    """Return (A, l1 side, other side): lines are the columns of A."""
    return (M.T, norms[0], norms[1]) if norms[0].name == "l1" else (M, norms[1], norms[0])


def project_lines(Y: Array, lam: float, norms: tuple[Gauge, Gauge]) -> Array:
    """Return the nearest W whose every line has dual norm <= lam, for the signs that count.

    (Both signs one after the other: nearest when the inner cone has no free coordinate, for
    then they move different ones; near enough else, as any W is a dual point.)
    """
    lines, outer, inner = as_columns(Y, norms)
    low, high = outer.sides(lines.shape[1])
    up, down = (high > 0) | (inner.free & (low < 0)), (low < 0) & (not inner.free)
    out = np.where(up, inner.project_dual(lines, lam), lines)
    if down.any():
        out = np.where(down, -inner.project_dual(-out, lam), out)
    return out.T if norms[0].name == "l1" else out


def line_factors(Z: Array, norms: tuple[Gauge, Gauge]) -> Factors | None:
    """Write Z with one slice a nonzero line (two where both signs of a cone are needed).

    None where both signs count and some coordinates of the inner cone are free.
    """
    lines, outer, inner = as_columns(Z, norms)
    low, high = outer.sides(lines.shape[1])
    up = np.where(high > 0, inner.project_cone(lines), 0.0)
    down = np.where((low < 0) & ~((high > 0) & inner.free), inner.project_cone(-lines), 0.0)
    signed = [(1.0, up), (-1.0, down)] if down.any() else [(1.0, up)]
    if ((up != 0) & (down != 0)).any():
        return None
    units, others = [], []
    for sign, part in signed:
        sizes = inner.value(part)
        keep = np.nonzero(sizes > 0)[0]
        root = np.sqrt(sizes[keep])
        unit = np.zeros((lines.shape[1], len(keep)))
        unit[keep, np.arange(len(keep))] = sign * root
        units.append(unit)
        others.append(part[:, keep] / root)
    first, second = np.hstack(units), np.hstack(others)
    return (first, second) if norms[0].name == "l1" else (second, first)


def clip(S: Array, lam: float) -> Array:
    """Return S with singular values cut at lam."""
    parts = decomposed(S)
    return rescaled(S, np.minimum(parts[2], lam), parts)


def nonnegative(Y: Array, lam: float, expired: Callable[[], bool]) -> Lifted:
    """Maximize -1/2 |(Y - S)_+|^2 over sigma_1(S) <= lam by an accelerated gradient.

    W = min(S, Y) has W + N = S with N = (S - Y)_+ >= 0, so its polar is at most lam.
    """
    S = clip(Y, lam)
    ahead, t, value = S, 1.0, np.inf
    for _ in range(STEPS):
        before, S = S, clip(ahead + np.maximum(Y - ahead, 0.0), lam)
        if float(((ahead - S) * (S - before)).sum()) > 0:
            t = 1.0  # restart when the momentum points uphill
        t, last = 0.5 * (1 + (1 + 4 * t * t) ** 0.5), t
        ahead = S + ((last - 1) / t) * (S - before)
        old, value = value, float(np.square(np.maximum(Y - S, 0.0)).sum())
        if abs(old - value) <= SETTLED * value or expired():
            break
    return Lifted(np.minimum(S, Y), np.maximum(S - Y, 0.0))


def accelerated(
    problem: Problem, loss: Squared, norms: tuple[Gauge, Gauge], expired: Callable[[], bool]
) -> Lifted:
    """Minimize F(Z) = min_q l(Z + A q) + lam Omega(Z) by accelerated proximal gradients."""
    scale = 1.0 if loss.scale is None else float(loss.scale.max())
    Z = np.zeros(loss.shape)
    ahead, t, W = Z, 1.0, loss.data
    least = 1e-15 * float(np.abs(W).max(initial=0.0))  # where Z is nothing but rounding
    for _ in range(STEPS * 5):
        before = Z
        W = residual(problem, loss, ahead)
        Z = proximal(ahead + spread(loss, W) / scale, problem.lam / scale, norms)
        if float(((ahead - Z) * (Z - before)).sum()) > 0:
            t = 1.0
        t, last = 0.5 * (1 + (1 + 4 * t * t) ** 0.5), t
        ahead = Z + ((last - 1) / t) * (Z - before)
        moved = float(np.abs(Z - before).max())
        size = float(np.abs(Z).max(initial=0.0))
        if moved <= 1e-12 * size + least or expired():
            break
    return Lifted(residual(problem, loss, Z), factors=split(Z, norms))


def residual(problem: Problem, loss: Squared, Z: Array) -> Array:
    """Return w (Y - Z - A q) at the best q, a field."""
    seen = Z if loss.observed.full else Z[loss.observed.listed]
    return loss.weighted(loss.data - seen - problem.shift(problem.fit_offsets(seen)))


def spread(loss: Squared, W: Array) -> Array:
    """Return the field as a dense matrix."""
    if loss.observed.full:
        return W
    out = np.zeros(loss.shape)
    out[loss.observed.listed] = W
    return out


def proximal(X: Array, t: float, norms: tuple[Gauge, Gauge]) -> Array:
    """Return argmin 1/2 |Z - X|^2 + t Omega(Z) = X minus its projection."""
    if "l1" in (norms[0].name, norms[1].name):
        return X - project_lines(X, t, norms)
    return X - clip(X, t)


def split(Z: Array, norms: tuple[Gauge, Gauge]) -> Factors | None:
    """Factorize Z at its own gauge."""
    if "l1" in (norms[0].name, norms[1].name):
        return line_factors(Z, norms)
    parts = decomposed(Z)
    floor = float(parts[2].max(initial=0.0)) * 1e-12  # drops slices of rounding only
    return thresholded_free(Z, parts, floor)


def thresholded_free(Z: Array, parts: tuple[Array, Array, Array], floor: float) -> Factors:
    """Return balanced factors of Z itself from its singular values above a floor."""
    tall, vectors, values = parts
    keep = np.nonzero(values > floor)[0][::-1]
    basis, root = vectors[:, keep], np.sqrt(values[keep])
    long, short = (tall @ basis) / root, basis * root
    return (long, short) if tall is Z else (short, long)
