"""Cancel the sums of integers over lines, changing as few entries as there are sums."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from certify.base.arrays import Array, Ints


def along_lines(ints: Ints, axes: Sequence[int], free: Array) -> None:
    """Cancel the sums of each mode along a line through the entry that is freest to move.

    After the first mode the sum of all entries is zero.  So the changes along the next line add
    up to zero, and do not change the sums of the modes before it.
    """
    base = np.unravel_index(int(free.argmax()), ints.shape)
    for k in axes:
        line = tuple(slice(None) if j == k else i for j, i in enumerate(base))
        ints[line] -= ints.sum(axis=tuple(j for j in range(ints.ndim) if j != k))


def by_line(ints: Ints, lines: Ints, free: Array) -> None:
    """Cancel each line's sum on its entry that is freest to move."""
    order = np.lexsort((-free, lines))
    present, first = np.unique(lines[order], return_index=True)
    totals = np.zeros(int(present[-1]) + 1, dtype=np.int64)
    np.add.at(totals, lines, ints)
    ints[order[first]] -= totals[present]


def along_tree(ints: Ints, ends: tuple[Ints, Ints], free: Array) -> None:
    """Cancel sums over rows and over columns by pushing each node's sum to its parent.

    Rows and columns (or the indices of two modes) are the nodes of a graph whose edges are
    the observed entries; of several between two nodes the freest one.
    A leaf's sum is cancelled on the edge to its parent in a tree; at a root it is zero
    then, for rows and columns of a component have the same total.
    """
    (rows, cols), m = ends, int(ends[0].max()) + 1
    size = m + int(cols.max()) + 1
    order = np.lexsort((-free, cols, rows))
    apart = np.diff(rows[order], prepend=-1) | np.diff(cols[order], prepend=-1)
    kept = order[apart != 0]
    ends = rows[kept], cols[kept] + m
    graph = sparse.csr_array((kept + 1, ends), shape=(size, size))
    sums = np.zeros(size, dtype=np.int64)
    np.add.at(sums, rows, ints)
    np.add.at(sums, cols + m, ints)
    if free.any():
        narrow = tuple(np.array(ends, np.int32))  # csgraph before scipy 1.17.1 takes no int64
        costs = sparse.csr_array((1 + free.max() - free[kept], narrow), shape=(size, size))
        graph = csgraph.minimum_spanning_tree(costs)
    nodes, parents = climb(graph)
    places = np.minimum(nodes, parents) * size + np.maximum(nodes, parents)
    edges = kept[np.searchsorted(ends[0] * size + ends[1], places)]
    left = sums.tolist()
    for node, parent, edge in zip(nodes.tolist(), parents.tolist(), edges.tolist(), strict=True):
        ints[edge] -= left[node]
        left[parent] -= left[node]


def climb(graph: sparse.csr_array) -> tuple[Ints, Ints]:
    """Return the nodes of a spanning forest, leaves first, and their parents, without the roots.

    Each tree grows breadth first from the component's first node, all of them together from one
    node more.
    """
    size = graph.shape[0]
    _, labels = csgraph.connected_components(graph, directed=False)
    roots = np.unique(labels, return_index=True)[1]
    a, b = graph.tocoo().coords
    ends = np.concatenate([a, roots]), np.concatenate([b, np.full(len(roots), size)])
    joined = sparse.csr_array((np.ones(len(ends[0])), ends), shape=(size + 1, size + 1))
    walk, parents = csgraph.breadth_first_order(joined, size, directed=False)
    nodes = walk[:0:-1].astype(np.int64)
    above = parents[nodes].astype(np.int64)
    return nodes[above < size], above[above < size]
