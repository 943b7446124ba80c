"""Least squares over observed entries, each with a weight."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, accept_word
from certify.base.errors import InputError
from certify.base.observed import Observed

from ._base import Loss
from ._entrywise import Entrywise, Plain

ZEROS = ("missing", "observed")
DENSE = "give Y.toarray(), where that fits into memory"
UNKNOWN = f'zeros="observed" is for check() and verify() only: {DENSE}'


@dataclass(frozen=True, eq=False)
class Squared(Plain, Loss):
    """l(Z) = 1/2 sum_ij w_ij (z_ij - y_ij)^2 over the observed entries.

    Y        (m, n) array, (n1, ..., nK) tensor, or scipy.sparse matrix of *observed
             entries*: a stored zero is an observation, a missing entry is not.  A sparse Y
             is never made dense.
    weights  None (all 1), or w >= 0 in the shape of Y; for a sparse Y the same stored
             entries, or one number for each if Y stores them row by row.  Weight 0: unobserved.
    mask     None, or boolean in the shape of Y: True where it is observed.  Y may be NaN
             elsewhere.
    zeros    what the entries are that a sparse Y does not store: "missing", or "observed" zeros,
             which count as any other entry (tf-idf, counts).  Observed zeros are only for RankOne
             with l2 norms, without weights and offsets

        d(W) = sum_ij y_ij W_ij - W_ij^2 / (2 w_ij)

    Raises InputError for data that are not real, finite and nonempty, with two modes or more.
    Source: with weights and missing entries, Srebro and Jaakkola (2003).
    """

    zeros: str = "missing"
    observed: Observed = field(init=False, repr=False)
    data: Array = field(init=False, repr=False)
    scale: Array | None = field(init=False, repr=False)

    name = "squared"
    quadratic = True
    degree = 2
    formula, title = "½ Σ {c}(z − y)²", "least squares"
    curve = 1.0

    def __post_init__(self) -> None:
        """Reduce the arguments to observed entries, data and weights."""
        accept_word(self.zeros, "zeros", ZEROS)
        count = self.zeros == "observed"
        if count:
            self.accept_zeros()
        Entrywise.__post_init__(self)
        zeros = count and not self.observed.full
        object.__setattr__(self, "observed", replace(self.observed, zeros=zeros))

    def accept_zeros(self) -> None:
        """Raise InputError where observed zeros are not allowed: dense Y, weights, a mask."""
        if not sparse.issparse(self.Y):
            raise InputError('zeros="observed" is for a sparse Y: a dense one contains its zeros')
        for name, given in (("array of weights", self.weights), ("mask", self.mask)):
            if given is not None:
                raise InputError(f'zeros="observed" allows no {name}: leave it out')
        if not self.Y.nnz:
            raise InputError(f"Y {self.Y.shape} has only zeros: its best factors are zeros")

    def refuse_zeros(self) -> None:
        """Raise InputError if zeros are observed: a field has no entries for them."""
        if self.observed.zeros:
            raise InputError(UNKNOWN)

    @cached_property
    def matrix(self) -> Any:  # noqa: ANN401  scipy.sparse
        """Y, where its zeros are observed."""
        return self.observed.matrix(self.data)

    def value_of_product(self, left: Array, right: Array) -> float:
        """Return l(left right^T), zeros observed: 1/2 (|Y|^2 - 2 <Y, L R^T> + <L^T L, R^T R>)."""
        inner = np.einsum("mr,mr->", left, self.matrix @ right)
        size = np.einsum("rs,rs->", left.T @ left, right.T @ right)
        return max(0.5 * float(self.data @ self.data - 2 * inner + size), 0.0)

    def inner_products(self, left: Array, right: Array) -> Array:
        """Return <W, u v^T> of each component, W = Y - left right^T, zeros observed."""
        rest = self.matrix @ right - left @ (right.T @ right)
        return np.asarray(np.einsum("mr,mr->r", left, rest))

    @np.errstate(all="ignore")  # infinite values are results
    def value(self, Z: Array) -> float:
        """Return l(Z)."""
        self.refuse_zeros()
        residual = (Z - self.data).reshape(-1)
        return 0.5 * float(residual @ self.weigh(residual))

    def gradient(self, Z: Array) -> Array:
        """Return w (Z - Y)."""
        self.refuse_zeros()
        return self.weigh(Z - self.data)

    @np.errstate(all="ignore")
    def dual_value(self, W: Array) -> float:
        """Return sum W Y - W^2 / (2 w)."""
        self.refuse_zeros()
        w = W.reshape(-1)
        over = w if self.scale is None else w / self.scale.reshape(-1)
        return float(w @ self.data.reshape(-1)) - 0.5 * float(w @ over)

    def prox(self, Z: Array, t: Array | float) -> Array:
        """Return (Z + t w Y) / (1 + t w)."""
        self.refuse_zeros()
        return Entrywise.prox(self, Z, t)

    def clip_dual(self, W: Array) -> Array:
        """Return W: d is finite everywhere."""
        return W

    def each(self, Z: Array) -> Array:
        """Return (z - y)^2 / 2."""
        return np.asarray(0.5 * np.square(Z - self.data))

    def slope(self, Z: Array) -> Array:
        """Return z - y."""
        return np.asarray(Z - self.data)

    def ends(self) -> tuple[Array | float, Array | float]:
        """Return infinite ends: d is finite everywhere."""
        return -np.inf, np.inf

    def each_dual(self, W: Array, c: Array | float) -> Array:
        """Return w y - w^2 / (2 c)."""
        return np.asarray(W * self.data - 0.5 * W * W / c)

    def move(self, Z: Array, t: Array | float) -> Array:
        """Return (z + t y) / (1 + t)."""
        return np.asarray((Z + t * self.data) / (1 + t))

    def weigh(self, field: Array) -> Array:
        """Return w times a field."""
        if self.scale is None:
            return field
        return np.asarray(self.scale.reshape(field.shape) * field)

    def relaxation(self, cp: Any, F: Any, y: Array, c: Array, unit: float) -> Any:  # noqa: ANN401
        """1/2 c (F - y)^2."""
        return 0.5 * cp.sum_squares(cp.multiply(np.sqrt(c), F - y))
