"""The branch and bound engine, on a function of one variable whose maximum is known."""

import threading
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest

from certify.base.checkpoint import Checkpoint, report_trees, save_to
from certify.polar.branching.tree import BATCH, Limits, Solved, grow, of_leaves

HALF = Fraction(1, 2)
PEAK = Fraction(1, 3)
ENDS = {"left": (0, 1), "right": (1, 2)}


def interval(path):
    """The part of [0, 1] at the end of a path of halves."""
    low, width = Fraction(0), Fraction(1)
    for side in path:
        width *= HALF
        low += width * ENDS[side][0]
    return low, width


def height(x):
    return -abs(x - PEAK)


def solve(path, warm, _aim):
    """Bound -|x - PEAK| on an interval by its value in the middle plus half the width."""
    low, width = interval(path)
    middle = low + width / 2
    assert warm == (None if not path else len(path) - 1)
    upper = float(height(middle) + width / 2)
    return Solved(upper, path, float(height(middle)), middle, ("left", "right"), len(path))


def covered(tree):
    """The total width of the leaves."""
    return sum(interval(n.path)[1] for n in tree.leaves)


def test_the_leaves_cover_the_root_and_bound_the_maximum():
    tree = grow(solve, Limits(target=2.0**-6, nodes=200))
    assert covered(tree) == 1
    assert 0 <= tree.upper <= 2.0**-6
    assert tree.lower <= 0
    assert tree.lower == float(height(tree.found))
    for n in tree.leaves:
        low, width = interval(n.path)
        assert n.solved.upper >= max(height(x) for x in (low, low + width))


def test_children_come_after_their_parents_and_once():
    tree = grow(solve, Limits(target=2.0**-8, nodes=200))
    seen = [c for n in tree.nodes for c in n.children]
    assert sorted(seen) == list(range(1, len(tree.nodes)))
    for k, n in enumerate(tree.nodes):
        assert all(c > k and tree.nodes[c].parent == k for c in n.children)
        assert [tree.nodes[c].path[-1] for c in n.children] in ([], ["left", "right"])


def test_each_part_has_its_own_proof_where_several_are_split_at_once():
    def blind(path, warm, aim):
        return replace(solve(path, warm, aim), lower=-float("inf"))  # no part is under the aim

    tree = grow(blind, Limits(nodes=300))
    assert len(tree.nodes) >= 300
    assert all(n.solved.witness == n.path for n in tree.leaves)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_tree_does_not_depend_on_the_threads(workers):
    plain = grow(solve, Limits(target=2.0**-9, nodes=300, workers=1))
    assert grow(solve, Limits(target=2.0**-9, nodes=300, workers=workers)) == plain


def test_a_finished_tree_is_not_grown():
    tree = grow(solve, Limits(target=2.0**-6))
    assert grow(solve, Limits(target=2.0**-6), tree) == tree


def test_a_tree_that_is_cut_short_can_be_gone_on_from():
    whole = grow(solve, Limits(target=2.0**-9, nodes=300))
    part = grow(solve, Limits(target=2.0**-9, nodes=9))
    assert len(part.nodes) < len(whole.nodes)
    assert grow(solve, Limits(target=2.0**-9, nodes=300), part) == whole


def test_the_number_of_parts_is_limited():
    tree = grow(solve, Limits(target=-1.0, nodes=20))
    assert 20 <= len(tree.nodes) < 20 + 2 * BATCH
    assert len(grow(solve, Limits(target=-1.0, nodes=1)).nodes) == 1
    assert covered(tree) == 1


def test_no_time_leaves_the_root():
    tree = grow(solve, Limits(target=-1.0, expired=lambda: True))
    assert [n.path for n in tree.nodes] == [()]
    assert tree.upper == solve((), None, 0).upper


def test_a_found_value_raises_the_aim():
    tree = grow(lambda *a: shifted(solve(*a), 1.0), Limits(gap=2.0**-4, nodes=300))
    assert tree.upper <= tree.lower * (1 + 2.0**-4)
    assert tree.upper > tree.lower
    assert Limits(target=3.0, gap=0.5).aim(4.0) == 6.0
    assert Limits(target=3.0, gap=0.5).aim(-4.0) == 3.0
    assert Limits(gap=0.5).aim(-float("inf")) == -float("inf")


def shifted(x, by):
    return replace(x, upper=x.upper + by, lower=x.lower + by)


def test_the_worst_leaf_is_split_first():
    order = []

    def told(path, warm, aim):
        order.append(path)
        return solve(path, warm, aim)

    grow(told, Limits(target=-1.0, nodes=4, workers=1))
    first, second = sorted(("left", "right"), key=lambda s: -solve((s,), 0, 0).upper)
    assert order[3][0] == first != second
    tree = grow(solve, Limits(target=-1.0, nodes=40))
    split = [n.solved.upper for n in tree.nodes if n.children]
    assert min(split) >= tree.upper


def test_a_worst_leaf_that_cannot_be_split_ends_the_search():
    tree = grow(lambda *a: replace(solve(*a), split=None), Limits(target=-1.0))
    assert len(tree.nodes) == 1


def test_a_failure_in_a_part_is_raised():
    def fails(path, warm, aim):
        if path == ("right",):
            raise ArithmeticError("no bound")
        return solve(path, warm, aim)

    with pytest.raises(ArithmeticError, match="no bound"):
        grow(fails, Limits(target=-1.0))


def growth(made, limits):
    """Return a tree, and the numbers of parts and the bounds that were reported."""
    heard = []
    with save_to(Checkpoint()), report_trees(lambda *x: heard.append(x)):
        return grow(made, limits), heard


def test_growth_is_reported_after_each_batch():
    tree, heard = growth(solve, Limits(target=2.0**-6))
    counts, uppers = zip(*heard, strict=True)
    assert list(counts) == sorted(set(counts))
    assert list(uppers) == sorted(uppers, reverse=True)
    assert heard[-1] == (len(tree.nodes), tree.upper)


def test_of_a_large_tree_more_leaves_are_split_at_once():
    unmet = Limits(target=-1.0, nodes=700)
    told = [1, *(count for count, _ in growth(lambda *a: replace(solve(*a), lower=-1.0), unmet)[1])]
    sizes = [(b - a) // 2 for a, b in pairwise(told)]
    leaves = [(count + 1) // 2 for count in told]
    assert sizes[1:] == [max(2, min(16, n // 16)) for n in leaves[1:-1]]
    assert sizes[0] == 1
    assert max(sizes) == 16


def test_two_parts_are_solved_at_once():
    both = threading.Barrier(2)

    def meets(path, warm, aim):
        if path:
            both.wait(timeout=30)  # one thread alone would wait in vain
        return solve(path, warm, aim)

    assert len(grow(meets, Limits(target=-1.0, nodes=3)).nodes) == 3


def test_only_open_leaves_keep_what_their_children_start_from():
    tree = grow(solve, Limits(target=-1.0, nodes=20))
    assert all((n.solved.warm is None) == bool(n.children) for n in tree.nodes)


def test_leaves_make_the_tree_that_they_are_of():
    found = object()
    a, b, c, d = (object() for _ in range(4))
    leaves = [
        ((a, c), Solved(3.0, "ac", lower=1.0, found=found, warm="x")),
        ((b,), Solved(5.0, "b", lower=-1.0)),
        ((a, d), Solved(4.0, "ad")),
    ]
    tree = of_leaves(leaves)
    assert [n.path for n in tree.nodes] == [(), (a,), (a, c), (a, d), (b,)]
    assert [n.children for n in tree.nodes] == [(1, 4), (2, 3), (), (), ()]
    assert [n.parent for n in tree.nodes] == [-1, 0, 1, 1, 0]
    assert [n.solved.upper for n in tree.nodes] == [5.0, 4.0, 3.0, 4.0, 5.0]
    assert [n.solved.witness for n in tree.nodes] == [None, None, "ac", "ad", "b"]
    assert (tree.upper, tree.lower, tree.found) == (5.0, 1.0, found)
    assert tree.nodes[2].solved is leaves[0][1]
    (alone,) = of_leaves([((), leaves[0][1])]).nodes
    assert alone.solved is leaves[0][1]
