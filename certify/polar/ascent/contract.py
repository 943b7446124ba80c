"""Products of a tensor with vectors, one or many at once, and its unfoldings."""

from collections.abc import Sequence
from math import factorial, prod

import numpy as np

from certify.base.arrays import Array
from certify.base.rigor.layout import sum_permutations


def inner_product(T: Array, xs: Sequence[Array]) -> float:
    """Return <T, x_1 o ... o x_K>."""
    tensor = T
    for x in reversed(xs):
        tensor = tensor @ x
    return float(tensor)


def product(xs: Sequence[Array]) -> Array:
    """Return the Kronecker product of vectors: entry (i1, ..., ig) flat in C order."""
    out = np.ones(1)
    for x in xs:
        out = np.multiply.outer(out, x).reshape(-1)
    return out


def unfold(T: Array, rows: Sequence[int]) -> Array:
    """Return the matrix with rows the multi-index of some modes, columns that of the others."""
    rest = [k for k in range(T.ndim) if k not in rows]
    p = prod(T.shape[k] for k in rows)
    return np.asarray(T.transpose([*rows, *rest]).reshape(p, -1))


def fold(M: Array, rows: Sequence[int], dims: Sequence[int]) -> Array:
    """Return the tensor (dims) of an unfolding."""
    order = [*rows, *(k for k in range(len(dims)) if k not in rows)]
    tensor = M.reshape([dims[k] for k in order]).transpose(np.argsort(order))
    return np.ascontiguousarray(tensor)


def symmetric_part(T: Array) -> Array:
    """Return the mean of T over all orders of its modes."""
    return sum_permutations(T) / factorial(T.ndim)


def kronecker_columns(factors: Sequence[Array]) -> Array:
    """Return x^1 (x) ... (x) x^K of each slice, (n1 ... nK, r), the last mode fastest."""
    out = factors[0]
    for x in factors[1:]:
        out = (out[:, None, :] * x[None, :, :]).reshape(len(out) * len(x), x.shape[-1])
    return out


def rest_pulls(tensors: Array, factors: Sequence[Array]) -> list[Array]:
    """Return for each mode the tensors (n ..., r), one a slice, times all other factors."""
    if len(factors) == 1:
        return [tensors]
    first, rest = factors[0], kronecker_columns(factors[1:])
    n, r = first.shape
    parted = tensors.reshape(n, len(tensors) // n, r)
    first_pull = (parted * rest[None]).sum(axis=1)
    return [first_pull, *rest_pulls((parted * first[:, None, :]).sum(axis=0), factors[1:])]


def pull(tensors: Array, factors: Sequence[Array], k: int) -> Array:
    """Return the contraction of `rest_pulls` for mode k alone."""
    for x in factors[:k]:
        tensors = (tensors.reshape(len(x), -1, tensors.shape[-1]) * x[:, None, :]).sum(axis=0)
    if k + 1 == len(factors):
        return tensors
    parted = tensors.reshape(len(factors[k]), -1, tensors.shape[-1])
    return np.asarray((parted * kronecker_columns(factors[k + 1 :])[None]).sum(axis=1))
