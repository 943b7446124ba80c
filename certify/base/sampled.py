"""Some entries of a product of two thin matrices."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .arrays import Array, Ints
from .gram import CORES

BYTES = 5e5  # gathered at once from either matrix, to stay in a core's cache; cost, never truth
PART = 1 << 18  # entries of a thread's task


def sampled_product(left: Array, right: Array, rows: Ints, cols: Ints) -> Array:
    """Return <left_i, right_j> for each (i, j) in rows, cols: a plain sum of r products each.

    left (m, r), right (n, r).
    """
    out = np.empty(len(rows))
    size = max(1, int(BYTES / (8 * max(left.shape[1], 1))))

    def work(first: int) -> None:
        """Fill the entries of a part."""
        for start in range(first, min(first + PART, len(rows)), size):
            part = slice(start, min(start + size, first + PART))
            factors = left.take(rows[part], axis=0), right.take(cols[part], axis=0)
            np.einsum("kr,kr->k", *factors, out=out[part])

    parts = range(0, len(rows), PART)
    if len(parts) <= 1:
        list(map(work, parts))
    else:
        with ThreadPoolExecutor(CORES) as pool:
            list(pool.map(work, parts))
    return out
