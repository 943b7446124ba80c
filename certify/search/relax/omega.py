"""The gauge Omega of each pair of norms, as a convex expression.

Omega is the gauge of conv { u v^T : |u|_a <= 1, |v|_b <= 1 }, u and v in their cones.
"""

from typing import TypeAlias

import numpy as np

from certify.norms import Gauge
from certify.polar.methods.multiplier import marks

from ._cvxpy import Expression, cp
from ._norms import group_norm, in_groups, inside, lengths, lifted_signs, square

Expressed: TypeAlias = tuple[Expression, list[Expression]]


def omega(Z: Expression, left: Gauge, right: Gauge) -> Expressed:
    """Return Omega(Z) and the constraints it needs: exact, or a lower bound.

    Exact: one side l1, or free l2 norms, weighted or in groups.
    """
    if left.axial:
        return by_lines(Z, left, right)
    if right.axial:
        return by_lines(Z.T, right, left)
    if in_groups(left):
        return by_groups(Z, left, right)
    if in_groups(right):
        return by_groups(Z.T, right, left)
    return by_blocks(Z, left, right)


def by_lines(Z: Expression, line: Gauge, other: Gauge) -> Expressed:
    """Sum over the rows z of Z: the extreme points of an l1 ball are signed unit vectors.

    other free     sum |z|
    other signed   sum |p| + |n|: z = p - n with p, n in its cone, p = 0 (n = 0) in a row
                   whose entry of u cannot be positive (negative)
    """
    low, high = line.sides(Z.shape[0])
    if other.free:
        return lengths(other, Z), [Z[low == high] == 0] if (low == high).any() else []
    if (low == 0).all() and (high > 0).all():
        return lengths(other, Z), inside(other, Z)
    p, n = cp.Variable(Z.shape), cp.Variable(Z.shape)
    cone = [p - n == Z]
    for part, closed in ((p, high == 0), (n, low == 0)):
        cone += inside(other, part)
        if closed.any():
            cone.append(part[closed] == 0)
    return lengths(other, p) + lengths(other, n), cone


def by_groups(Z: Expression, norm: Gauge, other: Gauge) -> Expressed:
    """Sum over the groups of rows: an extreme point u is in one group, where |u|_2 = 1."""
    total, cone = 0, []
    for g in map(list, norm.blocks(Z.shape[0])):
        inner = group_norm(norm, Z.shape[0], np.array(g))
        if inner is None:
            cone.append(Z[g] == 0)
            continue
        part, more = omega(Z[g], inner, other)
        total, cone = total + part, cone + more
    return total, cone


def by_blocks(Z: Expression, left: Gauge, right: Gauge) -> Expressed:
    """Omega(Z) >= min 1/2 (N_a(A) + N_b(B)) over M = [[A, Z], [Z^T, B]] psd.

    Sums of (u; v)(u; v)^T are such M, N_a(u u^T) <= |u|_a^2, and N is subadditive.  The product
    of two coordinates with signs has a sign: the doubly nonnegative relaxation.
    Exact for free l2 norms, where it is the (weighted) nuclear norm.
    """
    m, n = Z.shape
    M = cp.Variable((m + n, m + n), PSD=True)
    cone = [M[:m, m:] == Z, *lifted_signs(M, np.hstack([marks(left, m), marks(right, n)]))]
    return (square(left, M[:m, :m]) + square(right, M[m:, m:])) / 2, cone


def by_squares(Z: Expression, norm: Gauge) -> Expressed:
    """Return Omega for slices x x^T of price |x|^2: N(Z) over Z psd, Z >= 0 where x has signs.

    Exact for l2.  With signs it is a lower bound: Z should be completely positive, which is more.
    """
    d = Z.shape[0]
    M = cp.Variable((d, d), PSD=True)
    return square(norm, M), [M == Z, *lifted_signs(M, marks(norm, d))]
