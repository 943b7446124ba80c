"""Groups of a tensor's modes: pairs of multi-indices, and what is zero or signed on products.

A product x = x^1 (x) ... (x) x^g over a group of modes has x_a x_b = x_c x_d whenever the
pair (c, d) takes from each mode the two indices that (a, b) takes, in another order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, Ints
from certify.norms import Gauge

from ._norms import marks, signs


@dataclass(frozen=True)
class Group:
    """Some modes of a tensor, in order: their norms and sizes; alike: one vector for all.

    Multi-indices are counted in C order; pairs a <= b row-major.
    """

    gauges: tuple[Gauge, ...]
    dims: tuple[int, ...]
    alike: bool = False

    @property
    def size(self) -> int:
        """The number of multi-indices."""
        return prod(self.dims)

    @cached_property
    def pairs(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Pairs a <= b, and the canonical pair (c, d) of each.

        c takes the smaller index of each mode and d the larger; with one vector for all
        modes, c takes the smaller half of all the indices, sorted.
        """
        a, b = np.triu_indices(self.size)
        first, last = (np.array(np.unravel_index(k, self.dims)) for k in (a, b))
        if self.alike:
            both = np.sort(np.concatenate([first, last]), axis=0)
            low, high = both[: len(self.dims)], both[len(self.dims) :]
        else:
            low, high = np.minimum(first, last), np.maximum(first, last)
        c, d = (np.ravel_multi_index(tuple(k), self.dims).reshape(-1) for k in (low, high))
        return a, b, c, d

    @cached_property
    def nulls(self) -> sparse.csr_array:
        """The matrices J that vanish on products, one flat column for each noncanonical pair.

        1 at (a, b), -1 at (c, d), both symmetric; 1/2 and 2 where one of them is diagonal.
        """
        a, b, c, d = (x[self.noncanonical] for x in self.pairs)
        share = np.where((a == b) & (c != d), 0.5, np.where((a != b) & (c == d), 2.0, 1.0))
        return self.columns([(a, b, np.ones(len(a))), (c, d, -share)])

    @property
    def noncanonical(self) -> Ints:
        """Which pairs are not canonical."""
        a, b, c, d = self.pairs
        return np.nonzero((a != c) | (b != d))[0]

    @cached_property
    def signed(self) -> tuple[Ints, Array]:
        """Which canonical pairs a < b have a product with a sign, and that sign."""
        a, b, c, d = self.pairs
        first, last = (np.array(np.unravel_index(k, self.dims)) for k in (a, b))
        mode_signs = [signs(marks(g, n)) for g, n in zip(self.gauges, self.dims, strict=True)]
        out = np.ones(len(a))
        for s, i, j in zip(mode_signs, first, last, strict=True):
            out *= np.where(i == j, 1.0, s[i] * s[j])
        keep = np.nonzero((a == c) & (b == d) & (a < b) & (out != 0))[0]
        return keep, out[keep]

    @cached_property
    def lifts(self) -> sparse.csr_array:
        """The matrices that are nonnegative on products, one flat column for each signed pair."""
        keep, out = self.signed
        a, b = (x[keep] for x in self.pairs[:2])
        return self.columns([(a, b, out)])

    def columns(self, entries: Sequence[tuple[Ints, Ints, Array]]) -> sparse.csr_array:
        """Return one flat symmetric matrix a column, from entries (i, j, value) of each."""
        k, count = self.size, len(entries[0][0])
        rows, cols, values = [], [], []
        for i, j, v in entries:
            off = i != j
            rows += [i * k + j, (j * k + i)[off]]
            cols += [np.arange(count), np.arange(count)[off]]
            values += [v, v[off]]
        flat = np.concatenate(values), (np.concatenate(rows), np.concatenate(cols))
        return sparse.csr_array(flat, shape=(k * k, count))

    @property
    def wide(self) -> float:
        """The largest |x|_2^2 of a product of vectors in the unit balls."""
        return float(prod(g.cost(np.ones(n)) for g, n in zip(self.gauges, self.dims, strict=True)))

    @cached_property
    def cubes(self) -> Array:
        """Rows that sum, for each multi-index of the round modes, over all of the cubes.

        sum d_a x_a^2 <= the largest of these sums of d >= 0: squares in a ball sum to at
        most its radius, in a cube each is at most 1.
        """
        out: Array = np.ones((1, 1))
        for g, n in zip(self.gauges, self.dims, strict=True):
            out = np.asarray(
                np.kron(out, np.ones((1, n)) if g.cubic else g.cost(np.ones(n)) * np.eye(n))
            )
        return out

    @property
    def cubic(self) -> bool:
        """Whether a mode's ball is a cube."""
        return any(g.cubic for g in self.gauges)
