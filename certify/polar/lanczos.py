"""The largest singular values of a large sparse matrix, by a block Lanczos method.

Every value found is at most the true one, and may be well below it: an estimate for a search,
which proves nothing.  The matrix is only multiplied with blocks of vectors.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from certify.base.arrays import Array
from certify.base.gram import CORES

LARGE = 1500  # shorter side from which this is quicker than all eigenvalues of a Gram matrix
BLOCK = 8  # vectors that are multiplied at once
LEAST, MOST = 12, 160  # blocks of a basis: many values may be close to the largest
TOGETHER = 500_000  # entries from which a product is shared among threads
AGAIN = 2  # small changes in a row that end it: a single one may be a plateau


Floats = npt.NDArray[Any]  # of single or double precision


class Pairs(NamedTuple):
    """Singular values, falling, with their left (m, k) and right (n, k) vectors.

    Of a value 0 the vectors of the longer side are 0.
    """

    values: Array
    left: Array
    right: Array


def is_large(W: Any) -> bool:  # noqa: ANN401  a polar Matrix
    """Whether W is sparse, and too large for all eigenvalues of its Gram matrix."""
    return bool(sparse.issparse(W) and min(W.shape) > LARGE)


def largest(  # noqa: PLR0913  known vectors, and when to stop
    W: Any,  # noqa: ANN401  scipy.sparse
    count: int = 1,
    *,
    near: Array | None = None,
    seed: int = 0,
    tol: float = 1e-5,
    expired: Callable[[], bool] = lambda: False,
) -> Pairs:
    """Return about the `count` largest singular pairs of W (m, n).

    near  vectors of the shorter side (right ones where m >= n) that are believed to be close
    tol   relative change of the largest value that ends the iteration, with a basis of at least
          twice the count: the last values are rougher
    """
    tall = W.shape[0] >= W.shape[1]
    A = W if tall else W.T
    parts = lines(A)

    def times(Q: Array) -> Array:
        """Return A^T A Q."""
        return np.asarray(gram_product(parts, Q.astype(A.dtype)), dtype=np.float64)

    at = Start(A.shape[1], count, near, seed)
    squares, short = ritz(times, at, tol=tol, expired=expired)
    values = np.sqrt(np.maximum(squares, 0.0))
    long = np.asarray(A @ short) / np.where(values > 0, values, 1.0)
    return Pairs(values, *((long, short) if tall else (short, long)))


class Start(NamedTuple):
    """The size of a Gram matrix, the number of pairs wanted, vectors near them, and a seed."""

    n: int
    most: int = 1
    near: Array | None = None
    seed: int = 0


def ritz(
    times: Callable[[Array], Array],
    at: Start,
    *,
    tol: float,
    expired: Callable[[], bool] = lambda: False,
) -> tuple[Array, Array]:
    """Return about the largest eigenvalues of a Gram matrix, falling, and their vectors.

    times  the product of the Gram matrix with vectors (n, k)
    """
    n, count, near, seed = at
    block = min(BLOCK if count <= 4 * BLOCK else 2 * BLOCK, n)
    most = min(max(MOST, 3 * count // block), n // block)
    basis, Q = np.zeros((n, 0)), first(n, block, near, seed)
    T = np.zeros((0, 0))
    before, calm = np.inf, 0
    for k in range(1, most + 1):
        Z = times(Q)
        basis = np.hstack([basis, Q])
        H = basis.T @ Z
        old = len(T)
        T = np.block([[T, H[:old]], [H[:old].T, (H[old:] + H[old:].T) / 2]])
        value = float(np.linalg.eigvalsh(T)[-1])
        calm = calm + 1 if abs(value - before) <= 2 * tol * value else 0
        before = value
        if (k >= LEAST and calm >= AGAIN and len(T) >= 2 * count) or expired():
            break
        for _ in range(2):
            Z -= basis @ (basis.T @ Z)
        Q = np.linalg.qr(Z)[0]
    squares, y = np.linalg.eigh(T)
    keep = np.arange(len(squares))[::-1][:count]
    return squares[keep], basis @ y[:, keep]


def lines(A: Any) -> list[Any]:  # noqa: ANN401  scipy.sparse
    """Return A in parts of its rows, of about equally many entries, without copying CSR data."""
    if A.nnz < TOGETHER:
        return [A]
    A = A.tocsr()
    ends = np.searchsorted(A.indptr, np.arange(1, CORES) * (A.nnz // CORES))
    out = []
    for a, z in pairwise([0, *(int(k) for k in ends), A.shape[0]]):
        at = slice(A.indptr[a], A.indptr[z])
        arrays = A.data[at], A.indices[at], A.indptr[a : z + 1] - A.indptr[a]
        out.append(sparse.csr_array(arrays, shape=(z - a, A.shape[1])))
    return out


def gram_product(parts: list[Any], Q: Floats) -> Floats:
    """Return A^T A Q, the parts of A at once."""
    if len(parts) == 1:
        return np.asarray(parts[0].T @ (parts[0] @ Q))
    with ThreadPoolExecutor(CORES) as pool:
        return np.asarray(sum(pool.map(lambda A: A.T @ (A @ Q), parts)))


def first(n: int, block: int, near: Array | None, seed: int) -> Array:
    """Return orthonormal columns: up to half of them from `near`, the rest random."""
    V = np.random.default_rng(seed).standard_normal((n, block))
    if near is not None:
        some = min(block // 2, near.shape[1])
        V[:, :some] = near[:, :some]
    return np.linalg.qr(V)[0]
