"""The polar sup u^T W v as a convex program in its multipliers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, finite, real
from certify.base.errors import InputError
from certify.norms import L2, Gauge, gauge
from certify.polar import Matrix

from ._cvxpy import Expression, cp
from ._norms import Marks, dual_cost, marks, signs, within
from ._solve import numbers, solve, unit
from .omega import Expressed, by_kind


@dataclass(frozen=True)
class RelaxedPolar:
    """A solver's value of the polar, untrusted; None without an answer."""

    value: float | None
    status: str


def polar(
    W: Matrix,
    left: str | Gauge,
    right: str | Gauge,
    solver: str | None = None,
    budget: float | None = None,
) -> RelaxedPolar:
    """Bound sup { u^T W v : |u|_left <= 1, |v|_right <= 1 } by a general solver.

    Exact where omega.exact says so; else the doubly nonnegative relaxation with every
    norm's lifted square (Grothendieck's for linf), an upper bound.
    W: (m, n) array or scipy.sparse matrix.

    Raises InputError for an unknown norm, a solver that is not installed, or a W that is
    not a finite real matrix.
    """
    dense = matrix(W)
    norms = gauge(left), gauge(right)
    for norm, d in zip(norms, dense.shape, strict=True):
        norm.check(d)
    scale = unit(dense)
    return solve_program(multipliers(dense / scale, *norms), scale, solver, budget)


def matrix(W: Any) -> Array:  # noqa: ANN401  an array or scipy.sparse
    """Return W as a finite array with an entry."""
    dense = finite(real(W.toarray() if sparse.issparse(W) else W, "W", ndim=2), "W")
    if not dense.size:
        raise InputError(f"W must not be empty, got shape {dense.shape}")
    return dense


def solve_program(
    program: Expressed, scale: float, solver: str | None, budget: float | None
) -> RelaxedPolar:
    """Solve, and return the value in the caller's units."""
    bound, cone = program
    status, _, has_answer = solve(cp.Problem(cp.Minimize(bound), cone), solver, budget)
    values = numbers([bound]) if has_answer else None
    return RelaxedPolar(None if values is None else float(values[0]) * scale, status)


def multipliers(W: Array, left: Gauge, right: Gauge) -> Expressed:
    """Return P and the constraints under which it bounds the polar."""
    return by_kind(W, (left, right), (by_lines, by_groups, by_blocks))


def by_lines(W: Array, line: Gauge, other: Gauge) -> Expressed:
    """P >= g*(y) for y = w and -w of every row w, as far as its sign of u allows.

    sup <y, v> over v in its cone is the least dual norm of y + n, <n, v> >= 0 on the cone.
    """
    rows = marks(line, len(W))
    P = cp.Variable(nonneg=True)
    turned = [W[np.isin(rows, ["*", "+"])], -W[np.isin(rows, "-" if other.free else ["*", "-"])]]
    Y = np.vstack(turned)
    N, cone = polar_rows(Y.shape, marks(other, W.shape[1]))
    return P, [*within(other, Y + N, P), *cone]


def polar_rows(shape: tuple[int, int], symbols: Marks) -> tuple[Expression, list[Expression]]:
    """Return N with <n, v> >= 0 for its rows n and every v in the cone."""
    N, s = cp.Variable(shape), signs(symbols)
    cone = [N[:, symbols == "*"] == 0] if (symbols == "*").any() else []
    if s.any():
        k = np.nonzero(s)[0]
        cone.append(cp.multiply(N[:, k], s[k][None, :]) >= 0)
    return N, cone


def by_groups(W: Array, norm: Gauge, other: Gauge) -> Expressed:
    """Take the largest polar of a group's rows, u there in the l2 ball."""
    symbols, P = marks(norm, len(W)), cp.Variable(nonneg=True)
    cone = []
    for g in norm.blocks(len(W)):
        rows = list(g)
        if (symbols[rows] != "0").any():
            part, more = multipliers(W[rows], L2(cone="".join(symbols[rows])), other)
            cone += [*more, part <= P]
    return P, cone


def by_blocks(W: Array, left: Gauge, right: Gauge) -> Expressed:
    """[[C_a, -W], [-W^T, C_b]] - N psd, <C, x x^T> <= c |x|^2 for each norm.

    For |u|, |v| <= 1: 0 <= z^T (...) z <= c_a + c_b - 2 u^T W v - z^T N z with z = (u; v),
    and z^T N z >= 0.
    """
    m, n = W.shape
    a, b = dual_cost(left, m), dual_cost(right, n)
    C = cp.bmat([[a.C, np.zeros((m, n))], [np.zeros((n, m)), b.C]])
    both = np.block([[np.zeros((m, m)), W], [W.T, np.zeros((n, n))]])
    symbols = np.hstack([marks(left, m), marks(right, n)])
    return (a.cost + b.cost) / 2, [*a.cone, *b.cone, *cover(C, both, symbols)]


def cover(C: Expression, W: Array, symbols: Marks) -> list[Expression]:
    """C - W - N psd, N >= 0 where the signs of two coordinates allow it (free at zeros)."""
    k, s = len(W), signs(symbols)
    S = cp.Variable((k, k), PSD=True)
    N = C - W - S
    signed_pairs = np.outer(s, s)
    zero = (symbols == "0")[:, None] | (symbols == "0")[None, :]
    free = (signed_pairs == 0) & ~zero
    cone = [cp.multiply(free.astype(float), N) == 0]
    if s.any():
        cone.append(cp.multiply(signed_pairs, N) >= 0)
    return cone
