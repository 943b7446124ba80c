"""TensorLy's CPRegressor with two weight modes: the coefficients are a matrix a b^T."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.atoms import Atom, RankOne
from certify.atoms import Factors as Slices
from certify.base.arrays import Array, finite, real, short
from certify.base.errors import InputError
from certify.losses import Squared
from certify.pipeline.units import ROUNDED, Units
from certify.polar import Proposal
from certify.problem import Problem

from ._cp import MATRIX, Modes, Tensor, components, refusal
from ._fitted import squares, weight

LEAST = 2.0**-46  # relative to the largest singular value: smaller ones are rounding


@dataclass(frozen=True, eq=False)
class Measured(Atom):
    """phi(a, b) = (<X_1, a b^T>, ..., <X_n, a b^T>) as a column, X (n, I, J).

        theta(a, b) = 1/2 (|a|^2 + |b|^2)
        Omega*(w) = sigma_1(sum_n w_n X_n)                        (polar)

    Shapes: a (I,), b (J,), phi (n, 1).  The kernel has no rule for it: NUMERICAL at best.
    """

    X: Array

    degree = 2
    kind = "measured"

    def shapes(self, data_shape: tuple[int, ...]) -> tuple[tuple[int], tuple[int]]:
        """Return (I,), (J,)."""
        _, i, j = self.X.shape
        return (i,), (j,)

    def check(self, data_shape: tuple[int, ...]) -> None:
        """Raise InputError unless there is one number for each X_n."""
        if tuple(data_shape) != (len(self.X), 1):
            raise InputError(f"the data must have shape {(len(self.X), 1)}, got {data_shape}")

    def phi(self, x: tuple[Array, ...]) -> Array:
        """Return <X_n, a b^T>."""
        return np.asarray(np.einsum("nij,i,j->n", self.X, *x, optimize=True))[:, None]

    def theta(self, factors: Slices) -> Array:
        """Return theta of each column pair."""
        a, b = factors
        return np.asarray(0.5 * ((a * a).sum(axis=0) + (b * b).sum(axis=0)))

    def propose(self, W: Any, target: Any, seed: int, deadline: Any) -> Proposal:
        """Return the largest singular value, in floats."""
        return Proposal(self.attain(W, seed)[0])

    def attain(self, W: Any, seed: int) -> tuple[float, tuple[Array, ...]]:
        """Return the first singular value and its vectors."""
        left, values, right = np.linalg.svd(self.combine(W), full_matrices=False)
        return float(values[0]), (left[:, 0], right[0])

    def combine(self, W: Any) -> Array:
        """Return sum_n w_n X_n."""
        return np.asarray(np.einsum("n,nij->ij", np.asarray(W).reshape(-1), self.X))


def cp_regressor(model: Any, X: Any, y: Any) -> Tensor:
    """Return the objective of a CPRegressor with two weight modes, lam = reg_W = c:

        1/2 |y - <X, A B^T>|^2 + c/2 (|A|^2 + |B|^2).

    X (n, I), y (n, J):  with X = P S Q^T (thin), the unknown is Z = (Q^T A) B^T and the
        loss sum_i s_i^2 / 2 |z_i - p_i^T y / s_i|^2: least squares with a weight for each row.
        The constant 1/2 |y - P P^T y|^2 is left out (`factors.constant` is minus it), and so is
        the part of A that is orthogonal to the rows of X.  P, S, Q are rounded; the certificate is
        about these floats.
    X (n, I, J), y (n,):  `Measured`, which the kernel does not know: NUMERICAL at best.

    Raises InputError for an unfitted model or other shapes, OutOfScopeError for another
    number of weight modes, or reg_W = 0.
    """
    if not hasattr(model, "cp_weight_"):
        raise InputError(f"the estimator must be fitted first, got an unfitted {short(model)}")
    weights, factors = model.cp_weight_
    modes = len(factors)
    if modes != MATRIX:
        degrees = f"a penalty of degree 2 on a product of degree {modes}"
        cure = "fit one with two weight modes: X (n, I, J), y (n,) or X (n, I), y (n, J)"
        raise refusal(f"CPRegressor with {modes} weight modes has {degrees}", cure)
    lam = weight(model.reg_W, "reg_W", "CPRegressor")
    w, (A, B) = components((weights, factors))
    A = A * w
    given, labels = finite(real(X, "X"), "X"), finite(real(y, "y"), "y")
    demand_shapes(given, labels, (A, B))
    if given.ndim == MATRIX:
        return rotate(given, labels, (A, B), lam)
    problem = Problem(Squared(labels[:, None]), Measured(given), lam)
    return problem, Modes((A, B))


def demand_shapes(X: Array, y: Array, factors: tuple[Array, Array]) -> None:
    """Raise InputError unless the shapes of X, y and the weights fit each other."""
    sizes = tuple(len(f) for f in factors)
    modes = (*X.shape[1:], *y.shape[1:])
    if X.ndim < MATRIX or y.ndim < 1 or len(X) != len(y) or modes != sizes or not len(X):
        wanted = f"(n, ...) arrays with modes {sizes} after the first, those of X before y's"
        raise InputError(f"X and y must be {wanted}; got {X.shape} and {y.shape}")


def rotate(X: Array, y: Array, factors: tuple[Array, Array], lam: float) -> Tensor:
    """Return the least squares problem with a weight for each singular value of X."""
    A, B = factors
    P, s, Qt = np.linalg.svd(X, full_matrices=False)
    seen = s > LEAST * s[0] if s.size else s > 0
    if not seen.any():
        raise InputError("X must not be zero: it then determines no coefficient")
    P, s, Qt = P[:, seen], s[seen], Qt[seen]
    target = (P.T @ y) / s[:, None]
    weights = np.repeat((s * s)[:, None], y.shape[1], axis=1)
    problem = Problem(Squared(target, weights), RankOne("l2", "l2", "sum"), lam)
    modes, rest = Modes((Qt @ A, B)), y - P @ (P.T @ y)
    error = ROUNDED * squares(y)  # of P, S, Q, P^T y and of the rest
    modes.units = Units(1.0, -0.5 * squares(rest), "the objective of the fit", error)
    return problem, modes
