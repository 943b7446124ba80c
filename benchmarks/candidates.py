"""The data of the benchmarks and the fitted factors they are about, by numpy and scipy.

Nothing here asks `certify` for an optimum: soft-thresholding the singular values of Y at lam
minimizes 1/2 |Y - Z|^2 + lam |Z|_*, in closed form.
"""

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import svds
from sklearn.datasets import load_digits

from certify import Problem
from certify.search.descent import alternating as descent

Array = npt.NDArray[np.float64]
Factors = tuple[Array, Array]


def digits(count: int | None = None) -> Array:
    """Return the first images of the digits data, one a row, entries in [0, 1]."""
    return np.asarray(load_digits().data[:count] / 16, dtype=np.float64)


def balanced(left: Array, values: Array, right: Array) -> Factors:
    """Return U, V with U V^T = left diag(values) right and equal norms."""
    root = np.sqrt(values)
    return left * root, right.T * root


def thresholded(Y: Array, lam: float) -> tuple[Factors, float]:
    """Return the optimum's factors for the nuclear norm, and the optimum."""
    left, values, right = np.linalg.svd(Y, full_matrices=False)
    keep = values > lam
    kept = values[keep] - lam
    below = values[~keep]
    best = 0.5 * lam**2 * keep.sum() + 0.5 * (below @ below) + lam * kept.sum()
    return balanced(left[:, keep], kept, right[keep]), float(best)


def low_rank(n: int, rank: int, seed: int) -> tuple[Array, float]:
    """Return (rank + noise, lam): an n x n matrix, lam 1.5 times the noise's norm 2 sqrt(n)."""
    rng = np.random.default_rng(seed)
    left, right = rng.standard_normal((2, n, rank))
    return left @ right.T + rng.standard_normal((n, n)), 3 * n**0.5


def top_components(Y: Array, rank: int, lam: float) -> Factors:
    """Return the soft-thresholded leading components by svds.

    svds works on a Gram matrix and loses the digits of the small values; one more step of
    subspace iteration gives them back.
    """
    right = svds(Y, rank, random_state=0)[2]
    left = np.linalg.qr(Y @ right.T)[0]
    inner, values, right = np.linalg.svd(left.T @ Y, full_matrices=False)
    keep = values > lam
    return balanced(left @ inner[:, keep], values[keep] - lam, right[keep])


def alternating(problem: Problem, rank: int, sweeps: int, seed: int) -> Factors:
    """Return factors fitted by alternating least squares from a random start."""
    rng = np.random.default_rng(seed)
    start = tuple(0.1 * rng.standard_normal((k, rank)) for k in problem.loss.shape)
    now = descent.state(problem, start)
    for _ in range(sweeps):
        now = descent.sweep(problem, now)
    return now.factors[0], now.factors[1]
