"""Products of a tensor with vectors, one or many at once, and its unfoldings."""

from collections.abc import Sequence
from itertools import permutations
from math import factorial, prod

import numpy as np

from certify.base.arrays import Array


def others(T: Array, xs: Sequence[Array], mode: int) -> Array:
    """Return the vector of T x_1 ... x_K without x_mode: <T, x_1 o ... o x_K> = <it, x_mode>.

    The modes behind go first, from the last, then those before: each product is a view of
    what the last one left times a vector.
    """
    held = T
    for x in reversed(xs[mode + 1 :]):
        held = held @ x
    for x in xs[:mode]:
        held = (x @ held.reshape(len(x), -1)).reshape(held.shape[1:])
    return held


def inner_product(T: Array, xs: Sequence[Array]) -> float:
    """Return <T, x_1 o ... o x_K>."""
    return float(others(T, xs, 0) @ xs[0])


def product(xs: Sequence[Array]) -> Array:
    """Return the Kronecker product of vectors: entry (i1, ..., ig) flat in C order."""
    out = np.ones(1)
    for x in xs:
        out = np.multiply.outer(out, x).reshape(-1)
    return out


def unfolded(T: Array, rows: Sequence[int]) -> Array:
    """Return the matrix with rows the multi-index of some modes, columns that of the others."""
    rest = [k for k in range(T.ndim) if k not in rows]
    p = prod(T.shape[k] for k in rows)
    return np.asarray(T.transpose([*rows, *rest]).reshape(p, -1))


def symmetrized(T: Array) -> Array:
    """Return the sum of T over all orders of its modes: K! times its symmetric part."""
    out = np.zeros_like(T)
    for order in permutations(range(T.ndim)):
        out += T.transpose(order)
    return out


def symmetric_part(T: Array) -> Array:
    """Return the mean of T over all orders of its modes."""
    return symmetrized(T) / factorial(T.ndim)


def joined(factors: Sequence[Array]) -> Array:
    """Return x^1 (x) ... (x) x^K of each slice, (n1 ... nK, r), the last mode fastest."""
    out = factors[0]
    for x in factors[1:]:
        out = (out[:, None, :] * x[None, :, :]).reshape(len(out) * len(x), x.shape[-1])
    return out


def rest_pulls(held: Array, factors: Sequence[Array]) -> list[Array]:
    """Return the pulls of the modes of `factors`, for held (n ..., r), one tensor a slice."""
    if len(factors) == 1:
        return [held]
    first, others = factors[0], joined(factors[1:])
    n, r = first.shape
    parted = held.reshape(n, len(held) // n, r)
    own = (parted * others[None]).sum(axis=1)
    return [own, *rest_pulls((parted * first[:, None, :]).sum(axis=0), factors[1:])]


def pull(held: Array, factors: Sequence[Array], k: int) -> Array:
    """Return the pull of one mode alone, as `rest_pulls` does."""
    for x in factors[:k]:
        held = (held.reshape(len(x), -1, held.shape[-1]) * x[:, None, :]).sum(axis=0)
    if k + 1 == len(factors):
        return held
    parted = held.reshape(len(factors[k]), -1, held.shape[-1])
    return np.asarray((parted * joined(factors[k + 1 :])[None]).sum(axis=1))
