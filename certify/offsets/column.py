"""One number a column."""

from dataclasses import dataclass

from ._base import Offset
from ._means import LineMeans


@dataclass(frozen=True, eq=False)
class ColumnIntercept(LineMeans, Offset):
    """(A q)_ij = q_j, q of shape (n,); A* W = column sums of W.

    ridge    one number >= 0, or n numbers > 0: H(q) = 1/2 sum ridge_j q_j^2

    For a tensor (n_1, ..., n_K), q has a number for each (i_2, ..., i_K), n = n_2 ... n_K;
    `ModeIntercept` has one for each index of one mode.

    Raises InputError for a ridge that is negative, and for a vector that is not positive.
    Source: biases of ratings, Koren, Bell and Volinsky (2009).
    """

    name, axis = "column", 1
    levels = True
