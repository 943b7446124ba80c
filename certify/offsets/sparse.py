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

    q holds one number for each observed entry: (m, n) on full data, else flat in row-major
    order.  (Elsewhere the best Q is 0 whatever W is.)

        inf_q <W, q> + rho |q|_1 = 0 if every |W_ij| <= rho, else -inf.
    """

    rho: float = field(default=0.0)
    name = "sparse"
    entrywise = True

    def __init__(self, rho: float) -> None:
        """Take the price of the sum of absolute values."""
        object.__setattr__(self, "rho", scalar(rho, "Sparse.rho", zero=False))
        object.__setattr__(self, "ridge", 0.0)

    @property
    def free(self) -> bool:
        """H is at no q but zero."""
        return False

    @property
    def price(self) -> float:
        """The price of |q|_1."""
        return self.rho

    def operator(self, observed: Observed) -> Any:  # noqa: ANN401  scipy.sparse
        """Return the identity."""
        return sparse.eye_array(observed.size)

    def shape(self, observed: Observed) -> tuple[int, ...]:
        """Return the shape of a field."""
        return (observed.m, observed.n) if observed.full else (observed.size,)

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
        """Return the target's entries lowered by rho / w: soft thresholding."""
        return np.asarray(np.sign(target) * np.maximum(np.abs(target) - self.rho / weights, 0.0))

    def limit(self, W: Array) -> float:
        """Return rho / max |W|."""
        top = float(np.abs(W).max(initial=0.0))
        return self.rho / top if top > 0 else np.inf

    def numbers(self) -> dict[str, float]:
        """Return rho."""
        return {"rho": self.rho}

    def rescaled(self, data: int, weights: int) -> "Sparse":
        """Return the offset of the problem at another scale: rho moves as lam does."""
        return Sparse(max(scaled_price(self.rho, data + weights), TINY))
