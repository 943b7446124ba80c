"""One of n classes for each row: the multinomial negative log-likelihood."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import entr, logsumexp, softmax, wrightomega

from certify.base.arrays import Array, finite, frozen, real, short
from certify.base.errors import InputError
from certify.base.observed import Observed

from ._base import Loss
from ._roots import rising_zero

DIGITS = 52  # bits of the grid, relative to a row's weight, on which rows sum to zero


@dataclass(frozen=True, eq=False)
class Softmax(Loss):
    """l(Z) = sum_i c_i (ln sum_j e^z_ij - <y_i, z_i>), each row y_i one-hot.

    Y        (m, n) array: every row has one 1, its class, and zeros.  No row has holes.
    weights  None (all 1), or c > 0, one for each row.

        d(W) = sum_i c_i sum_j -q_ij ln q_ij,   q_i = y_i - w_i / c_i in the simplex

    ln sum_j e^z_j - <q, z> is least where softmax(z) = q, and unbounded below for q outside the
    simplex (along a constant z if sum q is not 1).  So each row of W sums to zero *exactly*, and
    is at most c at its class and at most 0 elsewhere.

    Raises InputError for rows that are not one-hot, and weights that are not positive.
    Source: the multinomial case of Collins, Dasgupta and Schapire (2001).
    """

    Y: Any
    weights: Any = None
    observed: Observed = field(init=False, repr=False)
    data: Array = field(init=False, repr=False)
    scale: Array | None = field(init=False, repr=False)

    name = "softmax"
    rowwise = True
    formula = "Σᵢ {c}(ln Σⱼ exp zᵢⱼ − z of the class)"
    title = "the multinomial logistic loss"

    def __post_init__(self) -> None:
        """Check that rows are one-hot."""
        if sparse.issparse(self.Y):
            raise InputError("Y must be dense: Softmax needs full rows (give Y.toarray())")
        data = finite(real(self.Y, "Y", ndim=2), "Y")
        if not data.size:
            raise InputError(f"Y must not be empty, got shape {data.shape}")
        hot = ((data == 0) | (data == 1)).all(axis=1) & (data.sum(axis=1) == 1)
        if not hot.all():
            k = int((~hot).argmax())
            got = f"row {k} is {short(data[k].tolist())}"
            raise InputError(f"each row of Y must have one 1, its class, and zeros, but {got}")
        object.__setattr__(self, "observed", Observed(*data.shape))
        object.__setattr__(self, "data", frozen(data))
        object.__setattr__(self, "scale", self.accept_weights(len(data)))

    def accept_weights(self, m: int) -> Array | None:
        """Return the weights, one for each row."""
        if self.weights is None:
            return None
        scale = finite(real(self.weights, "weights"), "weights")
        if scale.shape != (m,):
            raise InputError(f"weights must have shape {(m,)}, one for each row, got {scale.shape}")
        if scale.min() <= 0:
            raise InputError(f"weights must be > 0, got {scale.min()}: leave such rows out")
        return frozen(scale)

    @property
    def field_weights(self) -> Array | float:
        """The weights as a column; 1 if there are none."""
        return 1.0 if self.scale is None else self.scale[:, None]

    @property
    def curvature(self) -> float:
        """Half the largest weight: diag(p) - p p^T <= 1/2 (Gershgorin: 2 p (1 - p))."""
        return 0.5 if self.scale is None else 0.5 * float(self.scale.max())

    @np.errstate(all="ignore")  # infinite values are results
    def value(self, Z: Array) -> float:
        """Return sum c (ln sum e^z - z_class)."""
        z_class = (Z * self.data).sum(axis=1, keepdims=True)
        return float((self.field_weights * logsumexp(Z - z_class, axis=1, keepdims=True)).sum())

    @np.errstate(all="ignore")
    def gradient(self, Z: Array) -> Array:
        """Return c (softmax(z) - y), with rows that sum to zero exactly."""
        return -self.on_grid(softmax(Z, axis=1))

    @np.errstate(all="ignore")
    def dual_value(self, W: Array) -> float:
        """Return sum c entropy(q); -inf unless every row is in the domain, exactly."""
        if not np.isfinite(W).all() or not self.inside(W):
            return -np.inf
        q = np.clip(self.data - W / self.field_weights, 0.0, 1.0)
        rest = np.where(self.data == 1, 0.0, q).sum(axis=1, keepdims=True)
        class_term = np.where(self.data == 1, -np.log1p(-np.minimum(rest, 1.0)) * q, 0.0)
        terms = np.where(self.data == 1, np.where(q > 0, class_term, 0.0), entr(q))
        return float((self.field_weights * terms).sum())

    def inside(self, W: Array) -> bool:
        """Whether W <= c Y, and each row's exact sum is zero."""
        sums = (sum(map(Fraction, row), Fraction(0)) for row in W.tolist())
        return bool((self.field_weights * self.data >= W).all()) and not any(sums)

    @np.errstate(all="ignore")
    def prox(self, Z: Array, t: Array | float) -> Array:
        """Solve x + t c (softmax(x) - y) = z row by row.

        With L = ln sum e^x and p = softmax(x): t c p_j = omega(a_j - L + ln(t c)),
        a = z + t c y, Wright's function; sum p = 1 fixes L, between max a - t c and
        max a - t c / n + ln n.
        """
        n, pull = Z.shape[1], np.broadcast_to(self.field_weights * t, (len(Z), 1))
        a = Z + pull * self.data
        top = a.max(axis=1, keepdims=True)

        def off(L: Array) -> tuple[Array, Array]:
            """Return t c (1 - sum p) and its slope in L."""
            omega = np.real(wrightomega(a - L + np.log(pull)))
            rate = (omega / (1 + omega)).sum(axis=1, keepdims=True)
            return pull - omega.sum(axis=1, keepdims=True), rate

        L = rising_zero(off, top - pull, top - pull / n + np.log(n))
        return np.asarray(a - np.real(wrightomega(a - L + np.log(pull))))

    @np.errstate(all="ignore")
    def clip_dual(self, W: Array) -> Array:
        """Return the rows' projections on the simplex, on a grid where sums are exact."""
        return self.on_grid(simplex(self.data - W / self.field_weights))

    def on_grid(self, q: Array) -> Array:
        """Return c (y - q) with rows that sum to zero exactly, for q in the simplex.

        Off the class, c q is rounded to u k with integers k and u = 2^(e - DIGITS), 2^e > c.  The
        entry at the class is u sum k; the largest k is reduced until this is at most c.
        """
        c = np.broadcast_to(self.field_weights, (len(q), 1))
        e = np.frexp(c)[1] - DIGITS
        off_class = np.where(self.data == 1, 0.0, q)
        k = np.rint(np.ldexp(c * off_class, -e)).astype(np.int64)
        over = k.sum(axis=1) - np.floor(np.ldexp(c, -e)).astype(np.int64)[:, 0]
        k[np.arange(len(k)), k.argmax(axis=1)] -= np.maximum(over, 0)
        total = k.sum(axis=1, keepdims=True)
        return np.asarray(np.ldexp(np.where(self.data == 1, total, -k).astype(float), e))

    def arrays(self) -> dict[str, Any]:
        """Return Y and the weights."""
        rest = {} if self.scale is None else {"weights": self.scale}
        return {"Y": self.data.reshape(-1)} | rest

    def relaxation(self, cp: Any, F: Any, y: Array, c: Array, unit: float) -> Any:  # noqa: ANN401
        """Return sum c (ln sum e^F - F_class), row by row."""
        rows = cp.reshape(F, self.shape, order="C")
        F_class = cp.sum(cp.multiply(y.reshape(self.shape), rows), axis=1)
        return c @ (cp.log_sum_exp(rows, axis=1) - F_class)


def simplex(x: Array) -> Array:
    """Return the projection of each row on the simplex (sort, and lower by one level)."""
    ordered = -np.sort(-x, axis=1)
    counts = np.arange(1, x.shape[1] + 1)
    level = ((np.cumsum(ordered, axis=1) - 1) / counts).max(axis=1, keepdims=True)
    return np.asarray(np.maximum(x - level, 0.0))
