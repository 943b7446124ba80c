"""The kernel's rules in float64 with a-priori error bounds, for sizes exact integers
cannot reach.

The model of rounding and the bounds gamma_k are in `bounds.py`.

A `Ball` is a midpoint array and a radius in the Frobenius norm.  Then, for |x - x~| <= e:

    | |x| - |x~| | <= e,     |<x, y> - <x~, y~>| <= e |y~| + e' |x~| + e e',

and a Gram matrix of the midpoint is off by at most gamma_m |x~|_F^2 in the Frobenius
norm, which bounds its spectral norm.  Every scalar after that is an exact Fraction.

Positive semidefiniteness.  If a floating-point Cholesky factorization of a symmetric A
of size k runs to completion, A + dA = R^T R with |dA|_ij <= gamma_{k+2}/(1 - gamma_{k+2})
sqrt(a_ii a_jj) (Demmel; Higham thm 10.3 with one more unit, for libraries that multiply by
the rounded reciprocal of a pivot), so lambda_min(A) >= -gamma_{k+2}/(1 - gamma_{k+2}) tr A
minus an underflow term (Rump, Verification of positive definiteness, 2006).  The products
must be sums of products in any order: no Strassen-like algorithm, as in every BLAS that
numpy and scipy ship.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.kernel.verify import (
    Arithmetic,
    Array,
    Enclosure,
    Exact,
    Graph,
    Line,
    Pairs,
    Pattern,
    Place,
    RejectedError,
    dyadic,
    power,
    root,
)

from .bounds import (
    ETA,
    Floats,
    U,
    dots,
    finite,
    gamma,
    nearest,
    norm_up,
    product_error,
    square_sum,
    up,
    view,
)
from .graphs import laplacian
from .layout import (
    BLOCK,
    blocked_gram,
    cholesky_completes,
    indices,
    on_grid,
    row_sums_up,
    totals,
)
from .products import kronecker, outer_sum, permuted, placed

RESOLVED = 20  # bits of a radius that `spans` keeps; sharpness, never truth


@dataclass(frozen=True)
class Ball:
    """All arrays within `rad` (Frobenius) of `mid`."""

    mid: Floats
    rad: Fraction


class Rounded(Arithmetic[Ball]):
    """Outward-rounded float64."""

    tier = "rounded"

    def __init__(self) -> None:
        """Refuse a processor state that flushes small numbers to zero."""
        if np.float64(2.0**-1022) * np.float64(0.5) == 0.0:
            raise RejectedError("rounded", "flush to zero", "denormal results are lost")

    def load(self, a: Array) -> Ball:
        """Take an array in, exactly."""
        return Ball(view(a), Fraction(0))

    def product(self, left: Array, right: Array, at: Pattern) -> Ball:
        """Return left right^T at the observed entries."""
        a, b = view(left), view(right)
        error = product_error(a, b, max(a.shape[1], 1))
        if at.rows is None:
            return Ball((a @ b.T).reshape(-1), error)
        rows, cols = indices(at)
        out = np.empty(at.size)
        for start in range(0, at.size, BLOCK * 64):
            part = slice(start, start + BLOCK * 64)
            out[part] = np.einsum("kr,kr->k", a[rows[part]], b[cols[part]])
        return Ball(out, error)

    def spans(self, x: Ball) -> tuple[list[int], list[int], int]:
        """Return mid - rad and mid + rad, the radius rounded up on a grid that resolves it."""
        finite(np.abs(x.mid).max(initial=0.0))
        ints, e = dyadic(x.mid.reshape(-1).tolist())
        if not x.rad:
            return ints, ints, e
        size = x.rad.numerator.bit_length() - x.rad.denominator.bit_length()
        spare = max(0, e - (size - RESOLVED))
        r = -int(-x.rad // power(e - spare))
        lows = [(v << spare) - r for v in ints]
        return lows, [v + 2 * r for v in lows], e - spare

    def _combine(self, x: Ball, y: Ball, mid: Floats) -> Ball:
        rounding = U * norm_up(mid) / (1 - U)
        return Ball(mid, x.rad + y.rad + rounding)

    def add(self, x: Ball, y: Ball) -> Ball:
        """Return x + y."""
        return self._combine(x, y, x.mid + y.mid)

    def subtract(self, x: Ball, y: Ball) -> Ball:
        """Return x - y."""
        return self._combine(x, y, x.mid - y.mid)

    def _squares(self, x: Ball, weighted: Floats, worst: Fraction) -> Enclosure:
        """Enclose |x|_w^2 from sum x (w x) and the radius scaled by sqrt(max w)."""
        flat = x.mid.reshape(-1)
        value, k = dots(flat, weighted)
        slack = 2 * flat.size * ETA * (1 + finite(np.abs(flat).max(initial=0.0)))
        low = max(finite(value) / (1 + gamma(k + 1)) - slack, Fraction(0))
        low = root(low).lo - x.rad * worst
        high = root(up(finite(value), k + 1) + slack).hi + x.rad * worst
        return Enclosure(max(low, Fraction(0)) ** 2, high**2)

    def squares(self, x: Ball, weights: Array | None) -> Enclosure:
        """Enclose sum w x^2."""
        flat = x.mid.reshape(-1)
        if weights is None:
            return self._squares(x, flat, Fraction(1))
        w = view(weights)
        return self._squares(x, w * flat, root(finite(w.max(initial=0.0))).hi)

    def squares_over(self, x: Ball, weights: Array | None) -> Enclosure:
        """Enclose sum x^2 / w."""
        flat = x.mid.reshape(-1)
        if weights is None:
            return self._squares(x, flat, Fraction(1))
        w = view(weights)
        return self._squares(x, flat / w, root(1 / finite(w.min(initial=1.0))).hi)

    def inner(self, x: Ball, y: Ball) -> Enclosure:
        """Enclose sum x y."""
        a, b = x.mid.reshape(-1), y.mid.reshape(-1)
        found, k = dots(a, b)
        value, size_a, size_b = finite(found), norm_up(a), norm_up(b)
        error = gamma(k) * size_a * size_b + 2 * a.size * ETA
        error += x.rad * size_b + y.rad * size_a + x.rad * y.rad
        return Enclosure(value - error, value + error)

    def absolutes(self, x: Ball) -> Enclosure:
        """Enclose sum |x|; |x|_1 <= sqrt(size) |x| spreads the radius."""
        flat = np.abs(x.mid.reshape(-1))
        value, k = dots(flat, np.ones(flat.size))
        spread = root(Fraction(flat.size)).hi * x.rad
        low = finite(value) / (1 + gamma(k)) - spread
        return Enclosure(max(low, Fraction(0)), up(finite(value), k) + spread)

    def laplacian(self, q: Array, graph: Graph, rho: Fraction, ridge: Fraction) -> Ball:
        """Return rho L q + ridge q."""
        return Ball(*laplacian(view(q), graph, (nearest(rho), nearest(ridge))))

    def adjoint(self, x: Ball, kind: str, design: Array | None, at: Pattern) -> list[Fraction]:
        """Return A* x exactly: by int64 sums where the floats share a short grid."""
        if x.rad:
            raise RejectedError("rounded", "inexact", "exact sums of an inexact field")
        ints, exp = on_grid(x.mid.reshape(-1), at.size)
        if ints is None or design is not None:
            exact = Exact()
            held = exact.load(Array((at.size,), x.mid.reshape(-1)))
            return exact.adjoint(held, kind, design, at)
        unit = power(exp)
        return [unit * int(t) for t in totals(ints, kind, at)]

    def sums(self, x: Ball, kind: str, at: Pattern) -> Enclosure:
        """Enclose the sum of squared totals: |A| = sqrt(length) spreads the radius."""
        length = {"intercept": at.size, "row": at.n, "column": at.m}[kind]
        mid = x.mid.reshape(at.m, at.n)
        axes = {"intercept": None, "row": 1, "column": 0}[kind]
        found = np.atleast_1d(np.asarray(mid.sum(axis=axes)))
        error = gamma(length + 1) * norm_up(x.mid) + x.rad
        ball = Ball(found, root(Fraction(length)).hi * error)
        return self.squares(ball, None)

    def lines(self, x: Ball, line: Line, at: Pattern) -> Fraction:
        """Bound the largest norm of a line; the radius adds, sqrt(length) times in the l1 norm."""
        flat = x.mid.reshape(-1)
        worst = max(self._lines(sign * flat, line, at) for sign in line.signs)
        length = at.m if line.axis else at.n
        return worst + x.rad * (root(Fraction(length)).hi if line.kind == "sum" else 1)

    def _lines(self, x: Floats, line: Line, at: Pattern) -> Fraction:
        y = np.maximum(x, 0.0) if line.positive else np.abs(x)
        if line.kind == "max":
            return finite(y.max(initial=0.0))
        n_lines, length = (at.n, at.m) if line.axis else (at.m, at.n)
        y = np.square(y) if line.kind == "root" else y
        if at.rows is None:
            sums = y.reshape(at.m, at.n).sum(axis=1 - line.axis)
        else:
            sums = np.bincount(indices(at)[line.axis], weights=y, minlength=n_lines)
        size = up(finite(sums.max()), length + 2) + 2 * length * ETA
        return root(size).hi if line.kind == "root" else size

    def exact_lines(self, x: Ball, axis: int, at: Pattern) -> tuple[Iterator[list[int]], int]:
        """Return the lines of a field that is known exactly."""
        if x.rad:
            raise RejectedError("rounded", "inexact", "exact lines of an inexact field")
        exact = Exact()
        return exact.exact_lines(exact.load(Array((at.size,), x.mid.reshape(-1))), axis, at)

    def scaled(self, x: Ball, left: Array, right: Array, at: Pattern) -> Ball:
        """Return the field of left_i x_ij right_j: two roundings each."""
        a, b = view(left), view(right)
        if at.rows is None:
            mid = ((x.mid.reshape(at.m, at.n) * a[:, None]) * b).reshape(-1)
        else:
            rows, cols = indices(at)
            mid = (x.mid.reshape(-1) * a[rows]) * b[cols]
        high = finite(np.abs(b).max())
        lost = root(Fraction(at.size)).hi * ETA * (1 + high)
        rounding = gamma(2) / (1 - gamma(2)) * (norm_up(mid) + lost) + lost
        return Ball(mid, rounding + x.rad * finite(np.abs(a).max()) * high)

    def _dense(self, x: Ball, at: Pattern) -> Floats:
        if at.rows is None:
            return x.mid.reshape(at.m, at.n)
        out = np.zeros((at.m, at.n))
        out[indices(at)] = x.mid.reshape(-1)
        return out

    def outer_sum(self, factors: Sequence[Array], at: Pattern) -> Ball:
        """Return the field; `products.outer_sum` bounds its error."""
        return Ball(*outer_sum([view(a) for a in factors], at))

    def unfold(self, x: Ball, at: Pattern, order: Sequence[int], rows: int) -> Ball:
        """Return the same numbers as a matrix."""
        dense = self._dense(x, at).reshape(at.sizes)
        return Ball(np.ascontiguousarray(dense.transpose(order)).reshape(rows, -1), x.rad)

    def permuted(self, x: Ball, at: Pattern) -> Ball:
        """Return the sum over all permutations: each of a ball is a ball as large."""
        mid = permuted(self._dense(x, at).reshape(at.sizes))
        count = math.factorial(len(at.sizes))
        # |sum of the |entries| | <= count |x|
        error = gamma(count) * count * norm_up(x.mid)
        return Ball(mid.reshape(-1), count * x.rad + error)

    def fixed(self, x: Ball, at: Pattern, place: tuple[int, int], sign: int) -> Ball:
        """Return a slice, or its negative."""
        mode, i = place
        dense = self._dense(x, at).reshape(at.sizes)
        return Ball(sign * np.ascontiguousarray(dense.take(i, axis=mode)).reshape(-1), x.rad)

    def placed(self, values: Array, pairs: Pairs, k: int) -> Ball:
        """Return the matrix; `products.placed` bounds the error of its sums."""
        return Ball(*placed(view(values), pairs, k))

    def kronecker(self, q: Ball, s: Ball, place: Place) -> Ball:
        """Return the product: one rounding an entry, and |Q (x) S| = |Q||S| for the radii."""
        mid = kronecker(q.mid, s.mid, place)
        error = U * norm_up(mid) / (1 - U) + mid.size * ETA
        error += q.rad * norm_up(s.mid) + s.rad * norm_up(q.mid) + q.rad * s.rad
        return Ball(mid, error)

    def hat(self, x: Ball, at: Pattern) -> Ball:
        """Return [[0, X], [X^T, 0]]: the Frobenius radius counts twice."""
        dense = self._dense(x, at)
        zeros = np.zeros((at.m, at.m)), np.zeros((at.n, at.n))
        return Ball(np.block([[zeros[0], dense], [dense.T, zeros[1]]]), 2 * x.rad)

    def symmetric(self, x: Ball, at: Pattern) -> Ball:
        """Return (X + X^T) / 2: a sum rounds once, a halving only below the normal range."""
        dense = self._dense(x, at)
        mid = (dense + dense.T) * 0.5
        return Ball(mid, x.rad + U * norm_up(mid) / (1 - U) + at.size * 2 * ETA)

    def multiply(self, a: Ball, b: Ball) -> Ball:
        """Return A B^T."""
        error = product_error(a.mid, b.mid, max(a.mid.shape[1], 1))
        error += a.rad * norm_up(b.mid) + b.rad * norm_up(a.mid) + a.rad * b.rad
        return Ball(a.mid @ b.mid.T, error)

    def gram(self, x: Ball, axis: int, at: Pattern) -> tuple[Ball, Fraction]:
        """Return the Gram matrix of the midpoint with its error, and the radius."""
        size = (at.n, at.m)[1 - axis]
        length = at.m if axis else at.n
        if at.rows is None:
            a = x.mid.reshape(at.m, at.n)
            g = a.T @ a if axis else a @ a.T
        else:
            g = blocked_gram(x.mid.reshape(-1), axis, at, size)
        rad = gamma(length + 2) * square_sum(x.mid).hi + 2 * size * length * ETA
        return Ball(g, rad), x.rad

    def top(self, g: Ball, shift: Fraction, factor: Array | None) -> Fraction:
        """Bound lambda_max(G): a Cholesky of A = fl(c I - G) that completes, else |G|_inf.

        G <= c I - lambda_min(A) I + (rounding of the diagonal) I + rad I.  The
        factorization reads one triangle; mirrored, its error is at most sqrt(2) rad.
        """
        del factor  # a float factorization is cheaper to make than to check
        k, c = g.mid.shape[0], nearest(shift)
        a = np.negative(g.mid)
        rows, rad = row_sums_up(a), 3 * g.rad / 2
        diagonal = c + a.diagonal()
        slip = 2 * U * finite(np.abs(diagonal).max(initial=0.0))
        a[np.diag_indices(k)] = diagonal
        trace = up(finite(np.abs(diagonal).sum()), k + 1)
        if diagonal.min() <= 0 or not cholesky_completes(a):
            return rows + rad
        g1 = gamma(k + 2)
        below = g1 / (1 - g1) * trace + 8 * (k + 2) ** 2 * ETA * (1 + trace)
        return Fraction(min(Fraction(c) + below + slip, rows) + rad)
