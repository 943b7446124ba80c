"""The polar sup u^T W v as a convex program, written from the multipliers' side."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from certify._arrays import Array, finite, real
from certify._errors import InputError
from certify.gauges import Gauge, gauge
from certify.polar import Matrix

from ._cvxpy import Expression, cp
from ._solve import numbers, solve, unit
from .omega import Expressed


@dataclass(frozen=True)
class RelaxedPolar:
    """What a solver says of the polar: believe none of it.  No answer: value is None."""

    value: float | None
    status: str


def polar(
    W: Matrix, left: str, right: str, solver: str | None = None, budget: float | None = None
) -> RelaxedPolar:
    """Bound sup { u^T W v : |u|_left <= 1, |v|_right <= 1 } by a general solver.

    Exact unless a factor is l2+ and the other l2 or l2+; then the doubly nonnegative
    relaxation, an upper bound.  W: (m, n) array or scipy.sparse matrix.

    Raises InputError for an unknown norm, a solver that is not installed, or a W that is
    not a finite real matrix.
    """
    held = finite(real(W.toarray() if sparse.issparse(W) else W, "W", ndim=2), "W")
    if not held.size:
        raise InputError(f"W must not be empty, got shape {held.shape}")
    scale = unit(held)
    bound, cone = multipliers(held / scale, gauge(left), gauge(right))
    program = cp.Problem(cp.Minimize(bound), cone)
    status, _, answered = solve(program, solver, budget)
    found = numbers([bound]) if answered else None
    return RelaxedPolar(None if found is None else float(found[0]) * scale, status)


def multipliers(W: Array, left: Gauge, right: Gauge) -> Expressed:
    """Return P and the constraints under which it bounds the polar."""
    if left.name == "l1":
        return by_lines(W, left, right)
    if right.name == "l1":
        return by_lines(W.T, right, left)
    return by_blocks(W, left, right)


def by_lines(W: Array, line: Gauge, other: Gauge) -> Expressed:
    """P >= |w + n|_* for every row w, n >= 0 where v >= 0; for -w too where only v has a sign."""
    P = cp.Variable()
    signs = (1, -1) if other.nonneg and not line.nonneg else (1,)
    lifts = [cp.Variable(W.shape, nonneg=True) if other.nonneg else 0 for _ in signs]
    lengths = [longest(s * W + N, other) for s, N in zip(signs, lifts, strict=True)]
    return P, [size <= P for size in lengths]


def longest(S: Expression, norm: Gauge) -> Expression:
    """Return the largest dual norm of a row."""
    if norm.name == "l1":
        return cp.max(cp.abs(S))
    return cp.max(cp.norm(S, 2, axis=1))


def by_blocks(W: Array, left: Gauge, right: Gauge) -> Expressed:
    """S = [[P I, -W], [-W^T, P I]] - N psd, N >= 0 on the blocks where signs allow it.

    For |u| = |v| = 1: 0 <= (u; v)^T S (u; v) = 2 P - 2 u^T W v - (u; v)^T N (u; v).
    """
    (m, n), P = W.shape, cp.Variable()
    S = cp.Variable((m + n, m + n), PSD=True)
    both = left.nonneg and right.nonneg
    blocks = [
        (P * np.eye(m) - S[:m, :m], left.nonneg),
        (-W - S[:m, m:], both),
        (P * np.eye(n) - S[m:, m:], right.nonneg),
    ]
    return P, [tied(N, free) for N, free in blocks]


def tied(N: Expression, free: bool) -> Expression:  # noqa: FBT001  a block, and whether it may be > 0
    """Let a block of N be nonnegative, or zero."""
    return N >= 0 if free else N == 0
