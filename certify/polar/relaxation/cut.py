"""Half of a case: sign x^T Q x >= 0 for the factor x of one mode of a group."""

from dataclasses import dataclass

import numpy as np

from certify.base.arrays import Array


@dataclass(frozen=True)
class Cut:
    """sign x_m^T Q x_m >= 0, so sign Q (x) H >= 0 on products for every H >= 0 (semidefinite).

    Q      (n, n) symmetric, of Frobenius norm 1
    first  the group's first row in the matrix
    dims   (a, n, b): the sizes of the modes of the group before, of, and behind the mode
    """

    Q: Array
    sign: int
    mode: int
    first: int
    dims: tuple[int, int, int]

    @property
    def block(self) -> slice:
        """The group's rows."""
        a, n, b = self.dims
        return slice(self.first, self.first + a * n * b)

    def reduce(self, X: Array) -> Array:
        """Return sign times the (ab, ab) matrix of sums Q_ij X_(.i.)(.j.): >= 0 at products."""
        a, n, b = self.dims
        whole = X[self.block, self.block].reshape(a, n, b, a, n, b)
        sums = np.tensordot(whole, self.Q, axes=((1, 4), (0, 1)))
        return np.asarray(sums.reshape(a * b, a * b) * self.sign)

    def lift(self, H: Array) -> Array:
        """Return sign Q (x) H on the group's rows, in their order."""
        a, n, b = self.dims
        whole = np.einsum("xyzw,ij->xiyzjw", H.reshape(a, b, a, b), self.Q * self.sign)
        return np.asarray(whole.reshape(a * n * b, a * n * b))

    def part(self, V: Array) -> Array:
        """Return the nearest matrix X with reduce(X) >= 0."""
        out = V.copy()
        out[self.block, self.block] += self.lift(positive(-self.reduce(V)))
        return out

    def multiplier(self, U: Array) -> Array:
        """Return H >= 0 of a matrix near lift(H)."""
        return positive(self.reduce(U))


def positive(H: Array) -> Array:
    """Return the nearest positive semidefinite matrix."""
    values, vectors = np.linalg.eigh((H + H.T) / 2)
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T)
