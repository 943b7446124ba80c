"""The largest singular values of a large sparse matrix, by a block Lanczos method.

Every value found is at most the true one, and may be well below it: an estimate for a search,
which proves nothing.  The matrix is only multiplied with blocks of vectors.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from certify.base.arrays import Array

LARGE = 1500  # shorter side from which this is quicker than all eigenvalues of a Gram matrix
BLOCK = 8  # vectors that are multiplied at once
LEAST, MOST = 12, 60  # blocks of a basis
AGAIN = 2  # small changes that end it, for the first may be a pause


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


def largest(  # noqa: PLR0913  what is known, and when to stop
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
    n = A.shape[1]
    block = min(BLOCK if count <= 4 * BLOCK else 2 * BLOCK, n)
    most = min(max(MOST, 3 * count // block), n // block)
    basis, Q = np.zeros((n, 0)), first(n, block, near, seed)
    T = np.zeros((0, 0))
    before, calm = np.inf, 0
    for k in range(1, most + 1):
        Z = np.asarray(A.T @ (A @ Q.astype(A.dtype)), dtype=np.float64)
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
    short, values = basis @ y[:, keep], np.sqrt(np.maximum(squares[keep], 0.0))
    long = np.asarray(A @ short) / np.where(values > 0, values, 1.0)
    return Pairs(values, *((long, short) if tall else (short, long)))


def first(n: int, block: int, near: Array | None, seed: int) -> Array:
    """Return orthonormal columns: half of them those that are near, the rest random."""
    V = np.random.default_rng(seed).standard_normal((n, block))
    if near is not None:
        some = min(block // 2, near.shape[1])
        V[:, :some] = near[:, :some]
    return np.linalg.qr(V)[0]
