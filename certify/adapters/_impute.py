"""fancyimpute's SoftImpute, which returns the filled data instead of the low-rank matrix."""

from typing import Any

import numpy as np

from certify.atoms import RankOne
from certify.base.arrays import Array, finite, real, scalar
from certify.base.errors import InputError
from certify.losses import Squared
from certify.problem import Problem

from ._fitted import MARGIN, Adapted, Factors

SHARE = 50.0  # the package's default: the largest singular value of zero-filled data / 50


def soft_impute(filled: Any, X: Any, shrinkage_value: float | None = None) -> Adapted:
    """Return the objective of SoftImpute on X (m, n), NaN where nothing is observed:

        1/2 |P(X - Z)|^2 + lam |Z|_*,   lam = shrinkage_value,   P the observed entries.

    filled   the result of fit_transform(X): X where observed, Z elsewhere.  The Z of the fit is
             one more step, soft-thresholding the singular values of `filled` by lam
    shrinkage_value   None: sigma_1(X, zero-filled) / 50, as in the package

    A run with max_rank, min_value, max_value or a normalizer minimizes something else.

    Raises InputError for shapes that differ, or a `filled` that is not X where observed.
    """
    data = real(X, "X", ndim=2)
    full = finite(real(filled, "filled", ndim=2), "filled")
    if full.shape != data.shape:
        raise InputError(f"filled must have shape {data.shape} as X, got {full.shape}")
    seen = ~np.isnan(data)
    if not seen.any():
        raise InputError("X has no observed entry: nothing to fit")
    zero_filled = finite(np.where(seen, data, 0.0), "X")
    demand_data(full, np.where(seen, zero_filled, full))
    if shrinkage_value is None:
        shrinkage_value = float(np.linalg.norm(zero_filled, 2)) / SHARE
    lam = scalar(shrinkage_value, "shrinkage_value", zero=False)
    problem = Problem(Squared(data, mask=seen), RankOne("l2", "l2"), lam)
    return problem, soft_threshold(full, lam)


def demand_data(full: Array, wanted: Array) -> None:
    """Raise InputError unless a matrix has the data at the observed entries."""
    off = np.abs(full - wanted)
    slack = MARGIN * float(np.finfo(np.float32).eps) * float(np.abs(wanted).max(initial=0.0))
    if off.max(initial=0.0) > slack:
        at = tuple(int(k) for k in np.unravel_index(int(off.argmax()), off.shape))
        cure = "pass what fit_transform(X) returned, and the X given to it"
        message = f"filled must be X where X is observed, got {full[at]:.10g} at {list(at)}"
        raise InputError(f"{message}, where X is {wanted[at]:.10g}: {cure}")


def soft_threshold(full: Array, lam: float) -> Factors:
    """Return balanced factors of Z = sum (sigma - lam)_+ u v^T."""
    left, values, right = np.linalg.svd(full, full_matrices=False)
    root = np.sqrt(values[values > lam] - lam)
    return Factors(left[:, : len(root)] * root, right[: len(root)].T * root)
