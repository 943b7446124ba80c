"""Reduce dense, masked, weighted or stored data to observed entries."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from certify.base.arrays import BESIDE, Array, Ints, finite, frozen, has_masked, real
from certify.base.errors import InputError
from certify.base.observed import Observed

MATRIX = 2  # dimensions
OTHER_LABELS = {  # what other conventions use instead of a label, and how to convert it
    -1.0: (0.0, "labels 0 and 1 become 2 Y - 1"),
    0.0: (-1.0, "labels -1 and 1 become (Y + 1) / 2"),
}
Parts = tuple[Observed, Array, Array | None]


@dataclass(frozen=True, eq=False)
class Listed:
    """The observed entries of a tensor, which is never made dense.

    matrix  scipy.sparse: the first mode by all the others, in row-major order
    dims    the shape of the tensor
    """

    matrix: Any
    dims: tuple[int, ...]


def read(Y: object, weights: object, mask: object) -> Parts:
    """Return the observed entries, and the data and weights there (None: all 1).

    Y, weights, mask   as in Squared; Y may also be `Listed`
    """
    if isinstance(Y, Listed):
        observed, data, scale = _sparse(Y.matrix, weights, mask)
        return replace(observed, dims=Y.dims), data, scale
    return (_sparse if sparse.issparse(Y) else _dense)(Y, weights, mask)


def _dense(Y: object, weights: object, mask: object) -> Parts:
    data = real(Y, "Y", unmask=BESIDE)
    if data.ndim < MATRIX:
        raise InputError(f"Y must have 2 dimensions or more, got shape {data.shape}")
    if not data.size:
        raise InputError(f"Y must not be empty, got shape {data.shape}")
    dims, m = data.shape, len(data)
    n = data.size // m
    scale = _weights(weights, data.shape)
    seen = _mask(mask, data.shape)
    if scale is not None:
        seen &= scale > 0
    if seen.all():
        stored = None if scale is None else frozen(scale.reshape(m, n))
        whole = observed_data(data, mask)
        return Observed(m, n, dims=dims), frozen(whole.reshape(m, n)), stored
    rows, cols = np.nonzero(seen.reshape(m, n))
    if not len(rows):
        raise InputError(f"Y has no observed entry of {data.size}: nothing to fit")
    values = finite(np.where(seen, data, 0.0), "Y")[seen]
    stored = None if scale is None else frozen(scale[seen])
    return Observed(m, n, frozen(rows), frozen(cols), dims), frozen(values), stored


def observed_data(data: Array, mask: object) -> Array:
    """Return the data; refuse numbers that are not finite, with a hint to the mask for NaN."""
    if mask is None and np.isnan(data).any():
        where = [int(k) for k in np.argwhere(np.isnan(data))[0]]
        cure = "if NaN means missing, give ~np.isnan(Y) as the mask"
        raise InputError(f"Y must be finite, got nan at {where}: {cure}")
    return finite(data, "Y")


def _mask(mask: object, shape: tuple[int, ...]) -> Any:  # noqa: ANN401  a boolean array
    if mask is None:
        return np.ones(shape, dtype=bool)
    if has_masked(mask):
        raise InputError("mask has masked entries: give True or False for each entry of Y")
    try:
        seen = np.array(mask)
    except ValueError:
        raise InputError(f"mask must be boolean of shape {shape}, got rows that differ") from None
    if seen.dtype != bool or seen.shape != shape:
        got = f"{seen.dtype} of shape {seen.shape}"
        raise InputError(f"mask must be boolean of shape {shape}, got {got}")
    return seen


def _weights(weights: object, shape: tuple[int, ...]) -> Array | None:
    if weights is None:
        return None
    scale = finite(real(weights, "weights"), "weights")
    if scale.shape != shape:
        raise InputError(f"weights must have shape {shape}, got {scale.shape}")
    if scale.size and scale.min() < 0:
        raise InputError(f"weights must be >= 0, got {scale.min()}")
    return scale


def _sparse(Y: Any, weights: Any, mask: object) -> Parts:  # noqa: ANN401  scipy.sparse
    if mask is not None:
        raise InputError("mask must be None for a sparse Y: its stored entries are the mask")
    rows, cols, data = _entries(Y, "Y")
    if 0 in Y.shape:
        raise InputError(f"Y must not be empty, got shape {Y.shape}")
    if not len(rows):
        raise InputError("Y has no stored entry: nothing is observed")
    scale = _sparse_weights(weights, Y, rows, cols)
    if scale is not None and (keep := scale > 0).sum() < len(scale):
        rows, cols, data, scale = rows[keep], cols[keep], data[keep], scale[keep]
    m, n = Y.shape
    if len(rows) == m * n:
        stored = None if scale is None else frozen(scale.reshape(m, n))
        return Observed(m, n), frozen(data.reshape(m, n)), stored
    stored = None if scale is None else frozen(scale)
    return Observed(m, n, frozen(rows), frozen(cols)), frozen(data), stored


def _entries(a: Any, name: str) -> tuple[Ints, Ints, Array]:  # noqa: ANN401  scipy.sparse
    """Return the stored entries in row-major order; a duplicate is an error."""
    if a.ndim != MATRIX or a.format == "dia":
        got = f"{a.ndim}-dimensional {a.format}"
        raise InputError(f"{name} must be a sparse matrix with its entries listed, got {got}")
    coo = a.tocoo()
    rows, cols = coo.row.astype(np.int64), coo.col.astype(np.int64)
    order = np.lexsort((cols, rows))
    rows, cols = rows[order], cols[order]
    twice = (np.diff(rows) == 0) & (np.diff(cols) == 0)
    if twice.any():
        k = int(twice.argmax())
        raise InputError(f"{name} has entry [{rows[k]}, {cols[k]}] stored more than once")
    data = finite(real(coo.data, f"{name}.data"), f"{name}.data")
    return rows, cols, data[order]


def _sparse_weights(weights: Any, Y: Any, rows: Ints, cols: Ints) -> Array | None:  # noqa: ANN401
    """Return the weights of the stored entries; rows and cols are in row-major order."""
    if not sparse.issparse(weights):
        scale = _weights(weights, (len(rows),))
        if scale is not None and scale.min() < scale.max():
            _demand_order(Y.tocoo(), rows, cols)
        return scale
    r, c, w = _entries(weights, "weights")
    if not (np.array_equal(r, rows) and np.array_equal(c, cols)):
        raise InputError(f"weights must store the {len(rows)} entries of Y, got {len(r)} others")
    return _weights(w, (len(rows),))


def _demand_order(coo: Any, rows: Ints, cols: Ints) -> None:  # noqa: ANN401  scipy.sparse
    """Raise InputError if the entries are stored in another order: whose are the weights then?"""
    if not (np.array_equal(coo.row, rows) and np.array_equal(coo.col, cols)):
        cure = "give weights as a sparse matrix, or Y and weights sorted by rows, then columns"
        raise InputError(f"weights are a list, and Y does not store its entries row by row: {cure}")


def accept_labels(data: Array, known: tuple[float, ...]) -> None:
    """Raise InputError for data that are not one of two labels, the second of which is 1."""
    first, second = known
    wrong = data[(data != first) & (data != second)]
    if wrong.size:
        other, cure = OTHER_LABELS[first]
        hint = f"; {cure}" if other in wrong else ""
        raise InputError(f"Y must hold {first:g} and 1 only, got {wrong.flat[0]}{hint}")
