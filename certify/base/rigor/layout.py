"""The layout of a field's entries, and operations on whole arrays: sums, blocks, a factor."""

from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

from certify.base.gram import mirror
from certify.base.threads import threads_of_factor
from certify.kernel.patterns import Pattern

from .bounds import Floats, finite, up

HELD = 62  # bits of an int64 for a float64 array on one grid
BLOCK = 512  # lines that are dense at a time; cost, never truth


def row_sums_up(a: Floats) -> Fraction:
    """Bound |sym(a)|_inf, hence |sym(a)|_2, by the larger of row and column sums."""
    down, across = np.zeros(a.shape[1]), 0.0
    for start in range(0, a.shape[0], BLOCK):  # no copy of the whole
        size = np.abs(a[start : start + BLOCK])
        down += size.sum(axis=0)
        across = max(across, float(size.sum(axis=1).max(initial=0.0)))
    worst = max(float(down.max(initial=0.0)), across)  # a NaN is in the sums of both
    return up(finite(worst), a.shape[0] + 1)


def completes_with(g: Floats, diagonal: Floats) -> bool:
    """Whether a Cholesky of -G with this diagonal runs to completion; G (k, k) is unchanged.

    A symmetric G that owns its memory is not copied: one triangle is overwritten, and restored from
    the other.
    """
    ours, original = g.flags.owndata and is_symmetric(g), g.diagonal().copy()
    a = np.negative(g, out=g if ours else None)
    a[np.diag_indices(len(a))] = diagonal
    done = cholesky_completes(a)
    if ours:
        mirror(g.T)
        np.negative(g, out=g)
        g[np.diag_indices(len(g))] = original
    return done


def is_symmetric(a: Floats) -> bool:
    """Whether A equals its transpose, by blocks of rows."""
    starts = range(0, len(a), BLOCK)
    return all(np.array_equal(a[s : s + BLOCK, s:], a[s:, s : s + BLOCK].T) for s in starts)


def cholesky_completes(a: Floats) -> bool:
    """Whether a Cholesky of the lower triangle runs to completion; overwrites that triangle."""
    with threads_of_factor(len(a)):
        factor, info = linalg.lapack.dpotrf(a.T, lower=0, overwrite_a=1, clean=0)
    return int(info) == 0 and bool(np.isfinite(factor.diagonal()).all())


def indices(at: Pattern) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return (rows, columns) of the observed entries."""
    rows, cols = (np.frombuffer(memoryview(k), dtype=np.int64) for k in (at.rows, at.cols))  # type: ignore[arg-type]  # listed
    return rows, cols


def sparse_lines(values: npt.NDArray[Any], axis: int, at: Pattern) -> tuple[Any, int]:
    """Return X^T (axis 0) or X (axis 1), CSR, and the most products in an entry of its Gram matrix.

    Products with zeros are left out: they are exact.
    """
    matrix = sparse.csr_array((values, indices(at)), shape=(at.m, at.n))
    matrix.eliminate_zeros()
    across = matrix if axis else matrix.T.tocsr()
    return across, int(np.bincount(across.indices).max(initial=0))


def dense_lines(values: npt.NDArray[Any], axis: int, at: Pattern) -> tuple[npt.NDArray[Any], int]:
    """Return X^T (axis 0) or X (axis 1), dense, and the number of its rows."""
    x = values.reshape(at.m, at.n) if at.rows is None else np.zeros((at.m, at.n), values.dtype)
    if at.rows is not None:
        x[indices(at)] = values
    return (x, at.m) if axis else (x.T, at.n)


def sparse_times(values: Floats, right: Floats, axis: int, at: Pattern) -> tuple[Floats, int]:
    """Return X A (axis 0) or X^T A (axis 1), and the most products in an entry."""
    if at.rows is None:
        matrix = values.reshape(at.m, at.n)
        return (matrix.T if axis else matrix) @ right, len(right)
    matrix = sparse.csr_array((values, indices(at)), shape=(at.m, at.n))
    counts = np.bincount(indices(at)[axis])
    return np.asarray((matrix.T if axis else matrix) @ right), int(counts.max(initial=0))


def sum_permutations(dense: Floats) -> Floats:
    """Return the sum over all permutations of the modes: K! times the symmetric part."""
    return np.asarray(sum(dense.transpose(order) for order in permutations(range(dense.ndim))))


def on_int64(x: Floats, room: int = 0) -> tuple[npt.NDArray[np.int64], int] | None:
    """Return integers and e with x = ints 2^e; None if they need more than HELD - room bits."""
    nonzero = x[x != 0]
    if not nonzero.size:
        return np.zeros(x.shape, dtype=np.int64), 0
    mantissa, exponent = np.frexp(nonzero)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    spare = np.log2((whole & -whole).astype(np.float64)).astype(np.int64)
    low = int((exponent - 53 + spare).min())
    if int(exponent.max()) - low > HELD - room:
        return None
    half = -low // 2  # the product is an integer below 2**62, so the scaling is exact
    return np.ldexp(np.ldexp(x, half), -low - half).astype(np.int64), low
