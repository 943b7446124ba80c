"""A sparse part: outliers that are neither low rank nor noise (robust PCA, penalized)."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, scalar
from certify.base.observed import Observed

from ._base import TINY, Offset, scaled_price


@dataclass(frozen=True, eq=False, init=False)
class Sparse(Offset):
    """(A q)_ij = q_ij at the observed entries, H(q) = rho |q|_1, rho > 0.

    q has one number for each observed entry: (m, n) for full data, else flat in row-major order.

        inf_q <W, q> + rho |q|_1 = 0 if every |W_ij| <= rho, else -inf.

    Raises InputError for a rho that is not a finite number > 0.
    Source: robust PCA, Candes, Li, Ma and Wright (2011).
    """

    rho: float = field(default=0.0)
    name = "sparse"
    entrywise = True
    free = False

    def __init__(self, rho: float) -> None:
        """Take the weight of |q|_1."""
        object.__setattr__(self, "rho", scalar(rho, "Sparse.rho", zero=False))
        object.__setattr__(self, "ridge", 0.0)

    @property
    def price(self) -> float:
        """The weight of |q|_1."""
        return self.rho

    def operator(self, observed: Observed) -> Any:  # noqa: ANN401  scipy.sparse
        """Return the identity."""
        return sparse.eye_array(observed.size)

    def shape(self, observed: Observed) -> tuple[int, ...]:
        """Return the shape of a field."""
        return observed.field_shape

    def factors(self, q: Array, observed: Observed) -> tuple[Array, Array]:
        """Return Q, zero where nothing is observed, and I."""
        return observed.spread(q), np.eye(observed.n)

    def field(self, q: Array, observed: Observed) -> Array:
        """Return q."""
        return q

    def penalty(self, q: Array) -> float:
        """Return rho |q|_1."""
        return self.rho * float(np.abs(q).sum())

    def solve(self, target: Array, weights: Array, observed: Observed) -> Array:
        """Return the target, soft-thresholded by rho / w."""
        return np.asarray(np.sign(target) * np.maximum(np.abs(target) - self.rho / weights, 0.0))

    def limit(self, W: Array) -> float:
        """Return rho / max |W|."""
        top = float(np.abs(W).max(initial=0.0))
        return self.rho / top if top > 0 else np.inf

    def numbers(self) -> dict[str, float]:
        """Return rho."""
        return {"rho": self.rho}

    def rescale(self, data: int, weights: int) -> "Sparse":
        """Return the offset at another scale: rho changes as lam does."""
        return Sparse(max(scaled_price(self.rho, data + weights), TINY))
