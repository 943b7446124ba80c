"""The Gram matrix X^T X of a sparse X, without making X dense.

Each entry is a plain sum of the products of two columns, in some order, so that an error bound for
such sums holds: products with zeros are exact, and there are at most as many others as the fullest
column has entries.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from scipy import sparse

from .arrays import Array, SparseMatrix
from .cores import usable_cores

ROWS = 512  # rows that are dense at a time
CHEAPER = 1 / 30  # the time of a BLAS product over that of a sparse one, which has half the pairs
WORK, LINES = 4e7, 256  # products and lines of a sparse block, whose result is stored twice
CORES = min(usable_cores(), 4)


def gram(rows: SparseMatrix) -> Array:
    """Return X^T X, symmetric and dense, of a CSR array X (m, n).

    By dense blocks of rows, or by sparse products of blocks of columns with all columns up to them:
    the method that is expected to be quicker.
    """
    m, n = rows.shape
    out = np.zeros((n, n))
    counts = np.diff(rows.indptr).astype(np.float64)
    if float(counts @ counts) >= CHEAPER * m * float(n) ** 2:
        for start in range(0, m, ROWS):
            block = rows[start : start + ROWS].toarray()
            out += block.T @ block
        return out
    columns = rows.T.tocsr()

    def lower(ends: tuple[int, int]) -> None:
        """Write the rows [a, b) of the lower triangle."""
        a, b = ends
        first = rows if b == n else sparse.csr_array(rows[:, :b])
        out[a:b, :b] = (columns[a:b] @ first).toarray()

    with ThreadPoolExecutor(CORES) as pool:
        list(pool.map(lower, pairwise(cuts(counts, columns))))
    mirror(out)  # a block of fewer lines has left entries above the diagonal
    return out


def mirror(a: Array) -> None:
    """Copy the lower triangle to the upper one, by blocks of rows."""
    n = len(a)
    for start in range(0, n, LINES):
        part, rest = slice(start, start + LINES), slice(start + LINES, n)
        a[part, rest] = a[rest, part].T
        corner = a[part, part]
        corner[:] = np.tril(corner) + np.tril(corner, -1).T


def cuts(counts: Array, columns: SparseMatrix) -> list[int]:
    """Return the ends of blocks of columns with about WORK products each."""
    n = columns.shape[0]
    work = np.concatenate([[0.0], np.cumsum(counts[columns.indices])])
    done = work[columns.indptr]  # before each column
    marks = np.searchsorted(done, np.arange(0.0, done[n], WORK))
    return sorted({*range(0, n, LINES), *(int(k) for k in marks), n})
