"""The kernel's exact arithmetic with integer matrix products by FLINT."""

import numpy as np
from flint import fmpz_mat

from certify.kernel.arrays import Array, dyadic
from certify.kernel.exact import Exact, Grid

from .bounds import view

HELD = 62  # bits of an int64 that a shifted float64 array may use


class Flint(Exact):
    """Exact integers; only how they are loaded and multiplied differs from `Exact`."""

    tier = "exact"

    def load(self, a: Array) -> Grid:
        """Take an array in; by numpy when all entries fit one int64 grid."""
        x = view(a)
        nonzero = x[x != 0]
        if not nonzero.size:
            return Grid([0] * x.size, 0, a.shape)
        mantissa, exponent = np.frexp(nonzero)
        whole = np.ldexp(mantissa, 53).astype(np.int64)
        spare = np.log2((whole & -whole).astype(np.float64)).astype(np.int64)
        low = int((exponent - 53 + spare).min())
        if int(exponent.max()) - low > HELD:
            ints, e = dyadic(a.data)
            return Grid(ints, e, a.shape)
        # the product is an integer below 2**62, so the scaling is exact
        half = -low // 2
        scaled = np.ldexp(np.ldexp(x, half), -low - half)
        return Grid(scaled.astype(np.int64).reshape(-1).tolist(), low, a.shape)

    def multiply(self, a: Grid, b: Grid) -> Grid:
        """Return A B^T; if A is almost all zeros, as `Exact` does."""
        (m, k), n = a.shape, b.shape[0]
        if not m * k * n:
            return Grid([0] * (m * n), 0, (m, n))
        if 16 * (m * k - a.ints.count(0)) < m * k:
            return super().multiply(a, b)
        left, right = fmpz_mat(m, k, a.ints), fmpz_mat(n, k, b.ints)
        product = left * right.transpose()
        ints = [int(x) for x in product.entries()]
        return Grid(ints, a.exp + b.exp, (m, n))
