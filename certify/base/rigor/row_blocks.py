"""Least squares of entries in blocks of rows on many machines: a proved bracket from their sums.

With biases a of rows and b of columns (either may be missing), weights c > 0 of the entries and
R = Y - U V^T - a 1^T - 1 b^T over the entries that are observed,

    f(U, V, a, b) = 1/2 sum c R^2 + lam sum_k |u_k| |v_k| + rho/2 |a|^2 + rho'/2 |b|^2

is enclosed.  For every W on these entries and s >= 0 with s sigma_1(W) <= lam

    inf f >= s <W, Y> - s^2/2 (sum W^2 / c + |W 1|^2 / rho + |W^T 1|^2 / rho'),

the infimum over factors of any size and all biases (weak duality: `kernel/dual.py`).  If a ridge is
0, the sums of W must be exactly 0, and have no term.  W is whole numbers times 2^e, so its sums are
exact.  Only whole numbers and enclosures in fractions are summed over blocks, so the order does not
matter.

With prices p of rows and q of columns the norms are |P^(1/2) u_k| and |Q^(1/2) v_k|, P, Q diagonal,
and s sigma_1(P^(-1/2) W Q^(-1/2)) <= lam.  For any a, b > 0 and S_ij = a_i W_ij b_j that matrix is
diag(a^2 p)^(-1/2) S diag(b^2 q)^(-1/2), so that

    sigma_1(P^(-1/2) W Q^(-1/2)) <= sigma_1(S) max (p a^2)^(-1/2) max (q b^2)^(-1/2).
"""

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from certify.base.arrays import Ints, SparseMatrix
from certify.base.cluster import Task
from certify.kernel.arrays import Array
from certify.kernel.patterns import Pattern
from certify.kernel.scalars import Enclosure, add_all, root

from .bounds import ETA, Floats, finite, gamma, rounding, square_sum
from .fields import Ball
from .rounded import Rounded, outer_sum
from .tiles import TiledGram

FINEST = -1000  # exponent of the grid: its multiples below 2^52 are normal floats
WORD = 62  # bits of a sum of int64


class Block(NamedTuple):
    """Some rows: their observed entries, their factors U (m, r), and the weights of the entries.

    prices  p of the rows (m,), if rows and columns have prices
    """

    Y: Any  # scipy.sparse: CSR, canonical
    U: Floats
    weights: Floats | None = None
    prices: Floats | None = None


class Prices(NamedTuple):
    """lam, and the ridges of the biases of rows and of columns; None without such biases."""

    lam: Fraction
    rows: Fraction | None = None
    columns: Fraction | None = None


class Fit(NamedTuple):
    """For a block: sum c R^2, |u_k|^2, |a|^2, the largest |c R|, the entries of the fullest row."""

    size: Enclosure
    squares: list[Enclosure]
    biases: Enclosure
    largest: float
    longest: int


class Dual(NamedTuple):
    """For a block of W: <W, Y>, sum W^2 / c, sum S^2, |W 1|^2, and whether W 1 = 0.

    fits         whether W has the entries of Y, and numbers whose sums cannot overflow
    middle       sum S^2; S is W, or with prices a_i W_ij b_j in floats
    lost, wide   the error of S in the Frobenius norm; the largest 1 / (p a^2)
    """

    inner: Enclosure
    size: Enclosure
    middle: Enclosure
    rows: Enclosure
    balanced: bool
    fits: bool
    lost: Fraction = Fraction(0)
    wide: Fraction = Fraction(1)


def counts_of(ends: Ints) -> Floats:
    """Return the number of entries of each line, at least 1, from the row pointers."""
    return np.maximum(np.diff(ends), 1).astype(np.float64)


def inverse_roots(p: Floats) -> tuple[Floats, Fraction]:
    """Return a, near p^(-1/2), and the largest 1 / (p a^2)."""
    different, at = np.unique(p, return_inverse=True)
    a = 1 / np.sqrt(different)
    pairs = zip(different.tolist(), a.tolist(), strict=True)
    return a[at], max((1 / (Fraction(x) * Fraction(y) ** 2) for x, y in pairs), default=Fraction(1))


def fit_block(block: Block, V: Floats, b: Floats | None, ridge: float | None) -> tuple[Fit, Any]:
    """Return the terms of a block, and c R in floats, CSR; with prices |u_k|^2 is sum p u_k^2.

    The biases of its rows are the best ones in floats, a_i = sum_j c t / (ridge + sum_j c) with
    t = R + a_i; every a gives an upper bound of f.
    """
    ar, Y, c, (m, n) = Rounded(), block.Y, block.weights, block.Y.shape
    rows, cols = (k.astype(np.int64) for k in Y.tocoo().coords)
    listed: Any = rows, cols  # sequences, as the kernel sees arrays
    at = Pattern(m, n, *listed)
    r = ar.subtract(Ball(Y.data, Fraction(0)), outer_sum([block.U, V], at))
    if b is not None:
        r = ar.subtract(r, Ball(b[cols], Fraction(0)))
    a = np.zeros(m)
    if ridge is not None:
        a = shrunk_means(r.mid, c, rows, m, ridge)
        r = ar.subtract(r, Ball(a[rows], Fraction(0)))
    w = r.mid if c is None else c * r.mid
    fit = Fit(
        ar.squares(r, weights_of(c)),
        [weighted_square(u, block.prices) for u in block.U.T],
        square_sum(a),
        float(np.abs(w).max(initial=0.0)),
        int(np.diff(Y.indptr).max(initial=0)),
    )
    return fit, sparse.csr_array((w, Y.indices, Y.indptr), shape=Y.shape)


def shrunk_means(t: Floats, c: Floats | None, rows: Ints, m: int, ridge: float) -> Floats:
    """Return sum c t / (ridge + sum c) for each row, 0 where nothing is observed."""
    top = np.bincount(rows, weights=t if c is None else c * t, minlength=m)
    bottom = np.bincount(rows, weights=c, minlength=m) + ridge
    return np.asarray(top / np.where(bottom > 0, bottom, 1.0))


def weights_of(c: Floats | None) -> Array | None:
    """Return weights as an array of the kernel."""
    return None if c is None else Array(c.shape, c.data)


def weighted_square(x: Floats, p: Floats | None) -> Enclosure:
    """Enclose sum p x^2."""
    if p is None:
        return square_sum(x)
    return Rounded().squares(Ball(np.ascontiguousarray(x), Fraction(0)), weights_of(p))


def capacity(longest: int) -> int:
    """Return the largest size of whole numbers, exact in floats, whose sum is below 2^62."""
    return int(1 << min(52, WORD - longest.bit_length()))


def dual_block(
    block: Block, W: SparseMatrix, e: int, most: int, scale: Floats | None = None
) -> tuple[Dual, Any]:
    """Return the terms of a block of W = 2^e times whole numbers, and S in floats, CSR.

    most   the largest allowed whole number
    scale  the scale of the columns, if they have prices
    """
    ar, ints, c = Rounded(), W.data, weights_of(block.weights)
    listed = ((getattr(x, k) for x in (W, block.Y)) for k in ("indptr", "indices"))
    fits = bool(-most <= ints.min(initial=0) and ints.max(initial=0) <= most)
    fits = fits and all(np.array_equal(*pair) for pair in listed)
    w = Ball(np.ldexp(ints.astype(np.float64), e), Fraction(0))
    totals = row_totals(W)
    sums = np.ldexp(totals.astype(np.float64), e)
    S, wide = w, Fraction(1)
    if scale is not None or block.prices is not None:
        scale = np.ones(W.shape[1]) if scale is None else scale
        a, wide = inverse_roots(np.ones(W.shape[0]) if block.prices is None else block.prices)
        at: Any = (k.astype(np.int64) for k in W.tocoo().coords)
        left, right = (Array(x.shape, x.data) for x in (a, scale))
        S = ar.scaled(w, left, right, Pattern(*W.shape, *at)) if len(a) else w
    terms = Dual(
        ar.inner(w, Ball(block.Y.data, Fraction(0))),
        ar.squares_over(w, c),
        square_sum(S.mid),
        ar.squares(Ball(sums, rounding(sums)), None),
        not totals.any(),
        fits,
        S.rad,
        wide,
    )
    return terms, sparse.csr_array((S.mid, W.indices, W.indptr), shape=W.shape)


def row_totals(W: SparseMatrix) -> Ints:
    """Return the sums of the rows of whole numbers."""
    return np.asarray(W @ np.ones(W.shape[1], dtype=np.int64))


def column_totals(W: SparseMatrix) -> Ints:
    """Return the sums of the columns of whole numbers."""
    return np.asarray(W.T @ np.ones(W.shape[0], dtype=np.int64))


def objective_bound(
    fits: list[Fit], V: Floats, b: Floats | None, prices: Prices, q: Floats | None = None
) -> Fraction:
    """Return an upper bound of f(U, V, a, b); q: prices of the columns."""
    price = Fraction(0)
    for v, *parts in zip(V.T, *(f.squares for f in fits), strict=True):
        price += root(add_all(parts).hi * weighted_square(v, q).hi).hi
    value = add_all(f.size for f in fits).hi / 2 + prices.lam * price
    if prices.rows is not None:
        value += prices.rows / 2 * add_all(f.biases for f in fits).hi
    if prices.columns is not None and b is not None:
        value += prices.columns / 2 * square_sum(b).hi
    return value


def dual_bound(duals: list[Dual], totals: Ints, e: int, top: Fraction, prices: Prices) -> Fraction:
    """Return the dual value of the best multiple s W with s sigma_1(W) <= lam, or 0.

    totals  the sums of the columns, whole numbers
    top     a bound of sigma_1(W)
    """
    if not all(d.fits for d in duals):
        return Fraction(0)
    cost = Fraction(0)
    sums = np.ldexp(totals.astype(np.float64), e)
    columns = Rounded().squares(Ball(sums, rounding(sums)), None).hi
    for ridge, size, balanced in (
        (prices.rows, add_all(d.rows for d in duals).hi, all(d.balanced for d in duals)),
        (prices.columns, columns, not totals.any()),
    ):
        if ridge == 0 and not balanced:
            return Fraction(0)
        cost += size / ridge if ridge else 0
    inner = max(add_all(d.inner for d in duals).lo, Fraction(0))
    size = add_all(d.size for d in duals).hi + cost
    s = inner / size if size else Fraction(0)
    if s * top > prices.lam:
        s = prices.lam / top
    return s * inner - s * s * size / 2


def singular_bound(
    blocks: list[Task],
    counts: Ints,
    duals: list[Dual],
    shift: Fraction,
    wide: Fraction = Fraction(1),
) -> Fraction:
    """Bound sigma_1(W), scaled by its prices, by a Cholesky factorization of shift I - S^T S.

    blocks  of S
    counts  the numbers of entries of the columns
    wide    the largest 1 / (q b^2)
    """
    n, length = len(counts), int(counts.max(initial=0))
    rad = gamma(length + 2) * add_all(d.middle for d in duals).hi + 2 * n * length * ETA
    top = Rounded().top(TiledGram(blocks, n, rad), shift, None)
    lost = root(sum((d.lost**2 for d in duals), Fraction(0))).hi
    cost = root(max(d.wide for d in duals) * wide).hi
    return (root(max(top, Fraction(0))).hi + lost) * cost


def exponent(largest: float, longest: int) -> int:
    """Return the exponent of a grid on which numbers up to `largest` fit, with room for changes.

    Raises RejectedError if `largest` is not finite.
    """
    finite(largest)
    bits = capacity(longest).bit_length() - 4
    return max(int(np.frexp(largest)[1]) - bits, FINEST)
