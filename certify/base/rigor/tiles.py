"""A large sparse Gram matrix by tiles: its sums, and a Cholesky factorization of c I - X^T X.

Only the tiles on and below the diagonal are made.  The rows of X are in blocks, and a tile

    G_ij = sum over blocks B of B_i^T B_j

is summed in a binary tree whose shape only depends on the data.  The factorization is
right-looking, tile by tile:

    L_kk L_kk^T = A_kk,    L_ik L_kk^T = A_ik,    A_ij <- A_ij - L_ik L_jk^T   (i >= j > k).

Each entry of G and of L is a sum of the same products as in a plain factorization, in another
order, so the bounds of `rounded.py` hold, which allow any order.  Each step is a task of
`base/cluster.py` with at most three tiles: neither X nor G is ever on one machine.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from operator import add
from typing import Any, NamedTuple

import numpy as np
from scipy import linalg, sparse

from certify.base.cluster import PLACE, Here, Place, Task
from certify.base.gram import gram
from certify.base.threads import UNSAFE, threads_of_factor

from .bounds import Floats, finite, up
from .fields import Ball
from .layout import completes_with, row_sums_up

SIDE = 2048  # rows of a tile
ENTRIES = 2_000_000  # entries of a block of rows
WIDE = 2 * SIDE  # rows from which a Gram matrix is made in tiles on one machine
Tile = Floats | None  # None: a factorization has failed before
Lines = Any  # X, sparse: CSR


class Factored(NamedTuple):
    """A bound of |G|_2 by its rows, the diagonal of c I - G, and whether c I - G was factorized."""

    rows: Fraction
    diagonal: Floats
    done: bool


class TiledGram(Ball):
    """X^T X (n, n) within a radius; its numbers are made when they are needed."""

    blocks: list[Task]  # of rows of X, CSR
    n: int

    def __init__(self, blocks: list[Task], n: int, rad: Fraction) -> None:
        for name, value in (("blocks", blocks), ("n", n), ("rad", rad)):
            object.__setattr__(self, name, value)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of X^T X."""
        return self.n, self.n

    @property
    def mid(self) -> Floats:
        """All numbers."""
        return gram(sparse.vstack(PLACE.get().values(self.blocks), format="csr"))


def gram_of(lines: Lines, rad: Fraction) -> Ball:
    """Return X^T X, in tiles if it is large."""
    n = lines.shape[1]
    wide = n > (WIDE if isinstance(PLACE.get(), Here) else SIDE)
    return TiledGram(row_blocks(lines), n, rad) if wide else Ball(gram(lines), rad)


def factorize(g: Ball, c: float) -> Factored:
    """Bound |G|_2 by its rows, and try a Cholesky factorization of c I - G."""
    if isinstance(g, TiledGram):
        return in_tiles(g.blocks, g.n, c)
    mid = g.mid
    diagonal = c - mid.diagonal()
    rows = row_sums_up(mid)
    return Factored(rows, diagonal, bool(diagonal.min() > 0) and completes_with(mid, diagonal))


def in_tiles(blocks: list[Task], n: int, c: float) -> Factored:
    """Return the same for G = X^T X (n, n) of rows of X in blocks, tile by tile."""
    place = PLACE.get()
    cuts = [*range(0, n, SIDE), n]
    parts = [place.run(column_tiles, block, cuts) for block in blocks]
    lower = [(i, j) for i in range(len(cuts) - 1) for j in range(i + 1)]
    made = place.each(
        lambda at: tree(place, lambda part: place.run(product, part, *at), parts), lower
    )
    sums_made, tiles = [], {}
    for at in lower:
        g = made.pop(0)
        sums_made.append(place.run(sums_of, g))
        tiles[at] = place.run(shift_tile, g, c if at[0] == at[1] else None)
        del g
    with threads_of_factor(min(n, UNSAFE)):
        values = place.values([*sums_made, *steps(place, tiles, len(cuts) - 1)])
    sums, diagonal = np.zeros(n), np.zeros(n)
    for (i, j), (across, down, middle) in zip(lower, values, strict=False):
        across_i, down_j = (slice(cuts[k], cuts[k + 1]) for k in (i, j))
        sums[across_i] += across
        if i == j:  # symmetric: both of its entries are sums of the same products, in one order
            diagonal[across_i] = c - middle
        else:
            sums[down_j] += down
    rows = up(finite(sums.max()), n + 1)
    return Factored(rows, diagonal, bool(diagonal.min() > 0) and all(values[len(lower) :]))


def row_blocks(rows: Lines) -> list[Lines]:
    """Return X (m, n), CSR, in blocks of rows of about ENTRIES entries, without a copy."""
    marks = np.searchsorted(rows.indptr, np.arange(ENTRIES, rows.nnz, ENTRIES))
    ends = sorted({0, *(int(k) for k in marks), rows.shape[0]})
    blocks = []
    for a, b in pairwise(ends):
        part = slice(rows.indptr[a], rows.indptr[b])
        arrays = rows.data[part], rows.indices[part], rows.indptr[a : b + 1] - rows.indptr[a]
        blocks.append(sparse.csr_array(arrays, shape=(b - a, rows.shape[1])))
    return blocks


def column_tiles(block: Lines, cuts: list[int]) -> list[Lines]:
    """Return the columns [a, b) of a block for each tile, as CSR."""
    columns = block.tocsc()
    return [columns[:, a:b].tocsr() for a, b in pairwise(cuts)]


def tree(
    place: Place,
    made: Callable[[Task], Task],
    parts: list[Task],
    merge: Callable[[Any, Any], Any] = add,
) -> Task:
    """Return the sum of made(part) over all parts, or their merge, in a binary tree."""
    if len(parts) == 1:
        return made(parts[0])
    half = len(parts) // 2
    both = (tree(place, made, some, merge) for some in (parts[:half], parts[half:]))
    return place.run(merge, *both)


def total(work: Callable[..., Any], *lists: Sequence[Task], given: tuple[Any, ...] = ()) -> Floats:
    """Return the sum of work(*items, *given) over the items of lists, in a binary tree."""
    place = PLACE.get()
    parts = list(zip(*lists, strict=True))
    return np.asarray(place.values([tree(place, lambda x: place.run(work, *x, *given), parts)])[0])


def product(columns: list[Lines], i: int, j: int) -> Floats:
    """Return B_i^T B_j, dense: each entry is a sum of products of entries in one row."""
    return np.asarray((columns[i].T.tocsr() @ columns[j]).toarray())


def sums_of(tile: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the sums of |G_ij| over rows and over columns, and the diagonal."""
    size = np.abs(tile)
    return size.sum(axis=1), size.sum(axis=0), tile.diagonal().copy()


def shift_tile(tile: Floats, c: float | None) -> Floats:
    """Return the tile of c I - G; None: one below the diagonal."""
    out = np.negative(tile)
    if c is not None:
        out[np.diag_indices(len(out))] = c - tile.diagonal()
    return out


def steps(place: Place, tiles: dict[tuple[int, int], Task], count: int) -> list[Task]:
    """Return for each tile on the diagonal whether it was factorized; removes tiles."""
    ends = []
    for k in range(count):
        top = place.run(factor, tiles.pop((k, k)))
        ends.append(place.run(completes, top))
        below = {i: place.run(solve_below, top, tiles.pop((i, k))) for i in range(k + 1, count)}
        for i, j in list(tiles):  # right of column k
            tiles[i, j] = place.run(update, tiles[i, j], below[i], below[j])
    return ends


def factor(a: Tile) -> Tile:
    """Return L with L L^T = A; only the lower triangle of A is read."""
    if a is None:
        return None
    upper, info = linalg.lapack.dpotrf(a.T, lower=0, overwrite_a=0, clean=1)
    return upper.T if int(info) == 0 else None


def completes(top: Tile) -> bool:
    """Whether there is a factor with a finite diagonal."""
    return top is not None and bool(np.isfinite(top.diagonal()).all())


def solve_below(top: Tile, a: Tile) -> Tile:
    """Return L with L T^T = A, T the factor of the tile above."""
    if top is None or a is None:
        return None
    return np.asarray(linalg.blas.dtrsm(1.0, top.T, a.T, side=0, lower=0, trans_a=1).T)


def update(a: Tile, left: Tile, right: Tile) -> Tile:
    """Return A - L R^T."""
    if a is None or left is None or right is None:
        return None
    return np.asarray(a - left @ right.T)
