"""Orthonormal coordinates of the cone of a hidden layer's relaxation.

Rows (p, q, weighted u [and s], cuts) of x = T xi have orthonormal columns Q in xi.  For
p and q alone xi = ((p + q) / sqrt 2, ...), so that Q^T Z Q needs sums of blocks and thin
products only; s is a coordinate by itself; cuts V change them by (I + V^T V)^(-1/2), the identity
and a low rank.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from certify.base.arrays import Array

from .layers import LayerForm

ROOT = 0.5**0.5
WEIGHT = 0.25  # of u and s in the rows, where |p|^2 + |q|^2 <= 1


@dataclass(frozen=True)
class Frame:
    """Q of a form.  Its rows are p (m), q (m), u (d) times its weights, s times WEIGHT, cuts."""

    form: LayerForm

    @cached_property
    def weights(self) -> Array:
        """The weight of each coordinate of u; a free bias counts in units of its reach."""
        d = self.form.F.shape[1]
        out = np.full(d, WEIGHT)
        if self.form.reach:
            out[-1] /= max(self.form.reach, 1.0)
        return out

    @cached_property
    def root(self) -> Array:
        """M^-1: u = M^-1 gamma."""
        F = self.form.F
        values, vectors = np.linalg.eigh(0.5 * F.T @ F + np.diag(np.square(self.weights)))
        return np.asarray((vectors / np.sqrt(values)) @ vectors.T)

    @cached_property
    def G(self) -> Array:
        """(p - q) / sqrt 2 = G gamma."""
        return np.asarray(ROOT * self.form.F @ self.root, dtype=self.form.dtype)

    @cached_property
    def H(self) -> Array:
        """The rows of u: weights * M^-1."""
        return np.asarray(self.weights[:, None] * self.root, dtype=self.form.dtype)

    @cached_property
    def T(self) -> Array:
        """The matrix T with x = T xi, without the change by the cuts."""
        m, d = self.form.F.shape
        T = np.zeros((self.form.size, self.form.size))
        T[:m, :m] = ROOT * np.eye(m)
        T[:m, m : m + d] = ROOT * ROOT * self.form.F @ self.root
        T[m : m + d, m : m + d] = self.root
        T[m + d :, m + d :] = np.eye(abs(self.form.sign)) / WEIGHT
        return T

    @cached_property
    def V(self) -> Array:
        """The cuts over xi."""
        return np.asarray(self.form.rows @ self.T, dtype=self.form.dtype)

    @cached_property
    def low(self) -> tuple[Array, Array]:
        """(P, delta): (I + V^T V)^(-1/2) = I + P diag(delta) P^T."""
        if not len(self.V):
            none = np.zeros((self.form.size, 0), dtype=self.form.dtype)
            return none, none[0]
        _, sizes, vectors = np.linalg.svd(self.V.astype(float), full_matrices=False)
        delta = 1 / np.sqrt(1 + np.square(sizes)) - 1
        return vectors.T.astype(self.form.dtype), delta.astype(self.form.dtype)

    def congruence(self, Y: Array) -> Array:
        """Return K Y K, K = (I + V^T V)^(-1/2), for symmetric Y."""
        P, delta = self.low
        if not delta.size:
            return Y
        L = P * delta
        YP = Y @ P
        half = Y + YP @ L.T
        return np.asarray(half + L @ (P.T @ half))

    @cached_property
    def Q(self) -> Array:
        """Q: the rows over the coordinates."""
        P, delta = self.low
        K = np.eye(self.form.size, dtype=self.form.dtype) + (P * delta) @ P.T
        return np.vstack([self.extend(K), self.V @ K])

    def rows(self, X: Array) -> Array:
        """Return B X B^T: the products of the rows, X over x."""
        F, s = self.form.F, abs(self.form.sign)
        m, d = F.shape
        B = np.zeros((2 * m + d + s, self.form.size))
        B[:m, :m] = B[m : 2 * m, :m] = np.eye(m)
        B[m : 2 * m, m : m + d], B[2 * m : 2 * m + d, m : m + d] = -F, np.diag(self.weights)
        B[2 * m + d :, m + d :] = WEIGHT * np.eye(s)
        B = np.vstack([B, self.form.rows])
        return np.asarray(B @ X @ B.T)

    @cached_property
    def objective(self) -> Array:
        """C in the coordinates, in float64."""
        return self.congruence(self.T.T @ self.form.C @ self.T)

    def down(self, Z: Array) -> Array:
        """Return Q^T Z Q for symmetric Z over the rows."""
        m, d = self.form.F.shape
        k, s = self.form.size, 2 * m + d
        b = s + abs(self.form.sign)
        p, q, u = slice(0, m), slice(m, 2 * m), slice(2 * m, 2 * m + d)
        Y = np.empty((k, k), dtype=self.form.dtype)
        pp, pq, qq = Z[p, p], Z[p, q], Z[q, q]
        same, cross = pp + qq, pq + pq.T
        Y[:m, :m] = 0.5 * (same + cross)
        mixed = 0.5 * (pp - qq - (pq - pq.T))
        side = mixed @ self.G + ROOT * (Z[p, u] + Z[q, u]) @ self.H
        Y[:m, m : m + d], Y[m : m + d, :m] = side, side.T
        gu = ROOT * self.G.T @ (Z[p, u] - Z[q, u]) @ self.H
        gg = 0.5 * self.G.T @ ((same - cross) @ self.G) + gu + gu.T
        Y[m : m + d, m : m + d] = gg + self.H.T @ Z[u, u] @ self.H
        if b > s:
            Y[:, -1] = Y[-1] = self.restrict(Z[:b, s])
        if len(self.V):
            half = self.restrict(Z[:b, b:]) + 0.5 * self.V.T @ Z[b:, b:]
            both = half @ self.V
            Y += both + both.T
        return self.congruence(Y)

    def restrict(self, X: Array) -> Array:
        """Return Q0^T X, X over the first rows."""
        m, d = self.form.F.shape
        p, q, u = X[:m], X[m : 2 * m], X[2 * m : 2 * m + d]
        parts = [ROOT * (p + q), ROOT * self.G.T @ (p - q) + self.H.T @ u, X[2 * m + d :]]
        return np.concatenate(parts)

    def extend(self, Y: Array) -> Array:
        """Return Q0 Y, without the rows of the cuts."""
        m, d = self.form.F.shape
        beta = self.G @ Y[m : m + d]
        parts = [ROOT * (Y[:m] + beta), ROOT * (Y[:m] - beta), self.H @ Y[m : m + d]]
        return np.vstack([*parts, Y[m + d :]])

    def over(self, Y: Array) -> Array:
        """Return T Y T^T: X over x."""
        return np.asarray(self.T @ self.congruence(Y).astype(float) @ self.T.T)
