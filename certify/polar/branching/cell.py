"""A part of the sphere given by signs of rows, and the bound of a neuron's value on it.

With omega = sign * w on the rows f of F (m, d), signs s_k of the rows on the path, and
slope a <= 1,

    sup sum omega_i s(f_i . u)  <=  |c + sum mu_k s_k f_k + sum theta_i (1 - a) omega_i f_i| + extra

over mu >= 0 and theta in [0, 1].  theta belongs to the undecided rows with omega < 0; they lose
nothing, as s is the maximum of its lines.  Undecided rows with omega > 0 lie under a chord over the
range [-low, high] that the path allows; c and extra contain the chords.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.optimize import lsq_linear, nnls

from certify.base.arrays import Array
from certify.polar.layer_query import Ints

EXACT = 1e-15  # tolerance of least squares, where the constant vector has norm 1
SMALL = 1e-10  # of the largest possible value: counts as zero
IMPLIED = 1e-9  # of a range relative to |f|: the sign is decided by the path
NEAR, SAME, WEIGHTS = 1e-10, 1e-9, 24  # weight of a free bias: least value, tolerance; solves


class Signs(NamedTuple):
    """The value that is bounded: omega (m,), F (m, d), slope, the bound of a free bias (or 0)."""

    omega: Array
    F: Array
    slope: float
    reach: float

    @property
    def radii(self) -> Array:
        """The largest |f . u|."""
        return lengths(self, self.F.T)


@dataclass(frozen=True)
class Ranges:
    """Ends of z = f . u on a part, of each row and side (m, 2): -low, high.

    ends (m, 2); at (m, 2, d) the points u that attain them; mu: of each (row, side) that the
    path cut, the multipliers of the path's rows.
    """

    ends: Array
    at: Array
    mu: dict[tuple[int, int], Array]


class Bound(NamedTuple):
    """The bound of a part: mu (path), rho and kappa (m,), the maximizer u of the relaxation."""

    upper: float
    mu: Array
    rho: Array
    kappa: Array
    u: Array
    loose: Array


def lengths(q: Signs, X: Array) -> Array:
    """Return sup x . u over |u| <= 1 of each column, a free bias within its reach."""
    if not q.reach:
        return np.asarray(np.linalg.norm(X, axis=0))
    return np.asarray(np.linalg.norm(X[:-1], axis=0) + q.reach * np.abs(X[-1]))


def whole(q: Signs) -> Ranges:
    """Return the ranges without a path."""
    radii = q.radii
    at = np.stack([farthest(q, s * q.F.T).T for s in (-1.0, 1.0)], axis=1)
    return Ranges(np.column_stack([radii, radii]), at, {})


def farthest(q: Signs, X: Array) -> Array:
    """Return u that attains `lengths` for each column."""
    if not q.reach:
        return np.asarray(X / np.maximum(np.linalg.norm(X, axis=0), 1e-300))
    head = X[:-1] / np.maximum(np.linalg.norm(X[:-1], axis=0), 1e-300)
    return np.vstack([head, q.reach * np.sign(X[-1:])])


def least(q: Signs, A: Array, c: Array, top: Array) -> tuple[Array, Array]:
    """Return (y, u): y in [0, top] makes `lengths` of c + A y least, and u attains it."""
    if not q.reach:
        y = least_in_box(A, c, top)
        return y, farthest(q, (c + A @ y)[:, None])[:, 0]
    return least_with_bias(q, A, c, top)


def least_with_bias(q: Signs, A: Array, c: Array, top: Array) -> tuple[Array, Array]:
    """Return as `least` for the norm |x'| + reach |x_b|, b the last coordinate.

    Its square is the least of |x'|^2 / p + reach^2 x_b^2 / (1 - p) over p in [0, 1], convex in
    (x, p) together: p is bracketed by the sign of the slope, and moves to |x'| / (|x'| + reach
    |x_b|) or, if that lags, to the middle of the bracket on a log scale.
    """
    low, high, rest = NEAR, 1.0, 0.5  # of 1 - p
    best: tuple[float, Array, Array] = (np.inf, np.zeros(0), c)
    for k in range(WEIGHTS):
        scale = np.append(np.ones(len(c) - 1), q.reach * np.sqrt((1 - rest) / rest))
        y = least_in_box(A * scale[:, None], c * scale, top)
        r = c + A @ y
        size, last = float(np.linalg.norm(r[:-1])), q.reach * abs(float(r[-1]))
        if size + last < best[0]:
            b = np.clip(scale[-1] ** 2 * r[-1] / max(size, 1e-300), -q.reach, q.reach)
            best = size + last, y, np.append(r[:-1] / max(size, 1e-300), b)
        wanted = last / (size + last) if size + last > 0 else rest
        if abs(wanted - rest) <= SAME * rest or (wanted <= NEAR and rest <= NEAR):
            break
        low, high = (low, rest) if wanted < rest else (rest, high)
        middle = float(np.sqrt(max(low, NEAR) * high))
        rest = float(np.clip(wanted, low, high)) if k % 2 else middle
    return best[1], best[2]


def least_in_box(A: Array, c: Array, top: Array) -> Array:
    """Return y in [0, top] that makes |c + A y|_2 least."""
    if not top.size:  # scipy's nnls ends the process on a matrix without columns
        return top
    if np.isinf(top).all():
        try:
            return np.asarray(nnls(A, -c)[0])
        except RuntimeError:  # too many steps of a degenerate problem
            pass
    size = float(np.linalg.norm(c)) or 1.0
    steps = 10 * top.size  # scipy's default, the number of columns, can be too few
    found = lsq_linear(A / size, -c / size, (0, top), method="bvls", tol=EXACT, max_iter=steps)
    y, at = np.clip(found.x, 0, top), found.active_mask  # x meets an active bound only to rounding
    y[at < 0], y[at > 0] = 0.0, top[at > 0]
    return np.where(y > EXACT * y.max(), y, 0.0)


def narrow(q: Signs, path: Ints, ranges: Ranges) -> Ranges:
    """Return the ranges after the last row of a path (k, 2) of (row, sign).

    An end whose point u satisfies the new row does not change.
    """
    S = q.F[path[:, 0]].T * path[:, 1]
    last = S[:, -1]
    cut = (ranges.at @ last < -IMPLIED * float(np.linalg.norm(last))) & (ranges.ends > 0)
    cut &= (q.omega > 0)[:, None]
    cut[path[:, 0]] = False
    ends, at, mu = ranges.ends.copy(), ranges.at.copy(), dict(ranges.mu)
    top = np.full(S.shape[1], np.inf)
    radii = q.radii
    for i, side in np.argwhere(cut):
        f = q.F[i] * (2 * side - 1)
        y, u = least(q, S, f, top)
        end = float(lengths(q, (f + S @ y)[:, None])[0])
        if end < ends[i, side]:
            ends[i, side] = 0.0 if end <= IMPLIED * radii[i] else end
            at[i, side], mu[int(i), int(side)] = u, y
    return replace(ranges, ends=ends, at=at, mu=mu)


def bound(q: Signs, path: Ints, ranges: Ranges) -> Bound:
    """Return the bound of a part."""
    a, F = q.slope, q.F
    factors, loss, kappa = lines(q, path, ranges)
    S = F[path[:, 0]].T * path[:, 1] if len(path) else np.zeros((F.shape[1], 0))
    down = np.flatnonzero((q.omega < 0) & ~np.isin(np.arange(len(F)), path[:, 0]))
    A = np.hstack([S, F[down].T * ((1 - a) * q.omega[down])])
    top = np.append(np.full(S.shape[1], np.inf), np.ones(down.size))
    c = F.T @ factors
    y, u = least(q, A, c, top)
    upper = float(lengths(q, (c + A @ y)[:, None])[0]) + float(loss.sum())
    size = float(np.abs(q.omega) @ q.radii)  # of a relaxation whose maximizer is u = 0
    rho = np.full(len(F), a)
    rho[down] += (1 - a) * y[S.shape[1] :]
    z = F @ u
    line = q.omega * (kappa * z - np.where(z > 0, z, a * z)) + loss
    loose = np.where(loss > 0, line, 0.0) if upper - loss.sum() > SMALL * size else loss
    return Bound(upper, y[: S.shape[1]], rho, kappa, u, loose)


def lines(q: Signs, path: Ints, ranges: Ranges) -> tuple[Array, Array, Array]:
    """Return (factor of each row in c, constant of its chord, slope of its chord)."""
    a = q.slope
    low, high = ranges.ends.T
    both = low + high
    kappa = np.where(both > 0, (high + a * low) / np.where(both > 0, both, 1.0), 1.0)
    up = q.omega > 0
    factors = q.omega * np.where(up, kappa, a)
    loss = np.where(up, q.omega * np.maximum((kappa - a) * low, (1 - kappa) * high), 0.0)
    for i, s in path:
        factors[i], loss[i] = q.omega[i] * (1.0 if s > 0 else a), 0.0
    return factors, loss, kappa
