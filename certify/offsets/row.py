"""One number a row."""

from dataclasses import dataclass

from ._base import Offset
from ._means import LineMeans


@dataclass(frozen=True, eq=False)
class RowIntercept(LineMeans, Offset):
    """(A q)_ij = q_i, q of shape (m,); A* W = row sums of W.

    ridge    one number >= 0, or m numbers > 0: H(q) = 1/2 sum ridge_i q_i^2

    For a tensor, q has a number for each index of the first mode.

    Raises InputError for a ridge that is negative, and for a vector that is not positive.
    Source: biases of ratings, Koren, Bell and Volinsky (2009).
    """

    name, axis = "row", 0
