"""The gauge Omega of each pair of norms, as a convex expression.

Omega is the gauge of conv { u v^T : |u|_a <= 1, |v|_b <= 1 }, "+" keeping u or v >= 0.
"""

from typing import TypeAlias

from certify.gauges import Gauge

from ._cvxpy import Expression, cp

Expressed: TypeAlias = tuple[Expression, list[Expression]]


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
    parts = [cp.pos(Z), cp.neg(Z)] if other.nonneg and not line.nonneg else [Z]
    cone = [Z >= 0] if other.nonneg and line.nonneg else []
    return sum(lengths(p, other) for p in parts), cone


def lengths(Z: Expression, norm: Gauge) -> Expression:
    """Return the sum of the norms of the rows."""
    if norm.name == "l1":
        return cp.sum(cp.abs(Z))
    return cp.sum(cp.norm(Z, 2, axis=1))


def by_blocks(Z: Expression, left: Gauge, right: Gauge) -> Expressed:
    """Both sides l2: Omega(Z) >= min 1/2 tr M over M = [[A, Z], [Z^T, B]] psd.

    Sums of (u; v)(u; v)^T are such M; without more it is the nuclear norm.  u >= 0 gives
    A >= 0, v >= 0 gives B >= 0, both give Z >= 0.  With one sign this is the doubly
    nonnegative relaxation.  With two only Z >= 0 is asked, for the dual point of more has a
    polar that sigma_1(W + N) does not bound well.
    """
    m, n = Z.shape
    M = cp.Variable((m + n, m + n), PSD=True)
    cone = [M[:m, m:] == Z]
    if left.nonneg and right.nonneg:
        cone.append(Z >= 0)
    elif left.nonneg:
        cone.append(M[:m, :m] >= 0)
    elif right.nonneg:
        cone.append(M[m:, m:] >= 0)
    return cp.trace(M) / 2, cone
