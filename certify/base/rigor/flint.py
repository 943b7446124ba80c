"""The kernel's exact arithmetic: integer matrix products by FLINT, or by digits in floats."""

from fractions import Fraction

import numpy as np
from flint import fmpz_mat

from certify.kernel.arrays import Array, dyadic
from certify.kernel.exact import Exact, Grid
from certify.kernel.patterns import Pattern, thin

from .bounds import Floats, view
from .layout import dense_lines, sparse_lines
from .limbs import Longs, bound_top, gram_of_lines

HELD = 62  # bits of an int64 for a shifted float64 array
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


def on_int64(x: Floats) -> tuple[Longs, int] | None:
    """Return integers and e with x = ints 2^e; None if they do not fit an int64."""
    nonzero = x[x != 0]
    if not nonzero.size:
        return np.zeros(x.shape, dtype=np.int64), 0
    mantissa, exponent = np.frexp(nonzero)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    spare = np.log2((whole & -whole).astype(np.float64)).astype(np.int64)
    low = int((exponent - 53 + spare).min())
    if int(exponent.max()) - low > HELD:
        return None
    # the product is an integer below 2**62, so the scaling is exact
    half = -low // 2
    return np.ldexp(np.ldexp(x, half), -low - half).astype(np.int64), low
