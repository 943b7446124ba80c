"""Tensors and hidden layers in float64, each with a bound of its error."""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations

import numpy as np

from certify.base.sampled import sampled_product
from certify.kernel.arithmetic import Pairs, Place
from certify.kernel.patterns import Pattern
from certify.kernel.scalars import root
from certify.kernel.spaces import Deep, Network

from .bounds import ETA, Floats, finite, gamma, nearest, norm_up, product_error, rounding, view
from .layout import indices


def outer_sum(factors: Sequence[Floats], at: Pattern) -> tuple[Floats, Fraction]:
    """Return the field of sum over k of x1_k o ... o xK_k, and a bound of its error.

    The factors after the first are multiplied entry by entry: K - 2 products, so each entry
    B of that product is off by at most gamma_{K-2} |fl B|, and by what underflows:
    (K - 2) eta times the largest product of the factors that follow.  With the r products
    and sums of `product_error`, gamma_r + gamma_{K-2} <= gamma_{r + K-2}.
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
        return (first @ rest.T).reshape(-1), error
    return sampled_product(first, rest, *indices(at)), error


def layer(net: Network, left: Floats, right: Floats) -> tuple[Floats, Fraction]:
    """Return pool(s(F left)) right^T (samples, outputs), and a bound of its error.

    s is Lipschitz with constant max(1, |slope|); slope z rounds once; a sum of t rows is off by
    at most gamma_t sum |.|, and pools the errors of t rows with a factor sqrt(t).  The largest of
    t rows is off by no more than one of them, and does not round.
    """
    f, a = view(net.features), nearest(net.slope)
    hidden = f @ left
    rad = product_error(f, left.T, f.shape[1])
    acted = np.where(hidden > 0, hidden, a * hidden)
    rad = max(Fraction(1), abs(net.slope)) * rad + rounding(acted)
    samples = np.asarray(net.samples, dtype=np.int64)
    if net.most:
        pooled = np.zeros((net.at.m, left.shape[1]))
        np.maximum.at(pooled, samples, acted)
        acted = pooled
    elif net.samples != range(net.at.m):
        t = int(np.bincount(samples).max())
        pooled = np.zeros((net.at.m, left.shape[1]))
        np.add.at(pooled, samples, acted)
        rad = root(Fraction(t)).hi * (rad + gamma(t) * norm_up(acted))
        acted = pooled
    error = product_error(acted, right, right.shape[1]) + rad * norm_up(right)
    return acted @ right.T, error


def deep(net: Deep, weights: Sequence[Floats]) -> tuple[Floats, Fraction]:
    """Return the sum over slices of s(... s(F X1) ...) XK, and a bound of its error.

    Each layer carries the error of the one before: times the Lipschitz constant of s, then
    times |X|_F, with the rounding of the product added; sums of slices round once each.
    """
    a, wide = nearest(net.slope), max(Fraction(1), abs(net.slope))
    total = np.zeros((net.at.m, net.at.n))
    error = Fraction(0)
    for k in range(weights[0].shape[1]):
        values, rad = view(net.features), Fraction(0)
        for at, w in enumerate(weights):
            if at:
                values = np.where(values > 0, values, a * values)
                rad = wide * rad + rounding(values)
            matrix = w[:, k].reshape(net.widths[at], net.widths[at + 1])
            rad = product_error(values, matrix.T, len(matrix)) + rad * norm_up(matrix)
            values = values @ matrix
        total = total + values
        error += rad + rounding(total)
    return total, error


def sum_permutations(dense: Floats) -> Floats:
    """Return the sum over all permutations of the modes: K! times the symmetric part."""
    out = np.zeros(dense.shape)
    for order in permutations(range(dense.ndim)):
        out += dense.transpose(order)
    return out


def place_values(values: Floats, pairs: Pairs, k: int) -> tuple[Floats, Fraction]:
    """Return the matrix of `Arithmetic.placed`, and a bound of its error.

    At most t values meet at a place (c, d).  Halves are exact or underflow; t - 1 additions
    of t values are off by at most gamma_{t-1} sum |v|, whose square is at most
    t sum v^2; every sum goes to two places.
    """
    a, b, c, d = (np.asarray(x, dtype=np.int64) for x in pairs)
    mid = np.zeros((k, k))
    mid[a, b] = values
    mid[b, a] = values
    if not len(c):
        return mid, Fraction(0)
    lost = np.where(a == b, 0.5 * values, values)
    sums = np.bincount(c * k + d, weights=lost, minlength=k * k).reshape(k, k)
    most = int(np.bincount(c * k + d).max())
    mid -= sums
    mid -= sums.T
    steps = most + 2
    error = gamma(steps) * root(Fraction(4 * steps)).hi * norm_up(values)
    return mid, error + 2 * len(values) * ETA


def kronecker(q: Floats, s: Floats, place: Place) -> Floats:
    """Return Q on one mode times S on the others, with zeros around it."""
    mode, sizes, first, k = place
    before, after = math.prod(sizes[:mode]), math.prod(sizes[mode + 1 :])
    count = math.prod(sizes)
    tensor = s.reshape(before, after, before, after)
    block = np.einsum("ij,axby->aixbjy", q, tensor, optimize=False).reshape(count, count)
    out = np.zeros((k, k))
    out[first : first + count, first : first + count] = block
    return out
