"""W of a polar, and the arguments of a hidden layer, checked."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from certify.base.arrays import Array, finite, frozen, real, short
from certify.base.errors import InputError
from certify.polar import Matrix

SLOPES = {"relu": 0.0, "leaky_relu": 0.01, "abs": -1.0, "linear": 1.0}


def nonempty(x: object, name: str, ndim: int | None = 2) -> Array:
    """Return a finite float64 array that is not empty, by default a matrix."""
    data = finite(real(x, name, ndim=ndim), name)
    if not data.size:
        raise InputError(f"{name} must not be empty, got shape {data.shape}")
    return data


def matrix(W: Any, ndim: int | None = 2) -> Matrix:  # noqa: ANN401  an array or scipy.sparse
    """Return W as a finite float64 array that is not empty, or as a CSR array."""
    if not sparse.issparse(W):
        return nonempty(W, "W", ndim)
    coo = sparse.coo_array(W, copy=True)
    data = finite(real(coo.data, "W.data"), "W.data")
    out = sparse.coo_array((data, coo.coords), shape=coo.shape).tocsr()
    finite(out.data, "W.data")  # sums of duplicates may overflow
    return out


def negative_slope(activation: str, slope: float | None) -> float:
    """Return the slope of an activation below zero; only leaky_relu takes one."""
    if slope is None:
        return SLOPES[activation]
    if activation != "leaky_relu":
        only = "slope must be given for activation='leaky_relu' only"
        raise InputError(f"{only}, got {short(slope)} with {activation!r}")
    known = isinstance(slope, int | float) and not isinstance(slope, bool)
    if not known or not -np.inf < slope < np.inf:
        raise InputError(f"slope must be a finite number, got {short(slope)}")
    if slope > 1:
        cure = f"(-u, -{short(slope)} v) with slope {1 / slope:.10g} is the same unit as (u, v)"
        raise InputError(f"slope must be at most 1, got {short(slope)}: {cure}")
    return float(slope)


def sample_index(samples: object, rows: int) -> npt.NDArray[np.int64] | None:
    """Return the samples of the rows as int64; each of 0..n-1 must occur."""
    if samples is None:
        return None
    indices = np.asarray(samples)
    if indices.shape != (rows,) or indices.dtype.kind not in "iu" or indices.min() < 0:
        got = f"{indices.dtype} of shape {indices.shape}"
        raise InputError(f"samples must be {rows} integers >= 0, one for each row of V, got {got}")
    if len(np.unique(indices)) != int(indices.max()) + 1:
        raise InputError("samples must be 0, 1, ... without a gap")
    return frozen(indices.astype(np.int64))


def demand_poolable(atom: Any) -> None:  # noqa: ANN401  a ReLU
    """Raise InputError unless max-pooling has a bound for this layer."""
    if atom.samples is None:
        raise InputError("pool='max' needs samples: for each row of V its sample")
    if atom.activation != "relu":
        raise InputError(f"pool='max' is for activation='relu', got {atom.activation!r}")
    if atom.bias == "free":
        raise InputError(
            "pool='max' does not allow bias='free': its bound uses differences of rows, which "
            "have no bias; use bias='regularized'"
        )
