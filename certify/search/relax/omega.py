"""The gauge Omega of each pair of norms, as a convex expression.

Omega is the gauge of conv { u v^T : |u|_a <= 1, |v|_b <= 1 }, u and v in their cones.
"""

from typing import TypeAlias

import numpy as np

from certify.norms import L2, Gauge

from ._cvxpy import Expression, cp
from ._norms import Marks, inside, lengths, marks, signs, square

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


def in_groups(norm: Gauge) -> bool:
    """Whether the norm is a sum over groups."""
    return norm.summed and not norm.axial and not norm.spherical


def by_lines(Z: Expression, line: Gauge, other: Gauge) -> Expressed:
    """One side l1: its extreme points are signed unit vectors, so Omega sums over rows z.

    other free     sum |z|
    other signed   sum |p| + |n|: z = p - n with p, n in its cone, p = 0 (n = 0) in a row
                   whose entry of u cannot be positive (negative)
    """
    rows = marks(line, Z.shape[0])
    fixed = [Z[rows == "0"] == 0] if (rows == "0").any() else []
    if other.free:
        return lengths(other, Z), fixed
    if (rows == "+").all():
        return lengths(other, Z), inside(other, Z)
    parts = {"-0": cp.Variable(Z.shape), "+0": cp.Variable(Z.shape)}
    cone = [parts["-0"] - parts["+0"] == Z]
    for shut, part in parts.items():
        cone += inside(other, part)
        if (closed := np.isin(rows, list(shut))).any():
            cone.append(part[closed] == 0)
    return sum(lengths(other, part) for part in parts.values()), cone


def by_groups(Z: Expression, norm: Gauge, other: Gauge) -> Expressed:
    """Omega sums over the groups of rows: an extreme point u lives in one group, |u|_2 = 1."""
    total, cone = 0, []
    symbols = marks(norm, Z.shape[0])
    for g in norm.blocks(Z.shape[0]):
        rows = list(g)
        if (symbols[rows] == "0").all():
            cone.append(Z[rows] == 0)
            continue
        part, more = omega(Z[rows], L2(cone="".join(symbols[rows])), other)
        total, cone = total + part, cone + more
    return total, cone


def by_blocks(Z: Expression, left: Gauge, right: Gauge) -> Expressed:
    """Omega(Z) >= min 1/2 (N_a(A) + N_b(B)) over M = [[A, Z], [Z^T, B]] psd.

    Sums of (u; v)(u; v)^T are such M, N_a(u u^T) <= |u|_a^2, and N is subadditive.  Of two
    coordinates with signs the product has one too: the doubly nonnegative relaxation.
    Exact for free l2 norms, where it is the (weighted) nuclear norm.
    """
    m, n = Z.shape
    M = cp.Variable((m + n, m + n), PSD=True)
    cone = [M[:m, m:] == Z, *lifted_signs(M, np.hstack([marks(left, m), marks(right, n)]))]
    return (square(left, M[:m, :m]) + square(right, M[m:, m:])) / 2, cone


def lifted_signs(M: Expression, symbols: Marks) -> list[Expression]:
    """Return what M = z z^T has to obey: signs of products, zeros."""
    s = signs(symbols)
    out = [M[symbols == "0"] == 0] if (symbols == "0").any() else []
    if s.any():
        k = np.nonzero(s)[0]
        out.append(cp.multiply(np.outer(s[k], s[k]), M[k][:, k]) >= 0)
    return out


def by_squares(Z: Expression, norm: Gauge) -> Expressed:
    """Omega of x x^T with cost |x|^2: N(Z) over Z psd, Z >= 0 where x has signs.

    Exact for l2.  With signs Z should be completely positive, which is more: a lower bound.
    """
    d = Z.shape[0]
    M = cp.Variable((d, d), PSD=True)
    return square(norm, M), [M == Z, *lifted_signs(M, marks(norm, d))]
