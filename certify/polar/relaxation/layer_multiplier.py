"""The bound that a multiplier of the relaxation proves, whatever it is."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from certify.base.arrays import Array

from .layers import LayerForm

WIDE, TIGHT = 1e-12, 1e3  # of the shift of p^T p, relative to its scale
GOOD = 1e-3  # of the search for the shift's logarithm
GRID = np.geomspace(1e-9, 1e3, 25)  # of the price of b, relative; then finer around the best
ZOOMS = 4


class LayerMultiplier(NamedTuple):
    """N over the facts, the prices of |u|^2, b^2 and s^2, and the bound of the form's value."""

    N: Array
    level: float
    bias: float
    radial: float
    bound: float


def best_multiplier(form: LayerForm, N: Array) -> LayerMultiplier:
    """Return the best bound of N with some -eps added where p_i meets q_i.

    That adds eps (|F u|^2 - |p|^2 - |q|^2), zero on true points.  With eps large enough the
    block of p is negative definite, and the price of |u|^2 is the top eigenvalue of what p
    leaves: a Schur complement, cheap for every eps after one eigendecomposition.
    """
    m = len(form.F)
    G = form.quadratic(N)
    values, E = np.linalg.eigh(G[:m, :m])
    tail = G[m:, m:]
    P, Q = E.T @ G[:m, m:], E.T @ form.F
    size = float(np.abs(G).max(initial=0.0)) or 1.0
    least = 0.5 * float(values[-1])

    def left(eps: float) -> tuple[float, float, float]:
        """Return the prices of what is left of the other block."""
        X = P + eps * Q
        return diagonal_price(form, tail + X.T @ (X / (2 * eps - values)[:, None]))

    def shift(t: float) -> float:
        """Return eps."""
        return least + size * float(np.exp(t))

    optimum = minimize_scalar(
        lambda t: left(shift(t))[0],
        bounds=(np.log(WIDE), np.log(TIGHT)),
        method="bounded",
        options={"xatol": GOOD},
    )
    tries = [shift(float(optimum.x)), *([0.0] if least < 0 else [])]
    eps, prices = min(((e, left(e)) for e in tries), key=lambda x: x[1][0])
    bound, level, bias = prices
    return LayerMultiplier(lower_diagonal(form, N, eps), level, bias, 0.0, bound)


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
    """Return the bound of N exactly as it is, its block of p being negative definite."""
    m = len(form.F)
    G = form.quadratic(multiplier.N)
    X = np.linalg.solve(-G[:m, :m], G[:m, m:])
    S = G[m:, m:] + G[m:, :m] @ X
    bound, level, bias = diagonal_price(form, 0.5 * (S + S.T))
    return LayerMultiplier(multiplier.N, level, bias, 0.0, bound)


def diagonal_price(form: LayerForm, S: Array) -> tuple[float, float, float]:
    """Return (bound, level, bias) with S <= Diag(level, bias), the least bound.

    Beside a price beta of the bias, level is the top eigenvalue of S_11 + s s^T / (beta - S_22):
    convex in beta.
    """
    if not form.reach:
        level = float(np.linalg.eigvalsh(S)[-1])
        return max(level, 0.0), level, 0.0
    size = float(np.abs(S).max(initial=0.0)) or 1.0
    betas = max(float(S[-1, -1]), 0.0) + size * GRID
    outer = np.outer(S[:-1, -1], S[:-1, -1])

    def levels(at: Array) -> Array:
        """Return the price of |u|^2 beside each beta."""
        G = S[:-1, :-1] + outer / (at - float(S[-1, -1]))[:, None, None]
        return np.asarray(np.maximum(np.linalg.eigvalsh(G)[:, -1], 0.0))

    for _ in range(ZOOMS):
        totals = levels(betas) + form.reach**2 * betas
        k = int(totals.argmin())
        low, high = betas[max(k - 1, 0)], betas[min(k + 1, len(betas) - 1)]
        best = float(totals[k]), float(betas[k])
        betas = np.linspace(low, high, len(betas))
    return max(best[0], 0.0), float(levels(np.array([best[1]]))[0]), best[1]
