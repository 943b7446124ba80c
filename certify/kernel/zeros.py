"""Least squares of data whose entries are all observed and 0 unless they are listed.

No array of m n numbers is made.  Of a product L R^T only the listed entries are computed, and

    |L R^T|^2 = <L^T L, R^T R>.

A dual point is W = S - L R^T, where S is 0 outside the listed entries.
"""

from fractions import Fraction

from .arithmetic import Arithmetic, H
from .arrays import Array, Arrays, transposed
from .patterns import Pattern
from .scalars import Enclosure

Pair = tuple[Array, Array]  # L (m, k) and R (n, k)


def product_squares(ar: Arithmetic[H], factors: Pair) -> Enclosure:
    """Enclose |L R^T|^2 = tr(R L^T L R^T) = <L^T L, R^T R>."""
    left, right = (ar.outer(transposed(x)) for x in factors)
    return ar.inner(left, right)


def fit_loss(ar: Arithmetic[H], y: H, factors: Pair, at: Pattern) -> Enclosure:
    """Enclose 1/2 |Y - U V^T|^2 = 1/2 (|Y|^2 - 2 <Y, U V^T> + |U V^T|^2)."""
    data, inner = ar.squares(y, None), ar.inner(y, ar.outer_sum(factors, at))
    size = product_squares(ar, factors)
    low, high = data.lo - 2 * inner.hi + size.lo, data.hi - 2 * inner.lo + size.hi
    return Enclosure(max(low, Fraction(0)), high).times(Fraction(1, 2))


def low_rank_part(given: Arrays, name: str, at: Pattern) -> Pair | None:
    """Read L and R of a dual point, NAME.left and NAME.right; return None if W = S."""
    if f"{name}.left" not in given.arrays:
        return None
    left = given.get(f"{name}.left", (at.m, None))
    return left, given.get(f"{name}.right", (at.n, left.shape[1]))


def dual_terms(
    ar: Arithmetic[H], s: H, y: H, low: Pair | None, at: Pattern
) -> tuple[Fraction, Fraction]:
    """Return a lower bound of <W, Y> and an upper bound of |W|^2.

    <W, Y> = <S, Y> - <L R^T, Y>,   |W|^2 = |S|^2 - 2 <S, L R^T> + |L R^T|^2
    """
    inner, size = ar.inner(s, y).lo, ar.squares(s, None).hi
    if low is None:
        return inner, size
    z = ar.outer_sum(low, at)
    size += product_squares(ar, low).hi - 2 * ar.inner(s, z).lo
    return inner - ar.inner(z, y).hi, size


def gram(ar: Arithmetic[H], s: H, low: Pair | None, axis: int, at: Pattern) -> tuple[H, Fraction]:
    """Return G = W^T W (axis 1) or W W^T (axis 0), and the error e of `Arithmetic.gram` for S.

    With B = R, A = L, X = S^T for axis 1 and B = L, A = R, X = S for axis 0,

        G = X X^T - X A B^T - B A^T X^T + B A^T A B^T = X X^T - (M + M^T) / 2,
        M = (2 X A - B A^T A) B^T.
    """
    g, slack = ar.gram(s, axis, at)
    if low is None:
        return g, slack
    a, b = low if axis else (low[1], low[0])
    half, right = ar.times(s, a, axis, at), ar.load(b)
    whole = ar.subtract(ar.add(half, half), ar.multiply(right, ar.outer(transposed(a))))
    side = b.shape[0]
    moved = ar.symmetric(ar.multiply(whole, right), Pattern(side, side))
    return ar.subtract(g, moved), slack
