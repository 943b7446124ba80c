"""Largest eigenvalues: a quick estimate, then a Cholesky factor that proves a bound."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy import linalg, sparse

from certify.base.arrays import Array
from certify.base.gram import gram as sparse_gram
from certify.base.threads import threads_of_factor

from .lanczos import Pairs, Start, ritz
from .query import Matrix

DENSE = 1500  # sizes up to which all eigenvalues are cheap and a factor is stored
# Search slacks, relative: cost, never truth.
MARGINS = tuple(4.0**k * 1e-13 for k in range(24))
FINE = (1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6)
COARSE = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
AT_TARGET = (1e-9,)
SHARP = 1e-8  # relative change that ends an estimate; cost, never truth


def side(W: Matrix) -> int:
    """Return the axis of the smaller Gram matrix: 0 for W W^T, 1 for W^T W."""
    return int(W.shape[1] <= W.shape[0])


def gram(W: Matrix, axis: int) -> Array:
    """Return W W^T (axis 0) or W^T W (axis 1), dense."""
    a = W if axis else W.T
    if not sparse.issparse(a):
        return np.asarray(a.T @ a)
    return sparse_gram(a.tocsr())


def top_pair(g: Array, seed: int) -> tuple[float, Array]:
    """Return an estimate of the largest eigenvalue of g and a vector."""
    k = g.shape[0]
    if k <= DENSE:
        values, vectors = leading(g, 1)
        return float(values[-1]), vectors[:, -1]
    return ritz_pair(lambda x: np.asarray(g @ x), k, seed)


def leading(g: Array, count: int) -> tuple[Array, Array]:
    """Return the `count` largest eigenvalues, rising, and their vectors.

    Raises LinAlgError for a matrix that overflowed, or that LAPACK cannot solve.
    """
    k = demand_finite(g).shape[0]
    values, vectors = linalg.eigh(g, subset_by_index=[max(k - count, 0), k - 1])
    if len(values) < min(count, k):  # the subset driver loses eigenvalues of split matrices
        values, vectors = linalg.eigh(g)
    return values[-count:], vectors[:, -count:]


def largest_eigenvalue(g: Array) -> float:
    """Return lambda_max of a symmetric matrix: 0 without rows, infinite if it overflowed."""
    if not np.isfinite(g).all():
        return np.inf
    return float(leading(g, 1)[0][-1]) if g.size else 0.0


def singular_pairs(W: Matrix, count: int) -> Pairs:
    """Return the `count` largest singular pairs of W, falling, by its smaller Gram matrix."""
    axis = side(W)
    squares, vectors = leading(gram(W, axis), count)
    values, short = np.sqrt(np.maximum(squares[::-1], 0.0)), vectors[:, ::-1]
    long = np.asarray((W if axis else W.T) @ short) / np.where(values > 0, values, 1.0)
    return Pairs(values, *((long, short) if axis else (short, long)))


def demand_finite(g: Array) -> Array:
    """Return g; raise LinAlgError if it overflowed."""
    if not np.isfinite(g).all():
        raise np.linalg.LinAlgError("the matrix overflowed")
    return g


def ritz_pair(times: Callable[[Array], Array], size: int, seed: int) -> tuple[float, Array]:
    """Return an estimate of the largest eigenvalue, from below, and a vector.

    times  the product of the matrix with vectors (size, k)
    """
    values, vectors = ritz(times, Start(size, seed=seed), tol=SHARP)
    return float(values[0]), vectors[:, 0]


def factorize(g: Array, shift: float) -> Array | None:
    """Return the lower Cholesky factor of shift I - g, or None."""
    a = -g
    a[np.diag_indices_from(a)] += shift
    if not (np.isfinite(shift) and a.diagonal().min(initial=1.0) > 0):
        return None
    with threads_of_factor(len(a)):
        factor, info = linalg.lapack.dpotrf(a.T, lower=0, overwrite_a=1, clean=1)
    return None if info else factor.T


def prove_top(g: Array, estimate: float, margins: Sequence[float]) -> tuple[float, Array] | None:
    """Return (shift, L) with shift I - g = L L^T nearly, for a Gram matrix g."""
    floor = max(estimate, float(np.abs(g.diagonal()).max(initial=0.0)), 1e-290)
    slack = max(g.shape[0], 8) * 1e-15
    return first_factor(g, (floor * (1 + slack + margin) for margin in margins))


def shifted_factor(g: Array) -> tuple[float, Array] | None:
    """Return (shift, L) with shift I - g = L L^T nearly, for symmetric g."""
    size = max(float(np.abs(g).max(initial=0.0)), 1e-290)
    top = max(largest_eigenvalue(demand_finite(g)), -size)
    return first_factor(g, (top + margin * size for margin in FINE))


def first_factor(g: Array, shifts: Iterable[float]) -> tuple[float, Array] | None:
    """Return the first shift for which shift I - g has a Cholesky factor, and the factor."""
    factors = ((shift, factorize(g, shift)) for shift in shifts)
    return next(((shift, L) for shift, L in factors if L is not None), None)


def pack_triangle(factor: Array) -> Array:
    """Return the lower triangle by rows, rounded to a grid so that its integers are short."""
    rows, cols = np.tril_indices(factor.shape[0])
    return on_grid(factor[rows, cols], 48)


def on_grid(x: Array, bits: int) -> Array:
    """Round to multiples of 2^e, where 2^(e + bits) is just above the largest |x|."""
    top = np.abs(x).max(initial=0.0)
    if top == 0.0:
        return np.zeros_like(x)
    e = int(np.frexp(top)[1]) - bits
    half = e // 2  # two steps, so that no intermediate factor overflows
    return np.asarray(np.ldexp(np.rint(np.ldexp(np.ldexp(x, -half), half - e)), e))
