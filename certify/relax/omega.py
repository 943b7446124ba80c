"""The gauge Omega of each pair of norms, as a convex expression.

Omega is the gauge of conv { u v^T : |u|_a <= 1, |v|_b <= 1 }, "+" keeping u or v >= 0.
"""

from typing import Any, TypeAlias

import cvxpy

from certify.gauges import Gauge

Expression: TypeAlias = Any  # cvxpy's expressions and constraints
Expressed: TypeAlias = tuple[Expression, list[Any]]


def omega(Z: Expression, left: Gauge, right: Gauge) -> Expressed:
    """Return Omega(Z) and the constraints it needs; l2+ without an l1 side: a lower bound."""
    if left.name == "l1":
        return by_lines(Z, left, right)
    if right.name == "l1":
        return by_lines(Z.T, right, left)
    return by_blocks(Z, left, right)


def by_lines(Z: Expression, line: Gauge, other: Gauge) -> Expressed:
    """One side l1: its extreme points are signed unit vectors, so Omega sums over rows z.

    other signed               sum |z|
    other >= 0, line signed    sum |z_+| + |z_-|: z = p - n with p, n >= 0, and the positive
                               and negative parts are the least such pair
    both >= 0                  sum |z| on Z >= 0
    """
    parts = [cvxpy.pos(Z), cvxpy.neg(Z)] if other.nonneg and not line.nonneg else [Z]
    cone = [Z >= 0] if other.nonneg and line.nonneg else []
    return sum(lengths(p, other) for p in parts), cone


def lengths(Z: Expression, norm: Gauge) -> Expression:
    """Return the sum of the norms of the rows."""
    if norm.name == "l1":
        return cvxpy.sum(cvxpy.abs(Z))
    return cvxpy.sum(cvxpy.norm(Z, 2, axis=1))


def by_blocks(Z: Expression, left: Gauge, right: Gauge) -> Expressed:
    """Both sides l2: Omega(Z) >= min 1/2 tr M over M = [[A, Z], [Z^T, B]] psd.

    Sums of (u; v)(u; v)^T are such M, with A >= 0 for u >= 0, B >= 0 for v >= 0, and
    Z >= 0 for both.  Without signs it is the nuclear norm, exactly.  With signs it is the
    doubly nonnegative relaxation, at least the nuclear norm on Z >= 0.
    """
    m, n = Z.shape
    M = cvxpy.Variable((m + n, m + n), PSD=True)
    cone = [M[:m, m:] == Z]
    cone += [M[:m, :m] >= 0] if left.nonneg else []
    cone += [M[m:, m:] >= 0] if right.nonneg else []
    cone += [Z >= 0] if left.nonneg and right.nonneg else []
    return cvxpy.trace(M) / 2, cone
