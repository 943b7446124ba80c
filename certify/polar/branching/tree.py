"""Branch and bound, for anything that can bound a part of a problem and split it in two.

    sup over the root <= max over the leaves of their upper bounds

A part is a path of labels from the root.  The user's `solve` bounds it from above with a
witness, may find a feasible value, and names the two labels that cover the part together.
The leaf of the largest bound is split first.  Leaves are split in batches, of a size that the
tree decides, and results are merged in order, so that it does not depend on threads, or a
cluster's workers; only a deadline can change it.  A returned tree can be passed in again to grow
further; one with a key is saved by the current checkpoint, and growth resumes from it.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Generic, TypeAlias, TypeVar, cast

from certify.base.checkpoint import CHECKPOINT, Kinds, report_growth, stop_requested
from certify.base.cluster import Pool

L = TypeVar("L")  # label of a branch
S = TypeVar("S")  # start of a child
T = TypeVar("T")  # proof of a leaf's bound

WORKERS = 2  # threads: linear algebra leaves the interpreter's lock
LONGER = "a larger budget narrows"
BATCH, MOST = 2, 16  # leaves split at once: four children for two threads; many of a large tree
MANY = 16  # leaves for each one that is split at once: most leaves above the aim will be split


@dataclass(frozen=True)
class Solved(Generic[L, S, T]):
    """The bound of one part, and how to continue.

    upper    the bound, proved by `witness`     lower   a value attained there, by `found`
    split    two labels that cover the part; None if it cannot be split
    warm     the start of its children
    """

    upper: float
    witness: T
    lower: float = -inf
    found: Any = None
    split: tuple[L, L] | None = None
    warm: S | None = None


@dataclass(frozen=True)
class Node(Generic[L, S, T]):
    """A part: its path, its parent's number, its children's numbers (none: a leaf)."""

    path: tuple[L, ...]
    solved: Solved[L, S, T]
    parent: int = -1
    children: tuple[int, ...] = ()


@dataclass(frozen=True)
class Tree(Generic[L, S, T]):
    """All parts so far, each after its parent, and the best value found."""

    nodes: tuple[Node[L, S, T], ...]
    lower: float
    found: Any

    @property
    def leaves(self) -> Iterator[Node[L, S, T]]:
        """The parts that are not split."""
        return (n for n in self.nodes if not n.children)

    @property
    def upper(self) -> float:
        """The bound of the root: the largest of the leaves'."""
        return max(n.solved.upper for n in self.leaves)

    def open(self, aim: float) -> str:
        """Return how many parts are above the aim, as words; "" if the root is not split."""
        uppers = [n.solved.upper for n in self.leaves]
        above = sum(upper > aim for upper in uppers)
        if not above or len(uppers) == 1:
            return ""
        return f"{above} of {len(uppers)} parts of its tree undecided, which {LONGER}"


@dataclass(frozen=True)
class Limits:
    """When to stop: every leaf is at most the aim, or `nodes` parts exist, or `expired`.

    aim = max(target, lower + gap |lower|)
    key    names the question, so that its tree can be kept; "": it is not
    kinds  the dataclasses and named tuples in the tree's labels, witnesses and warm starts
    """

    target: float = -inf
    gap: float = 0.0
    nodes: int = 1000
    expired: Callable[[], bool] = lambda: False
    workers: int = WORKERS
    key: str = ""
    kinds: Kinds = ()

    def aim(self, lower: float) -> float:
        """Return the value every leaf should be proved to be under."""
        return max(self.target, lower + self.gap * abs(lower) if lower > -inf else -inf)


Solve: TypeAlias = Callable[[tuple[L, ...], S | None, float], Solved[L, S, T]]
"""solve(path, the parent's warm, aim): bound one part; it may stop once under the aim."""


def grow(solve: Solve[L, S, T], limits: Limits, tree: Tree[L, S, T] | None = None) -> Tree[L, S, T]:
    """Split the worst leaves until the limits say stop; a given tree grows further.

    The number of parts and the bound are reported after each batch.
    """
    checkpoint, key = CHECKPOINT.get() if limits.key else None, f"tree.{limits.key}"
    if tree is None and checkpoint is not None:
        tree = checkpoint.recall(key, (Tree, Node, Solved, *limits.kinds))
    if tree is None:
        root = solve((), None, limits.aim(-inf))
        tree = Tree((Node((), root),), root.lower, root.found)
    state, pool = _State(tree), Pool(solve, limits.workers)
    while len(state.nodes) < limits.nodes and not limits.expired() and not stop_requested():
        chosen = state.worst(limits.aim(state.lower))
        if not chosen:
            break
        state.expand(chosen, limits, pool)
        report_growth(len(state.nodes), state.upper)
        if checkpoint is not None:
            checkpoint.keep(key, state.tree)
    tree = state.tree()
    if checkpoint is not None:
        checkpoint.keep(key, lambda: tree, now=True)
    return tree


SolvedPart: TypeAlias = tuple[tuple[L, ...], Solved[L, S, T]]
"""A path, and its solved part."""


def of_leaves(leaves: Sequence[SolvedPart[L, S, T]]) -> Tree[L, S, T]:
    """Return the tree of these leaves.

    The first child of a part has the leaves that share the label of its first leaf (the same
    object), the second child has the others.
    """
    nodes, nothing = list[Node[L, S, T]](), cast("Any", None)

    def add(path: tuple[L, ...], below: Sequence[SolvedPart[L, S, T]], parent: int) -> int:
        """Append a part and all below it; return its number."""
        at, depth, top = len(nodes), len(path), max((x for _, x in below), key=lambda x: x.upper)
        nodes.append(Node(path, top, parent))
        if len(below) == 1:
            return at
        label = below[0][0][depth]
        groups = [[x for x in below if (x[0][depth] is label) == same] for same in (True, False)]
        parts = tuple(add(g[0][0][: depth + 1], g, at) for g in groups)
        nodes[at] = Node(path, Solved(top.upper, nothing), parent, parts)
        return at

    add((), leaves, -1)
    first = max((x for _, x in leaves), key=lambda x: x.lower)
    return Tree(tuple(nodes), first.lower, first.found)


class _State(Generic[L, S, T]):
    """The tree while it grows, with the open leaves in order."""

    def __init__(self, tree: Tree[L, S, T]) -> None:
        self.nodes = list(tree.nodes)
        self.lower, self.found = tree.lower, tree.found
        self.heap = [(-n.solved.upper, k) for k, n in enumerate(self.nodes) if not n.children]
        heapq.heapify(self.heap)

    @property
    def upper(self) -> float:
        """The largest bound of a leaf."""
        return -self.heap[0][0]

    def worst(self, aim: float) -> list[int]:
        """Return leaves above the aim, the worst first: up to BATCH, of a large tree up to MOST.

        If the worst leaf cannot be split, the search ends: no other split would lower the bound.
        """
        chosen: list[int] = []
        count = max(BATCH, min(MOST, len(self.heap) // MANY))
        for negative, k in heapq.nsmallest(count, self.heap):
            if -negative <= aim or self.nodes[k].solved.split is None:
                break
            chosen.append(k)
        return chosen

    def expand(self, chosen: list[int], limits: Limits, pool: Pool[Solved[L, S, T]]) -> None:
        """Solve the children of the chosen leaves side by side, and add them in order."""
        aim, parts = limits.aim(self.lower), list[tuple[Any, ...]]()
        for k in chosen:
            heapq.heappop(self.heap)
            node = self.nodes[k]
            for label in node.solved.split or ():
                parts.append(((*node.path, label), node.solved.warm, aim))
        solved = pool.map(parts)
        for at, k in enumerate(chosen):
            self.add_children(k, solved[2 * at : 2 * at + 2], limits)

    def add_children(self, k: int, children: list[Solved[L, S, T]], limits: Limits) -> None:
        """Add both children of a leaf, unless they were cut short and prove less than the leaf."""
        node = self.nodes[k]
        short = limits.expired() or stop_requested()
        if short and max(c.upper for c in children) > node.solved.upper:
            heapq.heappush(self.heap, (-node.solved.upper, k))
            for child in children:
                self.keep_value(child)
            return
        for label, child in zip(node.solved.split or (), children, strict=True):
            self.add(k, (*node.path, label), child)

    def add(self, parent: int, path: tuple[L, ...], solved: Solved[L, S, T]) -> None:
        """Add one child; the parent's witness and start are no longer needed."""
        above = self.nodes[parent]
        at = len(self.nodes)
        nothing: Any = None
        bare = replace(above.solved, warm=nothing, witness=nothing)
        self.nodes[parent] = replace(above, solved=bare, children=(*above.children, at))
        self.nodes.append(Node(path, solved, parent))
        heapq.heappush(self.heap, (-solved.upper, at))
        self.keep_value(solved)

    def keep_value(self, solved: Solved[L, S, T]) -> None:
        """Keep the best value found."""
        if solved.lower > self.lower:
            self.lower, self.found = solved.lower, solved.found

    def tree(self) -> Tree[L, S, T]:
        """Return the tree so far."""
        return Tree(tuple(self.nodes), self.lower, self.found)
