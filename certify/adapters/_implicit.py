"""implicit's alternating least squares: every entry counts, observed ones with larger weights."""

from typing import Any

import numpy as np
from scipy import sparse

from certify.atoms import RankOne
from certify.base.arrays import Array, finite, real, scalar
from certify.base.errors import InputError
from certify.losses import Squared
from certify.pipeline.units import Units
from certify.problem import Problem

from ._fitted import DENSE, Adapted, Factors
from ._ratings import pair

NAMES = ("user_factors", "item_factors")


def implicit_als(
    factors: Any, counts: Any, regularization: float = 0.01, alpha: float = 1.0
) -> Adapted:
    """Return the objective of implicit's AlternatingLeastSquares on counts r (m, n):

        sum over all u, i of c_ui (p_ui - <x_u, y_i>)^2 + reg (sum |x_u|^2 + sum |y_i|^2),
        p = 1 where r > 0, else 0;   c = alpha r where r > 0, else 1
            = 1/2 sum (2 c) (p - Z)^2 + lam sum 1/2 (|u|^2 + |v|^2),   lam = 2 reg.

    factors   (model.user_factors, model.item_factors), (m, f) and (n, f)
    counts    the user_items of the fit, scipy.sparse, users in rows, every stored r > 0

    All m n entries have a weight and are stored: at most 10^7 of them.  calculate_loss
    divides this objective by sum c, which is `factors.multiple`.  By default the package works in
    single precision with three conjugate gradient steps, so its factors are only nearly stationary.

    Raises InputError for shapes that do not fit, stored counts <= 0, or too many entries.
    """
    P, Q = pair(factors, NAMES)
    lam = 2 * scalar(regularization, "regularization", zero=True)
    seen = scalar(alpha, "alpha", zero=False)
    r = dense_counts(counts, (len(P), len(Q)))
    c = np.where(r > 0, seen * r, 1.0)
    problem = Problem(Squared((r > 0).astype(float), 2 * c), RankOne("l2", "l2", "sum"), lam)
    return problem, Factors(P, Q, units=Units(float(c.sum()), 0.0, "calculate_loss"))


def dense_counts(counts: Any, shape: tuple[int, int]) -> Array:
    """Return the counts as an array; refuse counts that the package would read differently."""
    if not sparse.issparse(counts):
        raise InputError(f"counts must be a scipy.sparse matrix, got {type(counts).__name__}")
    if counts.shape != shape:
        cure = "users are its rows, items its columns (older versions took the transpose)"
        raise InputError(f"counts must have shape {shape}, got {counts.shape}: {cure}")
    if shape[0] * shape[1] > DENSE:
        size = f"{shape[0]} x {shape[1]} entries have a weight, which is too many"
        raise InputError(f"all {size}: judge a fit of at most {DENSE} entries")
    matrix = counts.tocoo()
    values = finite(real(matrix.data, "counts"), "counts")
    if len(values) and values.min() <= 0:
        cure = "counts.eliminate_zeros() drops zeros; negative counts are another model"
        raise InputError(f"stored counts must be > 0, got {values.min()}: {cure}")
    return np.asarray(matrix.toarray(), dtype=np.float64)
