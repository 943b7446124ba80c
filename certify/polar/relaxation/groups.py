"""Pairs of multi-indices of a group of modes, and the multipliers that live on them.

A product x = x_1 (x) ... (x) x_g has x_a x_b = x_c x_d whenever the pairs (a, b) and (c, d) of
multi-indices agree after an exchange of a_m and b_m in some modes; for x (x) ... (x) x, after
any permutation of the 2g indices.  Each class of such pairs has one canonical pair; the
others have a null multiplier each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Array, Ints


@dataclass(frozen=True)
class Pairs:
    """All pairs a <= b of flat multi-indices, row by row, with their canonical pairs (c, d).

    c_m = min(a_m, b_m), d_m = max(a_m, b_m); symmetric: the 2g indices sorted, c the first g.
    null    which pairs are not canonical
    signed  which canonical pairs a < b have x_a x_b >= 0 for every x of the cones
    """

    size: int
    a: Ints
    b: Ints
    c: Ints
    d: Ints
    null: npt.NDArray[np.bool_]
    signed: npt.NDArray[np.bool_]

    @property
    def factor(self) -> Array:
        """The weight of each null multiplier at its canonical pair: 1, 1/2 or 2."""
        a, b, c, d = (x[self.null] for x in (self.a, self.b, self.c, self.d))
        return np.where((a == b) & (c != d), 0.5, np.where((a != b) & (c == d), 2.0, 1.0))

    def labels(self) -> Ints:
        """Return the number of each entry's class (size, size), symmetric."""
        out = np.empty((self.size, self.size), dtype=np.int64)
        out[self.a, self.b] = out[self.b, self.a] = self.c * self.size + self.d
        return out


def index_pairs(dims: Sequence[int], signs: Sequence[bool], names: Sequence[int]) -> Pairs:
    """Return the pairs of a group of modes of these sizes; signs: which modes have a sign.

    names  the vector at each place: places of one name hold the same vector
    """
    size = prod(dims)
    a, b = (x.astype(np.int64) for x in np.triu_indices(size))
    one, other = np.array(np.unravel_index(a, dims)), np.array(np.unravel_index(b, dims))
    low, high = np.empty_like(one), np.empty_like(other)
    for name in set(names):
        places = [at for at, x in enumerate(names) if x == name]
        both = np.sort(np.concatenate([one[places], other[places]]), axis=0)
        low[places], high[places] = both[: len(places)], both[len(places) :]
    c, d = (np.asarray(np.ravel_multi_index(tuple(x), tuple(dims))) for x in (low, high))
    null = (c != a) | (d != b)
    kept = (np.array(signs)[:, None] | (one == other)).all(axis=0)
    return Pairs(size, a, b, c, d, null, ~null & (a < b) & kept)


def assemble(at: Pairs, K: Array, P: Array | None = None) -> Array:
    """Return J (size, size): J_ab += k, J_cd -= k factor; J_ab += p; symmetric.

    x^T J x = 2 sum p x_a x_b for every product x, so J is null if P is.
    """
    p = at.size
    out = np.zeros(p * p)
    out[(at.a * p + at.b)[at.null]] = K
    out -= np.bincount((at.c * p + at.d)[at.null], at.factor * K, p * p)
    if P is not None:
        out[(at.a * p + at.b)[at.signed]] += P
    upper = out.reshape(p, p)
    return np.asarray(upper + np.triu(upper, 1).T)


def decompose(at: Pairs, J: Array) -> tuple[Array, Array]:
    """Return (K, P), P >= 0, with assemble(at, K, P) near a symmetric J."""
    p = at.size
    K = J[at.a[at.null], at.b[at.null]]
    back = np.bincount((at.c * p + at.d)[at.null], at.factor * K, p * p)
    a, b = at.a[at.signed], at.b[at.signed]
    return K, np.maximum(J[a, b] + back[a * p + b], 0.0)
