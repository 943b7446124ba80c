"""Functions of columns that several norms use."""

from typing import Any

import numpy as np
from scipy import sparse

from certify.base.arrays import Array


def stored_sizes(columns: Any, sides: tuple[Array, Array]) -> Any:  # noqa: ANN401  scipy.sparse
    """Return |y| of the stored entries of CSC columns, clipped to the sides of the cone."""
    low, high = (side[columns.indices] for side in sides)
    sizes = np.abs(np.clip(columns.data, low, high))
    return sparse.csc_array((sizes, columns.indices, columns.indptr), shape=columns.shape)


def length(x: Array) -> Array:
    """Return |x|_2 of each column, without overflow for any finite x."""
    top = np.abs(x).max(axis=0, initial=0.0)
    scale = np.where(top > 0, top, 1.0)
    return np.asarray(scale * np.sqrt(np.square(x / scale).sum(axis=0)))
