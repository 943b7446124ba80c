"""The bound that a multiplier of the relaxation proves, whatever it is."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from certify.base.arrays import Array

from .layers import LayerForm
from .row_bounds import RowBound

WIDE, TIGHT = 1e-12, 1e3  # of the shift of p^T p, relative to its scale
GOOD = 1e-3  # of the search for the shift's logarithm
GRID = np.geomspace(1e-9, 1e3, 25)  # of the level above its least, relative; then finer
ZOOMS = 4


class Prices(NamedTuple):
    """The prices of |u|^2, b^2 and s^2, and the bound of the value that they are."""

    level: float
    bias: float
    radial: float
    bound: float


class LayerMultiplier(NamedTuple):
    """N and (y, t) over the facts, the prices of |u|^2, b^2 and s^2, and the bound of the value.

    row_bounds  those that are the last facts
    """

    N: Array
    Y: Array
    level: float
    bias: float
    radial: float
    bound: float
    row_bounds: tuple[RowBound, ...] = ()


def best_multiplier(form: LayerForm, N: Array, Y: Array) -> LayerMultiplier:
    """Return the best bound of N and Y with some -eps added where p_i meets q_i.

    That adds eps (|F u|^2 - |p|^2 - |q|^2), zero on true points.  With eps large enough the
    block of p is negative definite, and the price of |u|^2 is the top eigenvalue of what p
    leaves: a Schur complement, cheap for every eps after one eigendecomposition.
    """
    m = len(form.F)
    G = form.quadratic(N, Y)
    values, E = np.linalg.eigh(G[:m, :m])
    tail = G[m:, m:]
    P = E.T @ G[:m, m:]
    Q = E.T @ np.pad(form.F, ((0, 0), (0, abs(form.sign))))
    size = float(np.abs(G).max(initial=0.0)) or 1.0
    least = 0.5 * float(values[-1])

    def left(eps: float) -> Prices:
        """Return the prices of what is left of the other block."""
        X = P + eps * Q
        return diagonal_price(form, tail + X.T @ (X / (2 * eps - values)[:, None]))

    def shift(t: float) -> float:
        """Return eps."""
        return least + size * float(np.exp(t))

    optimum = minimize_scalar(
        lambda t: left(shift(t)).bound,
        bounds=(np.log(WIDE), np.log(TIGHT)),
        method="bounded",
        options={"xatol": GOOD},
    )
    tries = [shift(float(optimum.x)), *([0.0] if least < -WIDE * size else [])]
    eps, prices = min(((e, left(e)) for e in tries), key=lambda x: x[1].bound)
    return LayerMultiplier(lower_diagonal(form, N, eps), Y, *prices, form.row_bounds)


def lower_diagonal(form: LayerForm, N: Array, eps: float) -> Array:
    """Return N with -eps added where p_i meets q_i, rounded down to float32 there."""
    m, out = len(form.F), N.copy()
    at = np.arange(m)
    wanted = N[at, m + at] - eps
    short = wanted.astype(np.float32)
    short = np.where(short > wanted, np.nextafter(short, np.float32(-np.inf)), short)
    out[at, m + at] = out[m + at, at] = short
    return out


def exact_bound(form: LayerForm, multiplier: LayerMultiplier) -> LayerMultiplier:
    """Return the bound of N and Y exactly as they are, the block of p being negative definite."""
    m = len(form.F)
    G = form.quadratic(multiplier.N, multiplier.Y)
    X = np.linalg.solve(-G[:m, :m], G[:m, m:])
    S = G[m:, m:] + G[m:, :m] @ X
    prices = diagonal_price(form, 0.5 * (S + S.T))
    return LayerMultiplier(multiplier.N, multiplier.Y, *prices, form.row_bounds)


def diagonal_price(form: LayerForm, S: Array) -> Prices:
    """Return prices with S <= Diag(level, bias, radial), S over (u, b, s), of the least bound.

    Beside a level, S_11 = V diag(a) V^T leaves M = S_22 + S_21 (level - S_11)^-1 S_12 for the
    prices of b and s: the bound is convex in the level.
    """
    d, size = form.norm_size, float(np.abs(S).max(initial=0.0)) or 1.0
    S = S / size  # so that squares are floats
    a, V = np.linalg.eigh(S[:d, :d])
    C, low = V.T @ S[:d, d:], float(a[-1] if form.sign else max(a[-1], 0.0))
    if d == len(S):
        return Prices(low * size, 0.0, 0.0, low * size)
    levels = low + GRID
    for _ in range(ZOOMS):
        M = S[d:, d:] + C.T @ (C / (levels[:, None] - a)[:, :, None])
        bias, radial = rest_prices(form, M)
        totals = np.maximum(levels + radial, 0.0) + form.reach**2 * bias
        k = int(totals.argmin())
        best = Prices(*(float(x[k]) * size for x in (levels, bias, radial, totals)))
        levels = np.linspace(levels[max(k - 1, 0)], levels[min(k + 1, len(levels) - 1)], len(GRID))
    return best


def rest_prices(form: LayerForm, M: Array) -> tuple[Array, Array]:
    """Return the prices of b, at least 0, and of s, with each M <= Diag(bias, radial).

    bias = M_11 + t leaves radial = M_22 + M_12^2 / t: reach^2 t + M_12^2 / t is least at
    t = |M_12| / reach.
    """
    first, last, none = M[:, 0, 0], M[:, -1, -1], np.zeros(len(M))
    if not form.reach:
        return none, last
    if not form.sign:
        return np.maximum(first, 0.0), none
    across = np.abs(M[:, 0, 1])
    bias = np.maximum(first + across / form.reach, 0.0)
    room = bias - first
    return bias, last + np.where(room > 0, across**2 / np.where(room > 0, room, 1.0), 0.0)
