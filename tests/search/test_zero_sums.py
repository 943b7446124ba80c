"""Sums of rows and columns are cancelled along a forest that spans the observed entries."""

import numpy as np
import pytest
from scipy import sparse

from certify.search.dual.zero_sums import along_tree, climb


def graph_of(ends, size):
    """Return the graph of these edges."""
    a, b = np.array(ends).T
    return sparse.csr_array((np.ones(len(a)), (a, b)), shape=(size, size))


def test_a_forest_lists_each_node_before_its_parent_and_no_root():
    ends = [(0, 5), (0, 6), (1, 6), (3, 8), (3, 9), (2, 8)]  # 4 and 7 alone
    nodes, parents = climb(graph_of(ends, 10))
    pairs = list(zip(nodes.tolist(), parents.tolist(), strict=True))
    assert sorted(pairs) == [(1, 6), (3, 8), (5, 0), (6, 0), (8, 2), (9, 3)]
    place = {node: k for k, (node, _) in enumerate(pairs)}
    assert all(place[node] < place.get(parent, 10) for node, parent in pairs)


def test_nodes_without_edges_have_no_parent():
    nodes, parents = climb(sparse.csr_array((3, 3)))
    assert len(nodes) == len(parents) == 0


@pytest.mark.parametrize("share", [0.03, 0.1, 0.6])
@pytest.mark.parametrize("limited", [False, True])
def test_sums_vanish_and_only_entries_of_the_forest_move(share, limited):
    rng = np.random.default_rng(3)
    m, n = 40, 30
    rows, cols = np.nonzero(rng.random((m, n)) < share)
    ints = rng.integers(-9, 10, len(rows))
    for part in (rows, cols):  # the sums of a component's rows and columns are one total
        assert len(part) == len(ints)
    before, free = ints.copy(), rng.random(len(ints)) * limited
    along_tree(ints, (rows, cols), free)
    left = np.bincount(rows, ints, m), np.bincount(cols, ints, n)
    _, parents = climb(graph_of(np.column_stack([rows, cols + m]), m + n))
    assert not np.concatenate(left).any()
    assert (ints != before).sum() <= len(parents)
