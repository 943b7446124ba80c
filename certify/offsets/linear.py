"""Covariates of the rows: one coefficient for each covariate and column."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, finite, frozen, real
from certify.base.errors import InputError
from certify.base.observed import Observed

from ._base import Offset


@dataclass(frozen=True, eq=False, init=False)
class Linear(Offset):
    """(A q)_ij = sum_k A_ik q_kj, A of shape (m, k), q of shape (k, n); A* W = A^T W.

    For a tensor (n_1, ..., n_K), A has the covariates of the first mode, m = n_1, and q a
    coefficient for each of the n = n_2 ... n_K indices of the other modes.

    Raises InputError for an A that is no finite real matrix of m rows, or a negative ridge.
    Source: covariates beside a matrix of low rank, Mao, Chen and Wong (2019).
    """

    A: Array = field(default_factory=lambda: np.zeros((0, 0)))
    name = "linear"
    at_fixed_rank = True
    stored: ClassVar = {"A": "A{k}"}

    def __init__(self, A: object, ridge: float = 0.0) -> None:
        """Take the covariates first: Linear(A, ridge=0.0)."""
        design = finite(real(A, "Linear.A", ndim=2), "Linear.A")
        if not design.shape[1]:
            raise InputError(f"Linear.A must have a column, got shape {design.shape}")
        object.__setattr__(self, "A", frozen(design))
        object.__setattr__(self, "ridge", ridge)
        self.__post_init__()

    def check(self, observed: Observed) -> None:
        """Refuse covariates that do not have one row for each row of the data."""
        if len(self.A) != observed.m:
            raise InputError(f"Linear.A must have {observed.m} rows, got {len(self.A)}")

    def covariates(self, m: int) -> Array:
        """Return A."""
        return self.A

    @property
    def levels(self) -> bool:
        """Whether a covariate is constant."""
        return bool(((self.A[:1] == self.A).all(axis=0) & (self.A[0] != 0)).any())

    def shape(self, observed: Observed) -> tuple[int, ...]:
        """Return (k, n)."""
        return (self.A.shape[1], observed.n)

    def factors(self, q: Array, observed: Observed) -> tuple[Array, Array]:
        """Return A and q^T."""
        return self.A, np.ascontiguousarray(q.T)

    def operator(self, observed: Observed) -> Any:  # noqa: ANN401  scipy.sparse
        """Return A as a sparse matrix: the row of an entry has its covariates."""
        (rows, cols), (k, n) = observed.listed, self.shape(observed)
        places = cols[:, None] + n * np.arange(k)
        starts = k * np.arange(len(rows) + 1)
        listed = self.A[rows].reshape(-1), places.reshape(-1), starts
        return sparse.csr_array(listed, shape=(len(rows), k * n))

    def adjoint(self, W: Array, observed: Observed) -> Array:
        """Return A^T W."""
        return np.ascontiguousarray(observed.times_left(W, self.A).T)

    def solve(self, target: Array, weights: Array, observed: Observed) -> Array:
        """Solve a weighted least-squares problem for each column."""
        k = self.A.shape[1]
        if observed.full and weights.min() == weights.max() and not self.ridge:
            return np.asarray(np.linalg.lstsq(self.A, target, rcond=None)[0])
        columns, order = observed.transposed()
        rows = columns.listed[1]
        w, t = (f.T.reshape(-1) if order is None else f[order] for f in (weights, target))
        w = np.sqrt(w)
        out = np.zeros((k, observed.n))
        for j in range(observed.n):
            part = slice(columns.indptr[j], columns.indptr[j + 1])
            left = np.vstack([w[part, None] * self.A[rows[part]], self.ridge**0.5 * np.eye(k)])
            right = np.concatenate([w[part] * t[part], np.zeros(k)])
            out[:, j] = np.linalg.lstsq(left, right, rcond=None)[0]
        return out

    def arrays(self, k: int) -> dict[str, Any]:
        """Return A."""
        return {f"A{k}": self.A}
