"""Products of a tensor with vectors, and its unfoldings, without copies where none is needed."""

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


def earned(T: Array, xs: Sequence[Array]) -> float:
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
