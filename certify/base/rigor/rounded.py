"""The kernel's rules in float64 with a-priori error bounds, for sizes beyond exact integers.

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
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from certify.base.cluster import Pool
from certify.base.sampled import sampled_product
from certify.kernel.arithmetic import Pairs, Place, T
from certify.kernel.arrays import Array
from certify.kernel.errors import RejectedError
from certify.kernel.patterns import Pattern
from certify.kernel.scalars import root
from certify.kernel.simplicial import ConeForm, TreeSpan
from certify.kernel.spaces import Deep, Network

from . import cones
from .bounds import (
    ETA,
    Floats,
    U,
    finite,
    gamma,
    nearest,
    norm_up,
    product_error,
    rounding,
    square_sum,
    up,
    view,
)
from .fields import Ball, Fields
from .layout import dense_lines, indices, sparse_lines, sparse_times, sum_permutations
from .logs import Vectors
from .tiles import factorize, gram_of

ROUND = 32  # leaves of a tree that are bounded at once


class Rounded(Fields):
    """Outward-rounded float64."""

    tier = "rounded"
    elementary = Vectors()

    def __init__(self) -> None:
        """Raise RejectedError if the processor flushes small numbers to zero."""
        if np.float64(2.0**-1022) * np.float64(0.5) == 0.0:
            raise RejectedError("rounded", "flush to zero", "denormal results are lost")

    def bounds(self, bound: Callable[..., T], items: Sequence[tuple[Any, ...]]) -> list[T]:
        """Return bound(*item) for each item, in order; slow ones run as tasks."""
        pool, out = Pool(bound), list[T]()
        while len(out) < len(items):
            out += pool.map(items[len(out) : len(out) + (ROUND if out else 1)])
        return out

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

    def times(self, x: Ball, a: Array, axis: int, at: Pattern) -> Ball:
        """Return X A or X^T A: sums of at most as many products as a line has entries.

        | |X||A| |_F <= |X|_F |A|_F, so gamma_k of that and k eta an entry bound the error.
        """
        right, x_mid = view(a), x.mid.reshape(-1)
        mid, k = sparse_times(x_mid, right, axis, at)
        size = norm_up(right)
        error = gamma(k) * norm_up(x_mid) * size + k * ETA * root(Fraction(mid.size)).hi
        return Ball(mid, error + x.rad * size)

    def _dense(self, x: Ball, at: Pattern) -> Floats:
        return dense_lines(x.mid.reshape(-1), 1, at)[0]

    def _observed(self, mid: Floats, error: Fraction, at: Pattern) -> Ball:
        return Ball(mid.reshape(-1) if at.rows is None else mid[indices(at)], error)

    def outer_sum(self, factors: Sequence[Array], at: Pattern) -> Ball:
        """Return the field; the function `outer_sum` bounds its error."""
        return outer_sum([view(a) for a in factors], at)

    def layer(self, net: Network, left: Array, right: Array) -> Ball:
        """Return pool(s(F left)) right^T (samples, outputs) where it is observed.

        s is Lipschitz with constant max(1, |slope|); slope z rounds once.  A sum of t rows has an
        error of at most gamma_t sum |.|, and adds the errors of t rows with a factor sqrt(t).  The
        largest of t rows has the error of one of them, and is not rounded.
        """
        f, u, v, a = view(net.features), view(left), view(right), nearest(net.slope)
        hidden = f @ u
        rad = product_error(f, u.T, f.shape[1])
        acted = np.where(hidden > 0, hidden, a * hidden)
        rad = max(Fraction(1), abs(net.slope)) * rad + rounding(acted)
        samples, pooled = np.asarray(net.samples, dtype=np.int64), np.zeros((net.at.m, u.shape[1]))
        if net.max_pooled:
            np.maximum.at(pooled, samples, acted)
            acted = pooled
        elif net.samples != range(net.at.m):
            t = int(np.bincount(samples).max())
            np.add.at(pooled, samples, acted)
            rad = root(Fraction(t)).hi * (rad + gamma(t) * norm_up(acted))
            acted = pooled
        error = product_error(acted, v, v.shape[1]) + rad * norm_up(v)
        return self._observed(acted @ v.T, error, net.at)

    def deep(self, net: Deep, weights: Sequence[Array]) -> Ball:
        """Return the sum over slices of s(... s(F X1) ...) XK where it is observed.

        Each layer multiplies the error of the one before by the Lipschitz constant of s and by
        |X|_F, and adds the rounding of the product; sums of slices round once each.
        """
        a, wide = nearest(net.slope), max(Fraction(1), abs(net.slope))
        total, error = np.zeros((net.at.m, net.at.n)), Fraction(0)
        parts = [view(w) for w in weights]
        for k in range(parts[0].shape[1]):
            values, rad = view(net.features), Fraction(0)
            for at, w in enumerate(parts):
                if at:
                    values = np.where(values > 0, values, a * values)
                    rad = wide * rad + rounding(values)
                matrix = w[:, k].reshape(net.widths[at], net.widths[at + 1])
                rad = product_error(values, matrix.T, len(matrix)) + rad * norm_up(matrix)
                values = values @ matrix
            total = total + values
            error += rad + rounding(total)
        return self._observed(total, error, net.at)

    def unfold(self, x: Ball, at: Pattern, order: Sequence[int], rows: int) -> Ball:
        """Return the same numbers as a matrix."""
        dense = self._dense(x, at).reshape(at.sizes)
        return Ball(np.ascontiguousarray(dense.transpose(order)).reshape(rows, -1), x.rad)

    def permuted(self, x: Ball, at: Pattern) -> Ball:
        """Return the sum over all permutations, each a ball of the same radius."""
        mid = sum_permutations(self._dense(x, at).reshape(at.sizes))
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
        """Return the matrix of `Arithmetic.placed`.

        At most t values are added at a place (c, d).  Halves are exact or underflow.  The t - 1
        additions have an error of at most gamma_{t-1} sum |v|, whose square is at most
        gamma_{t-1}^2 t sum v^2; each sum goes to two places.
        """
        v, (a, b, c, d) = view(values), (np.asarray(x, dtype=np.int64) for x in pairs)
        mid = np.zeros((k, k))
        mid[a, b] = v
        mid[b, a] = v
        if not len(c):
            return Ball(mid, Fraction(0))
        lost = np.where(a == b, 0.5 * v, v)
        sums = np.bincount(c * k + d, weights=lost, minlength=k * k).reshape(k, k)
        mid -= sums
        mid -= sums.T
        steps = int(np.bincount(c * k + d).max()) + 2
        error = gamma(steps) * root(Fraction(4 * steps)).hi * norm_up(v)
        return Ball(mid, error + 2 * len(v) * ETA)

    def kronecker(self, q: Ball, s: Ball, place: Place) -> Ball:
        """Return Q on one mode times S on the others, with zeros around it.

        One rounding an entry, and |Q (x) S| = |Q||S| for the radii.
        """
        mode, sizes, first, k = place
        before, after = math.prod(sizes[:mode]), math.prod(sizes[mode + 1 :])
        count, mid = math.prod(sizes), np.zeros((k, k))
        tensor = s.mid.reshape(before, after, before, after)
        block = np.einsum("ij,axby->aixbjy", q.mid, tensor, optimize=False)
        mid[first : first + count, first : first + count] = block.reshape(count, count)
        error = rounding(mid)
        error += q.rad * norm_up(s.mid) + s.rad * norm_up(q.mid) + q.rad * s.rad
        return Ball(mid, error)

    def cones(self, form: ConeForm, span: TreeSpan) -> Fraction:
        """Return the bound of a tree of cones, many at a time; `cones.py` has the error bounds."""
        del span
        return cones.over_batches(form)

    def hat(self, x: Ball, at: Pattern) -> Ball:
        """Return [[0, X], [X^T, 0]]: the Frobenius radius counts twice."""
        dense = self._dense(x, at)
        zeros = np.zeros((at.m, at.m)), np.zeros((at.n, at.n))
        return Ball(np.block([[zeros[0], dense], [dense.T, zeros[1]]]), 2 * x.rad)

    def symmetric(self, x: Ball, at: Pattern) -> Ball:
        """Return (X + X^T) / 2: a sum rounds once, a halving only below the normal range."""
        dense = self._dense(x, at)
        mid = dense + dense.T
        mid *= 0.5
        return Ball(mid, x.rad + rounding(mid))

    def multiply(self, a: Ball, b: Ball) -> Ball:
        """Return A B^T."""
        error = product_error(a.mid, b.mid, a.mid.shape[1])
        error += a.rad * norm_up(b.mid) + b.rad * norm_up(a.mid) + a.rad * b.rad
        return Ball(a.mid @ b.mid.T, error)

    def gram(self, x: Ball, axis: int, at: Pattern) -> tuple[Ball, Fraction]:
        """Return the Gram matrix of the midpoint with its error, and the radius."""
        full = at.rows is None
        lines, length = (dense_lines if full else sparse_lines)(x.mid.reshape(-1), axis, at)
        lost = 2 * lines.shape[1] * length * ETA if x.mid.any() else Fraction(0)  # zeros are exact
        rad = gamma(length + 2) * square_sum(x.mid).hi + lost
        return (Ball(lines.T @ lines, rad) if full else gram_of(lines, rad)), x.rad

    def top(self, g: Ball, shift: Fraction, factor: Array | None) -> Fraction:
        """Bound lambda_max(G): a Cholesky of A = fl(c I - G) that completes, else |G|_inf.

        G <= c I - lambda_min(A) I + (rounding of the diagonal) I + rad I.  The
        factorization reads one triangle; mirrored, its error is at most sqrt(2) rad.
        """
        del factor  # a float factorization is cheaper to make than to check
        k, c, rad = g.shape[0], nearest(shift), 3 * g.rad / 2
        rows, diagonal, done = factorize(g, c)
        slip = U * finite(np.abs(diagonal).max(initial=0.0))
        trace = up(finite(np.abs(diagonal).sum()), k + 1)
        if not done:
            return rows + rad
        g1 = gamma(k + 2)
        below = g1 / (1 - g1) * trace + 8 * (k + 2) ** 2 * ETA * (1 + trace)
        return Fraction(min(Fraction(c) + below + slip, rows) + rad)


def outer_sum(factors: Sequence[Floats], at: Pattern) -> Ball:
    """Return the field of sum over k of x1_k o ... o xK_k.

    The factors after the first are multiplied entry by entry, with K - 2 products.  So each entry B
    of that product has an error of at most gamma_{K-2} |fl B|, plus (K - 2) eta times the largest
    product of the factors that follow, for underflows.  With the r products and sums of
    `product_error`, gamma_r + gamma_{K-2} <= gamma_{r + K-2}.
    """
    first, rest = factors[0], factors[1]
    r = first.shape[1]
    for x in factors[2:]:
        rest = (rest[:, None, :] * x[None, :, :]).reshape(len(rest) * len(x), r)
    steps = len(factors) - 2
    error = product_error(first, rest, r + steps)
    high = max([Fraction(1), *(finite(np.abs(x).max(initial=0.0)) for x in factors[3:])])
    lost = 2 * steps * ETA * high**steps * root(Fraction(rest.size)).hi
    error += norm_up(first) * lost
    if at.rows is None:
        return Ball((first @ rest.T).reshape(-1), error)
    return Ball(sampled_product(first, rest, *indices(at)), error)
