"""The observed entries of a matrix or tensor, and products with fields over them.

A *field* holds one number for each observed entry: an (m, n) array when every entry is
observed, else a flat array in row-major order.  Nothing here makes a listed field dense.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from .arrays import Array, Ints
from .sampled import sampled_product

MATRIX = 2  # dimensions


@dataclass(frozen=True, eq=False)
class Observed:
    """The observed entries (rows, cols) of an m x n matrix; None: all entries.

    A tensor of shape `dims` is stored as its first mode by all the others, in row-major order.
    With `zeros` the entries that are not listed are also observed, and are 0.
    """

    m: int
    n: int
    rows: Ints | None = None
    cols: Ints | None = None
    dims: tuple[int, ...] = ()
    zeros: bool = False

    def __post_init__(self) -> None:
        """Set the default of `dims`, (m, n)."""
        object.__setattr__(self, "dims", self.dims or (self.m, self.n))

    @property
    def full(self) -> bool:
        """Whether every entry is observed."""
        return self.rows is None

    @property
    def size(self) -> int:
        """The number of observed entries; with `zeros` of the listed ones."""
        return self.m * self.n if self.rows is None else len(self.rows)

    @property
    def field_shape(self) -> tuple[int, ...]:
        """The shape of a field: (m, n), or (size,) if entries are listed."""
        return (self.m, self.n) if self.full else (self.size,)

    @cached_property
    def indptr(self) -> Ints:
        """The row pointers of a compressed sparse row matrix."""
        counts = np.bincount(self.listed[0], minlength=self.m)
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    @property
    def listed(self) -> tuple[Ints, Ints]:
        """(rows, cols) of the observed entries."""
        if self.rows is None or self.cols is None:
            rows, cols = np.divmod(np.arange(self.m * self.n), self.n)
            return rows, cols
        return self.rows, self.cols

    def tensor(self, field: Array) -> Array:
        """Return the field as a dense array of shape `dims`, zero where nothing is observed."""
        return self.spread(field).reshape(self.dims)

    def spread(self, field: Array, elsewhere: Array | float = 0.0) -> Array:
        """Return the field as an (m, n) array with other numbers where nothing is observed."""
        if self.full:
            return field.reshape(self.m, self.n)
        out = np.array(np.broadcast_to(elsewhere, (self.m, self.n)))
        out[self.listed] = field
        return out

    def field(self, tensor: Array) -> Array:
        """Return the observed entries of a dense array of shape `dims`."""
        matrix = tensor.reshape(self.m, self.n)
        return matrix if self.full else matrix[self.listed]

    def matrix(self, field: Array) -> "Array | sparse.csr_array":
        """Return the field as a dense or a sparse matrix."""
        if self.full:
            return field
        return sparse.csr_array((field, self.listed[1], self.indptr), shape=(self.m, self.n))

    def array(self, field: Array) -> "Array | sparse.csr_array":
        """Return the argument of an atom's polar: a dense tensor, or the matrix."""
        return self.matrix(field) if len(self.dims) == MATRIX else self.tensor(field)

    def product(self, left: Array, right: Array) -> Array:
        """Return left right^T at the observed entries."""
        if self.full:
            return np.asarray(left @ right.T)
        return sampled_product(left, right, *self.listed)

    def times(self, field: Array, right: Array) -> Array:
        """Return W right, W the field, zero where nothing is observed."""
        return np.asarray(self.matrix(field) @ right)

    def times_left(self, field: Array, left: Array) -> Array:
        """Return W^T left."""
        return np.asarray(self.matrix(field).T @ left)

    def line_sums(self, field: Array, axis: int) -> Array:
        """Return the sum of each row (axis 0) or of each column (axis 1)."""
        if self.full:
            return np.asarray(field.sum(axis=1 - axis))
        sums = np.bincount(self.listed[axis], weights=field, minlength=(self.m, self.n)[axis])
        return np.asarray(sums, dtype=np.float64)

    def transposed(self) -> "tuple[Observed, Ints | None]":
        """Return the pattern of the transpose, and the order of a field's numbers there."""
        if self.full:
            return Observed(self.n, self.m), None
        rows, cols = self.listed
        order = np.lexsort((rows, cols))
        return Observed(self.n, self.m, cols[order], rows[order]), order
