"""Dual points of blocks of rows: their best biases, and sums that are exactly zero.

None of this is trusted: `base/rigor/row_blocks.py` tests the sums.
"""

from functools import partial
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph, linalg

from certify.base.arrays import Array, Ints, SparseMatrix
from certify.base.cluster import PLACE, Task, keep_each, share
from certify.base.rigor.row_blocks import WORD, Block, column_totals, row_totals
from certify.base.rigor.tiles import total, tree
from certify.base.sampled import sampled_product
from certify.search.dual.zero_sums import climb

ROUNDS, CLOSE = 50, 1e-12  # of conjugate gradients; cost, never truth
GROUND = -1  # the node for the sums of columns, if the sums of rows need not be zero


def fit_columns(
    blocks: list[Task], V: Task, ridges: tuple[float | None, float], start: Array
) -> Array:
    """Return the best biases of the columns (n,), with the best biases of the rows for these.

    ridges  of the biases of rows, None if there are none, and of columns

        (D + rho' - C^T E C) b = C^T 1 of c (t - best row bias of t),   t = Y - U V^T,

    C the weights, D and 1/E - rho their sums over columns and over rows.  The system is solved by
    conjugate gradients.
    """
    rows, ridge = ridges
    parts = keep_each(plain_residual, blocks, given=(V,))
    sums = total(partial(right_side, rows), parts)
    diagonal, right = sums[0] + ridge, sums[1]
    safe = np.where(diagonal > 0, diagonal, 1.0)
    if rows is None:
        return np.asarray(right / safe)

    def times(x: Array) -> Array:
        """Return the matrix times x."""
        across = total(partial(across_rows, rows), parts, given=(share(x.copy()),))
        return np.asarray(safe * x.reshape(-1) - across)

    operator = linalg.LinearOperator((len(start),) * 2, times, dtype=np.float64)
    scale = linalg.LinearOperator((len(start),) * 2, lambda x: x / safe, dtype=np.float64)
    found, _ = linalg.cg(operator, right, start, rtol=CLOSE, maxiter=ROUNDS, M=scale)
    return np.asarray(found) if np.isfinite(found).all() else start


def plain_residual(block: Block, V: Array) -> tuple[Any, Any]:
    """Return c (Y - U V^T) and c of a block, CSR."""
    Y, c = block.Y, np.ones(block.Y.nnz) if block.weights is None else block.weights
    rows, cols = (k.astype(np.int64) for k in Y.tocoo().coords)
    t = c * (Y.data - sampled_product(block.U, V, rows, cols))
    left, right = (sparse.csr_array((x, Y.indices, Y.indptr), shape=Y.shape) for x in (t, c))
    return left, right


def right_side(rows: float | None, part: tuple[Any, Any]) -> Array:
    """Return the sums of c over columns, and those of c (t - best row bias of t)."""
    t, c = part
    ones = np.ones(c.shape[0])
    shift = 0.0 if rows is None else c.T @ shrink(t @ np.ones(t.shape[1]), c, rows)
    return np.stack([c.T @ ones, t.T @ ones - shift])


def across_rows(rows: float, part: tuple[Any, Any], x: Array) -> Array:
    """Return C^T E C x of a block."""
    c = part[1]
    return np.asarray(c.T @ shrink(c @ x.reshape(-1), c, rows))


def shrink(sums: Array, c: SparseMatrix, ridge: float) -> Array:
    """Divide sums over rows by the ridge and the sums of c."""
    bottom = c @ np.ones(c.shape[1]) + ridge
    return np.asarray(sums / np.where(bottom > 0, bottom, 1.0))


def to_grid(W: Any, e: int, balance: bool) -> Any:  # noqa: ANN401, FBT001  a task's arguments
    """Return W / 2^e in whole numbers; balance: subtract each row's sum from its first entry."""
    with np.errstate(all="ignore"):
        ints = np.rint(np.ldexp(W.data, -e)).astype(np.int64)
    out = sparse.csr_array((ints, W.indices, W.indptr), shape=W.shape)
    if balance:
        there = np.diff(W.indptr) > 0
        out.data[W.indptr[:-1][there]] -= row_totals(out)[there]
    return out


def column_links(W: Any, k: int, balance: bool) -> Ints:  # noqa: ANN401, FBT001  a task's arguments
    """Return the links along which block k can move sums of columns: (a, b, k, entry, entry).

    A link leads from column a to b along two adjacent entries of a row, whose sum does not change;
    without `balance` from GROUND to b at the column's first entry.
    """
    if not balance:
        b, at = np.unique(W.indices, return_index=True)
        ground = np.full(len(b), GROUND)
        return np.stack([ground, b, np.full(len(b), k), ground, at], axis=1).astype(np.int64)
    inner = np.ones(W.nnz, dtype=bool)
    inner[W.indptr[:-1][np.diff(W.indptr) > 0]] = False
    at = np.flatnonzero(inner)
    ends = W.indices[at - 1], W.indices[at]
    links = np.stack([*ends, np.full(len(at), k), at - 1, at], axis=1).astype(np.int64)
    return spanning(links)


def merge_links(x: Ints, y: Ints) -> Ints:
    """Return links of two lists, without cycles."""
    return spanning(np.concatenate([x, y]))


def spanning(links: Ints) -> Ints:
    """Return a spanning forest of the links, which prefers the first ones."""
    if not len(links):
        return links
    nodes, ends = np.unique(links[:, :2], return_inverse=True)
    ends = ends.reshape(-1, 2)
    _, kept = np.unique(ends[:, 0] * len(nodes) + ends[:, 1], return_index=True)
    a, b = ends[kept].T.astype(np.int32)  # csgraph before scipy 1.17.1 takes no int64
    graph = sparse.csr_array((kept + 1.0, (a, b)), shape=(len(nodes), len(nodes)))
    forest = csgraph.minimum_spanning_tree(graph)
    kept = np.sort(forest.data.astype(np.int64)) - 1
    return np.asarray(links[kept])


def moves(links: Ints, totals: Ints, *, count: int) -> list[tuple[Ints, Ints]]:
    """Return entries and the numbers to add to them, for each of `count` blocks, for zero sums.

    Each column's sum is moved to its parent in a tree; at the root the sum is then zero, or the
    root is GROUND.
    """
    given: list[dict[int, int]] = [{} for _ in range(count)]
    if len(links):
        nodes, ends = np.unique(links[:, :2], return_inverse=True)
        a, b = ends.reshape(-1, 2).T
        size, number = len(nodes), np.arange(1, len(links) + 1)
        graph = sparse.csr_array((number, (a, b)), shape=(size, size))
        both = (graph + graph.T).tocsr()
        left = [0 if j == GROUND else int(totals[j]) for j in nodes]
        pairs = zip(*(x.tolist() for x in climb(graph)), strict=True)
        for node, parent in pairs:
            link = links[int(both[node, parent]) - 1]
            for at, end in zip(link[3:].tolist(), link[:2].tolist(), strict=True):
                sign = -1 if end == nodes[node] else 1
                block = given[int(link[2])]
                if at != GROUND:
                    block[at] = block.get(at, 0) + sign * left[node]
            left[parent] += left[node]
    huge = any(abs(x) >> WORD for block in given for x in block.values())
    lists = [[] if huge else [(k, x) for k, x in block.items() if x] for block in given]
    moved = [np.array(x, dtype=np.int64).reshape(-1, 2) for x in lists]
    return [(x[:, 0], x[:, 1]) for x in moved]


def move(W: SparseMatrix, given: tuple[Ints, Ints]) -> SparseMatrix:
    """Add numbers to some entries of W."""
    data = W.data.copy()
    data[given[0]] += given[1]
    return sparse.csr_array((data, W.indices, W.indptr), shape=W.shape)


def zero_sums(grids: list[Task], *, balance: bool, count: int) -> list[Task]:
    """Return tasks of the same whole numbers, a few changed so that all columns sum to zero."""
    place = PLACE.get()
    numbered = [place.run(column_links, W, k, balance) for k, W in enumerate(grids)]
    links = tree(place, lambda x: x, numbered, merge_links)
    totals = tree(place, partial(place.run, column_totals), grids)
    given = moves(*place.values([links, totals]), count=count)
    return [place.run(move, W, g) for W, g in zip(grids, given, strict=True)]
