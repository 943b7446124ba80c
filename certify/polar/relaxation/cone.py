"""The positive part of a matrix that moves little from step to step.

    S = Q^T D Q + C / rho = V diag(a) V^T,   S_+ = sum of a_i v_i v_i^T over a_i > 0

Between decompositions only the rows of V^T S V that belong to the leading eigenvectors are
formed, [A_1 A_2] = V_1^T S V.  A_1 = R diag(b) R^T is decomposed, and A_2 turns its eigenvectors:

    S_+ = sum over b_i > 0 of b_i x_i x_i^T,   x_i = V_1 r_i + V_2 k_i,
    k_ij = (r_i^T A_2)_j / (b_i - a_j),        to first order in A_2

S is decomposed again if an eigenvector turns too far, and after OFTEN steps at the latest.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from certify.base.arrays import Array

OFTEN = 20  # steps between decompositions
BESIDE = 4  # leading eigenvectors beyond those of positive eigenvalues
TURNED = 0.2  # largest entry k_ij: beyond it, S is decomposed
TINY = 1e-30  # least b_i - a_j


class Coordinates(Protocol):
    """Orthonormal columns Q, and Q^T Z Q."""

    @property
    def Q(self) -> Array:
        """The rows over the coordinates."""

    def down(self, Z: Array) -> Array:
        """Return Q^T Z Q for symmetric Z over the rows."""


@dataclass(frozen=True)
class Columns:
    """Orthonormal columns Q that are stored."""

    Q: Array

    def down(self, Z: Array) -> Array:
        """Return Q^T Z Q."""
        return np.asarray(self.Q.T @ Z @ self.Q)


@dataclass(frozen=True)
class Eigen:
    """A decomposition of S, and products with its eigenvectors V.

    values  (n,), descending      V     (n, n)
    P       Q V                   lead  (k, rows): (Q V_1)^T
    C       (k, n): V_1^T C V
    """

    values: Array
    V: Array
    P: Array
    lead: Array
    C: Array


@dataclass(frozen=True)
class Part:
    """S_+ = X diag(b) X^T, X = V_1 R + V_2 K^T."""

    b: Array
    R: Array
    K: Array

    def vectors(self, V: Array) -> Array:
        """Return V X for V (any, n) over the eigenvectors."""
        k = len(self.R)
        return np.asarray(V[:, :k] @ self.R + V[:, k:] @ self.K.T)

    def over(self, V: Array) -> Array:
        """Return V S_+ V^T for V (any, n) over the eigenvectors."""
        X = self.vectors(V)
        return np.asarray((X * self.b) @ X.T)


class Cone:
    """{ Q Y Q^T : Y >= 0 } of a frame, with the last projection on it.

    For searches, whose answer is proved from the multipliers alone.
    """

    def __init__(self, frame: Coordinates, C: Array) -> None:
        self.frame, self.C, self.age = frame, C, OFTEN
        none = C[:0]
        self.at = Eigen(C[0, :0], np.eye(len(C), dtype=C.dtype), frame.Q, frame.Q.T[:0], none)
        self.part = Part(C[0, :0], none[:, :0], none)

    @property
    def Y(self) -> Array:
        """The last S_+."""
        return self.part.over(self.at.V)

    def project(self, D: Array, rho: Any) -> Array:  # noqa: ANN401  of the type of D
        """Return Q S_+ Q^T."""
        self.move(D, rho)
        return self.part.over(self.at.P)

    def pairs(self, D: Array) -> tuple[Array, Array]:
        """Return (values, vectors) of S_+ where C = 0."""
        self.move(D, 1.0)
        return self.part.b, self.part.vectors(self.at.V)

    def move(self, D: Array, rho: Any) -> None:  # noqa: ANN401
        """Find S_+."""
        self.age += 1
        if self.age > OFTEN or not self.turn_eigenvectors(D, rho):
            self.decompose(D, rho)

    def decompose(self, D: Array, rho: Any) -> None:  # noqa: ANN401
        """Decompose S anew."""
        values, V = np.linalg.eigh(self.frame.down(D) + self.C / rho)
        values, V = values[::-1], np.ascontiguousarray(V[:, ::-1])
        k = int((values > 0).sum())
        n = min(k + BESIDE, len(values))
        P = self.frame.Q @ V
        lead = np.ascontiguousarray(P[:, :n].T)
        self.at = Eigen(values, V, P, lead, V[:, :n].T @ self.C @ V)
        kept = np.zeros((k, len(values) - n), dtype=D.dtype)
        self.part, self.age = Part(values[:k], np.eye(n, k, dtype=D.dtype), kept), 0

    def turn_eigenvectors(self, D: Array, rho: Any) -> bool:  # noqa: ANN401
        """Turn the eigenvectors to S; False if they would turn too far."""
        at = self.at
        A = (at.lead @ D) @ at.P + at.C / rho
        n = len(A)
        b, R = np.linalg.eigh(A[:, :n])
        k = int(np.searchsorted(b, 0.0))
        b, R = b[k:], R[:, k:]
        K = R.T @ A[:, n:]
        K /= np.maximum(b[:, None] - np.minimum(at.values[n:], 0.0), TINY)
        if max(K.max(initial=0.0), -K.min(initial=0.0)) > TURNED:
            return False
        self.part = Part(b, R, K)
        return True
