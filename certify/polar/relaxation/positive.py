"""The positive semidefinite part of a symmetric matrix that changes slowly from step to step."""

import numpy as np
from scipy import linalg

from certify.base.arrays import Array

SMALL = 500  # sizes up to which all eigenvectors are computed each time
DEPTH = 3  # powers of the matrix in the subspace
SPARE = 8  # vectors kept in addition to the positive ones
THIN = 10  # the subspace has at most a THIN-th of the dimensions, or all are computed


class Positive:
    """Projections on { X >= 0 }, each from the subspace that the last one found.

    A large matrix is restricted to span { B, V B, V^2 B }, B the last positive eigenvectors
    and a few more: the error is small while V changes little, and the iteration corrects it in
    its next steps.
    """

    def __init__(self) -> None:
        self.basis: Array | None = None

    def part(self, V: Array) -> Array:
        """Return the nearest matrix X >= 0, or nearly."""
        d = len(V)
        if self.basis is None or self.basis.shape[1] * DEPTH * THIN > d * DEPTH:
            values, vectors = whole(V)
        else:
            values, vectors = ritz(V, self.basis)
        k = int(np.searchsorted(values, 0.0))
        count = len(values) - k
        if d > SMALL:
            self.basis = vectors[:, max(k - SPARE - count // 4, 0) :]
        X = (vectors[:, k:] * values[k:]) @ vectors[:, k:].T
        return np.asarray(X)


def whole(V: Array) -> tuple[Array, Array]:
    """Return all eigenvalues, rising, and their vectors; of a large matrix the upper ones."""
    if len(V) <= SMALL:
        values, vectors = linalg.eigh(V, driver="evd", check_finite=False)
    else:
        values, vectors = linalg.eigh(V, driver="evr", check_finite=False)
    return values, vectors


def ritz(V: Array, basis: Array) -> tuple[Array, Array]:
    """Return the Ritz values and vectors of V in the powers of V on a basis."""
    blocks = [basis]
    for _ in range(DEPTH - 1):
        blocks.append(linalg.qr(V @ blocks[-1], mode="economic", check_finite=False)[0])
    Q = linalg.qr(np.hstack(blocks), mode="economic", check_finite=False)[0]
    values, vectors = linalg.eigh(Q.T @ (V @ Q), driver="evd", check_finite=False)
    return values, Q @ vectors
