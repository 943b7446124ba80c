"""Sums of outer products and their derivatives, by contraction with a field.

Factors are K arrays (n_k, r).  A field over the (n1, n2 ... nK) matrix, full or listed, is
met twice: once from the right with the last modes' products, once from the left with the
first mode; every other mode is contracted from what the second leaves.
"""

from collections.abc import Sequence

from certify.base.arrays import Array
from certify.base.observed import Observed
from certify.polar.ascent.contract import kronecker_columns, rest_pulls


def predict(observed: Observed, factors: Sequence[Array]) -> Array:
    """Return the field of sum_i x_i^1 o ... o x_i^K."""
    return observed.product(factors[0], kronecker_columns(factors[1:]))


def pulls(observed: Observed, W: Array, factors: Sequence[Array]) -> list[Array]:
    """Return for each mode W contracted with all other modes' columns: (n_k, r)."""
    first = observed.times(W, kronecker_columns(factors[1:]))
    return [first, *rest_pulls(observed.times_left(W, factors[0]), factors[1:])]
