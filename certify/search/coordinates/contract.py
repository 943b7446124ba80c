"""Sums of outer products and their derivatives, by contraction with a field.

Factors are K arrays (n_k, r).  A field over the (n1, n2 ... nK) matrix, full or listed, is
met twice: once from the right with the last modes' products, once from the left with the
first mode; every other mode is contracted from what the second leaves.
"""

from collections.abc import Sequence

from certify.base.arrays import Array
from certify.base.observed import Observed


def joined(factors: Sequence[Array]) -> Array:
    """Return x^1 (x) ... (x) x^K of each slice, (n1 ... nK, r), the last mode fastest."""
    out = factors[0]
    for x in factors[1:]:
        out = (out[:, None, :] * x[None, :, :]).reshape(len(out) * len(x), x.shape[-1])
    return out


def predicted(observed: Observed, factors: Sequence[Array]) -> Array:
    """Return the field of sum_i x_i^1 o ... o x_i^K."""
    return observed.product(factors[0], joined(factors[1:]))


def pulls(observed: Observed, W: Array, factors: Sequence[Array]) -> list[Array]:
    """Return for each mode W contracted with all other modes' columns: (n_k, r)."""
    first = observed.times(W, joined(factors[1:]))
    return [first, *rest_pulls(observed.times_left(W, factors[0]), factors[1:])]


def rest_pulls(held: Array, factors: Sequence[Array]) -> list[Array]:
    """Return the pulls of the modes of `factors`, for held (n ..., r), one tensor a slice."""
    if len(factors) == 1:
        return [held]
    first, others = factors[0], joined(factors[1:])
    n, r = first.shape
    parted = held.reshape(n, len(held) // n, r)
    own = (parted * others[None]).sum(axis=1)
    return [own, *rest_pulls((parted * first[:, None, :]).sum(axis=0), factors[1:])]
