"""The kernel's exact arithmetic: integer matrix products by FLINT, or by digits in floats."""

from fractions import Fraction

import numpy as np
from flint import fmpz_mat

from certify.kernel.arrays import Array, dyadic
from certify.kernel.exact import Exact, Grid
from certify.kernel.patterns import Pattern, thin

from .bounds import view
from .layout import HELD, dense_lines, on_int64, sparse_lines
from .limbs import bound_top, gram_of_lines

WIDE = 100  # rows from which products in digits are quicker


class Flint(Exact):
    """The arithmetic of `Exact`, with faster loading and multiplication."""

    tier = "exact"

    def load(self, a: Array) -> Grid:
        """Return an array as integers; by numpy if all entries fit one int64 grid."""
        whole = on_int64(view(a))
        if whole is None:
            ints, e = dyadic(a.data)
            return Grid(ints, e, a.shape)
        return Grid(whole[0].reshape(-1).tolist(), whole[1], a.shape)

    def multiply(self, a: Grid, b: Grid) -> Grid:
        """Return A B^T; if most entries of A are zero, as `Exact` does."""
        (m, k), n = a.shape, b.shape[0]
        if not m * k * n:
            return Grid([0] * (m * n), 0, (m, n))
        if 16 * (m * k - a.ints.count(0)) < m * k:
            return super().multiply(a, b)
        left, right = fmpz_mat(m, k, a.ints), fmpz_mat(n, k, b.ints)
        product = left * right.transpose()
        ints = [int(x) for x in product.entries()]
        return Grid(ints, a.exp + b.exp, (m, n))

    def gram(self, x: Grid, axis: int, at: Pattern) -> tuple[Grid, Fraction]:
        """Return X X^T or X^T X; for many rows, or few observed entries, by products of digits."""
        sparse = at.rows is not None and thin(at, axis)
        wide = sparse or (at.n if axis else at.m) >= WIDE
        if wide and x.bits < HELD:
            values = np.array(x.ints, dtype=np.int64)
            lines, most = (sparse_lines if sparse else dense_lines)(values, axis, at)
            if (g := gram_of_lines(lines, most, x.exp)) is not None:
                return g, Fraction(0)
        return super().gram(x, axis, at)

    def top(self, g: Grid, shift: Fraction, factor: Array | None) -> Fraction:
        """Bound lambda_max(G) as `Exact` does; for a large G by products of digits."""
        k = g.shape[0]
        whole = None if factor is None or k < WIDE else on_int64(view(factor))
        if whole is not None:
            lower = np.zeros((k, k), dtype=np.int64)
            lower[np.tril_indices(k)] = whole[0]
            if (bound := bound_top(g, shift, (lower, whole[1]))) is not None:
                return bound
        return super().top(g, shift, factor)
