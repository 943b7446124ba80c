"""Where the entries of a field are, and what is done with them whole: sums, blocks, a factor."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

from certify.kernel.patterns import Pattern

from .bounds import Floats, finite, up

ORDINARY = 900  # binary exponents that scale without overflow
BLOCK = 512  # rows held dense at once; cost, never truth


def row_sums_up(a: Floats) -> Fraction:
    """Bound |sym(a)|_inf, hence |sym(a)|_2, by the larger of row and column sums."""
    size = np.abs(a)
    worst = max(size.sum(axis=0).max(initial=0.0), size.sum(axis=1).max(initial=0.0))
    return up(finite(worst), a.shape[0] + 1)


def cholesky_completes(a: Floats) -> bool:
    """Tell whether a Cholesky of the lower triangle runs to completion; spoils `a`."""
    factor, info = linalg.lapack.dpotrf(a.T, lower=0, overwrite_a=1, clean=0)
    return int(info) == 0 and bool(np.isfinite(factor.diagonal()).all())


def indices(at: Pattern) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return (rows, columns) of the observed entries."""
    rows, cols = (np.frombuffer(memoryview(k), dtype=np.int64) for k in (at.rows, at.cols))  # type: ignore[arg-type]  # listed
    return rows, cols


def blocked_gram(values: Floats, axis: int, at: Pattern, size: int) -> Floats:
    """Sum Gram matrices of dense blocks of lines: the whole is never dense."""
    held = sparse.csr_array((values, indices(at)), shape=(at.m, at.n))
    across = held if axis else held.T.tocsr()
    across = across[np.diff(across.indptr) > 0]  # a line without an entry adds nothing
    g = np.zeros((size, size))
    for start in range(0, across.shape[0], BLOCK):
        block = across[start : start + BLOCK].toarray()
        g += block.T @ block
    return g


def on_grid(x: Floats, size: int) -> tuple[npt.NDArray[np.int64] | None, int]:
    """Return integers and e with x == ints * 2^e whose sums fit int64, or (None, 0)."""
    top = int(np.frexp(np.abs(x).max(initial=0.0))[1])
    e = top - (62 - size.bit_length())
    if abs(e) > ORDINARY:
        return None, 0
    ints = np.ldexp(x, -e).astype(np.int64)
    # the way back shows what the way there lost, underflow included
    return (ints, e) if np.array_equal(np.ldexp(ints.astype(np.float64), e), x) else (None, 0)
