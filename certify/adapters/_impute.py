"""fancyimpute's SoftImpute: it returns the filled data, not the low-rank matrix."""

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

    filled   what fit_transform(X) returned: X where observed, Z elsewhere.  The Z of the
             fit is one more step from it,  Z = SVT(filled, lam): singular values less lam
    shrinkage_value   None: sigma_1(X, zero-filled) / 50, as the package chooses

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
    same_data(full, np.where(seen, finite(np.where(seen, data, 0.0), "X"), full))
    lam = default(np.where(seen, data, 0.0)) if shrinkage_value is None else shrinkage_value
    lam = scalar(lam, "shrinkage_value", zero=False)
    problem = Problem(Squared(data, mask=seen), RankOne("l2", "l2"), lam)
    return problem, soft_threshold(full, lam)


def same_data(full: Array, wanted: Array) -> None:
    """Refuse a matrix that is not the data at the observed entries."""
    off = np.abs(full - wanted)
    slack = MARGIN * float(np.finfo(np.float32).eps) * float(np.abs(wanted).max(initial=0.0))
    if off.max(initial=0.0) > slack:
        at = tuple(int(k) for k in np.unravel_index(int(off.argmax()), off.shape))
        cure = "pass what fit_transform(X) returned, and the X given to it"
        message = f"filled must be X where X is observed, got {full[at]:.10g} at {list(at)}"
        raise InputError(f"{message}, where X is {wanted[at]:.10g}: {cure}")


def default(zero_filled: Array) -> float:
    """Return the package's shrinkage value."""
    return float(np.linalg.norm(zero_filled, 2)) / SHARE


def soft_threshold(full: Array, lam: float) -> Factors:
    """Return Z = sum (sigma - lam)_+ u v^T as balanced factors."""
    left, values, right = np.linalg.svd(full, full_matrices=False)
    root = np.sqrt(values[values > lam] - lam)
    return Factors(left[:, : len(root)] * root, right[: len(root)].T * root)
