"""Witnesses of the kernel's conic rule for sup { x^T W x : |x| <= 1 }, one factor for both."""

from fractions import Fraction
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.norms import Gauge
from certify.polar import Proposal, exact_text
from certify.polar import eigen as spectra

from ._cvxpy import cp
from ._norms import dual_cost, marks, signs
from ._solve import Using, numbers, unit
from .polar_sdp import cover
from .witness import BITS, ball_cost, wide


def symmetric_witness(W: Array, norm: Gauge, using: Using | None = None) -> Proposal | None:
    """Return a bound of sup x^T W x with its conic proof, or None if the solver fails.

        S + N <= Diag(D) + T + t I,  S = (W + W^T) / 2,  N_ij >= 0 where x_i x_j >= 0
        =>  sup x^T W x <= cost(D, T) + t wide.

    W (d, d); norm: l2, l1 or linf, with a sign or none.
    """
    d, scale = len(W), unit(W)
    S = W / 2 + W.T / 2
    multipliers = solve_symmetric(S / scale, norm, using or Using())
    if multipliers is None:
        return None
    D, T, N = multipliers
    s, arrays = signs(marks(norm, d)), dict[str, Any]()
    N = np.outer(s, s) * np.maximum(np.outer(s, s) * spectra.on_grid(N * scale, BITS), 0.0)
    D = spectra.on_grid(D * scale, BITS)
    G = S + N - np.diag(D)
    cost = ball_cost(norm, D, None)
    if T is not None:
        T = spectra.on_grid(T * scale, BITS)
        G, arrays["S0.left"] = G - T, T[np.tril_indices(d)]
        cost = float(np.abs(T).max())
    arrays["D0"] = D
    if s.any():
        arrays["N0"] = np.abs(N)[np.tril_indices(d)]
    return prove_leaf(G, cost, wide(norm, d), arrays)


def solve_symmetric(
    S: Array, norm: Gauge, using: Using
) -> tuple[Array, Array | None, Array] | None:
    """Return D, T and N of the least bound; None without an answer."""
    d = len(S)
    form = dual_cost(norm, d)
    cone = cover(form.C, S, marks(norm, d))
    program = cp.Problem(cp.Minimize(form.cost), [*form.cone, *cone])
    if not using.solve(program):
        return None
    psd = next(v for v in program.variables() if v.attributes["PSD"])
    values = numbers([form.C, psd])
    if values is None:
        return None
    C, N = values[0], values[0] - S - values[1]
    N = 0.5 * (N + N.T)
    if norm.axial:
        return np.zeros(d), 0.5 * (C + C.T), N
    return np.diagonal(C).copy(), None, N


def prove_leaf(G: Array, cost: float, far: float, arrays: dict[str, Any]) -> Proposal | None:
    """Return the proof of one leaf: G <= shift I by a Cholesky factor."""
    made = spectra.shifted_factor(G)
    if made is None:
        return None
    shift, factor = made
    node = {"leaf": 0, "shift": exact_text(Fraction(shift))}
    upper = (cost + max(shift, 0.0) * far) * (1 + 1e-14)
    return Proposal(upper, {"rule": "conic", "nodes": [node], "L0": factor, **arrays})
