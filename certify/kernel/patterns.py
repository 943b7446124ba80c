"""Which entries of a matrix or tensor are observed, and where an index is in memory."""

import math
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .arrays import Array


@dataclass(frozen=True)
class Pattern:
    """The observed entries of an m x n matrix, row-major; `rows` None means all.

    A tensor of sizes `dims` is the matrix dims[0] x (the rest), its entries in row-major order.
    With `zeros` the entries that are not listed are observed as well, and are 0.
    """

    m: int
    n: int
    rows: Sequence[int] | None = None
    cols: Sequence[int] | None = None
    dims: tuple[int, ...] = ()
    zeros: bool = False

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the modes: of a matrix m and n."""
        return self.dims or (self.m, self.n)

    @property
    def size(self) -> int:
        """The number of observed entries; with `zeros`, of the listed ones."""
        return self.m * self.n if self.rows is None else len(self.rows)

    def entries(self) -> Iterator[tuple[int, int]]:
        """Yield (row, column) of each observed entry, in order."""
        if self.rows is None or self.cols is None:
            return ((i, j) for i in range(self.m) for j in range(self.n))
        return zip(self.rows, self.cols, strict=True)

    def cells(self, kind: str) -> tuple[Sequence[int], int]:
        """Return the cell of each observed entry, and the number of cells.

        kind "row" or "column": the cell is its row or column; "intercept": one cell, 0.
        """
        if kind == "intercept":
            return [0] * self.size, 1
        if kind == "row":
            if self.rows is not None:
                return self.rows, self.m
            return [i for i in range(self.m) for _ in range(self.n)], self.m
        return [*range(self.n)] * self.m if self.cols is None else self.cols, self.n

    def entry(self, k: int) -> tuple[int, int]:
        """Return (row, column) of the k-th observed entry."""
        if self.rows is None or self.cols is None:
            return divmod(k, self.n)
        return self.rows[k], self.cols[k]


def pairs_in_lines(at: Pattern, axis: int) -> int:
    """Return the sum over the columns (axis 0) or rows (1) of their squared number of entries."""
    across = (at.rows if axis else at.cols) or ()
    return sum(c * c for c in Counter(across).values())


def thin(at: Pattern, axis: int) -> bool:
    """Whether a Gram matrix takes less work by pairs of observed entries than by dense lines."""
    return 16 * pairs_in_lines(at, axis) <= at.m * at.n * (at.n if axis else at.m)


def strides(sizes: Sequence[int]) -> list[int]:
    """Return the row-major strides of an array with these sizes."""
    return [math.prod(sizes[k + 1 :]) for k in range(len(sizes))]


def split_index(i: int, sizes: Sequence[int], mode: int) -> tuple[int, int]:
    """Return a row-major index as (index in one mode, index in the others)."""
    step = math.prod(sizes[mode + 1 :])
    before, after = divmod(i, step)
    before, index = divmod(before, sizes[mode])
    return index, before * step + after


def observed_entries(q: Array, at: Pattern) -> Array:
    """Return the observed entries of an (m, n) array, or a field as it is."""
    if at.rows is None or q.shape == (at.size,):
        return Array((at.size,), q.data)
    return Array((at.size,), array("d", (q.data[i * at.n + j] for i, j in at.entries())))


def fill_zeros(x: Array, at: Pattern) -> Array:
    """Return a field as all m n entries, zero where nothing is observed."""
    if at.rows is None:
        return x
    out = array("d", bytes(8 * at.m * at.n))
    for value, (i, j) in zip(x.data, at.entries(), strict=True):
        out[i * at.n + j] = value
    return Array((at.m * at.n,), out)
