"""Least squares of entries in blocks of rows that never meet: a proved bracket from their sums.

For R = Y - U V^T over the observed entries, exactly, and s >= 0 with s sigma_1(R) <= lam

    s <R, Y> - s^2 |R|^2 / 2  <=  inf f  <=  |R|^2 / 2 + lam sum_k |u_k| |v_k|,

f = 1/2 |Y - U V^T|^2 + lam sum_k |u_k| |v_k|, the infimum over factors of any size.  What is summed
over blocks are enclosures, in fractions: in any order the same.
"""

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from certify.base.cluster import PLACE, Task
from certify.kernel.patterns import Pattern
from certify.kernel.scalars import Enclosure, add_all, root

from .bounds import ETA, Floats, gamma, square_sum
from .fields import Ball
from .products import outer_sum
from .rounded import Rounded
from .tiles import TiledGram

Ints = npt.NDArray[np.int64]


class Block(NamedTuple):
    """Some rows: what is observed of them, CSR, and their factors U."""

    Y: Any  # scipy.sparse, canonical
    U: Floats


class Terms(NamedTuple):
    """Of a block: <R, Y>, |R|^2, the same of R in floats and the squared radius around it, the
    numbers of entries of the columns, and |u_k|^2.
    """

    inner: Enclosure
    size: Enclosure
    middle: Fraction
    rad: Fraction
    counts: Ints
    squares: list[Enclosure]


class Bracket(NamedTuple):
    """What is proved: sigma_1(R) <= top, and lower <= inf f <= f(U, V) <= upper."""

    top: Fraction
    lower: Fraction
    upper: Fraction


def residual(block: Block, V: Floats) -> tuple[Terms, Any]:
    """Return the terms of a block, and R in floats, CSR."""
    ar, Y, (m, n) = Rounded(), block.Y, block.Y.shape
    listed: tuple[Any, Any] = Y.tocoo().coords  # Sequences, as the kernel sees arrays
    at = Pattern(m, n, *(k.astype(np.int64) for k in listed))
    y = Ball(Y.data, Fraction(0))
    r = ar.subtract(y, Ball(*outer_sum([block.U, V], at)))
    counts = np.bincount(Y.indices, minlength=n)
    squares = [square_sum(u) for u in block.U.T]
    terms = Terms(
        ar.inner(r, y), ar.squares(r, None), square_sum(r.mid).hi, r.rad**2, counts, squares
    )
    return terms, sparse.csr_array((r.mid, Y.indices, Y.indptr), shape=Y.shape)


def terms_of(pair: tuple[Terms, Any]) -> Terms:
    """Return the terms of a block."""
    return pair[0]


def matrix_of(pair: tuple[Terms, Any]) -> Any:  # noqa: ANN401  scipy.sparse
    """Return R of a block in floats."""
    return pair[1]


def total(terms: list[Terms]) -> Terms:
    """Add the terms of blocks."""
    inner, size, middle, rad, counts, squares = zip(*terms, strict=True)
    return Terms(
        add_all(inner),
        add_all(size),
        sum(middle, Fraction(0)),
        sum(rad, Fraction(0)),
        np.sum(counts, axis=0),
        [add_all(column) for column in zip(*squares, strict=True)],
    )


def bracket(pairs: list[Task], V: Floats, lam: Fraction, shift: Fraction) -> Bracket:
    """Return the bracket that sigma_1(R)^2 <= shift proves, or that sums over rows do.

    pairs  tasks of `residual`

    Raises RejectedError where numbers overflow or are none.
    """
    place, n = PLACE.get(), len(V)
    all_ = total(place.values([place.run(terms_of, p) for p in pairs]))
    top = singular_bound([place.run(matrix_of, p) for p in pairs], n, all_, shift)
    squares = zip(all_.squares, V.T, strict=True)
    price = sum((root(u.hi * square_sum(v).hi).hi for u, v in squares), Fraction(0))
    inner, size = max(all_.inner.lo, Fraction(0)), all_.size.hi
    s = inner / size if size else Fraction(0)
    if s * top > lam:
        s = lam / top
    return Bracket(top, s * inner - s * s * size / 2, size / 2 + lam * price)


def singular_bound(blocks: list[Task], n: int, all_: Terms, shift: Fraction) -> Fraction:
    """Bound sigma_1(R) by the Gram matrix of R in floats, whose Cholesky at the shift completes."""
    length = int(all_.counts.max(initial=0))
    rad = gamma(length + 2) * all_.middle + 2 * n * length * ETA
    gram = TiledGram(blocks, n, rad)
    return root(max(Rounded().top(gram, shift, None), Fraction(0))).hi + root(all_.rad).hi
